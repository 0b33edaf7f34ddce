package session_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// flood sends requests with random refresh tokens beside a session's tokens, from several
// goroutines.
func (e *env) flood(goroutines, requests int, user string, set *tokens.Set, send func(cookies []string)) {
	inParallel(goroutines, requests, func(i int) {
		random := *set
		random.Refresh = fmt.Sprintf("random%dof%d", i, requests)
		send(e.cookies(user, &random))
	})
}

// TestFloodWithOneUsersToken sends one expired token of bob's with many random refresh
// tokens. They cause few calls to Cognito and lock out nobody else. At first as many
// calls as allowed run at once.
func TestFloodWithOneUsersToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, nil)
		adas, bobs := e.server.Issue("ada", cognitotest.Expired), e.server.Issue("bob", cognitotest.Expired)
		e.fetch(scriptRequest(e.cookies("bob", &tokens.Set{Access: bobs.Access})...)) // fetches the keys
		release := e.hold(opRefresh)
		var answered atomic.Int32
		requests := longtest.Scale(300, 10_000)
		e.flood(100, requests, "bob", bobs, func(cookies []string) {
			if s, _, err := e.fetch(scriptRequest(cookies...)); err == nil {
				t.Errorf("a session: %v", s)
			}
			if int(answered.Add(1)) == requests*9/10 { // none of them has waited for a call
				release()
			}
		})
		if n := e.server.Calls(opRefresh); n != 5+1 { // and one a second
			t.Errorf("%d calls", n)
		}
		before := e.server.Calls(opRefresh)
		if s, _, err := e.fetch(pageRequest(e.cookies("ada", adas)...)); err != nil || s.User().Username != "ada" {
			t.Errorf("ada is locked out: %v, %v", s, err)
		}
		e.flood(1, 100, "bob", bobs, func(cookies []string) { e.fetch(scriptRequest(cookies...)) })
		if n := e.server.Calls(opRefresh) - before; n != 1 {
			t.Errorf("%d calls, want ada's", n)
		}

		// A minute later, one request after the other.
		e.advance(time.Minute)
		before = e.server.Calls(opRefresh)
		e.flood(1, 100, "bob", bobs, func(cookies []string) { e.fetch(scriptRequest(cookies...)) })
		if n := e.server.Calls(opRefresh) - before; n != 5+1 {
			t.Errorf("%d calls in a later minute", n)
		}
		e.advance(time.Minute)
		if s, _, err := e.fetch(pageRequest(e.cookies("bob", bobs)...)); err != nil || s.User().Username != "bob" {
			t.Errorf("bob is locked out for longer than a minute: %v, %v", s, err)
		}
	})
}

// TestFloodWhileCognitoFails sends such a flood while Cognito fails or throttles, which an
// attacker may want. The calls stop, so that Cognito can recover.
func TestFloodWhileCognitoFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault cognitotest.Fault
		calls int // of one refresh
	}{
		"throttled": {cognitotest.Fault{Status: 429}, 2}, // without effect, so tried again
		"failing":   {errorPage, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t, nil)
				adas, bobs := e.server.Issue("ada", cognitotest.Expired), e.server.Issue("bob", cognitotest.Expired)
				e.fetch(scriptRequest(e.cookies("bob", &tokens.Set{Access: bobs.Access})...)) // fetches the keys
				e.fail(test.fault)
				e.flood(5, longtest.Scale(200, 1000), "bob", bobs, func(cookies []string) {
					if s, _, err := e.fetch(scriptRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) {
						t.Errorf("%v, %v", s, err)
					}
				})
				// Five calls may be running when the fortieth has failed. More at once might
				// all be refused, and would be beyond the limit on refusals.
				if n := e.server.Calls(opRefresh); n < 40*test.calls || n > (40+5)*test.calls {
					t.Errorf("%d calls", n)
				}
				e.recover()
				if s, _, err := e.fetch(pageRequest(e.cookies("ada", adas)...)); err != nil || s.User().Username != "ada" {
					t.Errorf("ada is locked out: %v, %v", s, err)
				}
				e.advance(10 * time.Second)
				if s, _, err := e.fetch(pageRequest(e.cookies("bob", bobs)...)); err != nil || s.User().Username != "bob" {
					t.Errorf("bob is locked out for longer than ten seconds: %v, %v", s, err)
				}
			})
		})
	}
}

