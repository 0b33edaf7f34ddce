package session_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestUnverifiableAnswer has the pool rotate its keys while the key set is down, so
// that the answer to a refresh cannot be verified. Its refresh token is the only one
// that is good: the answer waits, for as long as somebody asks, and is not lost.
func TestUnverifiableAnswer(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, 0)
	old := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
	p.m.Fetch(nil, page(old...), nil)
	p.pool.RotateKeys()
	p.pool.SetFault(func(op string) cognitotest.Fault {
		if op == "JWKS" {
			return cognitotest.Fault{Status: 503}
		}
		return cognitotest.Fault{}
	})
	for range 10 {
		if s, lines, err := p.fetch(page(old...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Fatalf("%v, %v, %v", s, err, lines)
		}
		p.wait(time.Minute)
	}
	if n := p.pool.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
	p.pool.SetFault(nil)
	if s, lines, err := p.fetch(page(old...)); err != nil || p.value(lines, "ada.refreshToken") == "" {
		t.Errorf("afterwards: %v, %v", s, err)
	}
	if n := p.pool.Calls(opRefresh); n != 1 {
		t.Errorf("afterwards: %d calls", n)
	}
}

// TestHopelessAnswer has somebody answer for Cognito with tokens that will never be
// good. That is no state to stay in: after two minutes it is asked again.
func TestHopelessAnswer(t *testing.T) {
	p := open(t, nil)
	old := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
	forged := fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q}}`, forge(p.pool.Issue("ada").Access, 1))
	p.m.Fetch(nil, page(old...), nil)
	p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 200, Body: forged} })
	for range 7 {
		if s, _, err := p.fetch(page(old...)); !errors.Is(err, tokens.ErrUnavailable) {
			t.Fatalf("%v, %v", s, err)
		}
		p.wait(20 * time.Second)
	}
	if n := p.pool.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
	p.pool.SetFault(nil)
	if s, _, err := p.fetch(page(old...)); err != nil {
		t.Errorf("%v, %v", s, err)
	}
}
