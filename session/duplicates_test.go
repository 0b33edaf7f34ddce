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
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestPlantedDuplicates plants up to three cookies of the same name beside each of ada's.
// She stays signed in, whatever they hold and wherever they stand.
func TestPlantedDuplicates(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for kind, plant := range map[string]func(e *env, i int) *tokens.Set{
		"garbage": func(_ *env, i int) *tokens.Set {
			return &tokens.Set{Access: fmt.Sprint("garbage", i), ID: "x.y", Refresh: fmt.Sprint("none", i)}
		},
		"forged": func(e *env, i int) *tokens.Set {
			set := e.server.Issue("ada")
			return &tokens.Set{Access: forge(set.Access, i), ID: forge(set.ID, i), Refresh: fmt.Sprint(set.Refresh, "x")}
		},
		"another issuer's": func(e *env, _ int) *tokens.Set {
			return e.server.Issue("ada", func(d *cognitotest.Draft) { d.Claims["iss"] = "https://issuer.example" })
		},
		// Nobody can tell whether tokens of the updated issuer are genuine while the user
		// pool has not switched to it.
		"undecided": func(e *env, i int) *tokens.Set {
			set := e.server.Issue("ada", func(d *cognitotest.Draft) {
				d.Claims["iss"] = strings.Replace(e.server.UserPool().IssuerURL(), "https://", "https://issuer-", 1)
			})
			set.Refresh = fmt.Sprint("none", i)
			return set
		},
		"another user's": func(e *env, _ int) *tokens.Set {
			set := e.server.Issue("bob", cognitotest.Expired)
			set.Access = "x"
			return set
		},
		"signed out": func(e *env, _ int) *tokens.Set {
			set := e.server.Issue("ada")
			e.end(scriptRequest(e.cookies("ada", set)...))
			return set
		},
		"empty": func(*env, int) *tokens.Set { return new(tokens.Set) },
	} {
		e := newEnv(t, nil) // one key set for all cases of a kind
		for _, expired := range []bool{false, true} {
			for _, n := range longtest.Scale([]int{2}, []int{1, 2, 3}) {
				for _, where := range []string{"before", "behind"} {
					t.Run(fmt.Sprintf("%d %s %s, expired %t", n, kind, where, expired), func(t *testing.T) {
						e.manager = e.newManager(nil)
						e.logs.Reset()
						cookies := e.cookies("ada", e.server.Issue("ada"))
						if expired {
							e.advance(2 * time.Hour)
						}
						for i := range n {
							planted := e.cookies("ada", plant(e, i))[1:]
							if where == "before" {
								cookies = append(planted, cookies...)
							} else {
								cookies = append(cookies, planted...)
							}
						}
						s, _, err := e.fetch(pageRequest(cookies...))
						if err != nil {
							t.Fatal(err)
						}
						if s.User().Username != "ada" || !s.InGroup("admins") {
							t.Errorf("the session is that of %v", s.User())
						}
						if id := s.IDToken(); id != nil && id.Username() != "ada" {
							t.Error("the ID token is another user's")
						}
						if kind != "empty" && !strings.Contains(e.logs.String(), "Cookies.Domain and Cookies.Path must equal") {
							t.Error("nothing is logged")
						}
					})
				}
			}
		}
	}
}

// TestPlantedRefreshTokens plants refresh tokens alone. A request asks Cognito about two
// of them. The next request passes over those that Cognito has refused.
func TestPlantedRefreshTokens(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	for i := range 3 {
		cookies = append([]string{e.prefixed("ada.refreshToken") + "=" + fmt.Sprint("planted", i)}, cookies...)
	}
	s, lines, err := e.fetch(pageRequest(cookies...))
	if !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
		t.Fatalf("first request: %v, %v, %v: nothing may be cleared while a token is untried", s, err, lines)
	}
	if n := e.server.Calls(opRefresh); n != 2 {
		t.Errorf("%d calls", n)
	}
	if s, _, err = e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" {
		t.Errorf("second request: %v, %v", s, err)
	}
}

// TestPlantedRefreshTokenOfAnotherUser plants bob's refresh token, which works, beside
// ada's.
func TestPlantedRefreshTokenOfAnotherUser(t *testing.T) {
	t.Parallel()
	for _, rotation := range []bool{false, true} {
		e := newEnv(t, nil)
		e.server.SetRotation(rotation, 0)
		cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
		cookies = append([]string{e.prefixed("ada.refreshToken") + "=" + e.server.Issue("bob").Refresh}, cookies...)
		s, lines, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.User().Username != "ada" || e.changes(lines)["ada.accessToken"] != "set" {
			t.Errorf("rotation %v: %v, %v", rotation, s, err)
		}
	}
}

