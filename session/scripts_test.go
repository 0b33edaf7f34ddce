package session_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// scriptHeaders are headers of requests that are none for a page, as far as the server
// can tell: without Sec-Fetch-Mode, a script's fetch sends "Accept: */*".
var scriptHeaders = []http.Header{
	{"Sec-Fetch-Mode": {"cors"}, "Accept": {"text/html"}},
	{"Accept": {"application/json"}},
	{"Accept": {"*/*"}},
	{},
	{"Accept": {"text/html"}, "Hx-Request": {"true"}},
	{"Accept": {"text/html"}, "X-Requested-With": {"XMLHttpRequest"}},
	{"Accept": {"text/html"}, "Upgrade": {"websocket"}},
	{"Sec-Fetch-Mode": {"navigate"}, "Sec-Purpose": {"prefetch;prerender"}},
	{"Sec-Fetch-Mode": {"cors"}, "X-Sec-Purpose": {"prefetch"}},
}

// pageHeaders are headers of requests for a page. Sec-Fetch-Mode decides, whatever else
// an app or a proxy adds.
var pageHeaders = []http.Header{
	{"Sec-Fetch-Mode": {"navigate"}},
	{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"}},
	{"Sec-Fetch-Mode": {"navigate"}, "X-Requested-With": {"com.example.app"}},
	{"Sec-Fetch-Mode": {"navigate"}, "Authorization": {"Bearer added by a proxy"}},
	{"Sec-Fetch-Mode": {"navigate"}, "Upgrade": {"h2c"}},
	{"Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"}},
	{"Accept": {"text/html"}, "X-Requested-With": {"com.example.app"}, "Upgrade": {"h2c"}},
}

// requestWith returns a request with headers and cookies.
func requestWith(headers http.Header, cookies ...string) *http.Request {
	r := pageRequest(cookies...)
	r.Header.Del("Sec-Fetch-Mode")
	maps.Copy(r.Header, headers)
	return r
}

// TestScriptAnswersDeleteNothing compares the answers to scripts with those to pages. A
// script's answer may arrive when the browser has signed in anew. So it only writes the
// refreshed session, and no LastAuthUser unless there was none.
func TestScriptAnswersDeleteNothing(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, domain := range []string{"", "example.com"} {
		e := newEnv(t, func(c *session.Config) { c.Cookies.Domain = domain })
		expired := func() []string { return e.cookies("ada", e.server.Issue("ada", cognitotest.Expired)) }

		cookies := append(expired(), e.prefixed("ada.signInDetails")+`={"loginId":"a"}`, e.prefixed("ada.accessToken")+"=duplicate", e.prefixed("%61da.idToken")+"=other")
		s, lines, err := e.fetch(scriptRequest(cookies...))
		want := map[string]string{"ada.accessToken": "set", "ada.idToken": "set", "ada.refreshToken": "set", "ada.signInDetails": "set"}
		if got := e.changes(lines); err != nil || s.User().UnverifiedLoginID != "a" || fmt.Sprint(got) != fmt.Sprint(want) || len(lines) != 4 {
			t.Errorf("a refresh for a script changes %v, want %v: %v", got, want, err)
		}
		_, lines, err = e.fetch(pageRequest(cookies...))
		want["LastAuthUser"], want["%61da.idToken"] = "set", "cleared"
		if got := e.changes(lines); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("a refresh for a page changes %v, want %v: %v", got, want, err)
		}
		// Without LastAuthUser nobody would find the new tokens.
		cookies = e.cookies("username", e.server.Issue("ada", cognitotest.Expired))[1:]
		if _, lines, err = e.fetch(scriptRequest(cookies...)); err != nil || e.changes(lines)["LastAuthUser"] != "set" {
			t.Error(lines, err)
		}
		for name, cookies := range map[string][]string{
			"expired":               expired()[:3],
			"garbage":               {e.prefixed("LastAuthUser=ada"), e.prefixed("ada.accessToken=x")},
			"refused refresh token": append(expired()[:3], e.prefixed("ada.refreshToken=refused")),
		} {
			for _, headers := range scriptHeaders {
				if _, lines, err := e.fetch(requestWith(headers, cookies...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
					t.Errorf("%s, a script, %v: %v, %v", name, headers, err, lines)
				}
			}
			r := pageRequest(cookies...)
			r.Method = "POST"
			if _, lines, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("%s, a form: %v, %v", name, err, lines)
			}
			for _, headers := range pageHeaders {
				if _, lines, err := e.fetch(requestWith(headers, cookies...)); !errors.Is(err, session.ErrSignedOut) || !e.cleared(lines) {
					t.Errorf("%s, a page, %v: %v, %v", name, headers, err, lines)
				}
			}
		}
	}
}
