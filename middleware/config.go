package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/matcher"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// UserPool names a user pool and its app client.
type UserPool = tokens.UserPool

// Config configures an [Auth]. Only UserPool is required.
type Config struct {
	// UserPool is the pool and the app client that users sign in with. Required.
	UserPool UserPool

	// Matcher lists patterns of paths to protect, exactly as in the config.matcher
	// of a Next.js middleware. Rules are the same with conditions. A path is
	// protected if either matches. With both nil every path is protected; a list
	// that is empty and not nil is an error, because in Next.js it protects
	// nothing.
	Matcher []string
	Rules   []matcher.Rule

	// SignIn is the path of the sign-in page, which Protect lets through whoever serves
	// it, or the absolute https URL of one elsewhere, which needs Origin. Default
	// RoutesPath+"/sign-in" with Origin, else "/sign-in".
	SignIn string

	// ReturnParam is the query parameter that tells the sign-in page where the
	// user wanted to go; see [Auth.ReturnTo]. Default "next"; "-" leaves it out.
	ReturnParam string

	// Origin is where browsers find this site, "https://app.example.com", and says
	// that users sign in on the server, through [Auth.Routes]: cookies are HttpOnly
	// then. http is for localhost, or with Cookies.Insecure.
	Origin string

	// RoutesPath is where Routes is mounted, as browsers see it. Default "/api/auth".
	RoutesPath string

	// AfterSignIn and AfterSignOut are the paths where users arrive when there is no
	// other. Default "/".
	AfterSignIn, AfterSignOut string

	// Login configures Routes.
	Login Login

	// Secret seals the cookies of sign-ins that are under way: at least 32 random
	// bytes, the same for all replicas. Required with Origin. To replace it, move the
	// old one to OldSecrets for ten minutes.
	Secret     []byte
	OldSecrets [][]byte

	// Cookies are the attributes of the session's cookies.
	Cookies session.Cookies

	// RefreshBefore is how long before its expiry a token is refreshed. Default 5
	// seconds, like Amplify.
	RefreshBefore time.Duration

	// CacheBytes bounds the memory for verified sessions, which spare a request its
	// signature checks. Default 48 MiB, about 10 000 sessions; negative keeps none.
	CacheBytes int64

	// Bearer accepts "Authorization: Bearer <access token>" beside cookies. Such a
	// token alone decides.
	Bearer bool

	// ErrorHandler answers requests that are not let through. err wraps
	// session.ErrSignedOut, [ErrForbidden], with the session in r's context, or
	// tokens.ErrUnavailable. Default [Auth.ServeError], which your handler may call
	// for what it leaves alone. Cookies are already on w. Do not let the request pass.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)

	// HTTPClient makes all requests to Cognito. Default http.DefaultClient. Every
	// call carries a deadline, so it needs no timeout of its own.
	HTTPClient *http.Client

	// Now is the clock. Default time.Now.
	Now func() time.Time

	// Logger gets warnings about trouble, never a token or a user's attribute.
	// Default slog.Default().
	Logger *slog.Logger

	// Hooks observe what happens.
	Hooks Hooks
}

// Login configures the sign-in through Cognito's managed login.
type Login struct {
	// Scopes are asked for (RFC 6749 §3.3). Default: none are named, and Cognito
	// grants all that the app client allows, which must include openid.
	Scopes []string

	// State returns a state of your own for a sign-in. It is appended to our random
	// one as Amplify does, "-" and its UTF-16 code units in hex, so that readers of
	// the callback find it. Anybody can read it.
	State func(*http.Request) string

	// RedirectURI and LogoutURI are registered with the app client. Default: Origin
	// and RoutesPath with "/sign-in-callback" and "/sign-out-callback".
	RedirectURI, LogoutURI string
}

// Hooks are called when something has happened; any may be nil. They run on the
// request's goroutine: return quickly.
type Hooks struct {
	Tokens  tokens.Hooks
	Session session.Hooks
	// Decided is told what a guard has decided about a request, and how long that
	// took.
	Decided func(ctx context.Context, d Decision, elapsed time.Duration)
}

// Decision is what a guard decides about a request. Its text is stable and can be
// a metric's label.
type Decision string

// The decisions.
const (
	DecisionPublic      Decision = "public"      // the matcher does not select the path
	DecisionPassed      Decision = "passed"      // signed in and allowed
	DecisionAnonymous   Decision = "anonymous"   // let through by Load without a session
	DecisionRedirected  Decision = "redirected"  // sent to the sign-in page
	DecisionRefused     Decision = "refused"     // 401
	DecisionForbidden   Decision = "forbidden"   // 403
	DecisionUnavailable Decision = "unavailable" // 503
)

// Auth guards routes. Make one with [New]; it may be used by many goroutines at
// once.
type Auth struct {
	cfg      Config
	rules    []matcher.Rule   // of Matcher, then Rules
	matcher  *matcher.Matcher // nil: every path is protected
	sessions *session.Manager
	client   *tokens.Client
	verifier *tokens.Verifier
	prefix   string // of our cookies' names
	signIn   *url.URL
	signInTo string   // signIn up to the value of ReturnParam; "" without one
	exempt   []string // paths that Protect lets through, without a slash at the end
	login    *login   // nil without Origin
}

// Sessions returns the Manager of the sessions, for handlers that begin or end
// them, or fetch more.
func (a *Auth) Sessions() *session.Manager { return a.sessions }

// faults collects configuration mistakes by field.
type faults []error

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, fmt.Errorf("%s: "+format, append([]any{field}, args...)...))
}

// addErr adds every line of a joined error.
func (f *faults) addErr(err error, prefix string) {
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		*f = append(*f, errors.New(prefix+strings.TrimSuffix(line, "\n")))
	}
}

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return fmt.Errorf("cognitogate: the configuration is wrong:\n%w", errors.Join(f...))
}
