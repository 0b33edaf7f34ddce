package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// pageEnv is an environment whose pages are noted.
type pageEnv struct {
	*testEnv
	pages map[cognito.PageKind]*http.Response
	noted *cognito.Page // the latest
}

func newPageEnv(t *testing.T, edits ...func(*cognito.Config)) *pageEnv {
	env := &pageEnv{pages: make(map[cognito.PageKind]*http.Response)}
	env.testEnv = newRoutesEnv(t, append(edits, func(cfg *cognito.Config) {
		cfg.Page = func(_ http.ResponseWriter, _ *http.Request, p *cognito.Page) { env.noted = p }
	})...)
	return env
}

// expect checks that an answer is a page of this kind, with these actions, and notes it.
func (env *pageEnv) expect(resp *http.Response, kind cognito.PageKind, status int, actions ...string) {
	env.Helper()
	p := env.noted
	if env.noted = nil; p == nil {
		env.Errorf("%s: no page, %d", kind, resp.StatusCode)
		return
	}
	env.pages[kind] = resp
	var got []string
	for _, a := range p.Actions {
		line := string(a.Kind) + " " + a.URL
		if a.Post {
			line += " by POST"
		}
		if a.WholeTab {
			line += " in the whole tab"
		}
		if a.Text == "" {
			env.Errorf("%s: the action %s has no text", kind, line)
		}
		got = append(got, line)
	}
	if p.Kind != kind || p.Status != status || resp.StatusCode != status || p.Lang != "en" || p.Title == "" || !slices.Equal(got, actions) {
		env.Errorf("%s: %d %+v", kind, resp.StatusCode, p)
	}
}

// signIn runs a sign-in up to its callback, which edit may change.
func (env *pageEnv) signIn(edit func(query string) string) *http.Response {
	env.Helper()
	authorize, flow := env.startFlow("/api/auth/sign-in?next=/dashboard%3Ftab%3D2")
	callback := env.completeLogin(authorize, "ada").RequestURI()
	path, query, _ := strings.Cut(callback, "?")
	return env.get(path+"?"+edit(query), flow)
}

func failing(op string) func(string) cognitotest.Fault {
	return func(called string) cognitotest.Fault {
		if op == "" || called == op {
			return cognitotest.Fault{Drop: true}
		}
		return cognitotest.Fault{}
	}
}

