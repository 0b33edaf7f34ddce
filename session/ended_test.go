package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestEndedCookiesAreNoSession has a late answer bring back cookies that are good but
// for the sign-out: tokens of the request that signed out or refreshed ones, cached
// or not.
func TestEndedCookiesAreNoSession(t *testing.T) {
	for _, rotation := range []bool{true, false} {
		p := open(t, func(c *session.Config) { c.RefreshBefore = 50 * time.Minute })
		p.pool.SetRotation(rotation, time.Minute)
		first, other := p.pool.Issue("ada"), p.pool.Issue("ada")
		p.wait(20 * time.Minute)
		_, lines, err := p.fetch(page(p.cookies("ada", first)...)) // refreshed early
		if err != nil {
			t.Fatal(err)
		}
		second := &tokens.Set{Access: p.value(lines, "ada.accessToken"), ID: p.value(lines, "ada.idToken"), Refresh: p.value(lines, "ada.refreshToken")}
		old := *second
		old.Access = first.Access
		for _, set := range []*tokens.Set{second, other} {
			if _, _, err := p.fetch(page(p.cookies("ada", set)...)); err != nil { // is cached
				t.Fatal(err)
			}
		}
		if err := p.m.End(httptest.NewRecorder(), page(p.cookies("ada", first)...)); err != nil {
			t.Fatal(err)
		}
		for _, after := range []time.Duration{0, 10 * time.Minute, 19 * time.Minute} {
			p.wait(after)
			for name, set := range map[string]*tokens.Set{"first": first, "second": second, "old access token": &old} {
				if _, err := p.m.Fetch(nil, page(p.cookies("ada", set)...), nil); !errors.Is(err, session.ErrSignedOut) {
					t.Errorf("after %v, %s, only read: %v", after, name, err)
				}
				if s, lines, err := p.fetch(script(p.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
					t.Errorf("after %v, %s, a script: %v, %v", after, name, s, err)
				}
				// Amplify in the browser would believe in them for ever (W35).
				if s, lines, err := p.fetch(page(p.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) || !p.cleared(lines) {
					t.Errorf("after %v, %s, a page: %v, %v", after, name, s, err)
				}
			}
			if s, _, err := p.fetch(page(p.cookies("ada", other)...)); err != nil {
				t.Errorf("her other browser: %v, %v", s, err)
			}
		}
	}
}

// TestPlantedEndedToken plants a refresh token that somebody has signed out with among
// the cookies of a session that has none of its own (Amplify's responseType "token").
func TestPlantedEndedToken(t *testing.T) {
	for _, planted := range []string{"anything", "mallory's own"} {
		p := open(t, nil)
		set := p.pool.Issue("ada")
		if planted != "anything" {
			planted = p.pool.Issue("bob").Refresh
		}
		pairs := p.cookies("ada", set)[:3]
		if _, _, err := p.fetch(page(pairs...)); err != nil {
			t.Fatal(err)
		}
		note(p.m.End(httptest.NewRecorder(), page(p.key("bob.refreshToken")+"="+planted))) // no session needed
		pairs = append(pairs, p.key("ada.refreshToken")+"="+planted)
		// not cached, or the ID token is another
		for _, pairs := range [][]string{pairs, append(pairs[:2:2], pairs[3])} {
			if _, lines, err := p.fetch(page(pairs...)); err != nil {
				t.Errorf("ada is signed out: %v, %v", err, p.changes(lines))
			}
		}
	}
}

// TestFloodOfSignOuts has anonymous sign-outs try to make the program forget a real one.
func TestFloodOfSignOuts(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	r := page(p.cookies("ada", set)...)
	p.fetch(r)
	note(p.m.End(httptest.NewRecorder(), r))
	if _, _, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Fatal(err)
	}
	for i := range 3000 {
		var pairs []string
		for k := range 4 {
			pairs = append(pairs, fmt.Sprintf("%s=x%d.%d", p.key(fmt.Sprintf("u%d.refreshToken", k)), i, k))
		}
		note(p.m.End(httptest.NewRecorder(), page(pairs...)))
	}
	if _, _, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("after sign-outs of nobody: %v", err)
	}
}

// TestOlderCachedTokens signs out with newer tokens of the same sign-in than those that
// are cached: Amplify has refreshed by itself, without rotation.
func TestOlderCachedTokens(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	r := page(p.cookies("ada", set)...)
	p.fetch(r) // cached
	p.wait(10 * time.Minute)
	client, err := tokens.NewClient(p.pool.UserPool(), &tokens.Options{HTTPClient: p.pool.Client(), Now: p.time})
	if err != nil {
		t.Fatal(err)
	}
	own, err := client.Refresh(t.Context(), set.Refresh, nil)
	if err != nil {
		t.Fatal(err)
	}
	own.Refresh = set.Refresh // there is no rotation
	p.fetch(page(p.cookies("ada", own)...))
	note(p.m.End(httptest.NewRecorder(), page(p.cookies("ada", own)...)))
	if _, _, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("cached: %v", err)
	}
}

