package middleware_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/matcher"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

var signInPage = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("Sign in here")) })

// believing is a sign-in page that believes in a session, and sends the browser back.
var believing = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.FormValue("next"), http.StatusFound)
})

// TestGuardedSignInPage: a redirect to the sign-in page that would lead back is a page,
// and an error in the log.
func TestGuardedSignInPage(t *testing.T) {
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
		{"an escape in SignIn", func(cfg *cognito.Config) {
			cfg.SignIn = "/%C3%BCber/login"
			cfg.Rules = []matcher.Rule{{Source: "/private/:path*"}}
		},
			func(a *cognito.Auth) http.Handler { return a.Require(signInPage) }, "/private/x", 2},
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

// TestRepeatedRedirects: nothing about these paths shows that the redirect leads back. The
// browser gets a page after a few of them, and the log has a warning.
func TestRepeatedRedirects(t *testing.T) {
	serving := func(rewrite func(path string) string) func(*cognito.Auth) http.Handler {
		return func(a *cognito.Auth) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p, query, _ := strings.Cut(r.RequestURI, "?")
				r.URL.Path = rewrite(r.URL.Path)
				r.RequestURI = rewrite(p) + "?" + query
				a.Protect(signInPage).ServeHTTP(w, r)
			})
		}
	}
	withoutApp := func(p string) string { return strings.TrimPrefix(p, "/app") }
	for name, tt := range map[string]struct {
		edit  func(*cognito.Config)
		mount func(*cognito.Auth) http.Handler
	}{
		"a proxy takes a prefix off":   {func(cfg *cognito.Config) { cfg.SignIn = "/app/login" }, serving(withoutApp)},
		"the same, without a way back": {func(cfg *cognito.Config) { cfg.SignIn, cfg.ReturnParam = "/app/login", "-" }, serving(withoutApp)},
		"the same, with Routes": {func(cfg *cognito.Config) {
			cfg.Origin, cfg.Secret, cfg.RoutesPath = origin, routesSecret, "/app/api/auth"
		}, serving(withoutApp)},
		"a proxy puts a prefix in front": {func(*cognito.Config) {}, serving(func(p string) string { return "/tenant" + p })},
		"a proxy doubles a slash":        {func(cfg *cognito.Config) { cfg.SignIn, cfg.BasePath = "/app/login", "/app" }, serving(func(p string) string { return "/" + withoutApp(p) })},
		"a proxy changes case":           {func(cfg *cognito.Config) { cfg.SignIn = "/Account/Login" }, serving(strings.ToLower)},
		"a proxy appends":                {func(cfg *cognito.Config) { cfg.SignIn = "/login" }, serving(func(p string) string { return p + ".html" })},
		"BasePath is only half of what is taken off": {func(cfg *cognito.Config) { cfg.BasePath = "/app/b" }, func(a *cognito.Auth) http.Handler {
			return stripping("/app", http.StripPrefix("/b", a.Require(signInPage)))
		}},
		"the sign-in page redirects to a guarded one": {func(*cognito.Config) {}, func(a *cognito.Auth) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/sign-in", http.RedirectHandler("/account/login", http.StatusFound))
			mux.Handle("/", signInPage)
			return a.Protect(mux)
		}},
		"two Auths guard each other's sign-in page": {func(*cognito.Config) {}, func(a *cognito.Auth) http.Handler {
			return a.Protect(newAuth(t, func(cfg *cognito.Config) { cfg.Matcher, cfg.SignIn = nil, "/other" }).Protect(signInPage))
		}},
		"the sign-in page of another host is this server": {func(cfg *cognito.Config) {
			cfg.Origin, cfg.Secret, cfg.SignIn = "https://www.example.com", routesSecret, origin+"/login"
		}, func(a *cognito.Auth) http.Handler { return a.Protect(signInPage) }},
		"Amplify without ssr: true": {func(*cognito.Config) {}, func(a *cognito.Auth) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/sign-in", believing)
			mux.Handle("/", a.Protect(signInPage))
			return mux
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			env := newEnv(t, func(cfg *cognito.Config) {
				tt.edit(cfg)
				cfg.Matcher = nil
				cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			env.handler = tt.mount(env.auth)
			b := newBrowser(env)
			b.openURL("/app/b/dashboard")
			if b.status != http.StatusBadRequest || !strings.Contains(b.body, "several times") {
				t.Errorf("%d after %d: %.300s", b.status, len(b.visited), b.body)
			}
			if !strings.Contains(log.String(), "level=WARN") && !strings.HasPrefix(name, "two Auths") { // the other one has its own log
				t.Errorf("the log has no warning: %s", log.String())
			}
		})
	}
}

