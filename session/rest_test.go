package session_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// shortID makes an ID token expire in five minutes, long before the access token.
func (p *place) shortID(d *cognitotest.Draft) {
	if d.Use == tokens.ID {
		d.Claims["exp"] = p.time().Add(5 * time.Minute).Unix()
	}
}

// TestOutageLetsValidSessionsRest has Cognito fail or hang while an ID token has
// expired and the access token has not: that must not cost every request a call and
// the wait for it. What is needed is asked for all the same.
func TestOutageLetsValidSessionsRest(t *testing.T) {
	for name, fault := range map[string]cognitotest.Fault{
		"down": {Status: 503}, "throttled": {Status: 429}, "hung": {Delay: time.Hour}, "no connection": {Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, nil)
				r := page(p.cookies("ada", p.pool.Issue("ada", p.shortID))...)
				if s, _, err := p.fetch(r); err != nil || s.IDToken() == nil { // fetches the keys
					t.Fatal(s, err)
				}
				p.wait(time.Hour - time.Minute)
				p.pool.SetFault(func(string) cognitotest.Fault { return fault })
				for turn := 1; turn <= 3; turn++ {
					began := time.Now()
					for range 20 {
						if s, lines, err := p.fetch(r); err != nil || s.IDToken() != nil || len(lines) > 0 {
							t.Fatalf("%v with ID token %v, %v, %v", s, s.IDToken(), lines, err)
						}
					}
					if took := time.Since(began); took > 5*time.Second {
						t.Errorf("twenty requests have waited for %v", took)
					}
					// A refresh is at most two calls.
					if n := p.pool.Calls(opRefresh); n < turn || n > 2*turn {
						t.Errorf("%d calls after %d turns of ten seconds", n, turn)
					}
					p.wait(10 * time.Second)
				}
				p.wait(27 * time.Second) // the access token has three seconds left
				if s, _, err := p.fetch(r); err != nil || s.IDToken() != nil {
					t.Errorf("%v, %v", s, err)
				}
				before := p.pool.Calls(opRefresh)
				if _, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); !errors.Is(err, tokens.ErrUnavailable) || p.pool.Calls(opRefresh) == before {
					t.Errorf("forced: %v after %d calls", err, p.pool.Calls(opRefresh)-before)
				}
				p.wait(3 * time.Second)
				before = p.pool.Calls(opRefresh)
				if _, _, err := p.fetch(r); !errors.Is(err, tokens.ErrUnavailable) || p.pool.Calls(opRefresh) == before {
					t.Errorf("expired: %v after %d calls", err, p.pool.Calls(opRefresh)-before)
				}
				p.pool.SetFault(nil)
				if s, lines, err := p.fetch(r); err != nil || s.IDToken() == nil || len(lines) == 0 {
					t.Errorf("expired, and Cognito is back: %v, %v, %v", s, lines, err)
				}
			})
		})
	}
}

// TestOutageIsOver renews what had to rest soon after an outage.
func TestOutageIsOver(t *testing.T) {
	p := open(t, nil)
	r := page(p.cookies("ada", p.pool.Issue("ada", p.shortID))...)
	if _, _, err := p.fetch(r); err != nil { // fetches the keys
		t.Fatal(err)
	}
	p.wait(6 * time.Minute)
	p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
	if s, _, err := p.fetch(r); err != nil || s.IDToken() != nil {
		t.Fatalf("%v, %v", s, err)
	}
	p.pool.SetFault(nil)
	p.wait(10 * time.Second)
	if s, lines, err := p.fetch(r); err != nil || s.IDToken() == nil || len(lines) == 0 {
		t.Errorf("after ten seconds: %v, %v, %v", s, lines, err)
	}
}

// TestRestThoughSomethingIsKept has an outage begin after a refresh whose answer the
// browser has missed, when the kept tokens are about to expire, too.
func TestRestThoughSomethingIsKept(t *testing.T) {
	p := open(t, func(c *session.Config) { c.RefreshBefore = 4 * time.Minute })
	p.pool.SetLifetime(5 * time.Minute)
	p.pool.SetRotation(true, 0)
	r := page(p.cookies("ada", p.pool.Issue("ada"))...)
	p.wait(61 * time.Second)
	if _, _, err := p.fetch(r); err != nil || p.pool.Calls(opRefresh) != 1 { // lost
		t.Fatal(err)
	}
	p.wait(61 * time.Second)
	p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
	p.fetch(r)
	before := p.pool.Calls(opRefresh)
	for range 10 {
		if _, _, err := p.fetch(r); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.pool.Calls(opRefresh) - before; n > 0 {
		t.Errorf("%d calls for ten requests of a session that rests", n)
	}
}

// TestRestOfPlanted is the same with mallory's refresh token among ada's cookies.
func TestRestOfPlanted(t *testing.T) {
	p := open(t, nil)
	set, bobs := p.pool.Issue("ada"), p.pool.Issue("bob")
	p.wait(time.Minute)
	if _, _, err := p.fetchWith(page(p.cookies("bob", bobs)...), &session.FetchOptions{ForceRefresh: true}); err != nil {
		t.Fatal(err)
	}
	p.pool.SetFault(func(op string) cognitotest.Fault {
		if op == "JWKS" {
			return cognitotest.Fault{}
		}
		return cognitotest.Fault{Status: 503}
	})
	pairs := p.cookies("ada", set)
	pairs = append([]string{p.key("ada.refreshToken=" + bobs.Refresh)}, pairs...)
	p.fetch(page(pairs...))
	before := p.pool.Calls(opRefresh)
	for range 10 {
		if _, _, err := p.fetch(page(pairs...)); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.pool.Calls(opRefresh) - before; n > 0 {
		t.Errorf("%d calls for ten requests of a session that rests", n)
	}
}

// TestFloodKeepsRest has mallory's requests, for which Cognito is not asked, make the
// program forget that ada's session rests.
func TestFloodKeepsRest(t *testing.T) {
	p := open(t, nil)
	ada, bob := p.pool.Issue("ada", p.shortID), p.pool.Issue("bob", p.shortID)
	p.fetch(page(p.cookies("ada", ada)...))
	p.wait(10 * time.Minute)
	p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
	p.fetch(page(p.cookies("ada", ada)...))
	p.fetch(page(p.cookies("ada", ada)...))
	p.flood(1, 9000, "bob", bob, func(pairs []string) { p.fetch(script(pairs...)) })
	before := p.pool.Calls(opRefresh)
	p.fetch(page(p.cookies("ada", ada)...))
	if n := p.pool.Calls(opRefresh) - before; n != 0 {
		t.Errorf("%d calls: ada's session does not rest", n)
	}
}

// TestPlantedRestingToken keeps a refresh token at rest, that is planted before ada's.
func TestPlantedRestingToken(t *testing.T) {
	p := open(t, nil)
	ada, bob := p.pool.Issue("ada", p.shortID), p.pool.Issue("bob", p.shortID)
	p.fetch(page(p.cookies("ada", ada)...))
	p.wait(10 * time.Minute)
	p.flood(1, 6, "bob", bob, func(pairs []string) { p.fetch(script(pairs...)) }) // spends bob's budget
	for range 4 {
		p.wait(9 * time.Second)
		b := p.cookies("bob", bob)
		b[3] = p.key("bob.refreshToken=planted")
		p.fetch(script(b...))
		s, _, err := p.fetch(page(append([]string{p.key("ada.refreshToken=planted")}, p.cookies("ada", ada)...)...))
		if err != nil || s.IDToken() == nil {
			t.Errorf("%v, ada's ID token is not refreshed", err)
		}
	}
}
