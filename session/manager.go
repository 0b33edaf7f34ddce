package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/tokens"
)

const defaultRefreshBefore = 5 * time.Second // Amplify's tolerance

// Config configures a [Manager]. Only UserPool is required.
type Config struct {
	// UserPool is the pool and app client whose sessions are managed. Required.
	UserPool tokens.UserPool

	// Client and Verifier are made from UserPool unless given.
	Client   *tokens.Client
	Verifier *tokens.Verifier

	// HTTPClient makes all requests to Cognito. Default http.DefaultClient.
	// Every call carries a deadline, so it needs no timeout of its own.
	HTTPClient *http.Client

	// Cookies are the attributes that cookies are written with.
	Cookies Cookies

	// RefreshBefore is how long before its expiry a token is refreshed. Default 5
	// seconds, like Amplify; negative means not before it has expired. Longer
	// values suit handlers that call other services with the token.
	RefreshBefore time.Duration

	// CacheBytes bounds the memory for verified sessions, which spare a request its
	// signature checks. Default 48 MiB, about 10 000 sessions; negative keeps none.
	CacheBytes int64

	// Bearer accepts "Authorization: Bearer <access token>" (RFC 6750) too. Such a
	// token alone decides: no cookie is read, nothing is refreshed or written.
	Bearer bool

	// Now is the clock. Default time.Now.
	Now func() time.Time

	// Logger gets warnings about trouble. No token, cookie value or attribute of a
	// user is ever logged. Default slog.Default().
	Logger *slog.Logger

	// Hooks observe refreshes.
	Hooks Hooks
}

// Cookies are the attributes of the cookies (RFC 6265bis §5.6). The zero value is
// what Amplify's browser client writes.
type Cookies struct {
	// Domain makes the cookies those of a domain and its subdomains. It must equal
	// the domain given to Amplify's CookieStorage. Default: the host alone.
	Domain string

	// SameSite is Lax by default; http.SameSiteDefaultMode leaves it out.
	SameSite http.SameSite

	// MaxAge is how long browsers keep the cookies. Default one year; at most 400
	// days, which is what browsers cap it to. It does not prolong the session: the
	// refresh token decides.
	MaxAge time.Duration

	// HTTPOnly hides the cookies from scripts, and writes only the four that hold
	// tokens and LastAuthUser. Never set it with Amplify JS signing in in the
	// browser: it could neither read, overwrite nor delete such cookies.
	HTTPOnly bool

	// Insecure leaves out Secure: for development on plain HTTP only.
	Insecure bool
}

// Hooks are called when something has happened; any may be nil. They run on the
// request's goroutine: return quickly.
type Hooks struct {
	// Refreshed is told how a request got refreshed tokens: by a "call", "joined"
	// to another request's call, or "kept" from an earlier one.
	Refreshed func(ctx context.Context, how string, elapsed time.Duration, err error)
}

// Manager reads, refreshes and writes the sessions of one user pool and app
// client. It may be used by many goroutines at once.
type Manager struct {
	pool          tokens.UserPool
	issuers       map[string]bool
	prefix        string // of our app client's cookie names
	client        *tokens.Client
	verifier      *tokens.Verifier
	cookies       Cookies
	refreshBefore time.Duration
	bearer        bool
	now           func() time.Time
	log           *slog.Logger
	hooks         Hooks
	refresher     *refresher
	cache         *cache
	warn          struct{ tooLarge, twins, clock, answer, deployment rate.Sometimes }
}