// TestPlantedUser plants an expired session of bob's, newer than ada's, and names it in
// another LastAuthUser. Cognito refuses its refresh token.
func TestPlantedUser(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	own := e.cookies("ada", e.server.Issue("ada"))
	e.advance(time.Minute)
	planted := e.cookies("bob", e.server.Issue("bob"))
	planted[3] = e.prefixed("bob.refreshToken") + "=refused"
	e.advance(2 * time.Hour)
	for _, cookies := range [][]string{slices.Concat(planted, own), slices.Concat(own, planted)} {
		s, lines, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.User().Username != "ada" {
			t.Fatalf("%v, %v", s, err)
		}
		if e.changes(lines)["LastAuthUser"] != "set" {
			t.Error("LastAuthUser is not repaired")
		}
	}
}

// TestTooManyDuplicates sends more access tokens than signatures are checked for. Nothing
// can be told and nothing is cleared while some are unchecked. The next request goes on.
func TestTooManyDuplicates(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	cookies := []string{e.prefixed("LastAuthUser") + "=ada"}
	for i := range 60 {
		cookies = append(cookies, e.prefixed("ada.accessToken")+"="+forge(set.Access, i))
	}
	cookies = append(cookies, e.prefixed("ada.accessToken")+"="+set.Access)
	for range 2 {
		s, lines, err := e.fetch(pageRequest(cookies...))
		if err == nil && s.AccessToken().Raw() != set.Access || err != nil && !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Errorf("%v, %v, %v", s, err, lines)
		}
	}
	for range 2 {
		if s, _, err := e.fetch(pageRequest(cookies...)); err != nil || s.AccessToken().Raw() != set.Access {
			t.Errorf("%v, %v", s, err)
		}
	}
	served := 0
	for range 40 { // what was refused is forgotten after each request
		e.manager = e.newManager(nil)
		if s, _, err := e.fetch(pageRequest(cookies...)); err == nil && s.AccessToken().Raw() == set.Access {
			served++
		}
	}
	if served == 0 {
		t.Error("the same tokens are left out each time")
	}
}

// TestLatestDuplicateWins sends two sessions of one user, as after a change of Domain.
func TestLatestDuplicateWins(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	old := e.cookies("ada", e.server.Issue("ada"))
	e.advance(time.Minute)
	set := e.server.Issue("ada")
	fresh := e.cookies("ada", set)
	for _, cookies := range [][]string{slices.Concat(old, fresh), slices.Concat(fresh, old)} {
		s, _, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.AccessToken().Raw() != set.Access {
			t.Error("the older access token is used: ", err)
		}
	}
}

// TestDuplicatesFromSubdomain has a sibling subdomain plant duplicates in a browser.
func TestDuplicatesFromSubdomain(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	const app = "https://app.example.com/dashboard"
	for _, n := range longtest.Scale([]int{3}, []int{1, 2, 3}) {
		e := newEnv(t, nil)
		b := newBrowser()
		b.visit(app, func(w http.ResponseWriter, r *http.Request) {
			if _, err := e.manager.Start(w, r, e.server.Issue("ada")); err != nil {
				t.Error(err)
			}
		})
		scopes := []string{"Domain=example.com; Path=/dashboard", "Domain=example.com; Path=/", "Domain=app.example.com; Path=/dashboard"}
		for _, scope := range scopes[:n] {
			from := "https://evil.example.com/"
			if strings.Contains(scope, "app.") {
				from = site
			}
			for _, name := range []string{"LastAuthUser", "ada.accessToken", "ada.refreshToken"} {
				b.setCookie(from, e.prefixed(name)+"=planted; "+scope)
			}
		}
		if sent := len(b.cookiesFor(app)); sent != 4+3*n {
			t.Fatalf("%d cookies are sent", sent)
		}
		for _, age := range []time.Duration{0, 2 * time.Hour} {
			e.advance(age)
			b.visit(app, func(w http.ResponseWriter, r *http.Request) {
				if s, err := e.manager.Fetch(w, r, nil); n < 3 || age == 0 {
					if err != nil || s.User().Username != "ada" {
						t.Errorf("%d duplicates, after %v: %v, %v", n, age, s, err)
					}
				}
			})
			b.visit(app, func(w http.ResponseWriter, r *http.Request) {
				if s, err := e.manager.Fetch(w, r, nil); err != nil || s.User().Username != "ada" {
					t.Errorf("%d duplicates, after %v, again: %v, %v", n, age, s, err)
				}
			})
		}
	}
}
