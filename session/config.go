package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

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
