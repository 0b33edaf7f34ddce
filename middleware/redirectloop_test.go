package middleware_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestGuardedSignInPage: a redirect to the sign-in page that would lead back is a page,
// and an error in the log.
func TestGuardedSignInPage(t *testing.T) {
	signInPage := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("Sign in here")) })
	withRoutes := func(cfg *cognito.Config) { cfg.Origin, cfg.Secret = origin, routesSecret }
	for _, tt := range []struct {
		name   string
		edit   func(*cognito.Config)
		mount  func(*cognito.Auth) http.Handler
		target string
		hops   int // requests until the page
	}{
		{"Require around Routes", withRoutes, func(a *cognito.Auth) http.Handler { return a.Require(a.Routes()) }, "/dashboard", 2},
		{"Protect and Require around Routes", withRoutes, func(a *cognito.Auth) http.Handler { return a.Protect(a.Require(a.Routes())) }, "/dashboard", 2},
		{"RequireGroup around Routes, by its callback", withRoutes, func(a *cognito.Auth) http.Handler { return a.RequireGroup("x")(a.Routes()) }, "/api/auth/sign-in-callback?code=x", 1},
		{"Require around a sign-in page", func(*cognito.Config) {}, func(a *cognito.Auth) http.Handler { return a.Require(signInPage) }, "/dashboard?x=y", 2},
		{"a sign-in page with another slash", func(cfg *cognito.Config) { cfg.SignIn = "/users/sign-in" },
			func(a *cognito.Auth) http.Handler {
				return a.Protect(http.RedirectHandler("/users/sign-in/", http.StatusMovedPermanently))
			}, "/users/sign-in/", 1},
		{"StripPrefix without BasePath", func(cfg *cognito.Config) { withRoutes(cfg); cfg.RoutesPath = "/app/api/auth" },
			func(a *cognito.Auth) http.Handler { return http.StripPrefix("/app", a.Protect(a.Routes())) }, "/app/dashboard", 2},
		{"a proxy, without BasePath", func(cfg *cognito.Config) { withRoutes(cfg); cfg.RoutesPath = "/app/api/auth" },
			func(a *cognito.Auth) http.Handler { return stripping("/app", a.Protect(a.Routes())) }, "/app/dashboard", 3},
		{"a proxy, without BasePath and Origin", func(cfg *cognito.Config) { cfg.SignIn = "/app/login" },
			func(a *cognito.Auth) http.Handler { return stripping("/app", a.Protect(signInPage)) }, "/app/dashboard", 3},
		{"a prefix that is put in front", func(*cognito.Config) {}, func(a *cognito.Auth) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.URL.Path = "/tenant" + r.URL.Path
				r.RequestURI = "/tenant" + r.RequestURI
				a.Protect(signInPage).ServeHTTP(w, r)
			})
		}, "/dashboard", 3},
		{"a sign-in page on another host that is this server", func(cfg *cognito.Config) {
			withRoutes(cfg)
			cfg.Origin, cfg.SignIn = "https://www.example.com", origin+"/login"
		}, func(a *cognito.Auth) http.Handler { return a.Protect(signInPage) }, "/dashboard", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			env := newEnv(t, func(cfg *cognito.Config) {
				tt.edit(cfg)
				cfg.Matcher = nil
				cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			env.handler = tt.mount(env.auth)
			b := newBrowser(env)
			b.openURL(tt.target)
			if b.status != http.StatusBadRequest || !strings.Contains(b.body, "The operator has to") || len(b.visited) != tt.hops {
				t.Errorf("%d after %v: %.300s", b.status, b.visited, b.body)
			}
			b.openURL(tt.target) // the error is logged once a minute
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "would lead back") {
				t.Errorf("%d errors: %s", n, log.String())
			}
		})
	}
}

// TestPagesLikeTheSignInPage are redirected all the same.
func TestPagesLikeTheSignInPage(t *testing.T) {
	env := newEnv(t, func(cfg *cognito.Config) { cfg.SignIn, cfg.Matcher = "/users/sign-in", nil })
	for _, target := range []string{
		"/sign-in", "/sign-in?next=/dashboard", "/x?next=/x", "/x/users/sign-in", "/users/sign-inx", "/users/sign-in/x", "/users%2Fsign-in", "/users/sign-in%2F", "/in?next=/in", "/sign-in?next=%zz",
	} {
		if resp := env.do(pageRequest(target)); resp.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("%s: %d", target, resp.StatusCode)
		}
	}
}

// TestRepeatedRedirects: a sign-in page that believes in a session which this server
// refuses sends the browser back at once.
func TestRepeatedRedirects(t *testing.T) {
	env := newEnv(t, func(cfg *cognito.Config) { cfg.Matcher = []string{"/((?!sign-in).*)"} })
	believing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.FormValue("next"), http.StatusFound)
	})
	env.handle("/sign-in", believing)
	env.server.SetFault(func(op string) (f cognitotest.Fault) {
		if op == opRefresh { // of another program's refresh
			f = cognitotest.Fault{Status: 400, Code: "RefreshTokenReuseException", Message: "Refresh token has been reused"}
		}
		return f
	})
	b := newBrowser(env)
	setCookies := func() {
		r := env.expiredRequest("ada", "/")
		for _, c := range r.Cookies() {
			c.Path, c.Secure = "/", true
			b.jar.SetCookies(mustParse(origin), []*http.Cookie{c})
		}
	}
	setCookies()
	b.openURL("/dashboard")
	if b.status != http.StatusBadRequest || len(b.visited) != 5 || !strings.Contains(b.body, `href="/sign-in?next=%2Fdashboard"`) {
		t.Fatalf("%d after %v: %.400s", b.status, b.visited, b.body)
	}
	b.openURL("/dashboard") // at once, while the marker lasts
	if b.status != http.StatusBadRequest || len(b.visited) != 1 {
		t.Errorf("%d after %v", b.status, b.visited)
	}

	// Another path, or other tokens, are no repetition.
	for i := range 10 {
		r := env.expiredRequest("ada", "/tab"+string(rune('0'+i)))
		for _, c := range b.jar.Cookies(mustParse(origin)) {
			if strings.HasPrefix(c.Name, "__Host-") {
				r.AddCookie(c)
			}
		}
		if resp := env.do(r); resp.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("tab %d: %d", i, resp.StatusCode)
		}
	}
	setCookies()
	env.expectRedirect(b, "/dashboard")

	// Nor is a request without tokens.
	empty := newBrowser(env)
	for range 3 {
		env.expectRedirect(empty, "/dashboard")
		if cookies := empty.jar.Cookies(mustParse(origin)); len(cookies) > 0 {
			t.Errorf("%v", cookies)
		}
	}

	// A marker that somebody else has planted counts for nothing.
	planted := env.expiredRequest("ada", "/dashboard")
	for _, value := range []string{"2", "2.", "9." + strings.Repeat("A", 22), strings.Repeat("2.", 1000)} {
		planted.AddCookie(&http.Cookie{Name: "__Host-cognitogate.redirected." + env.server.UserPool().ClientID, Value: value})
	}
	if resp := env.do(planted); resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("planted: %d", resp.StatusCode)
	}
}

// expectRedirect sends one request of a browser, which is redirected to the sign-in page.
func (env *testEnv) expectRedirect(b *browser, target string) {
	env.Helper()
	r, err := http.NewRequest("GET", origin+target, nil)
	if err != nil {
		env.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if resp := b.send(r, false); resp.StatusCode != http.StatusTemporaryRedirect {
		env.Errorf("%s: %d", target, resp.StatusCode)
	}
}
