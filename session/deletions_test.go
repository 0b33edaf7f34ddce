package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestDeletionsReachEveryScope has a browser hold a session with and without a Domain. A
// sign-out, a refused session and a new sign-in leave no cookie of it.
func TestDeletionsReachEveryScope(t *testing.T) {
	t.Parallel()
	const app = site + "x"
	for _, domain := range []string{"", "example.com"} {
		for _, held := range [][]string{{""}, {"; Domain=example.com"}, {"", "; Domain=example.com"}} {
			if domain == "" && len(held[len(held)-1]) > 0 {
				continue // nobody can know of that Domain
			}
			for _, event := range []string{"sign-out", "refused session", "sign-in"} {
				t.Run(fmt.Sprintf("%s with %q held as %q", event, domain, held), func(t *testing.T) {
					e := newEnv(t, func(c *session.Config) { c.Cookies.Domain = domain })
					b := newBrowser()
					for _, scope := range held {
						set := e.server.Issue("ada", cognitotest.Expired)
						for _, cookie := range append(e.cookies("ada", set), e.prefixed("ada.clockDrift")+"=-7200000",
							e.prefixed("ada.signInDetails")+"={}", e.prefixed("ada.oauthMetadata")+"={}", e.prefixed("ada.deviceKey")+"=stays") {
							if event == "refused session" && strings.Contains(cookie, "refreshToken") {
								continue
							}
							b.setCookie(app, cookie+"; Path=/; Secure"+scope)
						}
					}
					bobs := e.server.Issue("bob")
					b.visit(app, func(w http.ResponseWriter, r *http.Request) {
						switch event {
						case "sign-out":
							if err := e.manager.End(w, r); err != nil {
								t.Error(err)
							}
						case "refused session":
							if _, err := e.manager.Fetch(w, r, nil); !errors.Is(err, session.ErrSignedOut) {
								t.Error(err)
							}
						case "sign-in":
							if _, err := e.manager.Start(w, r, bobs); err != nil {
								t.Error(err)
							}
						}
					})
					left := slices.DeleteFunc(b.cookiesFor(app), func(cookie string) bool { return strings.Contains(cookie, "deviceKey") })
					var want []string
					if event == "sign-in" {
						want = e.cookies("bob", bobs)
					}
					slices.Sort(left)
					slices.Sort(want)
					if !slices.Equal(left, want) {
						t.Errorf("left: %.100q", left)
					}
				})
			}
		}
	}
}

// TestRefreshDeletesHostOnlyCookies has Domain newly configured. The browser sends the
// host-only cookies beside the new ones, for ever, unless a refresh deletes them.
func TestRefreshDeletesHostOnlyCookies(t *testing.T) {
	e := newEnv(t, func(c *session.Config) { c.Cookies.Domain = "example.com" })
	b := newBrowser()
	for _, cookie := range e.cookies("ada", e.server.Issue("ada", cognitotest.Expired)) {
		b.setCookie(site, cookie+"; Path=/; Secure")
	}
	var last *session.Session
	fetch := func(w http.ResponseWriter, r *http.Request) {
		s, err := e.manager.Fetch(w, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		last = s
	}
	b.visit(site, fetch) // writes cookies with Domain
	e.advance(2 * time.Hour)
	b.visit(site, fetch) // finds each name twice
	if n := len(b.cookiesFor(site)); n != 4 {
		t.Errorf("%d cookies", n)
	}
	b.visit(site, fetch)
	if !strings.Contains(strings.Join(b.cookiesFor(site), ";"), last.AccessToken().Raw()) {
		t.Error("the new cookies were deleted")
	}
}
