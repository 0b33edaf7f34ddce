package middleware_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

const (
	origin = "https://app.example.com"
	host   = "app.example.com"
)

var (
	routesSecret = []byte("a secret of thirty-two bytes or more")
	otherSecret  = []byte("another secret of thirty-two bytes or more")
)

// newRoutesEnv returns an environment with Origin, in which Routes is mounted.
func newRoutesEnv(t *testing.T, edits ...func(*cognito.Config)) *testEnv {
	t.Helper()
	env := newEnv(t, append([]func(*cognito.Config){func(cfg *cognito.Config) {
		cfg.Origin, cfg.Secret = origin, routesSecret
	}}, edits...)...)
	for _, op := range []string{"Token", "Authorize", "Login"} {
		env.callsBefore[op] = env.server.Calls(op)
	}
	env.handle("/api/auth/", env.auth.Routes())
	return env
}

// handle mounts a handler before the others.
func (env *testEnv) handle(pattern string, h http.Handler) {
	mux := http.NewServeMux()
	mux.Handle("/", env.handler)
	mux.Handle(pattern, h)
	env.handler = mux
}

const (
	flowCookiePrefix   = "__Host-cognitogate.flow."
	markerCookiePrefix = "__Host-cognitogate.signed-in."
)

// sessionCookiePrefix begins the names of a session's cookies of the host alone.
var sessionCookiePrefix = map[session.Layout]string{
	session.LayoutAmplify: "CognitoIdentityServiceProvider.",
	session.LayoutSealed:  "__Host-cognitogate.session.",
	session.LayoutHandle:  "__Host-cognitogate.session.",
}[layoutOfTests()]

func mustParse(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// get sends a page request of this site with these cookies.
func (env *testEnv) get(target string, cookies ...*http.Cookie) *http.Response {
	r := pageRequest(target)
	r.Host = host
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return env.do(r)
}

// startFlow starts a sign-in and returns the authorization request and the flow's
// cookie.
func (env *testEnv) startFlow(target string, cookies ...*http.Cookie) (authorize *url.URL, flow *http.Cookie) {
	env.Helper()
	resp := env.get(target, cookies...)
	for _, c := range resp.Cookies() {
		if strings.HasPrefix(c.Name, flowCookiePrefix) && c.MaxAge > 0 {
			flow = c
		}
	}
	if resp.StatusCode != http.StatusFound || flow == nil {
		env.Fatalf("%s: %d to %q, cookies %v", target, resp.StatusCode, resp.Header.Get("Location"), resp.Cookies())
	}
	return mustParse(resp.Header.Get("Location")), flow
}

// completeLogin signs the user in at the managed login and returns the callback.
func (env *testEnv) completeLogin(authorize *url.URL, user string) *url.URL {
	env.Helper()
	to, err := env.server.Authorize(authorize.String(), user)
	if err != nil {
		env.Fatal(err)
	}
	return mustParse(to)
}

// sessionUser returns the user of the session that an answer starts at the shared server,
// or "".
func sessionUser(resp *http.Response) string { return sessionUserAt(sharedServer(), resp) }

func sessionUserAt(server *cognitotest.Server, resp *http.Response) string {
	if isSealedRun() {
		return sealedUser(resp, server)
	}
	for _, c := range resp.Cookies() {
		if strings.HasSuffix(c.Name, ".LastAuthUser") && c.MaxAge > 0 {
			return c.Value
		}
	}
	return ""
}

func readBody(t testing.TB, resp *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withLog sets a Logger that writes to b.
func withLog(b *strings.Builder) func(*cognito.Config) {
	return func(cfg *cognito.Config) { cfg.Logger = slog.New(slog.NewTextHandler(b, nil)) }
}
