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

// TestDeletionsInAJar has a browser that holds a session in several scopes sign
// out, meet a dead session, and sign in anew.
func TestDeletionsInAJar(t *testing.T) {
	const app = "https://app.example.com/x"
	for _, domain := range []string{"", "example.com"} {
		for _, held := range [][]string{{""}, {"; Domain=example.com"}, {"", "; Domain=example.com"}} {
			if domain == "" && len(held[len(held)-1]) > 0 {
				continue // nobody can know of that Domain
			}
			for _, what := range []string{"sign-out", "dead", "sign-in"} {
				t.Run(fmt.Sprintf("%s with %q held as %q", what, domain, held), func(t *testing.T) {
					p := open(t, func(c *session.Config) { c.Cookies.Domain = domain })
					b := newBrowser()
					for _, scope := range held {
						set := p.pool.Issue("ada", cognitotest.Expired)
						for _, pair := range append(p.cookies("ada", set), p.key("ada.clockDrift")+"=-7200000",
							p.key("ada.signInDetails")+"={}", p.key("ada.oauthMetadata")+"={}", p.key("ada.deviceKey")+"=kept") {
							if what == "dead" && strings.Contains(pair, "refreshToken") {
								continue
							}
							b.plant(app, pair+"; Path=/; Secure"+scope)
						}
					}
					bob := p.pool.Issue("bob")
					b.visit(app, func(w http.ResponseWriter, r *http.Request) {
						switch what {
						case "sign-out":
							if err := p.m.End(w, r); err != nil {
								t.Error(err)
							}
						case "dead":
							if _, err := p.m.Fetch(w, r, nil); !errors.Is(err, session.ErrSignedOut) {
								t.Error(err)
							}
						case "sign-in":
							if _, err := p.m.Start(w, r, bob); err != nil {
								t.Error(err)
							}
						}
					})
					left := slices.DeleteFunc(b.pairs(app), func(pair string) bool { return strings.Contains(pair, "deviceKey") })
					var want []string
					if what == "sign-in" {
						want = p.cookies("bob", bob)
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

// TestRefreshInAJar has Domain newly configured: the refresh must not leave the
// host-only cookies beside the new ones, where both would be sent for ever.
func TestRefreshInAJar(t *testing.T) {
	const app = "https://app.example.com/x"
	p := open(t, func(c *session.Config) { c.Cookies.Domain = "example.com" })
	b := newBrowser()
	for _, pair := range p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired)) {
		b.plant(app, pair+"; Path=/; Secure")
	}
	var last *session.Session
	fetch := func(w http.ResponseWriter, r *http.Request) {
		s, err := p.m.Fetch(w, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		last = s
	}
	b.visit(app, fetch) // writes with Domain
	p.wait(2 * time.Hour)
	b.visit(app, fetch) // finds each name twice
	if n := len(b.pairs(app)); n != 4 {
		t.Errorf("%d cookies", n)
	}
	b.visit(app, fetch)
	if !strings.Contains(strings.Join(b.pairs(app), ";"), last.AccessToken().Raw()) {
		t.Error("the new cookies were deleted")
	}
}
