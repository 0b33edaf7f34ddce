package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestScripts is what answers to scripts may do to cookies (W39).
func TestScripts(t *testing.T) {
	for _, domain := range []string{"", "example.com"} {
		p := open(t, func(c *session.Config) { c.Cookies.Domain = domain })
		expired := func() []string { return p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired)) }

		pairs := append(expired(), p.key("ada.signInDetails")+`={"loginId":"a"}`, p.key("ada.accessToken")+"=twin", p.key("%61da.idToken")+"=other")
		s, lines, err := p.fetch(script(pairs...))
		want := map[string]string{"ada.accessToken": "set", "ada.idToken": "set", "ada.refreshToken": "set", "ada.signInDetails": "set"}
		if got := p.changes(lines); err != nil || s.User().UnverifiedLoginID != "a" || fmt.Sprint(got) != fmt.Sprint(want) || len(lines) != 4 {
			t.Errorf("a refresh for a script changes %v, want %v: %v", got, want, err)
		}
		_, lines, err = p.fetch(page(pairs...))
		want["LastAuthUser"], want["%61da.idToken"] = "set", "cleared"
		if got := p.changes(lines); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the same for a page changes %v, want %v: %v", got, want, err)
		}
		// Without LastAuthUser it is written, or the new tokens would not be found.
		pairs = p.cookies("username", p.pool.Issue("ada", cognitotest.Expired))[1:]
		if _, lines, err = p.fetch(script(pairs...)); err != nil || p.changes(lines)["LastAuthUser"] != "set" {
			t.Error(lines, err)
		}
		for name, pairs := range map[string][]string{
			"expired": expired()[:3], "garbage": {p.key("LastAuthUser=ada"), p.key("ada.accessToken=x")},
			"dead": append(expired()[:3], p.key("ada.refreshToken=dead")),
		} {
			for _, edit := range []func(*http.Request){
				func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") },
				func(r *http.Request) { r.Method = "POST" },
				func(r *http.Request) { r.Header.Del("Sec-Fetch-Mode"); r.Header.Set("Accept", "application/json") },
				func(r *http.Request) { r.Header.Set("HX-Request", "true") },
				func(r *http.Request) { r.Header.Set("Upgrade", "websocket") },
			} {
				r := page(pairs...)
				edit(r)
				if _, lines, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
					t.Errorf("%s, no page: %v, %v", name, err, lines)
				}
			}
			if _, lines, err := p.fetch(page(pairs...)); !errors.Is(err, session.ErrSignedOut) || !p.cleared(lines) {
				t.Errorf("%s, a page: %v, %v", name, err, lines)
			}
		}
	}
}