// NewManager returns a Manager, or everything that is wrong with cfg, joined; each
// line begins with the field's name. It makes no request.
func NewManager(cfg Config) (*Manager, error) {
	var errs []error
	if err := cfg.UserPool.Validate(); err != nil {
		for line := range strings.Lines(err.Error()) {
			errs = append(errs, errors.New("UserPool."+strings.TrimSuffix(line, "\n")))
		}
	}
	errs = append(errs, cfg.Cookies.faults()...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	m := &Manager{
		pool:          cfg.UserPool,
		issuers:       make(map[string]bool),
		prefix:        cookie.Prefix(cfg.UserPool.ClientID),
		client:        cfg.Client,
		verifier:      cfg.Verifier,
		cookies:       cfg.Cookies.withDefaults(),
		refreshBefore: cfg.RefreshBefore,
		bearer:        cfg.Bearer,
		now:           cfg.Now,
		log:           cfg.Logger,
		hooks:         cfg.Hooks,
	}
	for _, issuer := range cfg.UserPool.IssuerURLs() {
		m.issuers[issuer] = true
	}
	if m.refreshBefore == 0 {
		m.refreshBefore = defaultRefreshBefore
	}
	m.refreshBefore = max(m.refreshBefore, 0)
	if m.now == nil {
		m.now = time.Now
	}
	if m.log == nil {
		m.log = slog.Default()
	}
	for _, s := range []*rate.Sometimes{&m.warn.tooLarge, &m.warn.twins, &m.warn.clock, &m.warn.answer, &m.warn.deployment} {
		s.Interval = time.Minute
	}
	opts := &tokens.Options{HTTPClient: cfg.HTTPClient, Now: m.now}
	var err error
	if m.verifier == nil {
		if m.verifier, err = tokens.NewVerifier(cfg.UserPool, opts); err != nil {
			return nil, err
		}
	}
	if m.client == nil {
		if m.client, err = tokens.NewClient(cfg.UserPool, opts); err != nil {
			return nil, err
		}
	}
	m.refresher = newRefresher(m)
	m.cache = newCache(cfg.CacheBytes)
	return m, nil
}

func (c Cookies) withDefaults() Cookies {
	c.Domain = strings.TrimPrefix(c.Domain, ".") // RFC 6265bis ignores the dot
	if c.SameSite == 0 {
		c.SameSite = http.SameSiteLaxMode
	}
	if c.MaxAge == 0 {
		c.MaxAge = defaultMaxAge
	}
	c.MaxAge = min(c.MaxAge, cappedMaxAge)
	return c
}

func (c Cookies) faults() (errs []error) {
	if c.Domain != "" && !validDomain(strings.TrimPrefix(c.Domain, ".")) {
		errs = append(errs, fmt.Errorf(`Cookies.Domain: %q is not a domain like "example.com"`, c.Domain))
	}
	if c.SameSite < 0 || c.SameSite > http.SameSiteNoneMode {
		errs = append(errs, fmt.Errorf("Cookies.SameSite: %d is not a mode of net/http", c.SameSite))
	}
	if c.SameSite == http.SameSiteNoneMode && c.Insecure {
		errs = append(errs, errors.New("Cookies.SameSite: None needs Secure, which Cookies.Insecure leaves out"))
	}
	if c.MaxAge < 0 || c.MaxAge > 0 && c.MaxAge < time.Second {
		errs = append(errs, fmt.Errorf("Cookies.MaxAge: %v is not a positive number of seconds", c.MaxAge))
	}
	return errs
}

func validDomain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return false
		}
	}
	return true
}

// warnTwins says once a minute that a cookie comes twice: the browser holds it
// with and without a Domain, and one of them is never renewed.
func (m *Manager) warnTwins(j *jar) {
	if twins(j) && j.repeats() {
		m.warn.twins.Do(func() {
			m.log.Warn("session: a cookie comes twice: Cookies.Domain must equal the domain given to Amplify's CookieStorage")
		})
	}
}

func twins(j *jar) bool {
	return len(j.users) > 1 || len(j.users) == 1 && (len(j.users[0].access) > 1 || len(j.users[0].refresh) > 1)
}

