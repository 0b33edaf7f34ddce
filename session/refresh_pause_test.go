package session_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestOutagePausesRefreshes has Cognito fail or hang while an ID token has expired and
// the access token has not. Few requests call Cognito and wait for it, unless they need
// new tokens.
func TestOutagePausesRefreshes(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cognitotest.Fault{
		"down": down, "throttled": {Status: 429}, "hung": {Delay: time.Hour}, "no connection": {Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t, nil)
				r := pageRequest(e.cookies("ada", e.server.Issue("ada", e.shortID))...)
				if s, _, err := e.fetch(r); err != nil || s.IDToken() == nil { // fetches the keys
					t.Fatal(s, err)
				}
				e.advance(time.Hour - time.Minute)
				e.fail(fault)
				for turn := 1; turn <= 3; turn++ {
					start := time.Now()
					for range 20 {
						if s, lines, err := e.fetch(r); err != nil || s.IDToken() != nil || len(lines) > 0 {
							t.Fatalf("%v with ID token %v, %v, %v", s, s.IDToken(), lines, err)
						}
					}
					if took := time.Since(start); took > 5*time.Second {
						t.Errorf("twenty requests have waited for %v", took)
					}
					// A refresh makes at most two calls.
					if n := e.server.Calls(opRefresh); n < turn || n > 2*turn {
						t.Errorf("%d calls after %d turns of ten seconds", n, turn)
					}
					e.advance(10 * time.Second)
				}
				e.advance(27 * time.Second) // the access token has three seconds left
				if s, _, err := e.fetch(r); err != nil || s.IDToken() != nil {
					t.Errorf("%v, %v", s, err)
				}
				before := e.server.Calls(opRefresh)
				if _, _, err := e.fetchWith(r, forced); !errors.Is(err, tokens.ErrUnavailable) || e.server.Calls(opRefresh) == before {
					t.Errorf("forced: %v after %d calls", err, e.server.Calls(opRefresh)-before)
				}
				e.advance(3 * time.Second)
				before = e.server.Calls(opRefresh)
				if _, _, err := e.fetch(r); !errors.Is(err, tokens.ErrUnavailable) || e.server.Calls(opRefresh) == before {
					t.Errorf("expired: %v after %d calls", err, e.server.Calls(opRefresh)-before)
				}
				e.recover()
				if s, lines, err := e.fetch(r); err != nil || s.IDToken() == nil || len(lines) == 0 {
					t.Errorf("expired, after the outage: %v, %v, %v", s, lines, err)
				}
			})
		})
	}
}

// TestPauseIsShort refreshes the session again soon after an outage.
func TestPauseIsShort(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada", e.shortID))...)
	if _, _, err := e.fetch(r); err != nil { // fetches the keys
		t.Fatal(err)
	}
	e.advance(6 * time.Minute)
	e.fail(down)
	if s, _, err := e.fetch(r); err != nil || s.IDToken() != nil {
		t.Fatalf("%v, %v", s, err)
	}
	e.recover()
	e.advance(10 * time.Second)
	if s, lines, err := e.fetch(r); err != nil || s.IDToken() == nil || len(lines) == 0 {
		t.Errorf("after ten seconds: %v, %v, %v", s, lines, err)
	}
}

// TestPauseWithExpiringResult has an outage begin after a refresh whose answer the
// browser has missed. The remembered tokens are about to expire too.
func TestPauseWithExpiringResult(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.RefreshBefore = 4 * time.Minute })
	e.server.SetLifetime(3 * time.Minute)
	e.server.SetRotation(true, 0)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	e.advance(91 * time.Second)
	if _, _, err := e.fetch(r); err != nil || e.server.Calls(opRefresh) != 1 { // the browser misses the answer
		t.Fatal(err)
	}
	e.advance(88 * time.Second)
	e.fail(down)
	e.fetch(r)
	before := e.server.Calls(opRefresh)
	for range 10 {
		if _, _, err := e.fetch(r); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.server.Calls(opRefresh) - before; n > 0 {
		t.Errorf("%d calls for ten requests while refreshes are paused", n)
	}
}