// TestEndedBesidePlanted has a refresh token that nobody has signed out with stand
// beside the ended ones that a late answer has brought back.
func TestEndedBesidePlanted(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	pairs := p.cookies("ada", set)
	p.fetch(page(pairs...))
	note(p.m.End(httptest.NewRecorder(), page(pairs...)))
	if s, _, err := p.fetch(page(append(pairs, p.key("ada.refreshToken=anything"))...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}

// TestEndWithoutAnAccessToken signs out with a refresh token alone, of which a refresh
// is kept.
func TestEndWithoutAnAccessToken(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, 0)
	old := p.pool.Issue("ada", cognitotest.Expired)
	_, lines, err := p.fetch(page(p.cookies("ada", old)...))
	if err != nil {
		t.Fatal(err)
	}
	fresh := page(p.cookies("ada", p.set(lines))...)
	pairs := p.cookies("ada", old)
	note(p.m.End(httptest.NewRecorder(), page(pairs[0], pairs[3])))
	if s, _, err := p.fetch(fresh); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}

// TestEndInAnOutage cannot have the refresh token revoked. Hours later it still brings
// nothing that passes here.
func TestEndInAnOutage(t *testing.T) {
	p := open(t, nil)
	r := page(p.cookies("ada", p.pool.Issue("ada"))...)
	p.fetch(r)
	p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
	if err := p.m.End(httptest.NewRecorder(), r); !errors.Is(err, tokens.ErrUnavailable) {
		t.Fatal(err)
	}
	p.pool.SetFault(nil)
	for _, after := range []time.Duration{0, 10 * time.Minute, 5 * time.Hour} {
		p.wait(after)
		if s, lines, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) || p.value(lines, "ada.accessToken") != "" {
			t.Errorf("after %v: %v, %v", after, s, err)
		}
	}
}

// TestEndedBearer presents the access token of a sign-in that was ended.
func TestEndedBearer(t *testing.T) {
	p := open(t, func(c *session.Config) { c.Bearer = true })
	set := p.pool.Issue("ada")
	bearer := page()
	bearer.Header.Set("Authorization", "Bearer "+set.Access)
	if _, _, err := p.fetch(bearer); err != nil {
		t.Fatal(err)
	}
	note(p.m.End(httptest.NewRecorder(), page(p.cookies("ada", set)...)))
	for range 2 {
		if s, _, err := p.fetch(bearer); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%v, %v", s, err)
		}
	}
	bearer.Header.Set("Authorization", "Bearer "+p.pool.Issue("ada").Access)
	if _, _, err := p.fetch(bearer); err != nil {
		t.Errorf("another sign-in of hers: %v", err)
	}
}

// TestEndedTokenOfAnother plants the refresh token of a sign-in of mallory's that was
// ended while it could not be revoked. It must not keep ada's dead cookies alive.
func TestEndedTokenOfAnother(t *testing.T) {
	p := open(t, nil)
	bob := p.pool.Issue("bob")
	p.fetch(page(p.cookies("bob", bob)...)) // the keys are known
	p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
	note(p.m.End(httptest.NewRecorder(), page(p.cookies("bob", bob)...)))
	p.pool.SetFault(nil)
	p.wait(10 * time.Minute)
	ada := p.pool.Issue("ada", cognitotest.Expired)
	ada.Refresh = "dead"
	pairs := append([]string{p.key("ada.refreshToken=") + bob.Refresh}, p.cookies("ada", ada)...)
	if s, lines, err := p.fetch(page(pairs...)); !errors.Is(err, session.ErrSignedOut) || !p.cleared(lines) {
		t.Errorf("%v, %v, %v", s, err, p.changes(lines))
	}
}

// TestExpiredTokenEndsNothing has somebody who found an expired access token of ada's, as in a
// log, sign out with it.
func TestExpiredTokenEndsNothing(t *testing.T) {
	p := open(t, nil)
	old := p.pool.Issue("ada")
	p.wait(2 * time.Hour)
	_, lines, err := p.fetch(page(p.cookies("ada", old)...))
	if err != nil {
		t.Fatal(err)
	}
	now := p.set(lines)
	p.fetch(page(p.cookies("ada", now)...))
	note(p.m.End(httptest.NewRecorder(), script(p.key("LastAuthUser=ada"), p.key("ada.accessToken=")+old.Access)))
	if _, lines, err := p.fetch(page(p.cookies("ada", now)...)); err != nil {
		t.Errorf("ada is signed out: %v, %v", err, p.changes(lines))
	}
}

// TestEndWithTwin plants mallory's own access token beside ada's before she signs out.
func TestEndWithTwin(t *testing.T) {
	for _, twins := range []int{1, 3} {
		p := open(t, nil)
		set := p.pool.Issue("ada")
		p.fetch(page(p.cookies("ada", set)...))
		p.wait(time.Minute)
		pairs := p.cookies("ada", set)
		for range twins {
			pairs = append([]string{p.key("ada.accessToken=") + p.pool.Issue("bob").Access}, pairs...)
		}
		note(p.m.End(httptest.NewRecorder(), page(pairs...)))
		if s, _, err := p.fetch(page(p.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%d twins: %v, %v", twins, s, err)
		}
	}
}

// TestEndOfUnnamed signs out a browser that holds the cookies of a second user, too.
func TestEndOfUnnamed(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	p.fetch(page(p.cookies("ada", set)...))
	note(p.m.End(httptest.NewRecorder(), page(append(p.cookies("bob", p.pool.Issue("bob")), p.cookies("ada", set)[1:]...)...)))
	if s, _, err := p.fetch(page(p.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}