// Start begins the session of tokens that Cognito has just issued: it verifies
// them, writes their cookies to w, and removes those of every earlier session of
// this app client, so that nothing of one survives a sign-in. After an error
// nothing is written.
//
// A refused token is a *tokens.VerifyError. New tokens that are out of their time,
// or signed with a key that is not known yet, say that a clock or a key set is
// wrong and are tokens.ErrUnavailable too.
func (m *Manager) Start(w http.ResponseWriter, r *http.Request, set *tokens.Set) (*Session, error) {
	access, err := m.verifyNew(r.Context(), set.Access, tokens.Access)
	if err != nil {
		return nil, err
	}
	var id *tokens.Token
	if set.ID != "" {
		if id, err = m.verifyNew(r.Context(), set.ID, tokens.ID); err != nil {
			return nil, err
		}
		if id.Subject != access.Subject {
			return nil, errors.New("session: start: the tokens are two users'")
		}
	}
	if access.Username == "" {
		return nil, errors.New("session: start: the access token names no user")
	}

	wr := m.writer(w, m.read(r.Header))
	wr.twins = 1
	wr.drop()
	user := access.Username
	wr.set("", lastAuthUser, user)
	wr.set(user, slotAccess, set.Access)
	if id != nil {
		wr.set(user, slotID, set.ID)
	}
	if set.Refresh != "" {
		wr.set(user, slotRefresh, set.Refresh)
	}
	wr.clearOthers()
	return newSession(access, id, ""), nil
}

// verifyNew verifies a token that Cognito has issued a moment ago.
func (m *Manager) verifyNew(ctx context.Context, raw string, use tokens.Use) (*tokens.Token, error) {
	token, err := m.verifier.Verify(ctx, raw, use)
	refusal := (*tokens.VerifyError)(nil)
	if errors.As(err, &refusal) && !final(refusal.Reason) {
		return nil, fmt.Errorf("session: start: %w: %w", tokens.ErrUnavailable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("session: start: %w", err)
	}
	return token, nil
}

// final reports whether a token refused for this reason is refused for good.
func final(r tokens.Reason) bool {
	return r != tokens.Expired && r != tokens.NotYetValid && r != tokens.UnknownKey
}

// maxRevoked bounds the refresh tokens that one sign-out revokes.
const maxRevoked = 4

// End signs the user out: it clears the cookies of every session of this app
// client, whatever else fails, and has Cognito revoke their refresh tokens, so
// that copies of them are worth nothing. A refresh that is under way is waited
// for, and no late answer to one brings the session back. It takes at most five
// seconds. The error is that of the revocation; the browser is signed out all the
// same.
//
// Tokens that nothing vouches for are revoked at the rate at which they would be
// refreshed: nobody can spend Cognito's quota through a sign-out.
func (m *Manager) End(w http.ResponseWriter, r *http.Request) error {
	j := m.read(r.Header)
	wr := m.writer(w, j)
	wr.drop()
	for i := range j.users {
		m.clear(wr, j.users[i].user)
	}
	wr.clearOthers()

	// A browser that does not wait for the answer has signed out nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), refreshLimit)
	defer cancel()
	genuine := m.judge(ctx, j).subject != ""
	var errs []error
	for _, token := range j.allRefreshTokens() {
		if !genuine && !m.refresher.mayRevoke() {
			errs = append(errs, fmt.Errorf("%w without a genuine token", errTooMany))
			break
		}
		if err := m.client.Revoke(ctx, m.refresher.end(ctx, token)); err != nil && !signedOut(err) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("session: end: %w", err)
	}
	return nil
}

// clear removes one user's session. LastAuthUser goes too: it names a session
// that is no more.
func (m *Manager) clear(w *writer, user string) {
	for _, slot := range clearedSlots {
		always := slot == slotAccess || slot == slotID || slot == slotRefresh || !m.cookies.HTTPOnly
		w.remove(user, slot, always)
	}
	w.remove("", lastAuthUser, true)
}

// UserAttributes returns the attributes of the session's user, like Amplify's
// fetchUserAttributes. It asks Cognito each time. The error is [ErrSignedOut] for
// a nil session and for one that Cognito says is over, else tokens.ErrUnavailable,
// with the *tokens.APIError if Cognito has answered. The access token needs the
// scope aws.cognito.signin.user.admin, which a sign-in through the managed login
// has only if the app client asks for it.
func (m *Manager) UserAttributes(ctx context.Context, s *Session) (map[string]string, error) {
	if s.AccessToken() == nil {
		return nil, ErrSignedOut
	}
	attributes, err := m.client.UserAttributes(ctx, s.access.Raw())
	if signedOut(err) {
		return nil, fmt.Errorf("%w: %w", ErrSignedOut, err)
	}
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return attributes, nil
}
