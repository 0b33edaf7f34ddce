package session

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/configerr"
	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/seal"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	defaultRefreshBefore = 5 * time.Second      // Amplify's tolerance
	defaultMaxAge        = 365 * 24 * time.Hour // Amplify's
	maxMaxAge            = 400 * 24 * time.Hour // browsers' own limit, RFC 6265bis §5.5
)

// Config configures a [Manager]. Only UserPool is required.
type Config struct {
	// UserPool is the user pool and app client whose sessions are managed. Required.
	UserPool tokens.UserPool

	// Client and Verifier are made from UserPool unless given. They must be of the same
	// user pool and app client.
	Client   *tokens.Client
	Verifier *tokens.Verifier

	// HTTPClient makes all requests to Cognito. Default one like http.DefaultClient that
	// keeps 64 idle connections to a host. Every
	// call carries a deadline, so it needs no timeout of its own. It must be nil
	// beside both Client and Verifier, which have clients of their own.
	HTTPClient *http.Client

	// Cookies are the attributes that cookies are written with.
	Cookies Cookies

	// Layout is how the cookies hold a session. Default LayoutAmplify.
	Layout Layout

	// Lifetime bounds how long a user stays signed in, whatever the refresh token says.
	// It needs LayoutSealed or LayoutHandle. Default: no bound but the refresh token's. With
	// LayoutHandle, set one: without it, Shared keeps a record for Cookies.MaxAge.
	Lifetime Lifetime

	// TakeOver keeps those signed in whose session is in Amplify's cookies. It needs
	// LayoutSealed or LayoutHandle. Default: they sign in once more.
	TakeOver TakeOver

	// AlwaysAskStore has Shared asked about the session at every request, so that a sign-out
	// at one process holds at all at once. Default: within two seconds, and a request of a
	// session that is known asks nothing. While the store is down, every request is
	// tokens.ErrUnavailable then. It needs LayoutHandle.
	AlwaysAskStore bool

	// RefreshBefore is how long before its expiry a token is refreshed. Default 5 seconds,
	// like Amplify; negative means after it. Handlers that call other services want more.
	// At most half of the token's own life counts: tokens of five minutes are refreshed
	// every two and a half minutes at most.
	RefreshBefore time.Duration

	// CacheBytes bounds the memory for verified sessions, which spare a request its
	// signature checks. Default 48 MiB, about 10 000 sessions, or 3 500 in LayoutSealed
	// and LayoutHandle;
	// negative keeps none.
	CacheBytes int64

	// Bearer accepts "Authorization: Bearer <access token>" (RFC 6750) too. Such a
	// token alone decides: no cookie is read, nothing is refreshed or written.
	Bearer bool

	// BearerClients are the ids of further app clients of the user pool, whose access tokens
	// are accepted as bearer tokens: of a mobile app, or of a program with the client
	// credentials grant. Default none. Their tokens are never accepted from cookies. It
	// needs Bearer.
	BearerClients []string

	// BearerFrom returns the bearer token of a request, or "" if it has none. Then its
	// cookies count. Default: the token of "Authorization: Bearer". Set it if a server in
	// front moves the token to another header. A function that reads a cookie would open
	// every form of the site to other sites (CSRF). Answers must not be stored in caches
	// for requests that it tells apart. It needs Bearer.
	BearerFrom func(*http.Request) string

	// ClientAddress returns the address of the client that a request comes from. Default
	// the address in RemoteAddr. It limits how often one client may have Cognito asked
	// about refresh tokens without a genuine token beside them: twice a second. Behind a
	// proxy, RemoteAddr is the proxy's, and all such clients have one limit. Return what
	// your proxy says then, never what a client can write itself. Of an IPv6 address the
	// first 64 bits count. The zero Addr is unknown, and not limited by itself.
	ClientAddress func(*http.Request) netip.Addr

	// Now is the clock. Default time.Now.
	Now func() time.Time

	// Logger gets warnings about trouble, such as a key set or an operation of Cognito that
	// begins to fail, unless Client and Verifier have Loggers of their own. It also gets what
	// may go wrong soon: a Cookie header near the limits of proxies, a cookie that browsers
	// drop, a wrong clock, a RefreshBefore of more than half a token's life. Each kind comes
	// once a minute at most. No token, cookie value or attribute of a user is ever logged.
	// Default slog.Default().
	Logger *slog.Logger

	// Hooks observe refreshes, the cache and the calls of Shared. Default none.
	Hooks Hooks

	// Shared is a store that several processes have in common, such as that of package
	// session/redisstore. Of all their requests, one calls Cognito to refresh a session,
	// and the others get its tokens. Default nil: each process refreshes for itself. Set
	// it if refresh tokens rotate and several processes serve the same users. Its errors
	// fail no request, except for LayoutHandle, which keeps the sessions in it.
	//
	// A sign-out at one process, by End or EndUser, holds at all within two seconds. The
	// first request with a session in each second has the sign-outs of other processes
	// read in the background: one call a second, and none without requests. A request
	// after a pause of two seconds or more waits for the reading, at most for a second. If
	// the store fails, requests go on without, and a warning is logged once a minute. This
	// process tells of its own sign-outs when the store works again and it has a request.
	Shared Store

	// Secret seals what Shared sees, and the cookies of LayoutSealed: at least 32 random
	// bytes, the same for all processes. Required with either, and not used without. Other
	// app clients may have the same secret. One byte repeated is an error, because a
	// placeholder or an unfilled buffer is that.
	//
	// OldSecrets open what was sealed with earlier ones. To replace Secret, add the new one
	// to OldSecrets everywhere. Then swap the two everywhere. Ten minutes later, leave the
	// old one out. With LayoutSealed, keep it until the sessions that it has sealed were
	// refreshed or are over. With LayoutHandle, keep it until those that began with it are
	// over: their cookies stay as they are.
	Secret     []byte
	OldSecrets [][]byte
}

