package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/tokens"
)

// ErrSignedOut reports that nobody is signed in: there are no cookies, or the
// session they hold is over. It says so for certain; a session that could not be
// judged is tokens.ErrUnavailable. The reason of a refused token is in the chain:
// errors.Is(err, tokens.Expired).
var ErrSignedOut = errors.New("session: nobody is signed in")

// FetchOptions change how a session is fetched. nil means the zero value.
type FetchOptions struct {
	// ForceRefresh refreshes the tokens even if they are valid, to see changed
	// groups or attributes. It needs a refresh token.
	ForceRefresh bool
	// ClientMetadata is handed to the pool's Lambda triggers by a refresh.
	ClientMetadata map[string]string
}

var noOptions FetchOptions

// Fetch returns the session that the request's cookies hold, like Amplify's
// fetchAuthSession. A session whose tokens have expired, or will within
// RefreshBefore, is refreshed: the new tokens are verified and written to w. A
// session that is over is cleared, on answers to pages.
//
// The errors are [ErrSignedOut], and tokens.ErrUnavailable when it cannot be told
// whether somebody is signed in; then all cookies stay as they are.
//
// Fetch acts on w's header at once: call it before the answer is begun and before
// you set a Cache-Control of your own. With a nil w it only reads: it refreshes
// nothing, and an expired session is ErrSignedOut wrapping tokens.Expired.
//
// A session of this pool and app client that a guard has put into the request's
// context is returned as it is, unless ForceRefresh is set.
func (m *Manager) Fetch(w http.ResponseWriter, r *http.Request, opts *FetchOptions) (*Session, error) {
	if opts == nil {
		opts = &noOptions
	}
	s, err := m.fetch(w, r, opts)
	if err != nil {
		return nil, err
	}
	if w != nil {
		noStore(w.Header())
	}
	return s, nil
}

func (m *Manager) fetch(w http.ResponseWriter, r *http.Request, opts *FetchOptions) (*Session, error) {
	ctx := r.Context()
	if s, ok := FromContext(ctx); ok && m.owns(s) && !opts.ForceRefresh {
		return s, nil
	}
	if m.bearer {
		if raw, ok := bearer(r.Header); ok {
			return m.fetchBearer(ctx, raw)
		}
	}
	if !opts.ForceRefresh {
		if s := m.cached(m.glance(r.Header)); s != nil {
			return s, nil
		}
	}
	j := m.read(r.Header)
	if len(j.pairs) == 0 {
		return nil, errNoCookies
	}
	if !opts.ForceRefresh {
		if s := m.cached(j.only()); s != nil {
			return s, nil // among cookies of other users, or in another spelling
		}
	}
	v := m.judge(ctx, j)
	m.warnTwins(j)
	if v.state == stateValid {
		m.refresher.saw(v.access.Raw())
		if w == nil || !m.wantsRefresh(&v.finding, opts, r) {
			return m.keep(&v.finding), nil
		}
	}
	if w == nil {
		if v.doubt != nil {
			return nil, unavailable(v.doubt)
		}
		return nil, signedOutBecause(v.err)
	}
	a := attempt{m: m, w: w, r: r, j: j, v: &v, opts: opts, page: page.Is(r)}
	switch v.state {
	case stateNone:
		return nil, signedOutBecause(nil)
	case stateRefused:
		return nil, a.over(v.err, !v.unjudged)
	case stateDoubt:
		return nil, unavailable(v.doubt)
	}
	return a.refresh(ctx)
}

var (
	errNoCookies      = fmt.Errorf("%w: no cookies", ErrSignedOut)
	errNoAccessToken  = errors.New("no access token")
	errNoRefreshToken = errors.New("no refresh token")
	errOtherUser      = errors.New("the refreshed tokens are another user's")
)

// signedOutBecause is ErrSignedOut with its reason.
func signedOutBecause(err error) error {
	if err == nil {
		err = errNoAccessToken
	}
	return fmt.Errorf("%w: %w", ErrSignedOut, err)
}

// owns reports whether a session in a context counts for this pool and client.
// Two pools, or two clients of one pool, in one program are nothing to each other.
// A long request may outlive its session, which is then no session any more.
func (m *Manager) owns(s *Session) bool {
	return s.access != nil && s.access.ClientID == m.pool.ClientID && m.issuers[s.access.Issuer] &&
		m.now().Before(s.access.ExpiresAt)
}

func (f *finding) session() *Session {
	return newSession(f.access, f.id, f.user.signInDetails())
}

