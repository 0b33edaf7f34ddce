package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestRefreshIsShared sends many requests with one expired session at once. Refresh
// tokens rotate without a grace, so a second call would end the session.
func TestRefreshIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sources refreshSources
		e := newEnv(t, func(c *session.Config) { c.Hooks.Refreshed = sources.hook })
		e.server.SetRotation(true, 0)
		set, bobs := e.server.Issue("ada", cognitotest.Expired), e.server.Issue("bob", cognitotest.Expired)
		// Bob shows his own tokens with ada's refresh token.
		mixed := e.cookies("bob", &tokens.Set{Access: bobs.Access, ID: bobs.ID, Refresh: set.Refresh})
		if _, err := e.manager.Fetch(nil, pageRequest(e.cookies("ada", set)...), nil); !errors.Is(err, tokens.Expired) { // fetches the keys
			t.Fatal(err)
		}
		release := e.hold(opRefresh)
		requests := longtest.Scale(200, 1000)
		access := make([]string, requests)
		var wg sync.WaitGroup
		for i := range requests {
			wg.Go(func() {
				if i%100 == 7 {
					if s, lines, err := e.fetch(scriptRequest(mixed...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
						t.Errorf("with bob's tokens: %v, %v, %v", s, err, lines)
					}
					return
				}
				r := pageRequest(e.cookies("ada", set)...)
				if i%2 == 0 {
					r = scriptRequest(e.cookies("ada", set)...)
				}
				s, lines, err := e.fetch(r)
				if err != nil || s.User().Username != "ada" {
					t.Errorf("%v, %v", s, err)
				}
				access[i] = e.value(lines, "ada.accessToken")
			})
		}
		synctest.Wait()
		release()
		wg.Wait()
		if n := e.server.Calls(opRefresh); n != 1 {
			t.Fatalf("%d calls", n)
		}
		if sources.counts[session.RefreshCall] != 1 || sources.counts[session.RefreshJoined] != requests-1 {
			t.Errorf("the hook: %v", sources.counts)
		}
		for i := range access {
			if i%100 != 7 && (access[i] == "" || access[i] != access[0]) {
				t.Fatalf("request %d gets %.20q, request 0 %.20q", i, access[i], access[0])
			}
		}

		// These browsers sent their cookies before the answer came.
		for range 20 {
			e.advance(5 * time.Second)
			_, lines, err := e.fetch(pageRequest(e.cookies("ada", set)...))
			if err != nil || e.value(lines, "ada.accessToken") != access[0] || e.value(lines, "ada.refreshToken") == set.Refresh {
				t.Fatalf("a late request: %v, %v", err, e.changes(lines))
			}
		}
		if n := e.server.Calls(opRefresh); n != 1 || sources.counts[session.RefreshKept] != 20 {
			t.Errorf("late requests: %d calls, hook %v", n, sources.counts)
		}
	})
}

// TestResultIsRememberedUntilDelivered asks how long a result is remembered. It is half
// a minute, or two minutes if no browser has shown the new tokens, or if the answer to an
// upgrade was to deliver them.
func TestResultIsRememberedUntilDelivered(t *testing.T) {
	withoutStore(t)
	t.Parallel()
	for _, test := range []struct {
		name               string
		delivered, upgrade bool
		late               bool // the upgrade comes after the refresh
		want               time.Duration
	}{
		{name: "not delivered", want: 2 * time.Minute},
		{name: "delivered", delivered: true, want: 30 * time.Second},
		{name: "delivered, an upgrade", delivered: true, upgrade: true, want: 2 * time.Minute},
		{name: "delivered, a late upgrade", delivered: true, upgrade: true, late: true, want: 2 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, nil)
			e.server.SetRotation(true, 0)
			old := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
			first := pageRequest(old...)
			if test.upgrade && !test.late {
				first = upgradeRequest(old...)
			}
			_, lines, err := e.fetch(first)
			if err != nil {
				t.Fatal(err)
			}
			if test.delivered {
				if _, _, err := e.fetch(pageRequest(e.cookies("ada", e.tokensOf("ada", lines))...)); err != nil {
					t.Fatal(err)
				}
			}
			if test.late {
				e.fetch(upgradeRequest(old...))
			}
			e.advance(test.want - time.Second)
			if s, _, err := e.fetch(scriptRequest(old...)); err != nil {
				t.Errorf("a second before: %v, %v", s, err)
			}
			e.advance(3 * time.Second)
			if s, _, err := e.fetch(scriptRequest(old...)); !errors.Is(err, session.ErrSignedOut) { // Cognito refuses the reuse
				t.Errorf("two seconds after: %v, %v", s, err)
			}
		})
	}
}