// allPages requests each page, and checks its ways out.
func allPages(t *testing.T) map[cognito.PageKind]*http.Response {
	t.Helper()
	var refuses error
	env := newPageEnv(t, func(cfg *cognito.Config) {
		cfg.Cookies.SameSite = http.SameSiteStrictMode
		cfg.AfterSignIn, cfg.AfterSignOut = "/start", "/bye"
		cfg.Login.State = func(r *http.Request) string { return r.Header.Get("X-State") }
		cfg.Hooks.SignedIn = func(_ context.Context, _ cognito.SignIn) error { return refuses }
	})
	clientID := env.server.UserPool().ClientID
	const (
		again = "sign-in /api/auth/sign-in"
		home  = "home /bye"
		back  = "?next=%2Fdashboard%3Ftab%3D2"
		other = "switch-account /api/auth/sign-in" + back + "&prompt=login"
	)

	resp := env.do(env.signedInRequest("grace", "/admin?q=1"))
	env.expect(resp, cognito.PageForbidden, 403, "home /start", "switch-account /api/auth/sign-in?next=%2Fadmin%3Fq%3D1&prompt=login", "sign-out /api/auth/sign-out by POST")
	r := env.signedInRequest("grace", "/admin")
	r.Method = http.MethodPost
	env.expect(env.do(r), cognito.PageForbidden, 403, "home /start", "switch-account /api/auth/sign-in?prompt=login", "sign-out /api/auth/sign-out by POST")
	env.server.SetFault(failing(""))
	resp = env.do(env.expiredRequest("ada", "/dashboard?tab=2"))
	env.expect(resp, cognito.PageUnavailable, 503, "retry /dashboard?tab=2", home, again+back)
	if resp.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	env.server.SetFault(nil)
	r = pageRequest("/api/auth/sign-in?next=/dashboard")
	r.Host = host
	r.Header.Set("X-State", strings.Repeat("x", 4000))
	env.expect(env.do(r), cognito.PageError, 500, "retry /api/auth/sign-in?next=/dashboard", home)

	as := func(code string) func(string) string {
		return func(query string) string {
			_, state, _ := strings.Cut(query, "state=")
			state, _, _ = strings.Cut(state, "&")
			return "error=" + code + "&state=" + state
		}
	}
	env.expect(env.signIn(as("access_denied")), cognito.PageSignInCancelled, 400, again+back, other, home)
	env.expect(env.signIn(as("invalid_request")), cognito.PageSignInRefused, 400, again+back, other, home)
	refuses = fmt.Errorf("no: %w", cognito.ErrForbidden)
	same := func(query string) string { return query }
	env.expect(env.signIn(same), cognito.PageSignInRefused, 403, other, "sign-out /api/auth/sign-out by POST", home)
	refuses = errors.New("the database is down")
	env.expect(env.signIn(same), cognito.PageSignInFailed, 500, again+back, home)
	refuses = fmt.Errorf("the database is down: %w", tokens.ErrUnavailable)
	env.expect(env.signIn(same), cognito.PageSignInUnavailable, 503, again+back, home)
	refuses = nil
	env.expect(env.signIn(func(q string) string { return strings.Replace(q, "code=", "code=x", 1) }), cognito.PageSignInFailed, 400, again+back, home)
	env.server.SetFault(failing("Token"))
	env.expect(env.signIn(same), cognito.PageSignInUnavailable, 503, again+back, home)
	env.server.SetFault(nil)
	env.server.SetFault(func(op string) (f cognitotest.Fault) {
		if op == "Token" {
			f = cognitotest.Fault{Status: 400, Body: `{"error":"invalid_client"}`}
		}
		return f
	})
	env.expect(env.signIn(same), cognito.PageError, 500, home)
	env.server.SetFault(nil)
	authorize, flow := env.startFlow("/api/auth/sign-in?prompt=none&next=/dashboard%3Ftab%3D2")
	env.expect(env.get("/api/auth/sign-in-callback?error=login_required&state="+authorize.Query().Get("state"), flow), cognito.PageSignInRequired, 400, again+back, other, home)
	env.expect(env.get("/api/auth/sign-in?max_age=1&next=/dashboard%3Ftab%3D2"), cognito.PageSignInLink, 400, again+back, home)
	r = pageRequest("/api/auth/sign-up?next=/dashboard")
	r.Header.Set("Sec-Fetch-Dest", "iframe")
	env.expect(env.do(r), cognito.PageInFrame, 200, "sign-in /api/auth/sign-up?next=/dashboard in the whole tab")
	env.expect(env.get("/api/auth/sign-in-callback?code=x&state=y"), cognito.PageSignInLost, 400, again, home)
	env.expect(env.signIn(same), cognito.PageSignedIn, 200, "continue /dashboard?tab=2")

	anew := again + back + "&recent=300"
	authorize, flow = env.startFlow("/api/auth/sign-in?recent=300&next=/dashboard%3Ftab%3D2")
	old, err := env.server.Authorize(authorize.String(), "ada", func(d *cognitotest.Draft) { d.Claims["auth_time"] = 1 })
	if err != nil {
		t.Fatal(err)
	}
	env.expect(env.get(old, flow), cognito.PageNotRecent, 403, anew, "home /start")
	r = env.signedInRequest("ada", "/")
	env.clock.advance(10 * time.Minute)
	authorize, flow = env.startFlow("/api/auth/sign-in?recent=300&next=/dashboard%3Ftab%3D2", r.Cookies()...)
	env.expect(env.get(env.completeLogin(authorize, "grace").RequestURI(), flow), cognito.PageOtherUser, 403, anew, "sign-out /api/auth/sign-out by POST", "home /start")

	env.expect(env.get("/dashboard", &http.Cookie{Name: markerCookiePrefix + clientID, Value: "2"}), cognito.PageSignInLoop, 400, again, home)
	r = pageRequest("/api/auth/sign-out")
	r.Host = host
	env.expect(env.do(r), cognito.PageSignOut, 200, "sign-out /api/auth/sign-out by POST", "home /start")
	b := newBrowser(env.testEnv)
	for range 8 {
		env.expectStatus(b, "/dashboard", 307)
	}
	r, _ = http.NewRequest("GET", origin+"/dashboard", nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	env.expect(b.send(r, false), cognito.PageRedirectLoop, 400, again+"?next=%2Fdashboard", home)
	env.handler = env.auth.Require(env.auth.Routes())
	env.expect(env.get("/api/auth/sign-in/"), cognito.PageOtherSlash, 400, "continue /api/auth/sign-in", home)
	env.expect(env.get("/api/auth/sign-in"), cognito.PageSignInGuarded, 400, home)
	return env.pages
}

// TestEveryPageKindIsServed compares the constants with what allPages has seen.
func TestEveryPageKindIsServed(t *testing.T) {
	pages := allPages(t)
	f, err := parser.ParseFile(gotoken.NewFileSet(), "page.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok && fmt.Sprint(spec.Type) == "PageKind" {
			kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if n++; err != nil || pages[cognito.PageKind(kind)] == nil {
				t.Errorf("no test has seen the page %s", spec.Names[0])
			}
		}
		return true
	})
	if n != len(pages) {
		t.Errorf("%d kinds, %d pages", n, len(pages))
	}
}

