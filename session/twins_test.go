package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// forge replaces a piece of a token's signature.
func forge(raw string, i int) string {
	at := len(raw) - 40
	return raw[:at] + fmt.Sprint("FORGED", i) + raw[at+7:]
}

// TestPlantedTwins plants up to three cookies of the same name beside each of
// ada's: whatever they hold and wherever they stand, she stays signed in.
func TestPlantedTwins(t *testing.T) {
	kinds := map[string]func(p *place, i int) *tokens.Set{
		"garbage": func(_ *place, i int) *tokens.Set {
			return &tokens.Set{Access: fmt.Sprint("garbage", i), ID: "x.y", Refresh: fmt.Sprint("none", i)}
		},
		"forged": func(p *place, i int) *tokens.Set {
			set := p.pool.Issue("ada")
			return &tokens.Set{Access: forge(set.Access, i), ID: forge(set.ID, i), Refresh: fmt.Sprint(set.Refresh, "x")}
		},
		"another issuer's": func(p *place, i int) *tokens.Set {
			return p.pool.Issue("ada", func(d *cognitotest.Draft) { d.Claims["iss"] = "https://issuer.example" })
		},
		// The updated issuer of a pool that has not switched cannot be judged.
		"in doubt": func(p *place, i int) *tokens.Set {
			set := p.pool.Issue("ada", func(d *cognitotest.Draft) {
				d.Claims["iss"] = strings.Replace(p.pool.UserPool().IssuerURL(), "https://", "https://issuer-", 1)
			})
			set.Refresh = fmt.Sprint("none", i)
			return set
		},
		"another user's": func(p *place, i int) *tokens.Set {
			set := p.pool.Issue("bob", cognitotest.Expired)
			set.Access = "x"
			return set
		},
		"signed out": func(p *place, i int) *tokens.Set {
			set := p.pool.Issue("ada")
			note(p.m.End(httptest.NewRecorder(), script(p.cookies("ada", set)...)))
			return set
		},
		"of no user": func(p *place, i int) *tokens.Set { return new(tokens.Set) },
	}
	for kind, planted := range kinds {
		for _, age := range []string{"valid", "expired"} {
			for n := 1; n <= 3; n++ {
				for _, where := range []string{"before", "behind"} {
					t.Run(fmt.Sprint(n, " ", kind, " ", where, " ", age), func(t *testing.T) {
						p := open(t, nil)
						pairs := p.cookies("ada", p.pool.Issue("ada"))
						if age == "expired" {
							p.wait(2 * time.Hour)
						}
						for i := range n {
							twins := p.cookies("ada", planted(p, i))[1:]
							if where == "before" {
								pairs = append(twins, pairs...)
							} else {
								pairs = append(pairs, twins...)
							}
						}
						s, _, err := p.fetch(page(pairs...))
						if err != nil {
							t.Fatal(err)
						}
						if s.User().Username != "ada" || !s.InGroup("admins") {
							t.Errorf("the session is %v's", s.User())
						}
						if id := s.IDToken(); id != nil && id.Username() != "ada" {
							t.Error("the ID token is another user's")
						}
						if kind != "of no user" && !strings.Contains(p.logs.String(), "Cookies.Domain must equal") {
							t.Error("nobody is told")
						}
					})
				}
			}
		}
	}
}

// TestPlantedRefreshTokens plants refresh tokens alone. Cognito is asked about two
// for a request; those that it has refused are passed over by the next.
func TestPlantedRefreshTokens(t *testing.T) {
	p := open(t, nil)
	pairs := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
	for i := range 3 {
		pairs = append([]string{p.key("ada.refreshToken") + "=" + fmt.Sprint("planted", i)}, pairs...)
	}
	s, lines, err := p.fetch(page(pairs...))
	if !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
		t.Fatalf("first request: %v, %v, %v: nothing may be cleared while a token is untried", s, err, lines)
	}
	if n := p.pool.Calls("GetTokensFromRefreshToken"); n != 2 {
		t.Errorf("%d calls", n)
	}
	if s, _, err = p.fetch(page(pairs...)); err != nil || s.User().Username != "ada" {
		t.Errorf("second request: %v, %v", s, err)
	}
}

