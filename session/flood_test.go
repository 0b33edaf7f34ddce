package session_test

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestRetiredKeys has the pool replace its keys while everybody is signed in: all
// are refreshed, and nobody's bad refresh tokens stop another's.
func TestRetiredKeys(t *testing.T) {
	p := open(t, nil)
	ada, bob := p.pool.Issue("ada"), p.pool.Issue("bob")
	for user, set := range map[string]*tokens.Set{"ada": ada, "bob": bob} {
		if _, _, err := p.fetch(page(p.cookies(user, set)...)); err != nil {
			t.Fatal(err)
		}
	}
	p.pool.RotateKeys()
	p.wait(time.Minute)
	fresh := p.pool.Issue("ada") // a token of the new key has the set fetched
	if _, _, err := p.fetch(page(p.cookies("ada", fresh)...)); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		pairs := p.cookies("bob", bob)
		pairs[3] = p.key("bob.refreshToken=") + fmt.Sprint("random", i)
		_, _, err := p.fetch(script(pairs...))
		if err == nil {
			t.Fatal("a session of a retired key")
		}
	}
	if n := p.pool.Calls("GetTokensFromRefreshToken"); n > 5 {
		t.Errorf("%d refreshes for one user", n)
	}
	if s, _, err := p.fetch(page(p.cookies("ada", ada)...)); err != nil || s.User().Username != "ada" {
		t.Errorf("ada is locked out: %v", err)
	}
}

// TestFloods has random refresh tokens spend no more than is allowed.
func TestFloods(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada", cognitotest.Expired)
	for i := range 2000 {
		_, _, err := p.fetch(script(p.key("LastAuthUser=x"), p.key("x.refreshToken=")+fmt.Sprint("random", i)))
		if err == nil {
			t.Fatal("a session")
		}
		r := script(p.key("LastAuthUser=x"), p.key("x.refreshToken=")+fmt.Sprint("other", i))
		note(p.m.End(httptest.NewRecorder(), r))
	}
	if n := p.pool.Calls("GetTokensFromRefreshToken") + p.pool.Calls("RevokeToken"); n > 40 {
		t.Errorf("%d calls to Cognito", n)
	}
	if s, _, err := p.fetch(page(p.cookies("ada", set)...)); err != nil {
		t.Errorf("ada is locked out: %v, %v", s, err)
	}
}

// TestKeptHeaders has one user refresh with long Cookie headers, of which nothing is kept
// but the refresh token.
func TestKeptHeaders(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, time.Minute)
	set := p.pool.Issue("ada", cognitotest.Expired)
	p.fetch(page(p.cookies("ada", p.pool.Issue("ada"))...))
	before := session.HeapInUse()
	rounds := longtest.Scale(50, 200)
	for range rounds {
		pairs := append(p.cookies("ada", set), "x="+strings.Repeat("x", 500<<10))
		_, lines, err := p.fetchWith(page(pairs...), &session.FetchOptions{ForceRefresh: true})
		if err != nil {
			t.Fatal(err)
		}
		set.Refresh = p.value(lines, "ada.refreshToken")
	}
	if n := (session.HeapInUse() - before) >> 10; n > 10<<10 {
		t.Errorf("%d kB are kept of %d refreshes", n, rounds)
	}
	runtime.KeepAlive(p)
}