// TestForcedRefreshSeesNewestState changes a user's groups while a refresh is running.
// Forced requests join only a call that started after them, and use the newest refresh
// token.
func TestForcedRefreshSeesNewestState(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]*session.FetchOptions{
		"forced": forced, "with metadata": {ForceRefresh: true, ClientMetadata: map[string]string{"a": "b"}},
	} {
		for _, rotation := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", rotation ", rotation), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := newEnv(t, nil)
					e.server.SetRotation(rotation, 0)
					old := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
					e.manager.Fetch(nil, pageRequest(old...), nil)
					release := e.hold(opRefresh)
					fetch := func(opts *session.FetchOptions) {
						if s, _, err := e.fetchWith(scriptRequest(old...), opts); err != nil {
							t.Errorf("%v, %v", s, err)
						}
					}
					var wg sync.WaitGroup
					wg.Go(func() { fetch(nil) })
					synctest.Wait() // the first call is running
					e.server.SetUser(cognitotest.User{Username: "ada", Groups: []string{"late"}})
					for range 10 {
						wg.Go(func() { fetch(opts) })
					}
					synctest.Wait()
					release()
					wg.Wait()
					if n := e.server.Calls(opRefresh); n != 2 {
						t.Errorf("%d calls, want one for the first request and one for the others", n)
					}
					// The result is newer than the old cookies, but older than this request.
					fetch(opts)
					e.advance(-time.Hour) // the clock is set back
					fetch(opts)
					if n := e.server.Calls(opRefresh); n != 4 {
						t.Errorf("%d calls after two more", n)
					}
					if s, _, err := e.fetch(scriptRequest(old...)); err != nil || !s.InGroup("late") {
						t.Errorf("the newest result: %v, %v", s, err)
					}
				})
			})
		}
	}
}

// TestCancelledRequestCancelsNoRefresh cancels the request that started a refresh, and
// one that has joined it. A third one gets the tokens.
func TestCancelledRequestCancelsNoRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t, nil)
		e.server.SetRotation(true, 0)
		old := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
		e.manager.Fetch(nil, pageRequest(old...), nil)
		release := e.hold(opRefresh)
		results := make([]error, 3)
		var cancels []context.CancelFunc
		var wg sync.WaitGroup
		for i := range results {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cancels = append(cancels, cancel)
			wg.Go(func() { _, _, results[i] = e.fetch(pageRequest(old...).WithContext(ctx)) })
			synctest.Wait()
		}
		cancels[0]()
		cancels[1]()
		synctest.Wait()
		release()
		wg.Wait()
		for i, err := range results {
			if i < 2 && !errors.Is(err, tokens.ErrUnavailable) || i == 2 && err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		}
		if s, _, err := e.fetch(pageRequest(old...)); err != nil || e.server.Calls(opRefresh) != 1 {
			t.Errorf("afterwards: %v, %v, %d calls", s, err, e.server.Calls(opRefresh))
		}
	})
}

// TestTwoFetchesOfOneRequest fetches the session of one request several times. It is
// refreshed once, although the request's cookies are still the old ones.
func TestTwoFetchesOfOneRequest(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))...)
	w := httptest.NewRecorder()
	first, err := e.manager.Fetch(w, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := len(w.Header()["Set-Cookie"])
	second, err := e.manager.Fetch(w, r, nil)
	if err != nil || second.AccessToken().Raw() != first.AccessToken().Raw() || e.server.Calls(opRefresh) != 1 {
		t.Errorf("%v, %v, %d calls", second, err, e.server.Calls(opRefresh))
	}
	if n := len(w.Header()["Set-Cookie"]); n != lines {
		t.Errorf("%d lines, then %d", lines, n)
	}
	third, err := e.manager.Fetch(w, r, forced)
	if err != nil || third.AccessToken().Raw() == first.AccessToken().Raw() {
		t.Errorf("forced: %v, %v", third, err)
	}
	fourth, err := e.manager.Fetch(w, r, nil)
	if err != nil || fourth == nil {
		t.Errorf("after a forced refresh: %v, %v", fourth, err)
	}
	if got := e.value(w.Header()["Set-Cookie"], "ada.accessToken"); got != fourth.AccessToken().Raw() && layoutName() != session.LayoutHandle {
		t.Error("the browser gets another session than the handler")
	}
	if n := e.server.Calls(opRefresh); n != 2 {
		t.Errorf("%d calls", n)
	}
}

// TestDevicesShareRefreshes refreshes with and without the cookies of a remembered device.
// The device belongs to a call, and not to what requests share.
func TestDevicesShareRefreshes(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	old := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	device := e.deviceCookies(old, plantedDevice)
	for range 2 {
		for _, cookies := range [][]string{old, device} {
			if s, _, err := e.fetch(scriptRequest(cookies...)); err != nil {
				t.Fatalf("%v, %v", s, err)
			}
		}
	}
	if n := e.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestPanickingHookLeavesNothingCached has the hook panic after a forced refresh. The
// browser has missed the answer, so the session that it still shows is not served from
// the cache: the next request gets the newer tokens.
func TestPanickingHookLeavesNothingCached(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) {
		c.Hooks.Refreshed = func(_ context.Context, source session.RefreshSource, _ time.Duration, _ error) {
			if source == session.RefreshCall {
				panic(http.ErrAbortHandler)
			}
		}
	})
	e.server.SetRotation(true, 0)
	cookies := e.cookies("ada", e.server.Issue("ada"))
	e.fetch(pageRequest(cookies...))
	e.advance(time.Minute)
	func() {
		defer func() { recover() }()
		e.fetchWith(pageRequest(cookies...), &session.FetchOptions{ForceRefresh: true})
		t.Error("the hook has not panicked")
	}()
	if _, lines, err := e.fetch(pageRequest(cookies...)); err != nil || e.value(lines, "ada.accessToken") == "" {
		t.Errorf("afterwards: %v, %q", err, lines)
	}
}

// TestHookPanics has the hook panic, as handlers may: it runs on the request's goroutine.
// The next request finds everything in order.
func TestHookPanics(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) {
		c.Hooks.Refreshed = func(context.Context, session.RefreshSource, time.Duration, error) { panic(http.ErrAbortHandler) }
	})
	old := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is lost")
				}
			}()
			e.fetch(pageRequest(old...))
		}()
	}
	if n := e.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
}
