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
// program has, perhaps in the same second: its tokens are the newer ones, and stay.
func TestOlderTokensAreNotOffered(t *testing.T) {
	for _, later := range []time.Duration{0, 10 * time.Second} {
		p := open(t, nil)
		set := p.pool.Issue("ada")
		r := page(p.cookies("ada", set)...)
		p.wait(time.Minute)
		if _, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); err != nil {
			t.Fatal(err)
		}
		p.wait(later)
		own := p.pool.Issue("ada")
		own.Refresh = set.Refresh // there is no rotation
		for range 2 {
			if s, lines, err := p.fetch(page(p.cookies("ada", own)...)); err != nil || len(lines) > 0 || s.AccessToken().Raw() != own.Access {
				t.Errorf("%v later: %v, %v", later, err, p.changes(lines))
			}
		}
	}
}

// TestUndeliveredSecondRefresh has two requests with the same cookies force a refresh.
// The browser gets the answer to the first, not to the second.
func TestUndeliveredSecondRefresh(t *testing.T) {
	for name, seen := range map[string]bool{"at once": false, "after it was seen": true} {
		t.Run(name, func(t *testing.T) {
			p := open(t, nil)
			p.pool.SetRotation(true, 0)
			first := p.pool.Issue("ada")
			p.wait(time.Minute)
			force := &session.FetchOptions{ForceRefresh: true}
			_, lines, err := p.fetchWith(script(p.cookies("ada", first)...), force)
			if err != nil {
				t.Fatal(err)
			}
			second := p.set(lines)
			if seen {
				p.fetch(page(p.cookies("ada", second)...))
			}
			p.wait(time.Second)
			if _, _, err := p.fetchWith(script(p.cookies("ada", first)...), force); err != nil { // lost
				t.Fatal(err)
			}
			p.wait(5 * time.Second)
			_, lines, err = p.fetch(page(p.cookies("ada", second)...))
			if err != nil || p.value(lines, "ada.refreshToken") == "" {
				t.Errorf("she does not get the newest tokens: %v, %v", err, p.changes(lines))
			}
			p.wait(time.Hour)
			if p.value(lines, "ada.refreshToken") != "" {
				second = p.set(lines)
			}
			if _, _, err := p.fetch(page(p.cookies("ada", second)...)); err != nil {
				t.Errorf("an hour later: %v", err)
			}
		})
	}
}

// TestUndeliveredChain has several forced refreshes in a row be lost: the next request
// gets the newest tokens, for it may be the last one for hours.
func TestUndeliveredChain(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, 0)
	r := page(p.cookies("ada", p.pool.Issue("ada"))...)
	for range 3 {
		p.wait(time.Second)
		if _, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); err != nil {
			t.Fatal(err)
		}
	}
	_, lines, err := p.fetch(r)
	if err != nil || p.value(lines, "ada.refreshToken") == "" {
		t.Fatalf("%v, %v", err, p.changes(lines))
	}
	p.wait(5 * time.Hour)
	if _, _, err := p.fetch(page(p.cookies("ada", p.set(lines))...)); err != nil {
		t.Errorf("hours later: %v", err)
	}
	if n := p.pool.Calls(opRefresh); n != 4 {
		t.Errorf("%d refreshes", n)
	}
}

// TestUndeliveredInTheSameSecond forces a refresh right after the sign-in.
func TestUndeliveredInTheSameSecond(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, 0)
	first := p.pool.Issue("ada")
	r := page(p.cookies("ada", first)...)
	if _, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); err != nil { // lost
		t.Fatal(err)
	}
	p.wait(5 * time.Second)
	_, lines, err := p.fetch(r)
	if err != nil || p.value(lines, "ada.refreshToken") == "" {
		t.Errorf("she does not get the newest tokens: %v, %v", err, p.changes(lines))
	}
}

// TestLostReplyOfForcedRefresh has Cognito's reply to a forced refresh be lost, and that
// to the next one, too. Within the grace the old refresh token brings new ones, if
// somebody asks; and nobody asks again once that is done.
func TestLostReplyOfForcedRefresh(t *testing.T) {
	for _, rotation := range []bool{true, false} {
		for _, cacheBytes := range []int64{0, -1} {
			p := open(t, func(c *session.Config) { c.CacheBytes = cacheBytes })
			p.pool.SetRotation(rotation, time.Minute)
			r := page(p.cookies("ada", p.pool.Issue("ada"))...)
			p.fetch(r)
			p.wait(time.Minute)
			p.pool.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Drop: true, After: op == opRefresh} })
			if _, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); !errors.Is(err, tokens.ErrUnavailable) {
				t.Fatal(err)
			}
			for range 3 { // the first one asks again
				if _, _, err := p.fetch(r); err != nil {
					t.Fatal(err)
				}
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
			if n := p.pool.Calls(opRefresh); n != 3 {
				t.Errorf("%d calls", n)
			}
			p.wait(time.Hour)
			if _, _, err := p.fetch(r); err != nil {
				t.Errorf("an hour later: %v", err)
			}
		}
	}
}

