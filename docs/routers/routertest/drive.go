// Package routertest drives the programs that docs/routers.md shows.
package routertest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// Drive visits a site that has /, /users/{id} and, for the group admins, /admin. encoded is
// what the router makes of /users/a%2Fb.
func Drive(t *testing.T, cfg cognito.Config, newSite func(*cognito.Auth) http.Handler, encoded string) {
	server := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}}, cognitotest.User{Username: "grace"})
	cfg.UserPool, cfg.HTTPClient = server.UserPool(), server.Client()
	cfg.Secret = []byte("the 44 characters that openssl rand printed.")
	auth, err := cognito.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	site := newSite(auth)
	users := map[string]*http.Request{"": httptest.NewRequest("GET", "/", nil)}
	for _, name := range []string{"ada", "grace"} {
		users[name] = httptest.NewRequest("GET", "/", nil)
		server.SignIn(users[name], name)
	}
	visit := func(user, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Header = users[user].Header.Clone()
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w
	}

	for _, tt := range []struct {
		user, path string
		status     int
		want       string // in the body, or Location
	}{
		{"", "/", 200, "Welcome"},
		{"", "/users/7", 307, "/api/auth/sign-in?next=%2Fusers%2F7"},
		{"", "/users/a%2Fb", 307, "/api/auth/sign-in?next=%2Fusers%2Fa%252Fb"},
		{"", "/%75sers/a%2Fb", 307, "/api/auth/sign-in?next=%2F%2575sers%2Fa%252Fb"},
		{"", "/admin", 307, "/api/auth/sign-in?next=%2Fadmin"},
		{"", "/nowhere", 307, "/api/auth/sign-in?next=%2Fnowhere"},
		{"ada", "/users/7", 200, `ada sees user "7"`},
		{"grace", "/users/7", 200, `grace sees user "7"`},
		{"ada", "/admin", 200, "Hello, admin"},
		{"grace", "/admin", 403, ""},
		{"ada", "/nowhere", 404, ""},
		{"ada", "/", 200, "Welcome"},
	} {
		w := visit(tt.user, tt.path)
		if got := w.Body.String() + w.Header().Get("Location"); w.Code != tt.status || !strings.Contains(got, tt.want) {
			t.Errorf("%q at %s: %d %q, want %d %q", tt.user, tt.path, w.Code, got, tt.status, tt.want)
		}
		if cc := w.Header().Get("Cache-Control"); tt.path != "/" && !strings.Contains(cc, "no-store") {
			t.Errorf("%q at %s: Cache-Control %q", tt.user, tt.path, cc)
		}
	}

	if w := visit("ada", "/users/a%2Fb"); w.Body.String() != encoded {
		t.Errorf("/users/a%%2Fb: %d %q, want %q", w.Code, w.Body, encoded)
	}

	// Routers read a path in several ways. No spelling leads around a guard.
	for _, path := range []string{
		"/%61dmin", "/admin/", "//admin", "/admin%2F", "/%2Fadmin", "/x/../admin", "/x%2F..%2Fadmin", "/admin;x", "/ADMIN", "/./admin", "/admin%3Fx",
	} {
		for _, user := range []string{"", "grace"} {
			if w := visit(user, path); strings.Contains(w.Body.String(), "Hello, admin") {
				t.Errorf("%q at %s: %d %q", user, path, w.Code, w.Body)
			}
		}
	}

	// A refresh reaches the browser, also on an answer that the router makes itself.
	for _, path := range []string{"/users/7", "/admin", "/nowhere"} {
		r := httptest.NewRequest("GET", path, nil)
		server.SignIn(r, "ada", cognitotest.Expired)
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		cookies, cacheControl := len(w.Result().Cookies()), w.Header().Get("Cache-Control")
		if cookies < 3 || !strings.Contains(cacheControl, "no-store") {
			t.Errorf("%s with expired tokens: %d, %d cookies, Cache-Control %q", path, w.Code, cookies, cacheControl)
		}
	}

	signIn(t, server, site)
}

// signIn signs in and out through the routes.
func signIn(t *testing.T, server *cognitotest.Server, site http.Handler) {
	var cookies []*http.Cookie
	visit := func(method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, nil)
		r.Host = "localhost:8080"
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w
	}
	begin := visit("GET", "/api/auth/sign-in?next=%2Fusers%2F7")
	callback, err := server.Authorize(begin.Header().Get("Location"), "ada")
	if err != nil {
		t.Fatalf("%v: %d %s", err, begin.Code, begin.Body)
	}
	cookies = begin.Result().Cookies()
	back := visit("GET", strings.TrimPrefix(callback, "http://localhost:8080"))
	cookies = nil
	for _, c := range back.Result().Cookies() {
		if c.MaxAge >= 0 {
			cookies = append(cookies, c)
		}
	}
	if w := visit("GET", back.Header().Get("Location")); w.Body.String() != "ada sees user \"7\"\n" {
		t.Errorf("after the sign-in: %d %q at %q", w.Code, w.Body, back.Header().Get("Location"))
	}
	if w := visit("POST", "/api/auth/sign-out"); w.Code/100 != 3 {
		t.Errorf("the sign-out answers %d %s", w.Code, w.Body)
	}
	if w := visit("GET", "/users/7"); w.Code != 307 {
		t.Errorf("after the sign-out: %d %q", w.Code, w.Body)
	}
}
