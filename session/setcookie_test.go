package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestTooLargeCookieIsLogged writes a cookie that browsers drop, and logs it once a
// minute.
func TestTooLargeCookieIsLogged(t *testing.T) {
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

// TestCookieAttributes writes and deletes with each setting of Config.Cookies.
func TestCookieAttributes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cookies           session.Cookies
		setting, deletion string
	}{
		{session.Cookies{}, "Path=/; Max-Age=31536000; Secure; SameSite=Lax", "Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; SameSite=Lax"},
		{session.Cookies{Insecure: true, SameSite: http.SameSiteDefaultMode}, "Path=/; Max-Age=31536000", "Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"},
		{session.Cookies{Domain: ".example.com", MaxAge: 500 * 24 * time.Hour}, "Path=/; Max-Age=34560000; Domain=example.com; Secure; SameSite=Lax",
			"Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Domain=example.com; Secure; SameSite=Lax"},
		{session.Cookies{HTTPOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: time.Hour}, "Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Strict",
			"Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; HttpOnly; SameSite=Strict"},
		{session.Cookies{SameSite: http.SameSiteNoneMode}, "Path=/; Max-Age=31536000; Secure; SameSite=None", "Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; SameSite=None"},
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
		w = httptest.NewRecorder()
		if err := e.manager.End(w, pageRequest(cookies...)); err != nil {
			t.Error(err)
		}
		found := 0
		for _, line := range w.Header()["Set-Cookie"] {
			if _, attributes, _ := strings.Cut(line, "; "); attributes == test.deletion {
				found++
			} else if test.cookies.Domain == "" || strings.Contains(attributes, "Domain=") {
				t.Errorf("%+v deletes with %q", test.cookies, attributes)
			}
		}
		if found < 4 {
			t.Errorf("%+v: %d deletions", test.cookies, found)
		}
		if w.Header().Get("Cache-Control") != "private, no-store" || w.Header().Get("Vary") != "Cookie" {
			t.Error("the answer may be cached")
		}
	}
}

// TestHTTPOnlyHidesEveryCookie writes only the cookies that hold tokens and LastAuthUser.
// It clears every cookie of the request.
func TestHTTPOnlyHidesEveryCookie(t *testing.T) {
	e := newEnv(t, func(c *session.Config) { c.Cookies.HTTPOnly = true })
	cookies := append(e.cookies("ada", e.server.Issue("ada", cognitotest.Expired)), e.prefixed("ada.signInDetails")+"={}", e.prefixed("ada.clockDrift")+"=5")
	_, lines, err := e.fetch(pageRequest(cookies...))
	if err != nil || len(lines) != 4 {
		t.Errorf("a refresh writes %.80q, %v", lines, err)
	}
	deletions, _ := e.end(pageRequest(cookies...))
	checkDeleted(t, deletions, []string{e.prefixed("LastAuthUser"), e.prefixed("ada.accessToken"), e.prefixed("ada.idToken"),
		e.prefixed("ada.refreshToken"), e.prefixed("ada.signInDetails"), e.prefixed("ada.clockDrift")})
	if len(deletions) != 6 {
		t.Errorf("%q", deletions)
	}
	for _, line := range append(lines, deletions...) {
		if !strings.Contains(line, "; HttpOnly") {
			t.Errorf("scripts can read %.100q", line)
		}
	}
}
