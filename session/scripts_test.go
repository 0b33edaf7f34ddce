package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestScriptAnswersDeleteNothing compares the answers to scripts with those to pages. A
// script's answer may arrive when the browser has signed in anew. So it only writes the
// refreshed session, and no LastAuthUser unless there was none.
func TestScriptAnswersDeleteNothing(t *testing.T) {
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
			for _, edit := range []func(*http.Request){
				func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") },
				func(r *http.Request) { r.Method = "POST" },
				func(r *http.Request) { r.Header.Del("Sec-Fetch-Mode"); r.Header.Set("Accept", "application/json") },
				func(r *http.Request) { r.Header.Set("HX-Request", "true") },
				func(r *http.Request) { r.Header.Set("Upgrade", "websocket") },
			} {
				r := pageRequest(cookies...)
				edit(r)
				if _, lines, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
					t.Errorf("%s, a script: %v, %v", name, err, lines)
				}
			}
			if _, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) || !e.cleared(lines) {
				t.Errorf("%s, a page: %v, %v", name, err, lines)
			}
		}
	}
}
