package session_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestUndeliveredRefresh has the answer to a refresh that was not needed yet, or forced,
// never reach the browser, which goes on with its valid access token and a refresh token
// that rotation has spent. It must get the new ones while they are kept, or it would be
// signed out when its access token expires.
func TestUndeliveredRefresh(t *testing.T) {
	for _, rotation := range []bool{true, false} {
		for name, opts := range map[string]*session.FetchOptions{"forced": {ForceRefresh: true}, "early": nil} {
			p := open(t, func(c *session.Config) { c.RefreshBefore = 10 * time.Minute })
			p.pool.SetRotation(rotation, 0)
			r := page(p.cookies("ada", p.pool.Issue("ada"))...)
			if opts == nil {
				p.wait(51 * time.Minute)
			} else {
				p.wait(time.Minute)
			}
			for range 2 { // is cached
				if _, err := p.m.Fetch(nil, r, nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := p.fetchWith(r, opts); err != nil {
				t.Fatal(err)
			}
			p.wait(20 * time.Second)
			s, lines, err := p.fetch(r)
			if err != nil || p.value(lines, "ada.accessToken") == "" || s.AccessToken().Raw() != p.value(lines, "ada.accessToken") {
				t.Fatalf("%s, rotation %t: %v, %v", name, rotation, err, lines)
			}
			if n := p.pool.Calls(opRefresh); n != 1 {
				t.Errorf("%s, rotation %t: %d refreshes", name, rotation, n)
			}
		}
	}
}

// TestAbandonedRefresh has the browser leave while a forced refresh is under way, and ask
// for another page, which is served without it.
func TestAbandonedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLate(t)
		old := l.pool.Issue("ada")
		l.wait(time.Minute)
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			r := page(l.cookies("ada", old)...).WithContext(ctx)
			if _, err := l.m.Fetch(httptest.NewRecorder(), r, &session.FetchOptions{ForceRefresh: true}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		leave()
		wg.Wait()
		for range 3 {
			if _, lines, err := l.fetch(page(l.cookies("ada", old)...)); err != nil || len(lines) > 0 {
				t.Errorf("meanwhile: %v, %v", err, lines)
			}
		}
		close(l.hold)
		synctest.Wait()
		if _, lines, err := l.fetch(page(l.cookies("ada", old)...)); err != nil || l.value(lines, "ada.refreshToken") == "" {
			t.Errorf("afterwards: %v, %v", err, lines)
		}
		if n := l.pool.Calls(opRefresh); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// TestUnverifiedRefresh has new tokens come while their keys cannot be fetched.
func TestUnverifiedRefresh(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, 0)
	r := page(p.cookies("ada", p.pool.Issue("ada"))...)
	if _, err := p.m.Fetch(nil, r, nil); err != nil {
		t.Fatal(err)
	}
	p.wait(time.Minute)
	p.pool.AddKeys()
	p.pool.SetFault(func(op string) cognitotest.Fault {
		if op == "JWKS" {
			return cognitotest.Fault{Status: 503}
		}
		return cognitotest.Fault{}
	})
	if _, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); !errors.Is(err, tokens.ErrUnavailable) {
		t.Fatal(err)
	}
	p.wait(2 * time.Second)
	if _, lines, err := p.fetch(r); err != nil || len(lines) > 0 {
		t.Errorf("the old access token is valid: %v, %v", err, lines)
	}
	p.pool.SetFault(nil)
	p.wait(30 * time.Second)
	if _, lines, err := p.fetch(r); err != nil || p.value(lines, "ada.refreshToken") == "" {
		t.Errorf("the keys are back: %v, %v", err, lines)
	}
	if n := p.pool.Calls(opRefresh); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

// TestOlderTokensAreNotOffered has Amplify in the browser refresh by itself after this
// program has: its tokens are the newer ones, and stay.
func TestOlderTokensAreNotOffered(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	r := page(p.cookies("ada", set)...)
	if _, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); err != nil {
		t.Fatal(err)
	}
	p.wait(10 * time.Second)
	own := p.pool.Issue("ada")
	own.Refresh = set.Refresh // there is no rotation
	for range 2 {
		if s, lines, err := p.fetch(page(p.cookies("ada", own)...)); err != nil || len(lines) > 0 || s.AccessToken().Raw() != own.Access {
			t.Errorf("%v, %v", err, lines)
		}
	}
}