// TestPlantedRefreshTokenOfAnotherUser has mallory plant a refresh token of her
// own, which works, beside ada's.
func TestPlantedRefreshTokenOfAnotherUser(t *testing.T) {
	for _, rotation := range []bool{false, true} {
		p := open(t, nil)
		p.pool.SetRotation(rotation, 0)
		pairs := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
		pairs = append([]string{p.key("ada.refreshToken") + "=" + p.pool.Issue("bob").Refresh}, pairs...)
		s, lines, err := p.fetch(page(pairs...))
		if err != nil || s.User().Username != "ada" || p.changes(lines)["ada.accessToken"] != "set" {
			t.Errorf("rotation %v: %v, %v", rotation, s, err)
		}
	}
}

// TestPlantedUser has mallory plant a dead session of her own, newer than ada's,
// and name it in another LastAuthUser.
func TestPlantedUser(t *testing.T) {
	p := open(t, nil)
	pairs := p.cookies("ada", p.pool.Issue("ada"))
	p.wait(time.Minute)
	dead := p.cookies("bob", p.pool.Issue("bob"))
	dead[3] = p.key("bob.refreshToken") + "=dead"
	p.wait(2 * time.Hour)
	for _, order := range [][]string{append(slices.Clone(dead), pairs...), append(slices.Clone(pairs), dead...)} {
		s, lines, err := p.fetch(page(order...))
		if err != nil || s.User().Username != "ada" {
			t.Fatalf("%v, %v", s, err)
		}
		if p.changes(lines)["LastAuthUser"] != "set" {
			t.Error("LastAuthUser is not repaired")
		}
	}
}

// TestTooManyTwins has more candidates than signatures are checked for. Not having
// looked is no reason to clear.
func TestTooManyTwins(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	pairs := []string{p.key("LastAuthUser") + "=ada"}
	for i := range 6 {
		pairs = append(pairs, p.key("ada.accessToken")+"="+forge(set.Access, i))
	}
	_, lines, err := p.fetch(page(append(pairs, p.key("ada.accessToken")+"="+set.Access)...))
	if !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
		t.Errorf("%v, %v", err, lines)
	}
}

// TestLatestOfTwins has the same session twice, as after a change of Domain.
func TestLatestOfTwins(t *testing.T) {
	p := open(t, nil)
	old := p.cookies("ada", p.pool.Issue("ada"))
	p.wait(time.Minute)
	set := p.pool.Issue("ada")
	fresh := p.cookies("ada", set)
	for _, order := range [][]string{append(slices.Clone(old), fresh...), append(slices.Clone(fresh), old...)} {
		s, _, err := p.fetch(page(order...))
		if err != nil || s.AccessToken().Raw() != set.Access {
			t.Error("the older access token is used: ", err)
		}
	}
}

// TestTwinsInAJar plants a twin from a sibling subdomain, as a real jar keeps it.
func TestTwinsInAJar(t *testing.T) {
	const app = "https://app.example.com/dashboard"
	for n := 1; n <= 3; n++ {
		p := open(t, nil)
		b := newBrowser()
		b.visit(app, func(w http.ResponseWriter, r *http.Request) {
			if _, err := p.m.Start(w, r, p.pool.Issue("ada")); err != nil {
				t.Error(err)
			}
		})
		scopes := []string{"Domain=example.com; Path=/dashboard", "Domain=example.com; Path=/", "Domain=app.example.com; Path=/dashboard"}
		for _, scope := range scopes[:n] {
			from := "https://evil.example.com/"
			if strings.Contains(scope, "app.") {
				from = "https://app.example.com/"
			}
			for _, slot := range []string{"LastAuthUser", "ada.accessToken", "ada.refreshToken"} {
				b.plant(from, p.key(slot)+"=planted; "+scope)
			}
		}
		if sent := len(b.pairs(app)); sent != 4+3*n {
			t.Fatalf("%d cookies are sent", sent)
		}
		for _, age := range []time.Duration{0, 2 * time.Hour} {
			p.wait(age)
			b.visit(app, func(w http.ResponseWriter, r *http.Request) {
				if s, err := p.m.Fetch(w, r, nil); n < 3 || age == 0 {
					if err != nil || s.User().Username != "ada" {
						t.Errorf("%d twins, after %v: %v, %v", n, age, s, err)
					}
				}
			})
			b.visit(app, func(w http.ResponseWriter, r *http.Request) {
				if s, err := p.m.Fetch(w, r, nil); err != nil || s.User().Username != "ada" {
					t.Errorf("%d twins, after %v, again: %v, %v", n, age, s, err)
				}
			})
		}
	}
}