// cached returns the session of exactly these texts if it has been verified before,
// is not about to expire, and was signed with keys that are still trusted.
func (m *Manager) cached(access, id, details string) *Session {
	if access == "" {
		return nil
	}
	s := m.cache.get(access, id, details)
	if s == nil {
		return nil
	}
	now := m.now()
	if m.expiring(s.access, now) || !m.verifier.Trusted(s.access) ||
		s.id != nil && (m.expiring(s.id, now) || !m.verifier.Trusted(s.id)) {
		m.cache.drop(s)
		return nil
	}
	m.refresher.saw(access)
	return s
}

// keep is the session of a finding that nothing is wrong with, kept for the next
// request with the same cookies.
func (m *Manager) keep(f *finding) *Session {
	s := f.session()
	if f.idFault == idFine && (f.id != nil || len(f.user.id) == 0) {
		m.cache.put(s)
	}
	return s
}

// wantsRefresh reports whether a valid session should be refreshed all the same.
// The answer to an upgrade (WebSocket) may not carry cookies, so a session that is
// still good is left to the next request.
func (m *Manager) wantsRefresh(f *finding, opts *FetchOptions, r *http.Request) bool {
	if opts.ForceRefresh {
		return true
	}
	if len(f.user.refresh) == 0 || page.IsUpgrade(r) {
		return false
	}
	now := m.now()
	return m.expiring(f.access, now) ||
		f.id != nil && m.expiring(f.id, now) ||
		f.idFault == idExpired ||
		f.idFault == idBroken && m.refresher.mayRepair(f.user.refresh[0])
}

// expiring reports whether a token expires within RefreshBefore.
func (m *Manager) expiring(t *tokens.Token, now time.Time) bool {
	return now.Add(m.refreshBefore).After(t.ExpiresAt)
}

// maxTries bounds the refresh tokens that Cognito is asked about for one request.
const maxTries = 2

// attempt is one request's try to get a session by a refresh.
type attempt struct {
	m    *Manager
	w    http.ResponseWriter
	r    *http.Request
	j    *jar
	v    *verdict
	opts *FetchOptions
	page bool

	tries int   // refresh tokens tried
	dead  bool  // Cognito has refused a refresh token of the session
	alive bool  // something may still be a session, so nothing is cleared
	doubt error // something could not be told
	last  error // why the last refresh token brought nothing
}

// refresh tries the refresh tokens that the cookies hold: those beside the access
// token that speaks for the session, and without a valid one those of the other
// users whom LastAuthUser names too.
func (a *attempt) refresh(ctx context.Context) (*Session, error) {
	a.alive = a.v.unjudged
	a.doubt = a.v.doubt
	if s := a.refreshUser(ctx, &a.v.finding); s != nil {
		return s, nil
	}
	if a.v.state == stateValid {
		return a.keepValid()
	}
	for i := range a.v.others {
		f := &a.v.others[i]
		a.m.judgeID(ctx, f, &a.v.checks)
		if s := a.refreshUser(ctx, f); s != nil {
			return s, nil
		}
	}
	if a.doubt != nil {
		return nil, unavailable(a.doubt)
	}
	if a.last == nil {
		a.last = a.v.err
	}
	return nil, a.over(a.last, !a.alive)
}

// refreshUser returns the session that one of the user's refresh tokens brings, or
// nil after noting what is known of them.
func (a *attempt) refreshUser(ctx context.Context, f *finding) *Session {
	switch {
	case f.state == stateNone, f.state == stateRefused, f.state == stateDoubt:
		return nil
	case f.state == stateUnknown && len(f.user.refresh) == 0:
		a.alive = true // its key may become known
	}
	for _, token := range f.user.refreshTokens(f.position) {
		got, err := a.try(ctx, f, token)
		switch {
		case got != nil:
			a.writeBack(f.user, got)
			s := newSession(got.access, got.id, f.user.signInDetails())
			a.m.cache.put(s) // the browser's next request shows it
			return s
		case signedOut(err):
			a.dead = true
		case errors.Is(err, errOtherUser):
			// Somebody else's refresh token stands among this user's cookies (W4).
		case errors.Is(err, errEnded):
			a.alive = true // the sign-out has cleared what there was
		case dead(err):
			// Rotation has replaced the token: another holder of this session has
			// newer ones, and deleting cookies might delete those.
			a.alive = true
		case errors.Is(err, errTooMany):
			a.doubt = err
		default:
			a.doubt, a.tries = err, maxTries
		}
		a.last = err
	}
	return nil
}

