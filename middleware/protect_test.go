package middleware_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// documented is the matcher of the guide that this project was created from.
const documented = "/((?!api|_next/static|_next/image|favicon.ico|sign-in).*)"

// clock is a clock that tests move, while a fetch of keys in the background may read it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// app is the documented example on a user pool in memory.
type app struct {
	*testing.T
	cognito *cognitotest.Server
	auth    *cognito.Auth
	clock   *clock
	handler http.Handler
	seen    *http.Request // what the handler saw, nil if it did not run

	before map[string]int // calls to Cognito before this test
}

// sharedPool is one pool for all tests of this package, for keys take time to make.
var sharedPool = sync.OnceValue(func() *cognitotest.Server { return cognitotest.New() })

// calls counts the calls of this test to Cognito.
func (a *app) calls(op string) int { return a.cognito.Calls(op) - a.before[op] }

func newApp(t *testing.T, edits ...func(*cognito.Config)) *app {
	t.Helper()
	a := &app{T: t, clock: &clock{now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}}
	a.cognito = sharedPool()
	a.cognito.SetUser(cognitotest.User{Username: "ada", Password: "Passw0rd!", Groups: []string{"admins"}})
	a.cognito.SetUser(cognitotest.User{Username: "grace", Password: "Passw0rd!"})
	a.cognito.SetFault(nil)
	a.cognito.SetRotation(false, 0)
	a.cognito.SetNow(a.clock.Now)
	a.before = make(map[string]int)
	for _, op := range []string{opRefresh, "RevokeToken"} {
		a.before[op] = a.cognito.Calls(op)
	}
	cfg := cognito.Config{
		UserPool:   a.cognito.UserPool(),
		Matcher:    []string{documented},
		HTTPClient: a.cognito.Client(),
		Now:        a.clock.Now,
		Logger:     slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	auth, err := cognito.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.auth = auth
	router := chi.NewRouter()
	router.Use(auth.Protect)
	see := func(w http.ResponseWriter, r *http.Request) {
		a.seen = r
		s, _ := session.FromContext(r.Context())
		fmt.Fprint(w, "Hello, ", s.User().Username)
	}
	router.HandleFunc("/*", see)
	router.With(auth.RequireGroup("admins")).HandleFunc("/admin", see)
	router.With(auth.Load).HandleFunc("/api/public", see)
	router.With(auth.Require).HandleFunc("/api/private", see)
	a.handler = router
	return a
}

func page(target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Accept", "text/html")
	return r
}

func script(target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Accept", "*/*")
	return r
}

func (a *app) do(r *http.Request) *http.Response {
	a.Helper()
	a.seen = nil
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	return w.Result()
}

// cookies names the slots that an answer sets and clears.
func cookies(resp *http.Response) (set, cleared []string) {
	for _, c := range resp.Cookies() {
		slot := c.Name[strings.LastIndexByte(c.Name, '.')+1:]
		if c.MaxAge < 0 {
			cleared = append(cleared, slot)
		} else {
			set = append(set, slot)
		}
	}
	return set, cleared
}

const opRefresh = "GetTokensFromRefreshToken"

func TestDocumentedExample(t *testing.T) {
	t.Run("nobody is sent to the sign-in page, which knows the way back", func(t *testing.T) {
		a := newApp(t)
		resp := a.do(page("/dashboard?tab=2"))
		if resp.StatusCode != http.StatusTemporaryRedirect || resp.Header.Get("Location") != "/sign-in?next=%2Fdashboard%3Ftab%3D2" {
			t.Errorf("got %d to %q", resp.StatusCode, resp.Header.Get("Location"))
		}
		if a.seen != nil {
			t.Error("the handler ran")
		}
		if cc := resp.Header.Get("Cache-Control"); cc != "no-store" {
			t.Errorf("Cache-Control %q", cc)
		}
	})
	t.Run("valid cookies reach the handler with their session", func(t *testing.T) {
		a := newApp(t)
		r := page("/dashboard")
		a.cognito.SignIn(r, "ada")
		resp := a.do(r)
		if resp.StatusCode != http.StatusOK || a.seen == nil {
			t.Fatalf("got %d", resp.StatusCode)
		}
		s, ok := session.FromContext(a.seen.Context())
		if !ok || s.User().Username != "ada" || !s.InGroup("admins") {
			t.Errorf("session %v, %+v", ok, s.User())
		}
		if set, cleared := cookies(resp); set != nil || cleared != nil {
			t.Errorf("cookies set %v, cleared %v", set, cleared)
		}
		if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" {
			t.Errorf("Cache-Control %q", cc)
		}
		if n := a.calls(opRefresh); n != 0 {
			t.Errorf("%d refreshes", n)
		}
	})
	t.Run("an expired access token is refreshed once, for the browser and the handler", func(t *testing.T) {
		a := newApp(t)
		r := page("/dashboard")
		a.cognito.SignIn(r, "ada")
		r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
		old := r.Header.Get("Cookie")
		a.clock.advance(2 * time.Hour)
		resp := a.do(r)
		if resp.StatusCode != http.StatusOK || a.seen == nil {
			t.Fatalf("got %d", resp.StatusCode)
		}
		if n := a.calls(opRefresh); n != 1 {
			t.Errorf("%d calls to Cognito, want 1", n)
		}
		if set, cleared := cookies(resp); strings.Join(set, " ") != "LastAuthUser accessToken idToken refreshToken" || cleared != nil {
			t.Errorf("cookies set %v, cleared %v", set, cleared)
		}
		s, _ := session.FromContext(a.seen.Context())
		header := a.seen.Header.Get("Cookie")
		if !strings.Contains(header, s.AccessToken().Raw()) || !strings.Contains(header, "theme=dark") || strings.Count(header, "accessToken=") != 1 {
			t.Error("the handler does not see the fresh cookies")
		}
		if r.Header.Get("Cookie") != old {
			t.Error("the caller's request was changed")
		}
		if !s.AccessToken().ExpiresAt().After(a.clock.Now()) {
			t.Error("the session is as old as before")
		}
	})
	t.Run("a refused refresh clears the cookies and redirects", func(t *testing.T) {
		a := newApp(t)
		r := page("/dashboard")
		a.cognito.SignIn(r, "ada")
		a.cognito.RemoveUser("ada")
		a.clock.advance(2 * time.Hour)
		resp := a.do(r)
		if resp.StatusCode != http.StatusTemporaryRedirect || a.seen != nil {
			t.Errorf("got %d", resp.StatusCode)
		}
		if set, cleared := cookies(resp); set != nil || len(cleared) < 4 {
			t.Errorf("cookies set %v, cleared %v", set, cleared)
		}
	})
	t.Run("Cognito down is 503, and the cookies stay", func(t *testing.T) {
		a := newApp(t)
		r := page("/dashboard")
		a.cognito.SignIn(r, "ada")
		a.do(r.Clone(r.Context())) // the keys are known
		a.clock.advance(2 * time.Hour)
		a.cognito.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
		resp := a.do(r)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "5" || a.seen != nil {
			t.Errorf("got %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
		if lines := resp.Header["Set-Cookie"]; lines != nil {
			t.Errorf("%d Set-Cookie lines", len(lines))
		}
		a.cognito.SetFault(nil)
		if resp := a.do(r); resp.StatusCode != http.StatusOK {
			t.Errorf("after the outage: %d, want no new sign-in", resp.StatusCode)
		}
	})
	t.Run("without the group it is 403", func(t *testing.T) {
		a := newApp(t)
		r := page("/admin")
		a.cognito.SignIn(r, "grace")
		if resp := a.do(r); resp.StatusCode != http.StatusForbidden || a.seen != nil || resp.Header.Get("Location") != "" {
			t.Errorf("got %d", resp.StatusCode)
		}
		r = page("/admin")
		a.cognito.SignIn(r, "ada")
		if resp := a.do(r); resp.StatusCode != http.StatusOK || a.seen == nil {
			t.Errorf("with the group: got %d", resp.StatusCode)
		}
	})
	t.Run("a script without a session gets 401", func(t *testing.T) {
		a := newApp(t)
		resp := a.do(script("/dashboard"))
		if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") != "Bearer" ||
			resp.Header.Get("Content-Type") != "application/problem+json" || a.seen != nil {
			t.Errorf("got %d %v", resp.StatusCode, resp.Header)
		}
	})
}

func TestPublicPathIsUntouched(t *testing.T) {
	a := newApp(t)
	r := page("/api/other")
	a.cognito.SignIn(r, "ada")
	resp := a.do(r)
	if a.seen == nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %d", resp.StatusCode)
	}
	if _, ok := session.FromContext(a.seen.Context()); ok || resp.Header.Get("Vary") != "" || resp.Header.Get("Cache-Control") != "" {
		t.Error("a public path was touched")
	}
}

func TestLoadNeverRefuses(t *testing.T) {
	a := newApp(t)
	if resp := a.do(page("/api/public")); resp.StatusCode != http.StatusOK || a.seen == nil {
		t.Errorf("nobody: %d", resp.StatusCode)
	}
	r := page("/api/public")
	a.cognito.SignIn(r, "ada")
	a.do(r.Clone(r.Context()))
	if s, ok := session.FromContext(a.seen.Context()); !ok || s.User().Username != "ada" {
		t.Error("ada is not greeted")
	}
	a.clock.advance(2 * time.Hour)
	a.cognito.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 500} })
	if resp := a.do(r); resp.StatusCode != http.StatusOK || a.seen == nil {
		t.Errorf("in an outage: %d", resp.StatusCode)
	}
}

func TestRequireIgnoresTheMatcher(t *testing.T) {
	a := newApp(t)
	if resp := a.do(page("/api/private")); resp.StatusCode != http.StatusTemporaryRedirect || a.seen != nil {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestNestedGuardsRefreshOnce(t *testing.T) {
	a := newApp(t)
	r := page("/admin") // behind Protect and RequireGroup
	a.cognito.SetRotation(true, 0)
	a.cognito.SignIn(r, "ada")
	a.clock.advance(2 * time.Hour)
	if resp := a.do(r); resp.StatusCode != http.StatusOK {
		t.Errorf("got %d", resp.StatusCode)
	}
	if n := a.calls(opRefresh); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

func TestHandlersSignOutReplacesTheGuardsRefresh(t *testing.T) {
	a := newApp(t)
	r := page("/dashboard")
	a.cognito.SignIn(r, "ada")
	a.clock.advance(2 * time.Hour)
	w := httptest.NewRecorder()
	a.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.auth.Sessions().End(w, r); err != nil {
			t.Error(err)
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.WriteHeader(http.StatusOK)
	})).ServeHTTP(w, r)
	resp := w.Result()
	if set, cleared := cookies(resp); set != nil || len(cleared) < 4 {
		t.Errorf("cookies set %v, cleared %v", set, cleared)
	}
	if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" {
		t.Errorf("an answer with our cookies has Cache-Control %q", cc)
	}
	if n := a.calls("RevokeToken"); n != 1 {
		t.Errorf("%d revocations", n)
	}
}

func TestErrorHandlerGetsTheError(t *testing.T) {
	var got error
	a := newApp(t, func(cfg *cognito.Config) {
		cfg.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
			got = err
			w.WriteHeader(http.StatusTeapot)
		}
	})
	if resp := a.do(page("/dashboard")); resp.StatusCode != http.StatusTeapot || !errors.Is(got, session.ErrSignedOut) {
		t.Errorf("got %d, %v", resp.StatusCode, got)
	}
	r := page("/admin")
	a.cognito.SignIn(r, "grace")
	if a.do(r); !errors.Is(got, cognito.ErrForbidden) {
		t.Errorf("got %v", got)
	}
	r = page("/dashboard")
	a.cognito.SignIn(r, "ada")
	a.clock.advance(2 * time.Hour)
	a.cognito.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 500} })
	if a.do(r); !errors.Is(got, tokens.ErrUnavailable) {
		t.Errorf("got %v", got)
	}
}

func TestNewReportsEverythingByField(t *testing.T) {
	_, err := cognito.New(cognito.Config{
		UserPool:    cognito.UserPool{ID: "nowhere"},
		Matcher:     []string{"dashboard", "/("},
		SignIn:      "https://evil.example/",
		ReturnParam: "a b",
		AfterSignIn: "//evil.example",
		Cookies:     session.Cookies{Domain: "a b", SameSite: http.SameSiteNoneMode, Insecure: true},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"UserPool.ID: ", "UserPool.ClientID: ", "Matcher: rule 1 ", "Matcher: rule 2 ", "Cookies.Domain: ", "Cookies.SameSite: ", "SignIn: ", "ReturnParam: ", "AfterSignIn: "} {
		if !strings.Contains(err.Error(), "\n"+field) {
			t.Errorf("no line begins with %q in:\n%v", field, err)
		}
	}
	if _, err := cognito.New(cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}, Matcher: []string{}}); err == nil {
		t.Error("an empty matcher is accepted, which would protect nothing")
	}
}

func TestReturnTo(t *testing.T) {
	a := newApp(t)
	for next, want := range map[string]string{
		"/dashboard?tab=2":               "/dashboard?tab=2",
		"":                               "/",
		"dashboard":                      "/",
		"https://evil.example/":          "/",
		"//evil.example":                 "/",
		`/\evil.example`:                 "/",
		`\/evil.example`:                 "/",
		"/\t/evil.example":               "/",
		"/\n/evil.example":               "/",
		"javascript:alert(1)":            "/",
		"/a" + strings.Repeat("a", 4000): "/",
	} {
		r := httptest.NewRequest("GET", "/sign-in?next="+url.QueryEscape(next), nil)
		if got := a.auth.ReturnTo(r); got != want {
			t.Errorf("ReturnTo(%.40q) = %q, want %q", next, got, want)
		}
	}
}