// Cookies are the attributes of the cookies (RFC 6265bis §5.6). The zero value is
// what Amplify's browser client writes.
type Cookies struct {
	// Domain makes the cookies those of a domain and its subdomains. It must equal
	// the domain given to Amplify's CookieStorage. Default: the host alone. It must not
	// be a public suffix, such as "co.uk" or "amplifyapp.com": browsers keep no cookies
	// for one.
	Domain string

	// Path is where browsers send the cookies: to this path and those below it. It must
	// equal the path given to Amplify's CookieStorage. Default "/".
	Path string

	// SameSite is Lax by default; http.SameSiteDefaultMode leaves it out.
	SameSite http.SameSite

	// MaxAge is how long browsers keep the cookies. Default one year; at most 400 days,
	// as in browsers. It does not prolong the session: the refresh token decides.
	MaxAge time.Duration

	// UntilClosed leaves MaxAge out, so that browsers forget the cookies when they are
	// closed. Set it if Amplify's CookieStorage has expires: null. Otherwise the first
	// refresh here would have the browser keep the cookies for MaxAge.
	UntilClosed bool

	// HTTPOnly hides the cookies from scripts, and writes only the four that hold
	// tokens and LastAuthUser. Never set it with Amplify JS signing in in the
	// browser: it could neither read, overwrite nor delete such cookies.
	HTTPOnly bool

	// Insecure leaves out Secure: for development on plain HTTP only.
	Insecure bool

	// Partitioned gives the cookies of a site in a frame a storage of their own beneath
	// each site that frames it (CHIPS). It needs SameSite None and Secure. Amplify's
	// CookieStorage cannot write such cookies: set it only if users sign in on the
	// server.
	Partitioned bool
}

// FetchOptions change how a session is fetched. nil means the zero value.
type FetchOptions struct {
	// ForceRefresh refreshes the tokens even if they are valid, to see changed
	// groups or attributes. It needs a refresh token in the request's cookies: without
	// one, nobody is signed in. It is an error with a nil w, or with a bearer token.
	ForceRefresh bool

	// MaxAge is how old the access token may be, at least ten seconds. An older one is
	// refreshed first, so that its groups are those of the user pool at most MaxAge ago.
	// Default 0: any age. Set it where rights that were taken away must be gone soon.
	//
	// The age counts from the moment at which this process received the token from
	// Cognito, otherwise from its "iat". If the refresh fails, there is no session here: in
	// an outage the error is tokens.ErrUnavailable, and the cookies stay. If nothing can be
	// refreshed the error is [ErrNotFresh]: without a refresh token, with a bearer token, in
	// a prefetch, and with a nil w.
	MaxAge time.Duration

	// ClientMetadata is handed to the user pool's Lambda triggers by a refresh.
	ClientMetadata map[string]string
	// AllowMachine accepts a bearer token without a user, which the client credentials
	// grant (RFC 6749 §4.4) issues to a program. Its session has the zero User.
	AllowMachine bool
}

// margin returns how long before its expiry a token is refreshed.
func (cfg *Config) margin() time.Duration {
	if cfg.RefreshBefore == 0 {
		return defaultRefreshBefore
	}
	return max(cfg.RefreshBefore, 0)
}

// remoteAddress returns the address in a request's RemoteAddr, or the zero Addr.
func remoteAddress(r *http.Request) netip.Addr {
	address, _ := netip.ParseAddrPort(r.RemoteAddr)
	return address.Addr()
}

// validate returns everything that is wrong, joined.
func (cfg *Config) validate() error {
	var wrong configerr.List
	wrong.Join("UserPool", cfg.UserPool.Validate())
	cfg.Cookies.validate(&wrong)
	cfg.Layout.validate(cfg.Lifetime, &wrong)
	cfg.TakeOver.validate(cfg.Layout, cfg.Now, &wrong)
	if cfg.Client != nil && !isSamePool(cfg.Client.UserPool(), cfg.UserPool) {
		wrong.Add("Client", "is for another user pool or app client than UserPool")
	}
	if cfg.Verifier != nil && !isSamePool(cfg.Verifier.UserPool(), cfg.UserPool) {
		wrong.Add("Verifier", "is for another user pool or app client than UserPool")
	}
	if cfg.HTTPClient != nil && cfg.Client != nil && cfg.Verifier != nil {
		wrong.Add("HTTPClient", "is not used, because Client and Verifier have their own; leave it nil")
	}
	cfg.validateSecrets(&wrong)
	cfg.validateBearer(&wrong)
	return wrong.Err()
}