// try exchanges one refresh token. Only tokens that Cognito has to be asked about
// count: otherwise two planted ones would hide the user's own for ever.
func (a *attempt) try(ctx context.Context, f *finding, token string) (*refreshed, error) {
	if err := a.m.refresher.refusal(token); err != nil {
		return nil, err
	}
	if a.tries == maxTries {
		a.alive = true
		return nil, a.last
	}
	a.tries++
	req := refreshRequest{token: token, device: f.user.device(), subject: f.subject, upgrade: page.IsUpgrade(a.r),
		force: a.opts.ForceRefresh, metadata: a.opts.ClientMetadata}
	if len(f.user.access) > 0 {
		req.presented = f.user.access[f.position]
	}
	got, err := a.m.refresher.do(ctx, req)
	if err == nil && f.subject != "" && got.access.Subject != f.subject {
		return nil, errOtherUser
	}
	return got, err
}

// keepValid ends a refresh that has failed while the access token is still valid.
// It goes on serving, unless Cognito says that the session is over or the refresh
// was asked for.
func (a *attempt) keepValid() (*Session, error) {
	switch {
	case a.doubt != nil && a.opts.ForceRefresh:
		return nil, unavailable(a.doubt)
	case a.doubt == nil && a.dead && !a.alive:
		return nil, a.over(a.last, true)
	case !a.opts.ForceRefresh:
		return a.v.session(), nil
	case a.last == nil:
		a.last = errNoRefreshToken
	}
	return nil, a.over(a.last, false)
}

// over reports that nobody is signed in, and clears the cookies if that is for
// good. A script's answer deletes nothing: it may be read late, when the browser
// has signed in anew (W39); the next page clears what is still dead.
func (a *attempt) over(err error, clear bool) error {
	if clear && a.page {
		w := a.m.writer(a.w, a.j)
		for i := range a.j.users {
			a.m.clear(w, a.j.users[i].user)
		}
	}
	return signedOutBecause(err)
}

// writeBack writes refreshed tokens in the order in which Amplify does. A script's
// answer writes only cookies that carry the user's name: LastAuthUser may belong
// to somebody else by the time it arrives (W39). clockDrift describes the
// browser's clock and is left alone (W40).
func (a *attempt) writeBack(u *userCookies, got *refreshed) {
	w := a.m.writer(a.w, a.j)
	user := u.user
	if a.page {
		w.twins = 2
	}
	if a.page || !a.j.has("", lastAuthUser, 1) {
		w.set("", lastAuthUser, user)
	}
	w.set(user, slotAccess, got.access.Raw())
	if got.id != nil {
		w.set(user, slotID, got.id.Raw())
	} else if a.page {
		w.remove(user, slotID, false)
	}
	w.set(user, slotRefresh, got.refresh)
	if d, ok := cookie.Decode(u.signInDetails()); ok && d != "" && !a.m.cookies.HTTPOnly {
		w.set(user, slotDetails, d)
	}
	if a.page {
		for _, slot := range []string{slotAccess, slotID, slotRefresh} {
			w.respell(user, slot)
		}
	}
}

// unavailable makes every doubt tokens.ErrUnavailable.
func unavailable(err error) error {
	if errors.Is(err, tokens.ErrUnavailable) {
		return fmt.Errorf("session: %w", err)
	}
	return fmt.Errorf("session: %w: %w", tokens.ErrUnavailable, err)
}

// bearer returns the token of "Authorization: Bearer" (RFC 6750 §2.1). Another
// scheme is nobody's business here. A second Authorization line (RFC 9110 allows
// one) makes it a token that nobody can have: a proxy may have looked at the other.
func bearer(h http.Header) (token string, ok bool) {
	lines := h["Authorization"]
	for _, line := range lines {
		scheme, rest, _ := strings.Cut(line, " ")
		if strings.EqualFold(scheme, "Bearer") {
			if len(lines) > 1 {
				return "", true
			}
			return strings.Trim(rest, " "), true
		}
	}
	return "", false
}

// fetchBearer judges a bearer token, which alone decides: no cookie is read or
// written and nothing is refreshed.
func (m *Manager) fetchBearer(ctx context.Context, raw string) (*Session, error) {
	if s := m.cached(raw, "", ""); s != nil {
		return s, nil
	}
	token, err := m.verifier.Verify(ctx, strings.Clone(raw), tokens.Access)
	switch {
	case err == nil:
		s := newSession(token, nil, "")
		m.cache.put(s)
		return s, nil
	case errors.Is(err, tokens.ErrUnavailable), errors.Is(err, tokens.NotYetValid):
		return nil, unavailable(err)
	}
	return nil, signedOutBecause(err)
}
