package session_test

import (
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestLostReplyOfForcedRefresh has Cognito's reply to a forced refresh be lost. Within
// the grace the old refresh token brings new ones, if somebody asks.
func TestLostReplyOfForcedRefresh(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, time.Minute)
	set := p.pool.Issue("ada")
	r := page(p.cookies("ada", set)...)
	p.fetch(r)
	p.wait(time.Minute)
	p.pool.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Drop: true, After: op == opRefresh} })
	if _, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); err == nil {
		t.Fatal("the reply is not lost")
	}
	p.pool.SetFault(nil)
	for range 10 {
		p.wait(5 * time.Second)
		_, lines, err := p.fetch(r)
		if err != nil {
			t.Fatal(err)
		}
		if p.value(lines, "ada.refreshToken") != "" {
			r = page(p.cookies("ada", p.set(lines))...)
		}
	}
	p.wait(time.Hour)
	if _, _, err := p.fetch(r); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	if n := p.pool.Calls(opRefresh); n > 3 {
		t.Errorf("%d calls", n)
	}
}