func (cfg *Config) validateSecrets(wrong *configerr.List) {
	if cfg.Layout == LayoutHandle && cfg.Shared == nil {
		wrong.Add("Shared", "is missing: LayoutHandle keeps the sessions there")
	}
	if cfg.AlwaysAskStore && cfg.Layout != LayoutHandle {
		wrong.Add("AlwaysAskStore", "needs LayoutHandle, without which Shared has no sessions")
	}
	if cfg.Shared == nil && cfg.Layout != LayoutSealed && cfg.Layout != LayoutHandle {
		return
	}
	check := func(field string, secret []byte) {
		if err := seal.CheckSecret(secret); err != nil {
			wrong.Add(field, "%w; Shared, LayoutSealed and LayoutHandle need it", err)
		}
	}
	check("Secret", cfg.Secret)
	for _, secret := range cfg.OldSecrets {
		check("OldSecrets", secret)
	}
}

// box returns what seals refreshed tokens for Shared. Its purpose names the user pool and
// app client, so that nothing that was sealed for others opens. It is nil without Shared.
func (cfg *Config) box() (*seal.Box, error) {
	if cfg.Shared == nil {
		return nil, nil
	}
	purpose := fmt.Sprintf("refreshes of user pool %q and app client %q", cfg.UserPool.ID, cfg.UserPool.ClientID)
	return seal.NewBox(purpose, cfg.Now, cfg.secrets()...)
}

// secrets returns all secrets. The first one seals.
func (cfg *Config) secrets() [][]byte { return append([][]byte{cfg.Secret}, cfg.OldSecrets...) }

// validateBearer checks the fields that say which bearer tokens are accepted.
func (cfg *Config) validateBearer(wrong *configerr.List) {
	for i, id := range cfg.BearerClients {
		field := fmt.Sprintf("BearerClients[%d]", i)
		other := cfg.UserPool
		other.ClientID = id
		switch {
		case id == cfg.UserPool.ClientID:
			wrong.Add(field, "is UserPool.ClientID, whose bearer tokens are accepted already")
		case cfg.UserPool.Validate() == nil && other.Validate() != nil:
			wrong.Add(field, "%q is not an app client id", id)
		}
	}
	if !cfg.Bearer && len(cfg.BearerClients) > 0 {
		wrong.Add("BearerClients", "needs Bearer, without which no bearer token is accepted")
	}
	if !cfg.Bearer && cfg.BearerFrom != nil {
		wrong.Add("BearerFrom", "needs Bearer, without which no bearer token is accepted")
	}
}

// isSamePool reports whether tokens of one are tokens of the other.
func isSamePool(a, b tokens.UserPool) bool {
	return a.ID == b.ID && a.ClientID == b.ClientID && a.Issuer == b.Issuer
}

func (c Cookies) withDefaults() Cookies {
	c.Domain = strings.ToLower(strings.TrimPrefix(c.Domain, ".")) // RFC 6265bis ignores the dot
	c.Path = cmp.Or(c.Path, "/")
	if c.SameSite == 0 {
		c.SameSite = http.SameSiteLaxMode
	}
	if c.MaxAge == 0 {
		c.MaxAge = defaultMaxAge
	}
	c.MaxAge = min(c.MaxAge, maxMaxAge)
	return c
}

func (c Cookies) validate(wrong *configerr.List) {
	switch domain := c.withDefaults().Domain; {
	case c.Domain == "":
	case !cookie.IsDomain(domain):
		wrong.Add("Cookies.Domain", `%q is not a domain like "example.com"`, c.Domain)
	case cookie.IsPublicSuffix(domain):
		wrong.Add("Cookies.Domain", "%q is a public suffix, for which browsers keep no cookies", c.Domain)
	}
	if c.Path != "" && !cookie.IsPath(c.Path) {
		wrong.Add("Cookies.Path", `%q is not a path like "/app"`, c.Path)
	}
	if c.SameSite < 0 || c.SameSite > http.SameSiteNoneMode {
		wrong.Add("Cookies.SameSite", "%d is not a mode of net/http", c.SameSite)
	}
	if c.SameSite == http.SameSiteNoneMode && c.Insecure {
		wrong.Add("Cookies.SameSite", "None needs Secure, which Cookies.Insecure leaves out")
	}
	if c.MaxAge < 0 || c.MaxAge > 0 && c.MaxAge < time.Second {
		wrong.Add("Cookies.MaxAge", "%v is not a positive number of seconds", c.MaxAge)
	}
	if c.UntilClosed && c.MaxAge > 0 {
		wrong.Add("Cookies.UntilClosed", "leaves MaxAge out, and MaxAge is set")
	}
	if c.Partitioned && (c.SameSite != http.SameSiteNoneMode || c.Insecure) {
		wrong.Add("Cookies.Partitioned", "needs SameSite None and Secure, without which browsers refuse such cookies")
	}
}