// TestRefusedSessionThatStays: the browser holds a session that this server refuses and
// cannot delete. The sign-in page believes in it.
func TestRefusedSessionThatStays(t *testing.T) {
	refresh := func(code string) func(string) cognitotest.Fault {
		return func(op string) (f cognitotest.Fault) {
			if op == opRefresh {
				f = cognitotest.Fault{Status: 400, Code: code, Message: "Refresh Token has been revoked"}
			}
			return f
		}
	}
	for _, tt := range []struct {
		name, code, domain string
		redirects          int
	}{
		{"another program has rotated it", "RefreshTokenReuseException", "", 2},
		// The answer deletes cookies, so the browser should come back without any.
		{"its cookies are a former Domain's", "NotAuthorizedException", "example.com", 8},
	} {
		if isHandleRun() && tt.domain != "" {
			continue // the record is deleted, wherever the cookie is
		}
		env := newEnv(t, func(cfg *cognito.Config) { cfg.Matcher = []string{"/((?!sign-in).*)"} })
		env.handle("/sign-in", believing)
		env.server.SetFault(refresh(tt.code))
		b := newBrowser(env)
		cookies := env.expiredRequest("ada", "/").Cookies()
		for _, c := range cookies {
			c.Path, c.Secure, c.Domain = "/", true, tt.domain
		}
		b.jar.SetCookies(mustParse(origin), cookies)
		b.openURL("/dashboard")
		if b.status != http.StatusBadRequest || len(b.visited) != 2*tt.redirects+1 || !strings.Contains(b.body, `href="/sign-in?next=%2Fdashboard"`) {
			t.Fatalf("%s: %d after %v: %.400s", tt.name, b.status, b.visited, b.body)
		}
		b.openURL("/dashboard") // at once, while the marker lasts
		if b.status != http.StatusBadRequest || len(b.visited) != 1 {
			t.Errorf("%s: %d after %v", tt.name, b.status, b.visited)
		}
		// Two tabs loop in turns.
		for i := range tt.redirects + 1 {
			want := http.StatusTemporaryRedirect
			if i == tt.redirects {
				want = http.StatusBadRequest
			}
			env.expectStatus(b, "/a", want)
			env.expectStatus(b, "/b", want)
		}
		// Ten restored tabs are ten paths, and other tokens are no repetition.
		for i := range 10 {
			env.expectStatus(b, fmt.Sprint("/tab", i), 307)
		}
		b.jar.SetCookies(mustParse(origin), env.expiredRequest("ada", "/").Cookies())
		env.expectStatus(b, "/tab9", 307)
	}
}

// TestRedirectMarker: a sign-in begins anew, and what else is in the cookie says nothing.
func TestRedirectMarker(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Cookies.SameSite = http.SameSiteStrictMode })
	name := "__Host-cognitogate.redirected." + env.server.UserPool().ClientID
	b := newBrowser(env)
	for range 4 {
		for range 2 {
			env.expectStatus(b, "/dashboard", 307)
		}
		b.openURL("/dashboard")
		b.fillInLogin("ada")
		b.expectPage("/dashboard", "Hello, ada")
		if slices.ContainsFunc(b.jar.Cookies(mustParse(origin)), func(c *http.Cookie) bool { return c.Name == name }) {
			t.Error("the marker has outlived the sign-in")
		}
		b.submitForm("/api/auth/sign-out")
	}
	resp := env.do(pageRequest("/dashboard"))
	for _, c := range resp.Cookies() {
		if c.Name != name || c.MaxAge != 60 || !c.Secure || !c.HttpOnly || c.Domain != "" || c.Path != "/" || c.SameSite != http.SameSiteStrictMode || len(c.Value) != 12 {
			t.Errorf("%+v", c)
		}
	}
	for _, value := range []string{"", ".", "5", "5.", strings.Repeat("9", 12), "8" + strings.Repeat("A", 11), strings.Repeat("8AAAAAAAAAAA.", 4), strings.Repeat("8AAAAAAAAAAA.", 1000), "é"} {
		r := pageRequest("/dashboard")
		r.Header.Set("Cookie", name+"="+value)
		if resp := env.do(r); resp.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("%.30q: %d", value, resp.StatusCode)
		}
	}
}

// expectStatus sends one page request of a browser.
func (env *testEnv) expectStatus(b *browser, target string, status int) {
	env.Helper()
	r, err := http.NewRequest("GET", origin+target, nil)
	if err != nil {
		env.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if resp := b.send(r, false); resp.StatusCode != status {
		env.Errorf("%s: %d, want %d", target, resp.StatusCode, status)
	}
}

// TestRedirectMarkerTellsPagesApart: the return path makes no other page, in any spelling of
// its name, because it grows at every turn of some loops.
func TestRedirectMarkerTellsPagesApart(t *testing.T) {
	env := newEnv(t, func(cfg *cognito.Config) { cfg.Matcher = nil })
	marker := func(target string) string {
		for _, c := range env.do(pageRequest(target)).Cookies() {
			if strings.Contains(c.Name, ".redirected.") {
				return c.Value
			}
		}
		t.Fatalf("%s: no marker", target)
		return ""
	}
	for _, same := range [][2]string{
		{"/dashboard?next=/a", "/dashboard?next=/b/c"}, {"/dashboard?next=/a", "/dashboard?%6eext=/b"},
		{"/dashboard?next=/a&tab=1", "/dashboard?tab=1&n%65xt=/b"},
	} {
		if marker(same[0]) != marker(same[1]) {
			t.Errorf("%s and %s are two pages", same[0], same[1])
		}
	}
	for _, other := range []string{"/dashboard/", "/dashboard?tab=1", "/dashboard?tab=2", "/dashboard?tab=%31%32"} {
		if marker(other) == marker("/dashboard") {
			t.Errorf("%s is no page of its own", other)
		}
	}
}
