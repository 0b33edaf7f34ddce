package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/cookie"
)

// TestForwardCookies hands refreshed cookies to the next handler. A second Fetch does not
// refresh again.
func TestForwardCookies(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(append(e.cookies("ada", e.server.Issue("ada", cognitotest.Expired)), "theme=dark")...)
	w := httptest.NewRecorder()
	first, err := e.manager.Fetch(w, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !e.manager.SetsCookies(w.Header()) {
		t.Error("the refresh sets no cookies")
	}
	before := r.Header.Get("Cookie")
	forwarded := e.manager.ForwardCookies(r, w.Header())
	if r.Header.Get("Cookie") != before || !strings.HasPrefix(forwarded.Header.Get("Cookie"), "theme=dark; ") {
		t.Errorf("forwarded: %.20q", forwarded.Header.Get("Cookie"))
	}
	s, lines, err := e.fetch(forwarded)
	if err != nil || s.AccessToken().Raw() != first.AccessToken().Raw() || len(lines) > 0 {
		t.Errorf("%v, %v, %d lines", s, err, len(lines))
	}

	// After a sign-out no cookie of the session is left, and perhaps no cookie at all.
	r = pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	w = httptest.NewRecorder()
	logError(e.manager.End(w, r))
	if got := e.manager.ForwardCookies(r, w.Header()); got.Header["Cookie"] != nil {
		t.Errorf("after a sign-out: %.100q", got.Header["Cookie"])
	}
}

// TestForwardWithoutChange returns the request itself if the answer sets no cookie of a
// session.
func TestForwardWithoutChange(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	for _, h := range []http.Header{nil, {"Set-Cookie": {"theme=dark", "CognitoIdentityServiceProvider.another.LastAuthUser=bob"}}} {
		if e.manager.SetsCookies(h) || e.manager.ForwardCookies(r, h) != r {
			t.Errorf("%v counts as cookies of a session", h)
		}
	}
}

func TestCookieTooLarge(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	name := e.prefixed("ada.accessToken")
	fits := strings.Repeat("x", cookie.MaxBytes-len(name))
	for line, want := range map[string]bool{
		name + "=" + fits + "; Path=/":      false,
		name + "=" + fits + "x; Path=/":     true,
		"theme=" + fits + fits + "; Path=/": false,
	} {
		if got := e.manager.CookieTooLarge(http.Header{"Set-Cookie": {"theme=dark", line}}); got != want {
			t.Errorf("a line of %d bytes: %v, want %v", len(line), got, want)
		}
	}
}