// TestFloodOfSignOutsWithOneUsersToken has bob sign out with many random refresh tokens.
// He causes few revocations, and ada's sign-out still revokes.
func TestFloodOfSignOutsWithOneUsersToken(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	adas, bobs := e.server.Issue("ada"), e.server.Issue("bob")
	e.flood(8, longtest.Scale(200, 2000), "bob", bobs, func(cookies []string) {
		if lines, _ := e.end(scriptRequest(cookies...)); !e.cleared(lines) {
			t.Errorf("bob's cookies are not cleared: %v", e.changes(lines))
		}
	})
	if n := e.server.Calls(opRevoke); n != 20+1 { // and one a second
		t.Errorf("%d calls", n)
	}
	if _, err := e.end(scriptRequest(e.cookies("ada", adas)...)); err != nil || e.server.Calls(opRevoke) != 22 {
		t.Errorf("ada's sign-out: %v, %d calls", err, e.server.Calls(opRevoke))
	}
}

// TestFloodWithoutTokens has requests without any genuine token reach their limit. The
// refreshes of users with an expired token go on.
func TestFloodWithoutTokens(t *testing.T) {
	withoutStore(t)
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada", cognitotest.Expired)
	for i := range 200 {
		_, _, err := e.fetch(scriptRequest(e.cookies("x", &tokens.Set{Refresh: fmt.Sprint("random", i)})...))
		if i >= 120 && !errors.Is(err, tokens.ErrUnavailable) {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if n := e.server.Calls(opRefresh); n != 120 {
		t.Errorf("%d calls at once", n)
	}
	if s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); err != nil {
		t.Errorf("ada: %v, %v", s, err)
	}
	e.advance(time.Second)
	for i := range 100 {
		e.fetch(scriptRequest(e.cookies("x", &tokens.Set{Refresh: fmt.Sprint("later", i)})...))
	}
	if n := e.server.Calls(opRefresh); n != 120+1+20 {
		t.Errorf("%d calls after a second", n)
	}
}

// TestFloodOfSignOutsWithoutTokens mixes refreshes and sign-outs without any genuine
// token. Both have one limit.
func TestFloodOfSignOutsWithoutTokens(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada", cognitotest.Expired)
	for i := range longtest.Scale(200, 2000) {
		if _, _, err := e.fetch(scriptRequest(e.cookies("x", &tokens.Set{Refresh: fmt.Sprint("random", i)})...)); err == nil {
			t.Fatal("a session")
		}
		e.end(scriptRequest(e.cookies("x", &tokens.Set{Refresh: fmt.Sprint("other", i)})...))
	}
	if n := e.server.Calls(opRefresh) + e.server.Calls(opRevoke); n != 120 {
		t.Errorf("%d calls to Cognito", n)
	}
	if s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); err != nil {
		t.Errorf("ada is locked out: %v, %v", s, err)
	}
}

// TestFloodAfterKeyRotation has the user pool replace its keys while everybody is signed
// in. All users are refreshed, and bob's random refresh tokens stop nobody else.
func TestFloodAfterKeyRotation(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	adas, bobs := e.server.Issue("ada"), e.server.Issue("bob")
	for user, set := range map[string]*tokens.Set{"ada": adas, "bob": bobs} {
		if _, _, err := e.fetch(pageRequest(e.cookies(user, set)...)); err != nil {
			t.Fatal(err)
		}
	}
	e.server.RotateKeys()
	e.advance(time.Minute)
	fresh := e.server.Issue("ada") // its new key makes the key set be fetched
	if _, _, err := e.fetch(pageRequest(e.cookies("ada", fresh)...)); err != nil {
		t.Fatal(err)
	}
	e.flood(1, 50, "bob", bobs, func(cookies []string) {
		if s, _, err := e.fetch(scriptRequest(cookies...)); err == nil {
			t.Errorf("a session of a retired key: %v", s)
		}
	})
	if n := e.server.Calls(opRefresh); n != 5+1 {
		t.Errorf("%d refreshes for one user", n)
	}
	if s, _, err := e.fetch(pageRequest(e.cookies("ada", adas)...)); err != nil || s.User().Username != "ada" {
		t.Errorf("ada is locked out: %v", err)
	}
}

// TestResultsHoldNoHeaders refreshes with long Cookie headers. A result holds the refresh
// token only, not the header that it is a part of.
func TestResultsHoldNoHeaders(t *testing.T) {
	e := newEnv(t, nil)
	e.server.SetRotation(true, time.Minute)
	set := e.server.Issue("ada", cognitotest.Expired)
	e.fetch(pageRequest(e.cookies("ada", e.server.Issue("ada"))...))
	before := session.HeapInUse()
	refreshes := longtest.Scale(40, 200)
	for range refreshes {
		cookies := append(e.cookies("ada", set), "x="+strings.Repeat("x", 500<<10))
		_, lines, err := e.fetchWith(pageRequest(cookies...), forced)
		if err != nil {
			t.Fatal(err)
		}
		set.Refresh = e.value(lines, "ada.refreshToken")
	}
	if n := (session.HeapInUse() - before) >> 10; n > 50*refreshes {
		t.Errorf("%d kB are in use after %d refreshes", n, refreshes)
	}
	runtime.KeepAlive(e)
}