// TestPauseWithPlantedToken has an outage while bob's refresh token is planted among
// ada's cookies.
func TestPauseWithPlantedToken(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set, bobs := e.server.Issue("ada"), e.server.Issue("bob")
	e.advance(time.Minute)
	if _, _, err := e.fetchWith(pageRequest(e.cookies("bob", bobs)...), forced); err != nil {
		t.Fatal(err)
	}
	e.failButKeys(down)
	r := pageRequest(append([]string{e.prefixed("ada.refreshToken=" + bobs.Refresh)}, e.cookies("ada", set)...)...)
	e.fetch(r)
	before := e.server.Calls(opRefresh)
	for range 10 {
		if _, _, err := e.fetch(r); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.server.Calls(opRefresh) - before; n > 0 {
		t.Errorf("%d calls for ten requests while refreshes are paused", n)
	}
}

// TestRequestWithoutCallPausesNothing has bob reach his limit of failed calls. A request
// for which Cognito is not asked begins no pause, so he is refreshed as soon as the limit
// allows.
func TestRequestWithoutCallPausesNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("bob", e.shortID)
	e.fetch(pageRequest(e.cookies("bob", &tokens.Set{Access: set.Access})...)) // fetches the keys
	e.advance(10 * time.Minute)
	e.fail(errorPage)
	e.flood(1, 45, "bob", set, func(cookies []string) { e.fetch(scriptRequest(cookies...)) })
	e.recover()
	before := e.server.Calls(opRefresh)
	e.advance(9 * time.Second)
	e.fetch(pageRequest(e.cookies("bob", set)...))
	if n := e.server.Calls(opRefresh) - before; n != 0 {
		t.Fatalf("%d calls beyond the limit", n)
	}
	e.advance(time.Second)
	if s, _, err := e.fetch(pageRequest(e.cookies("bob", set)...)); err != nil || s.IDToken() == nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestFloodEndsNoPause has bob send so many refresh tokens that the pause of ada's
// session might be forgotten. Cognito is not asked about them.
func TestFloodEndsNoPause(t *testing.T) {
	t.Parallel()
	longtest.Only(t)
	e := newEnv(t, nil)
	adas, bobs := e.server.Issue("ada", e.shortID), e.server.Issue("bob", e.shortID)
	e.fetch(pageRequest(e.cookies("ada", adas)...))
	e.advance(10 * time.Minute)
	e.fail(errorPage)
	e.fetch(pageRequest(e.cookies("ada", adas)...))
	e.fetch(pageRequest(e.cookies("ada", adas)...))
	e.flood(1, 9000, "bob", bobs, func(cookies []string) { e.fetch(scriptRequest(cookies...)) })
	before := e.server.Calls(opRefresh)
	e.fetch(pageRequest(e.cookies("ada", adas)...))
	if n := e.server.Calls(opRefresh) - before; n != 0 {
		t.Errorf("%d calls: the pause of ada's session is forgotten", n)
	}
}

// TestPauseOfAnotherUser plants a refresh token before ada's that bob keeps paused. It
// does not pause the refreshes of ada's session.
func TestPauseOfAnotherUser(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	adas, bobs := e.server.Issue("ada", e.shortID), e.server.Issue("bob", e.shortID)
	e.fetch(pageRequest(e.cookies("ada", adas)...))
	e.advance(10 * time.Minute)
	e.flood(1, 6, "bob", bobs, func(cookies []string) { e.fetch(scriptRequest(cookies...)) }) // reaches bob's limit
	for range 4 {
		e.advance(9 * time.Second)
		cookies := e.cookies("bob", bobs)
		cookies[3] = e.prefixed("bob.refreshToken=planted")
		e.fetch(scriptRequest(cookies...))
		s, _, err := e.fetch(pageRequest(append([]string{e.prefixed("ada.refreshToken=planted")}, e.cookies("ada", adas)...)...))
		if err != nil || s.IDToken() == nil {
			t.Errorf("%v, ada's ID token is not refreshed", err)
		}
	}
}