// TestWaysOutLeadOut follows them.
func TestWaysOutLeadOut(t *testing.T) {
	env := newPageEnv(t)
	b := newBrowser(env.testEnv)
	b.openURL("/admin")
	b.fillInLogin("grace")
	env.noted = nil
	b.openURL("/admin")
	if b.status != 403 || env.noted == nil {
		t.Fatalf("%d", b.status)
	}
	b.followLink(env.noted.Actions[1].URL)
	b.fillInLogin("ada")
	b.expectPage("/admin", "Hello, ada")
	b.submitForm("/api/auth/sign-out")
	b.openURL("/admin")
	b.fillInLogin("grace")
	if b.status != 403 {
		t.Fatalf("%d", b.status)
	}
	b.submitForm(env.noted.Actions[2].URL)
	b.openURL("/dashboard")
	if b.url.Path != "/login" {
		t.Errorf("not signed out: at %s", b.url)
	}
}

// TestPagesWithoutRoutes: Amplify signs in, on a page that this server does not know.
func TestPagesWithoutRoutes(t *testing.T) {
	for _, c := range []struct {
		name, target, base string
		method             string
		status             int
		want               string
	}{
		{"forbidden", "/admin", "", "GET", 403, "/ /sign-in?next=%2Fadmin"},
		{"forbidden form", "/admin", "", "POST", 403, "/ /sign-in"},
		{"forbidden home page", "/", "", "GET", 403, "/sign-in?next=%2F"},
		{"forbidden home page with a query", "/?a", "", "GET", 403, "/sign-in?next=%2F%3Fa"},
		{"forbidden below BasePath", "/app/admin", "/app", "GET", 403, "/app/ /app/sign-in?next=%2Fapp%2Fadmin"},
		{"unavailable", "/admin?ä=1", "", "GET", 503, "/admin?%C3%A4=1 / /sign-in?next=%2Fadmin%3F%C3%A4%3D1"},
		{"unavailable form", "/admin", "", "POST", 503, "/ /sign-in"},
		{"network-path reference", "//evil.example/x", "", "GET", 503, "/ /sign-in"},
		{"backslash", `/\evil.example`, "", "GET", 503, "/ /sign-in"},
		{"long", "/" + strings.Repeat("x", 3000), "", "GET", 503, "/ /sign-in"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var noted *cognito.Page
			cfg := cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}, BasePath: c.base}
			cfg.Page = func(_ http.ResponseWriter, _ *http.Request, p *cognito.Page) { noted = p }
			auth, err := cognito.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			r := pageRequest("/")
			r.Method, r.RequestURI = c.method, c.target
			r.URL = mustParse("/x")
			if !strings.HasPrefix(c.target, "//") && !strings.HasPrefix(c.target, `/\`) {
				r.URL = mustParse(strings.TrimPrefix(c.target, c.base))
			}
			w := httptest.NewRecorder()
			refusal := cognito.ErrForbidden
			if c.status == 503 {
				refusal = tokens.ErrUnavailable
			}
			r.Header.Set("Content-Type", "text/plain")
			auth.ServeError(w, r, refusal)
			var urls []string
			for _, a := range noted.Actions {
				urls = append(urls, a.URL)
			}
			if got := strings.Join(urls, " "); got != c.want || w.Code != c.status {
				t.Errorf("%d %s, want %s", w.Code, got, c.want)
			}
		})
	}
}

// TestPageWriterKeepsTheHeader: whatever the function of the program does, the status, the
// cookies and the headers that protect the page are on the answer.
func TestPageWriterKeepsTheHeader(t *testing.T) {
	const own = "default-src 'self'; script-src 'self'"
	var write func(w http.ResponseWriter, r *http.Request)
	env := newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.Cookies.SameSite = http.SameSiteStrictMode
		cfg.Page = func(w http.ResponseWriter, r *http.Request, p *cognito.Page) { p.Title = "Changed"; write(w, r) }
	})
	for name, c := range map[string]struct {
		write  func(http.ResponseWriter, *http.Request)
		status int
		body   string
		policy string // of the content
	}{
		"nothing":                      {func(http.ResponseWriter, *http.Request) {}, 200, "<h1>Changed</h1>", "sha256-"},
		"nothing but a cleared header": {func(w http.ResponseWriter, _ *http.Request) { clear(w.Header()) }, 200, "<h1>Changed</h1>", "sha256-"},
		"a body":                       {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Mine") }, 200, "Mine", "style-src 'self'"},
		"a status":                     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); fmt.Fprint(w, "Mine") }, 200, "Mine", "style-src 'self'"},
		"a second status":              {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Mine"); w.WriteHeader(500) }, 200, "Mine", "style-src 'self'"},
		"an early hint":                {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); fmt.Fprint(w, "Mine") }, 200, "Mine", "style-src 'self'"},
		"a cleared header":             {func(w http.ResponseWriter, _ *http.Request) { clear(w.Header()); fmt.Fprint(w, "Mine") }, 200, "Mine", "style-src 'self'"},
		"headers for caches": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=600")
			w.Header().Set("Vary", "Accept-Language")
			w.Header().Set("Set-Cookie", "lang=de")
			w.Header().Set("X-Content-Type-Options", "")
			fmt.Fprint(w, "Mine")
		}, 200, "Mine", "style-src 'self'"},
		"a policy": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Security-Policy", own)
			fmt.Fprint(w, "Mine")
		}, 200, "Mine", own},
		"an error": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Mine", http.StatusServiceUnavailable) }, 503, "Mine", "style-src 'self'"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/errors/here", http.StatusSeeOther)
		}, 303, "", "style-src 'self'"},
		"a flush": {func(w http.ResponseWriter, _ *http.Request) {
			if http.NewResponseController(w).Flush() == nil {
				t.Error("the writer can be flushed")
			}
			fmt.Fprint(w, "Mine")
		}, 200, "Mine", "style-src 'self'"},
	} {
		t.Run(name, func(t *testing.T) {
			env.T, write = t, c.write
			authorize, flow := env.startFlow("/api/auth/sign-in?next=/dashboard")
			resp := env.get(env.completeLogin(authorize, "ada").RequestURI(), flow)
			h, body := resp.Header, readBody(t, resp)
			if (name == "a redirect") != (h.Get("Location") == "/errors/here") {
				t.Errorf("to %q", h.Get("Location"))
			}
			if resp.StatusCode != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			policy := strings.Join(h["Content-Security-Policy"], "\n")
			for _, want := range []string{"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self' https:", c.policy} {
				if !strings.Contains(policy, want) {
					t.Errorf("the policy %q lacks %s", policy, want)
				}
			}
			if cc := h.Get("Cache-Control"); cc != "no-store" || len(h["Cache-Control"]) != 1 || !strings.Contains(strings.Join(h["Vary"], ","), "Cookie") ||
				h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" || h.Get("Content-Type") == "" {
				t.Errorf("header %v", h)
			}
			if sessionUser(resp) != "ada" || (name == "headers for caches") != slices.Contains(h["Set-Cookie"], "lang=de") {
				t.Errorf("cookies %q", h["Set-Cookie"])
			}
			seen := make(map[string]bool)
			for _, line := range h["Set-Cookie"] {
				if seen[line] {
					t.Errorf("twice: %s", line)
				}
				seen[line] = true
			}
		})
	}
}

// TestPagePolicyOfAMiddleware stays beside ours, for pages of the program's own.
func TestPagePolicyOfAMiddleware(t *testing.T) {
	const theirs = "default-src 'self'; script-src 'nonce-abc'"
	for _, custom := range []bool{false, true} {
		env := newRoutesEnv(t, func(cfg *cognito.Config) {
			cfg.Page = func(w http.ResponseWriter, _ *http.Request, p *cognito.Page) {
				if custom {
					fmt.Fprint(w, "Mine")
				}
			}
		})
		inner := env.handler
		env.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", theirs)
			inner.ServeHTTP(w, r)
		})
		got := env.get("/api/auth/sign-in-callback").Header["Content-Security-Policy"]
		if custom != slices.Contains(got, theirs) || !strings.Contains(got[0], "frame-ancestors 'none'") {
			t.Errorf("%q", got)
		}
	}
}

// TestErrorHandlerComesBeforeThePage: it answers what a guard refuses, as before.
func TestErrorHandlerComesBeforeThePage(t *testing.T) {
	asked := 0
	env := newPageEnv(t, func(cfg *cognito.Config) {
		cfg.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
			asked++
			http.Error(w, "Mine", http.StatusTeapot)
		}
	})
	resp := env.do(env.signedInRequest("grace", "/admin"))
	if resp.StatusCode != http.StatusTeapot || asked != 1 || env.noted != nil {
		t.Errorf("%d, asked %d times, page %v", resp.StatusCode, asked, env.noted)
	}
	env.expect(env.get("/api/auth/sign-in-callback"), cognito.PageSignInLost, 400, "sign-in /api/auth/sign-in", "home /")
}

// TestPageSeesTheSession: a page may greet its user.
func TestPageSeesTheSession(t *testing.T) {
	var user string
	var auth *cognito.Auth
	env := newEnv(t, func(cfg *cognito.Config) {
		cfg.Page = func(_ http.ResponseWriter, r *http.Request, p *cognito.Page) { user = auth.Session(r).User().Username }
	})
	auth = env.auth
	if env.do(env.signedInRequest("grace", "/admin")); user != "grace" {
		t.Errorf("user %q", user)
	}
	// A refreshed session reaches the browser beside the page.
	if set, _ := changedCookies(env.do(env.expiredRequest("grace", "/admin"))); len(set) == 0 {
		t.Error("the refreshed cookies are lost")
	}
}
