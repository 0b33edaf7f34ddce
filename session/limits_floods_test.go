package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// flood sends requests with random refresh tokens beside a session's tokens, from so
// many goroutines.
func (p *place) flood(goroutines, requests int, user string, set *tokens.Set, send func(pairs []string)) {
	inParallel(goroutines, requests, func(i int) {
		random := *set
		random.Refresh = fmt.Sprintf("random%dof%d", i, requests)
		send(p.cookies(user, &random))
	})
}

// TestOneTokenBuysNoFlood has one expired token of bob's and thousands of random
// refresh tokens spend no more of Cognito's quota than they may, and lock nobody else
// out. First as many calls as there can be are under way at once. TestFloods does the
// same without a genuine token.
func TestOneTokenBuysNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, nil)
		ada, bob := p.pool.Issue("ada", cognitotest.Expired), p.pool.Issue("bob", cognitotest.Expired)
		p.fetch(script(p.cookies("bob", &tokens.Set{Access: bob.Access})...)) // fetches the keys
		release := p.gate(opRefresh)
		var over atomic.Int32
		requests := longtest.Scale(1000, 10_000)
		p.flood(100, requests, "bob", bob, func(pairs []string) {
			if s, _, err := p.fetch(script(pairs...)); err == nil {
				t.Errorf("a session: %v", s)
			}
			if over.Add(1) == int32(requests)*9/10 { // none of them has waited for a call
				release()
			}
		})
		if n := p.pool.Calls(opRefresh); n < 5 || n > 5+40 {
			t.Errorf("%d calls", n)
		}
		before := p.pool.Calls(opRefresh)
		if s, _, err := p.fetch(page(p.cookies("ada", ada)...)); err != nil || s.User().Username != "ada" {
			t.Errorf("ada is locked out: %v, %v", s, err)
		}
		p.flood(1, 100, "bob", bob, func(pairs []string) { p.fetch(script(pairs...)) })
		if n := p.pool.Calls(opRefresh) - before; n != 1 {
			t.Errorf("%d calls, want ada's", n)
		}

		// One after the other, a minute later.
		p.wait(time.Minute)
		before = p.pool.Calls(opRefresh)
		p.flood(1, 100, "bob", bob, func(pairs []string) { p.fetch(script(pairs...)) })
		if n := p.pool.Calls(opRefresh) - before; n != 5 {
			t.Errorf("%d calls in a later minute", n)
		}
		p.wait(time.Minute)
		if s, _, err := p.fetch(page(p.cookies("bob", bob)...)); err != nil || s.User().Username != "bob" {
			t.Errorf("bob is locked out for longer than a minute: %v, %v", s, err)
		}
	})
}

// TestOneTokenFloodsNoFailingCognito is the same while Cognito is throttling, which is
// what an attacker wants, or failing: it comes to rest.
func TestOneTokenFloodsNoFailingCognito(t *testing.T) {
	for name, test := range map[string]struct {
		fault cognitotest.Fault
		calls int // that a refresh may make
	}{
		"throttled": {cognitotest.Fault{Status: 429}, 2}, // certainly without effect, so tried again
		"failing":   {cognitotest.Fault{Status: 500, Body: "<html>"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, nil)
				ada, bob := p.pool.Issue("ada", cognitotest.Expired), p.pool.Issue("bob", cognitotest.Expired)
				p.fetch(script(p.cookies("bob", &tokens.Set{Access: bob.Access})...)) // fetches the keys
				p.pool.SetFault(func(string) cognitotest.Fault { return test.fault })
				p.flood(8, 1000, "bob", bob, func(pairs []string) {
					if s, _, err := p.fetch(script(pairs...)); !errors.Is(err, tokens.ErrUnavailable) {
						t.Errorf("%v, %v", s, err)
					}
				})
				// Eight may be on their way when the fortieth has failed.
				if n := p.pool.Calls(opRefresh); n < 40*test.calls || n > (40+8)*test.calls {
					t.Errorf("%d calls", n)
				}
				p.pool.SetFault(nil)
				if s, _, err := p.fetch(page(p.cookies("ada", ada)...)); err != nil || s.User().Username != "ada" {
					t.Errorf("ada is locked out: %v, %v", s, err)
				}
				p.wait(10 * time.Second)
				if s, _, err := p.fetch(page(p.cookies("bob", bob)...)); err != nil || s.User().Username != "bob" {
					t.Errorf("bob is locked out for longer than ten seconds: %v, %v", s, err)
				}
			})
		})
	}
}

// TestSignOutBuysNoFlood is the same through sign-outs, by somebody who is signed in.
func TestSignOutBuysNoFlood(t *testing.T) {
	p := open(t, nil)
	ada, bob := p.pool.Issue("ada"), p.pool.Issue("bob")
	p.flood(8, 2000, "bob", bob, func(pairs []string) {
		w := httptest.NewRecorder()
		note(p.m.End(w, script(pairs...)))
		if !p.cleared(w.Header()["Set-Cookie"]) {
			t.Errorf("bob's browser keeps cookies: %v", p.changes(w.Header()["Set-Cookie"]))
		}
	})
	if n := p.pool.Calls("RevokeToken"); n > 20 {
		t.Errorf("%d calls", n)
	}
	if err := p.m.End(httptest.NewRecorder(), script(p.cookies("ada", ada)...)); err != nil || p.pool.Calls("RevokeToken") != 21 {
		t.Errorf("ada's sign-out: %v, %d calls", err, p.pool.Calls("RevokeToken"))
	}
}

// TestUnknownFloodLetsUsersThrough has requests without any genuine token use up their
// limit while those of users with an expired one go on.
func TestUnknownFloodLetsUsersThrough(t *testing.T) {
	p := open(t, nil)
	ada := p.pool.Issue("ada", cognitotest.Expired)
	for i := range 200 {
		_, _, err := p.fetch(script(p.key("LastAuthUser=x"), p.key("x.refreshToken=")+fmt.Sprint("random", i)))
		if i >= 40 && !errors.Is(err, tokens.ErrUnavailable) {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if n := p.pool.Calls(opRefresh); n != 40 {
		t.Errorf("%d calls at once", n)
	}
	if s, _, err := p.fetch(page(p.cookies("ada", ada)...)); err != nil {
		t.Errorf("ada: %v, %v", s, err)
	}
	p.wait(time.Second)
	for i := range 100 {
		p.fetch(script(p.key("LastAuthUser=x"), p.key("x.refreshToken=")+fmt.Sprint("later", i)))
	}
	if n := p.pool.Calls(opRefresh); n != 40+1+20 {
		t.Errorf("%d calls after a second", n)
	}
}

// TestRefusalsAreRemembered for a minute, by refresh token, and not past a clock that
// is set back.
func TestRefusalsAreRemembered(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, -2 * time.Minute} {
		p := open(t, nil)
		set := p.pool.Issue("ada", cognitotest.Expired)
		dead := script(p.cookies("ada", &tokens.Set{Access: set.Access, ID: set.ID, Refresh: "dead"})...)
		for range 10 {
			if _, _, err := p.fetch(dead); !errors.Is(err, session.ErrSignedOut) {
				t.Fatal(err)
			}
			p.wait(step / 20)
		}
		if n := p.pool.Calls(opRefresh); n != 1 {
			t.Errorf("%d calls", n)
		}
		p.wait(step)
		p.fetch(dead)
		if n := p.pool.Calls(opRefresh); n != 2 {
			t.Errorf("%d calls after %v", n, step)
		}
	}
}