// TestRefusedForcedRefresh has Cognito say why it does not refresh: nothing is lost, and
// nobody need ask again.
func TestRefusedForcedRefresh(t *testing.T) {
	p := open(t, nil)
	r := page(p.cookies("ada", p.pool.Issue("ada"))...)
	p.fetch(r)
	p.pool.SetFault(func(string) cognitotest.Fault {
		return cognitotest.Fault{Status: 400, Code: "UserLambdaValidationException", Message: "PreTokenGeneration failed"}
	})
	p.fetchWith(r, &session.FetchOptions{ForceRefresh: true})
	calls := p.pool.Calls(opRefresh)
	for range 3 {
		p.wait(11 * time.Second)
		if _, _, err := p.fetch(r); err != nil || p.pool.Calls(opRefresh) != calls {
			t.Errorf("%v, %d more calls", err, p.pool.Calls(opRefresh)-calls)
		}
	}
}

// TestPlantedKeptToken plants mallory's refresh token, of which a result is kept, before
// that of ada, whose session needs no refresh.
func TestPlantedKeptToken(t *testing.T) {
	for _, bytes := range []int64{0, -1} {
		p := open(t, func(c *session.Config) { c.CacheBytes = bytes })
		set, bobs := p.pool.Issue("ada"), p.pool.Issue("bob")
		p.wait(time.Minute)
		if _, _, err := p.fetchWith(page(p.cookies("bob", bobs)...), &session.FetchOptions{ForceRefresh: true}); err != nil {
			t.Fatal(err)
		}
		pairs := append([]string{p.key("ada.refreshToken=" + bobs.Refresh)}, p.cookies("ada", set)...)
		for range 3 {
			if s, lines, err := p.fetch(page(pairs...)); err != nil || len(lines) > 0 || s.User().Username != "ada" {
				t.Errorf("%v, %v", err, p.changes(lines))
			}
		}
		if n := p.pool.Calls(opRefresh); n != 1 {
			t.Errorf("%d refreshes, want bob's", n)
		}
	}
}

// set is the session that an answer brings.
func (p *place) set(lines []string) *tokens.Set {
	return &tokens.Set{Access: p.value(lines, "ada.accessToken"), ID: p.value(lines, "ada.idToken"), Refresh: p.value(lines, "ada.refreshToken")}
}

// TestPlantedLostToken has mallory send a refresh token of her own making while Cognito
// is down for a moment, and plant it among the cookies of ada, whose session is fresh.
func TestPlantedLostToken(t *testing.T) {
	for name, own := range map[string]bool{"beside her own": true, "instead of one": false} {
		t.Run(name, func(t *testing.T) {
			p := open(t, nil)
			set := p.pool.Issue("ada")
			pairs := p.cookies("ada", set)
			if !own {
				pairs = pairs[:3]
			}
			p.fetch(page(pairs...))
			p.wait(time.Minute)
			p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Drop: true} })
			p.fetch(script(p.key("LastAuthUser=x"), p.key("x.refreshToken=anything")))
			p.pool.SetFault(nil)
			before := p.pool.Calls(opRefresh)
			// not cached, for the ID token is not there
			pairs = append([]string{p.key("ada.refreshToken=anything"), pairs[0], pairs[1]}, pairs[3:]...)
			for i := range 20 {
				p.wait(time.Second)
				_, lines, err := p.fetch(page(pairs...))
				if err != nil {
					t.Fatalf("request %d: ada is signed out: %v, %v", i, err, p.changes(lines))
				}
				if a := p.value(lines, "ada.accessToken"); a != "" {
					pairs[2] = p.key("ada.accessToken=") + a
					if own {
						pairs[3] = p.key("ada.refreshToken=") + p.value(lines, "ada.refreshToken")
					}
				}
			}
			if n := p.pool.Calls(opRefresh) - before; n > 2 {
				t.Errorf("%d calls for 20 requests of a fresh session", n)
			}
		})
	}
}
