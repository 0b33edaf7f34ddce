package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestTooLargeCookieIsLogged writes a cookie that browsers drop, and logs it once a
// minute.
func TestTooLargeCookieIsLogged(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	groups := make([]string, 200)
	for i := range groups {
		groups[i] = fmt.Sprint("department-of-things-", i)
	}
	e := newEnv(t, nil, cognitotest.User{Username: "ada", Groups: groups})
	for range 3 {
		w := httptest.NewRecorder()
		if _, err := e.manager.Start(w, pageRequest(), e.server.Issue("ada")); err != nil {
			t.Fatal(err)
		}
	}
	log := e.logs.String()
	if strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "fewer groups") || !strings.Contains(log, "limit=4096") {
		t.Errorf("the log: %s", log)
	}
}

// TestCookieAttributes writes and deletes with each setting of Config.Cookies. scopes are
// those of the deletions, without what all of them have.
func TestCookieAttributes(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	const parents = "Path=/ Domain=app.example.com, Path=/ Domain=example.com"
	for _, test := range []struct {
		cookies                   session.Cookies
		setting, scopes, deletion string
	}{
		{session.Cookies{}, "Path=/; Max-Age=31536000; Secure; SameSite=Lax", "Path=/, " + parents, "; Secure; SameSite=Lax"},
		{session.Cookies{Insecure: true, SameSite: http.SameSiteDefaultMode}, "Path=/; Max-Age=31536000", "Path=/, " + parents, ""},
		{session.Cookies{Domain: ".Example.com", MaxAge: 500 * 24 * time.Hour}, "Path=/; Max-Age=34560000; Domain=example.com; Secure; SameSite=Lax",
			"Path=/, " + parents, "; Secure; SameSite=Lax"},
		{session.Cookies{HTTPOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: time.Hour}, "Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Strict",
			"Path=/, " + parents, "; Secure; HttpOnly; SameSite=Strict"},
		{session.Cookies{SameSite: http.SameSiteNoneMode}, "Path=/; Max-Age=31536000; Secure; SameSite=None", "Path=/, " + parents, "; Secure; SameSite=None"},
		{session.Cookies{UntilClosed: true}, "Path=/; Secure; SameSite=Lax", "Path=/, " + parents, "; Secure; SameSite=Lax"},
		{session.Cookies{Path: "/app"}, "Path=/app; Max-Age=31536000; Secure; SameSite=Lax",
			"Path=/, " + parents + ", Path=/app, Path=/app Domain=app.example.com, Path=/app Domain=example.com", "; Secure; SameSite=Lax"},
		{session.Cookies{SameSite: http.SameSiteNoneMode, Partitioned: true}, "Path=/; Max-Age=31536000; Secure; SameSite=None; Partitioned",
			"Path=/, " + parents + ", Path=/ Partitioned, Path=/ Domain=app.example.com Partitioned, Path=/ Domain=example.com Partitioned", "; Secure; SameSite=None"},
	} {
		e := newEnv(t, func(c *session.Config) { c.Cookies = test.cookies })
		w := httptest.NewRecorder()
		if _, err := e.manager.Start(w, pageRequest(), e.server.Issue("ada")); err != nil {
			t.Fatal(err)
		}
		var cookies []string
		for _, line := range w.Header()["Set-Cookie"] {
			cookie, attributes, _ := strings.Cut(line, "; ")
			cookies = append(cookies, cookie)
			if attributes != test.setting {
				t.Errorf("%+v sets with %q", test.cookies, attributes)
			}
		}
		_, lines, err := e.fetchWith(pageRequest(cookies...), forced)
		if err != nil || len(lines) != 4 {
			t.Errorf("%+v: a refresh writes %.200q, %v", test.cookies, lines, err)
		}
		for _, line := range lines {
			if _, attributes, _ := strings.Cut(line, "; "); attributes != test.setting {
				t.Errorf("%+v: a refresh sets with %q", test.cookies, attributes)
			}
		}
		w = httptest.NewRecorder()
		if err := e.manager.End(w, pageRequest(cookies...)); err != nil {
			t.Error(err)
		}
		scopes := make(map[string][]string) // of the deletions, by name
		for _, line := range w.Header()["Set-Cookie"] {
			name, attributes, _ := strings.Cut(line, "=; ")
			rest, partitioned := strings.CutSuffix(attributes, "; Partitioned")
			rest, ok := strings.CutSuffix(rest, test.deletion)
			path, domain, deletes := strings.Cut(rest, "; Max-Age=0")
			if !ok || !deletes || strings.Contains(path, ";") {
				t.Errorf("%+v deletes with %q", test.cookies, attributes)
			}
			scope := path + strings.Replace(domain, ";", "", 1)
			if partitioned {
				scope += " Partitioned"
			}
			scopes[name] = append(scopes[name], scope)
		}
		want := strings.Split(test.scopes, ", ")
		slices.Sort(want)
		for _, name := range []string{"LastAuthUser", "ada.accessToken", "ada.idToken", "ada.refreshToken"} {
			got := scopes[e.prefixed(name)]
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%+v: %s is deleted in %q, want %q", test.cookies, name, got, want)
			}
		}
		if w.Header().Get("Cache-Control") != "private, no-store" || w.Header().Get("Vary") != "Cookie" {
			t.Error("the answer may be cached")
		}
	}
}

// TestHTTPOnlyHidesEveryCookie writes only the cookies that hold tokens and LastAuthUser.
// It clears every cookie of the request.
func TestHTTPOnlyHidesEveryCookie(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.Cookies.HTTPOnly = true })
	cookies := append(e.cookies("ada", e.server.Issue("ada", cognitotest.Expired)), e.prefixed("ada.signInDetails")+"={}", e.prefixed("ada.clockDrift")+"=5")
	_, lines, err := e.fetch(pageRequest(cookies...))
	if err != nil || len(lines) != 4 {
		t.Errorf("a refresh writes %.80q, %v", lines, err)
	}
	deletions, _ := e.end(pageRequest(cookies...))
	checkDeleted(t, deletions, []string{e.prefixed("LastAuthUser"), e.prefixed("ada.accessToken"), e.prefixed("ada.idToken"),
		e.prefixed("ada.refreshToken"), e.prefixed("ada.signInDetails"), e.prefixed("ada.clockDrift")})
	if n := len(e.changes(deletions)); n != 6 {
		t.Errorf("%d names: %q", n, deletions)
	}
	for _, line := range append(lines, deletions...) {
		if !strings.Contains(line, "; HttpOnly") {
			t.Errorf("scripts can read %.100q", line)
		}
	}
}
