package middleware

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/cognitogate/cognitogate/matcher"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// UserPool names a user pool and its app client.
type UserPool = tokens.UserPool

// ConfigError is one mistake in a [Config]. [New] returns one for each, joined.
type ConfigError = tokens.ConfigError

// Config configures an [Auth]. Only UserPool is required.
type Config struct {
	// UserPool is the user pool and the app client that users sign in with. Required.
	UserPool UserPool

	// Matcher lists patterns of paths to protect, exactly as in the config.matcher
	// of a Next.js middleware. Rules are the same with conditions. A path is
	// protected if either selects it. With both nil every path is protected. A list
	// that is empty and not nil is an error, because in Next.js it protects nothing. So are
	// patterns that together select no path, such as "/((?!api|).*)" with its bar too many.
	//
	// A segment in the syntax of chi or ServeMux, such as {id}, is an error. For Next.js
	// it is mere text, and the pattern would protect nothing. Write "/users/:id",
	// "/users/:id(\\d+)" or "/users/:path*".
	Matcher []string
	Rules   []matcher.Rule

	// ClientConditions names the types of conditions that Rules may have: "header",
	// "cookie", "query", "host". Default none. New refuses rules with other conditions,
	// because a client chooses what it sends, and so whether the rule protects a path.
	// The matcher in Next.js's guide to Content Security Policy leaves out requests with
	// "purpose: prefetch". There it spares a header of the answer. Here it would open
	// every page to anybody who sends "purpose: prefetch". Name "host" only if a server
	// in front lets only your hosts through.
	ClientConditions []string

	// BasePath is the prefix that a proxy in front, or http.StripPrefix, takes off the
	// path: "/app". Default none. The paths and URIs in this Config are as browsers see
	// them, with BasePath; the matcher sees what this server sees, without it. Protect
	// lets the sign-in page and the routes through without BasePath only, and not at all
	// if they are not under it. Set it whenever something takes a prefix off: otherwise
	// redirects lead to paths that do not exist. X-Forwarded-Prefix is never read.
	BasePath string

	// SignIn is the path of the sign-in page. Protect lets exactly this path through,
	// with or without a slash at its end as it is written here. Default
	// RoutesPath+"/sign-in" if Routes sign users in, else BasePath+"/sign-in".
	//
	// It may be an absolute https URL of another site, which needs Origin. That site signs
	// users in then, and Routes do not; see Origin. http is for localhost, or needs
	// Cookies.Insecure.
	SignIn string

	// ReturnParam is the query parameter that tells the sign-in page where the
	// user wanted to go; see [Auth.ReturnTo]. Default "next"; "-" leaves it out.
	//
	// Its value is a path with its query, of at most 2048 bytes, or such a path of Origin
	// as an absolute URL if SignIn is on another site. A user with a longer
	// one, or without one, arrives at AfterSignIn. While a user signs in, Routes keep
	// some 1500 bytes, and less with a long Login.State.
	ReturnParam string

	// ReturnOrigins are other origins whose pages may be the user's way back, such as
	// "https://app.example.com": of the sites that send their users here to sign in.
	// Default none. An origin must be written as browsers write it, and only exactly this
	// one counts: no other port, and no subdomain. http is for localhost, or needs
	// Cookies.Insecure.
	ReturnOrigins []string

	// Origin is where browsers find this site: "https://app.example.com". http is for
	// localhost, or needs Cookies.Insecure.
	//
	// With it, users sign in on the server, through [Auth.Routes], and cookies are
	// HttpOnly. This is not so if SignIn is on another site or RoutesPath is "-": then
	// something else signs users in, for example Amplify in the browser. Cookies are
	// HttpOnly then only with Cookies.HTTPOnly; set it if that site's are. No path of
	// Routes is let through, and Secret is not needed.
	Origin string

	// RoutesPath is where Routes is mounted, as browsers see it. Default
	// BasePath+"/api/auth". "-" says that Routes do not sign users in.
	RoutesPath string

	// AfterSignIn and AfterSignOut are the paths where users arrive unless the request
	// names another. Default BasePath+"/".
	AfterSignIn, AfterSignOut string

	// Login configures Routes.
	Login Login

	// Secret seals the cookies of unfinished sign-ins, those of session.LayoutSealed and
	// what Shared sees: at least 32 random bytes, the same for all replicas. Required if
	// Routes sign users in, see Origin, with Shared and with that layout.
	//
	// To replace it, move the old one to OldSecrets for an hour, which an unfinished sign-in
	// may last. With Shared, first add the new one to OldSecrets everywhere, and then swap
	// the two. With LayoutSealed, keep the old one until the sessions that it has sealed
	// were refreshed or are over. With session.LayoutHandle, keep it until the sessions that
	// began with it are over. New refuses one byte repeated, which a placeholder or an
	// unfilled buffer is.
	Secret     []byte
	OldSecrets [][]byte

	// Shared is a store that several replicas have in common, such as that of package
	// session/redisstore. Of all their requests, one calls Cognito to refresh a session,
	// and the others get its tokens. A sign-out at one replica holds at all within two
	// seconds. Default nil: each replica refreshes for itself, and a sign-out at one holds
	// there alone. Set it if refresh tokens rotate and several replicas
	// serve the same users. Requests of signed-in users call it once a second, all those of
	// one replica together. Its errors fail no request,
	// except for session.LayoutHandle, which keeps the sessions in it. See session.Config.
	Shared session.Store

	// Cookies are the attributes of the session's cookies.
	Cookies session.Cookies

	// Layout is how the cookies hold a session. Default session.LayoutAmplify, which
	// Amplify in a browser can read. If users sign in through Routes alone, choose
	// session.LayoutSealed: scripts cannot read its cookies, and no sibling subdomain can
	// plant one. So it is with session.LayoutHandle, which keeps the tokens in Shared.
	Layout session.Layout

	// Lifetime bounds how long a user stays signed in, whatever the refresh token says. It
	// needs session.LayoutSealed or session.LayoutHandle. Default: no bound but the refresh
	// token's. With session.LayoutHandle, set one: without it, Shared keeps a record for
	// Cookies.MaxAge.
	Lifetime session.Lifetime

	// TakeOver keeps those signed in whose session is in Amplify's cookies, when the site
	// changes to session.LayoutSealed or session.LayoutHandle. Default: they sign in once
	// more. See session.TakeOver for what it risks.
	TakeOver session.TakeOver

	// AlwaysAskStore has Shared asked about the session at every request, so that a sign-out
	// at one replica holds at all at once. Default: within two seconds. It needs
	// session.LayoutHandle. See session.Config.
	AlwaysAskStore bool

	// RefreshBefore is how long before its expiry a token is refreshed. Default 5
	// seconds, like Amplify. At most half of the token's own life counts.
	RefreshBefore time.Duration

	// CacheBytes bounds the memory for verified sessions, which spare a request its
	// signature checks. Default 48 MiB, about 10 000 sessions, or 3 500 in
	// session.LayoutSealed and session.LayoutHandle; negative caches none.
	CacheBytes int64

	// Bearer accepts "Authorization: Bearer <access token>" beside cookies. The cookies
	// of a request with such a header are not read, and it is never redirected.
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

	// Audience are the resources that this site is (RFC 8707): absolute URIs such as
	// "https://app.example.com/mcp". An access token that is bound to another resource, by
	// its "aud", is refused, as a bearer token and in a cookie. Default none: every "aud" is
	// accepted, and Findings says so if Bearer is set. A token without "aud" is bound to
	// nothing, and accepted. Name Login.Resource here too if both are set. Sites that share
	// cookies need the same Audience, or each deletes the other's.
	//
	// With Bearer, a 401 for a path of an Audience that is a URL of Origin leads OAuth
	// clients to its metadata (RFC 9728). Serve that with [Auth.ResourceMetadata]: Protect
	// lets exactly its path through.
	Audience []string

	// Preflight answers CORS preflights for guarded routes, in the place of the guarded
	// handler: OPTIONS with Origin and Access-Control-Request-Method (Fetch §3.3.2).
	// Browsers send no cookie and no token with one. Default nil: a guard refuses preflights
	// like every request without a session. Set it if scripts of other origins call guarded
	// routes. It may be the handler of a CORS package around an empty one.
	Preflight http.Handler

	// Keys replaces the user pool's remote key set. It is for tests, and for programs
	// that get keys in another way. Default nil: the key set of UserPool.
	Keys tokens.KeySet

	// Leeway is how far the "nbf" of a token may be in the future. Default one minute;
	// negative means none. It does not apply to "exp".
	Leeway time.Duration

	// ClientAddress returns the address of the client that a request comes from. Default
	// the address in RemoteAddr. It limits how often one client may have Cognito asked
	// about refresh tokens without a genuine token beside them: twice a second. Behind a
	// proxy, RemoteAddr is the proxy's, and all such clients have one limit. Return what
	// your proxy says then, never what a client can write itself. Of an IPv6 address the
	// first 64 bits count. The zero Addr is unknown, and not limited by itself.
	ClientAddress func(*http.Request) netip.Addr

	// ErrorHandler answers requests that a guard refuses. err wraps
	// session.ErrSignedOut, tokens.ErrUnavailable, [ErrForbidden] or [ErrNotRecent]. With
	// the last two, the session is in r's context. The cookies are on w already. Never let the
	// request pass. Default [Auth.ServeError]; your handler may call it for the
	// errors that it does not answer.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

	// Page changes or writes the pages of Routes and of ServeError: in the words of another
	// language, or in the look of your site. Default nil: in English, without a script.
	//
	// It may change p and write nothing: then the default page shows p. Or it writes a page
	// of its own to w. The header of w is set already, with the cookies of the answer. What
	// the function loses of it is put back, and a successful status becomes p.Status. Other
	// statuses stay, such as that of http.Redirect. A page of your own may use styles,
	// pictures and fonts of this site, but no script, unless a middleware in front has set
	// a Content-Security-Policy, or the function sets one. form-action, base-uri and
	// frame-ancestors are the library's.
	//
	// ErrorHandler comes first: what it answers itself is no Page.
	Page func(w http.ResponseWriter, r *http.Request, p *Page)

	// ReasonHeader tells developers why a guard refuses a request, with any status. The
	// header Cognitogate-Reason of the answer has the Reason of Hooks.Decided and the words
	// of Manager.Explain, as the log has at level Debug: "no_cookies: no cookies". So have
	// the answers of ServeError. After a failed sign-in it has the FailureReason. Default
	// false. New warns in the log if it is set.
	//
	// Do not set it in production: an attacker learns which part of a forged token is wrong,
	// and an outage shows addresses of your network. The header has no token and no
	// attribute of a user. It is ASCII, of some 330 characters at most.
	ReasonHeader bool

	// HTTPClient makes all requests to Cognito. Default one like http.DefaultClient that
	// keeps 64 idle connections to a host. Every
	// call carries a deadline, so it needs no timeout of its own.
	HTTPClient *http.Client

	// Now is the clock. Default time.Now.
	Now func() time.Time

	// Logger gets warnings about trouble, never a token or a user's attribute. An outage
	// of a key set or an operation of Cognito is a warning when it begins, and an info
	// with its duration when it is over. A mistake of the configuration is an error. The
	// attribute "look_at" names the field of Config, or what else may be wrong. Warnings and
	// errors of one kind come once a minute, with the number of those between where anybody
	// can cause them. At level Debug there is a line for each request that a guard refuses,
	// with the reason. Default slog.Default().
	Logger *slog.Logger

	// Hooks are told what happens. SignedIn may refuse a sign-in.
	Hooks Hooks
}

// Login configures the sign-in through Cognito's managed login.
type Login struct {
	// Scopes are asked for (RFC 6749 §3.3). Default: the request names none, and
	// Cognito grants all that the app client allows, which must include openid.
	Scopes []string

	// Resource is the API that access tokens are for, which becomes their audience (RFC
	// 8707): an absolute URI such as "https://api.example.com". Default none. No
	// link can choose it.
	Resource string

	// State returns a state of your own for a sign-in. It is appended to our random
	// one as Amplify does: "-" and its UTF-16 code units in hex. Readers of the
	// callback find it there. Anybody can read it.
	State func(*http.Request) string

	// RedirectURI and LogoutURI are registered with the app client. Default: Origin
	// and RoutesPath with "/sign-in-callback" and "/sign-out-callback". Protect lets
	// exactly their paths through: a LogoutURI of "https://app.example.com/" makes the
	// home page public.
	RedirectURI, LogoutURI string
}

// Hooks are called when something has happened; any may be nil. They run on the
// request's goroutine: return quickly.
type Hooks struct {
	Tokens  tokens.Hooks
	Session session.Hooks

	// Decided is called at once when a guard has decided about a request, before the
	// handler behind the guard or the ErrorHandler runs. Each of several nested guards
	// tells its own decision.
	Decided func(ctx context.Context, d GuardDecision)

	// Served is called when the outermost guard of this Auth returns, also after a panic. So
	// it is called once for a request, and d is the decision that counts, as in [Outcome].
	// It is not called if no guard has decided, because a function of RequireFunc has
	// panicked. A router between the guard and the handler knows the route by then.
	Served func(ctx context.Context, d GuardDecision)

	// SignedIn is called by Routes once the tokens of a sign-in are verified, before the
	// browser gets the session. It may create the local user; the browser waits for it. If
	// it returns an error or panics, the browser gets no cookie, the new session is ended
	// at Cognito, and an earlier session stays as it is. An error that wraps [ErrForbidden]
	// shows a page with 403 that offers another account. One that wraps
	// tokens.ErrUnavailable shows a page with 503, and any other a page with 500.
	//
	// This hook and the next two are called with the request's context. A middleware around
	// Routes can put the client's address or a trace into it. Nothing secret is handed to
	// them but the Session. They are Routes' alone: a handler that calls Manager.Start or
	// Manager.End knows the outcome, and this server does not see a sign-in with Amplify in
	// the browser.
	SignedIn func(ctx context.Context, e SignIn) error
	// SignedOut is called when Routes has signed a user out, and when a sign-in replaces a
	// session in the browser. If nobody was signed in, it is not called. A session that has
	// expired, or that Cognito has ended, is reported by Session.Refreshed instead.
	SignedOut func(ctx context.Context, e SignOut)
	// SignInFailed is called when Routes cannot begin or finish a sign-in. With prompt=none
	// it is no failure that the user is not signed in. Anybody can cause FailureLost.
	SignInFailed func(ctx context.Context, e SignInFailure)
}
