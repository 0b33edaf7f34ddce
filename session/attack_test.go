package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// madeUp returns cookies of n made-up refresh tokens, each of another name.
func (r *replicas) madeUp(n int, text string) (cookies []string) {
	for k := range n {
		cookies = append(cookies, fmt.Sprintf("%s=%s.%d", r.prefixed(fmt.Sprintf("u%d.refreshToken", k)), text, k))
	}
	return cookies
}

// A1: an old token of anybody fills the store with tombstones.
func TestAttackTombstonesWithAnOldToken(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 1, 0, nil)
	old := r.server.Issue("ada", cognitotest.Expired)
	const signOuts = 100
	for i := range signOuts {
		cookies := []string{r.prefixed("LastAuthUser=ada"), r.prefixed("ada.accessToken=" + old.Access)}
		for k := range 20 {
			cookies = append(cookies, r.prefixed(fmt.Sprintf("ada.refreshToken=x%d.%d", i, k)))
		}
		r.managers[0].End(httptest.NewRecorder(), pageRequest(cookies...))
	}
	t.Logf("%d sign-outs: %d operations, %d values, %d notes", signOuts, r.store.operations(), len(r.store.Values()), len(r.store.Notes()))
	if n := r.store.operations(); n > 400 {
		t.Errorf("%d operations", n)
	}
}

// A1b: the same opens the breaker, and at grace 0 a user loses the sign-in.
func TestAttackSignOutsOpenTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 2)
		r.server.SetRotation(true, 0)
		old := r.server.Issue("bob", cognitotest.Expired)
		cookies := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
		for i := range r.managers {
			signedIn(t, r.managers[i], bearerRequest(r.server.Issue("bob", accessOnly)))
		}
		r.store.setFault(func(ctx context.Context, op session.StoreOperation, value []byte) error {
			select {
			case <-time.After(100 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		var wg sync.WaitGroup
		var stop atomic.Bool
		for i := range 3000 {
			wg.Go(func() {
				for n := 0; !stop.Load(); n++ {
					mine := []string{r.prefixed("LastAuthUser=bob"), r.prefixed("bob.accessToken=" + old.Access)}
					for k := range 20 {
						mine = append(mine, r.prefixed(fmt.Sprintf("bob.refreshToken=x%d.%d.%d", i, n, k)))
					}
					r.managers[0].End(httptest.NewRecorder(), pageRequest(mine...))
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)
		r.mustFetchAt(1, cookies)
		if _, _, err := r.fetchAt(0, pageRequest(cookies...), nil); err != nil {
			t.Errorf("the other replica: %v", err)
		}
		stop.Store(true)
		wg.Wait()
	})
}

// A2: a full store takes no tombstone. The newest refresh token is revoked all the same.
func TestAttackSignOutWithAFullStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 3)
		r.server.SetRotation(true, time.Minute)
		old := r.server.Issue("ada", cognitotest.Expired)
		set := r.tokensOf("ada", r.mustFetchAt(1, r.cookies("ada", old)))
		if set.Refresh == old.Refresh || !signedIn(t, r.managers[1], bearerRequest(set)) {
			t.Fatal("not refreshed")
		}
		full := errors.New("OOM")
		r.store.setFault(func(_ context.Context, op session.StoreOperation, value []byte) error {
			if op == session.StoreSwap && value != nil || op == session.StoreAppend {
				return full
			}
			return nil
		})
		r.managers[0].End(httptest.NewRecorder(), pageRequest(r.cookies("ada", old)...))
		if signedIn(t, r.managers[0], bearerRequest(set)) {
			t.Error("the replica that has signed out accepts the newest access token")
		}
		if _, lines, err := r.fetchAt(2, pageRequest(r.cookies("ada", old)...), nil); err == nil {
			t.Errorf("another replica brings the session back: %q", lines)
		}
		r.store.setFault(nil)
		time.Sleep(2 * time.Second)
		signedIn(t, r.managers[0], bearerRequest(set))
		synctest.Wait()
		time.Sleep(2 * time.Second)
		for i, m := range r.managers {
			if signedIn(t, m, bearerRequest(set)) {
				t.Errorf("replica %d accepts the newest access token", i)
			}
		}
		if r.canRefresh(set.Refresh) {
			t.Error("the newest refresh token is not revoked")
		}
	})
}

// A3: the key set hangs at the replica that signs out; another one refreshes.
func TestAttackSignOutWhileTheKeySetHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 2)
		r.server.SetRotation(true, time.Minute)
		cookies := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
		signedIn(t, r.managers[1], bearerRequest(r.server.Issue("bob", accessOnly)))
		r.server.SetFault(func(op string) (f cognitotest.Fault) {
			switch op {
			case opKeys:
				f.Delay = time.Minute
			case opRefresh:
				f.Delay, f.After = 3*time.Second, true
			}
			return f
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, lines, err := r.fetchAt(1, pageRequest(cookies...), nil)
			if !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("the other replica: %v, %d lines", err, len(lines))
			}
		})
		synctest.Wait()
		err := r.managers[0].End(httptest.NewRecorder(), pageRequest(cookies...))
		t.Logf("End: %v, %d values", err, len(r.store.Values()))
		wg.Wait()
		r.recover()
		time.Sleep(time.Minute) // the fetch of keys ends
	})
}

// A5: planted refresh tokens and a slow store keep the sign-out from being told.
func TestAttackPlantedTokensDelayTheNote(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 2)
		set := r.server.Issue("ada")
		cookies := append(r.cookies("ada", set), r.madeUp(19, "planted")...)
		r.mustFetchAt(0, r.cookies("ada", set))
		r.mustFetchAt(1, r.cookies("ada", set))
		r.store.setFault(func(ctx context.Context, op session.StoreOperation, value []byte) error {
			select {
			case <-time.After(200 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		t.Log(r.managers[0].End(httptest.NewRecorder(), pageRequest(cookies...)))
		if n := len(r.store.Notes()); n == 0 {
			t.Error("the others are not told")
		}
		time.Sleep(2 * time.Second)
		if signedIn(t, r.managers[1], bearerRequest(set)) {
			t.Error("the other replica has not heard")
		}
	})
}

// A6: one address uses up the calls of the store of all users without a genuine token.
func TestAttackOneAddressUsesUpTheStore(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 1, 0, nil)
	for i := range 5 {
		r.managers[0].End(httptest.NewRecorder(), pageRequest(r.madeUp(20, fmt.Sprint("x", i))...))
	}
	set := r.server.Issue("ada")
	req := pageRequest(r.cookies("ada", &tokens.Set{Refresh: set.Refresh})...)
	req.RemoteAddr = "198.51.100.7:1234"
	if _, _, err := r.fetchAt(0, req, nil); err != nil {
		t.Errorf("a user at another address: %v", err)
	}
}

// A7: a store that fails slowly, but not by timeouts.
func TestAttackStoreThatFailsSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 1)
		cookies := r.cookies("ada", r.server.Issue("ada"))
		r.mustFetchAt(0, cookies)
		r.store.setFault(func(ctx context.Context, op session.StoreOperation, value []byte) error {
			select {
			case <-time.After(900 * time.Millisecond):
				return errors.New("no connection")
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		time.Sleep(5 * time.Second)
		var waited time.Duration
		const requests = 30
		for range requests {
			begin := time.Now()
			r.mustFetchAt(0, cookies)
			waited += time.Since(begin)
			time.Sleep(300 * time.Millisecond)
		}
		t.Logf("%d requests of a signed-in user waited %v", requests, waited)
		if waited > 8*time.Second {
			t.Error("too long")
		}
	})
}

// A8: a clock that jumps by a day and back.
func TestAttackClockJumpsAndComesBack(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 2, 0, nil)
	set := r.server.Issue("ada")
	r.endAt(0, r.cookies("ada", set))
	r.advance(2 * time.Second)
	r.fetchAt(0, pageRequest(r.cookies("bob", r.server.Issue("bob"))...), nil) // reads the log
	r.advance(25 * time.Hour)
	r.endAt(0, r.cookies("bob", r.server.Issue("bob")))
	r.advance(-25 * time.Hour)
	r.endAt(0, r.cookies("bob", r.server.Issue("bob")))
	if _, err := r.managers[0].Start(httptest.NewRecorder(), pageRequest(), set); !errors.Is(err, session.ErrSignInEnded) {
		t.Errorf("%v: the sign-out is forgotten", err)
	}
}

// A10: how often the store is called by many requests at once, with one old token.
func TestAttackManyAtOnceWithAnOldToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 1)
		old := r.server.Issue("ada", cognitotest.Expired)
		r.store.setFault(func(ctx context.Context, op session.StoreOperation, value []byte) error {
			time.Sleep(20 * time.Millisecond)
			return nil
		})
		for second := range 3 {
			before := r.store.operations()
			var wg sync.WaitGroup
			for i := range 1000 {
				wg.Go(func() {
					r.fetchAt(0, pageRequest(r.prefixed("LastAuthUser=ada"), r.prefixed("ada.accessToken="+old.Access), r.prefixed(fmt.Sprintf("ada.refreshToken=x%d.%d", second, i))), nil)
				})
			}
			wg.Wait()
			t.Logf("second %d: %d operations for 1000 requests, %d calls of Cognito", second, r.store.operations()-before, r.server.Calls(opRefresh))
			time.Sleep(2 * time.Second)
		}
	})
}

// A12: an adapter that panics, or ends its goroutine, with every call.
func TestAttackPanickingAdapter(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panics": func() { panic("adapter") }, "exits": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bubbleReplicas(t, 2)
				r.store.setFault(func(context.Context, session.StoreOperation, []byte) error { fail(); return nil })
				set := r.server.Issue("ada", cognitotest.Expired)
				set = r.tokensOf("ada", r.mustFetchAt(0, r.cookies("ada", set)))
				if err := r.managers[0].EndUser(t.Context(), r.subject(set)); err == nil {
					t.Error("no error")
				}
				other := r.server.Issue("bob")
				r.endAt(0, r.cookies("bob", other))
				r.store.setFault(nil)
				time.Sleep(2 * time.Second)
				signedIn(t, r.managers[0], bearerRequest(other))
				time.Sleep(2 * time.Second)
				for i, m := range r.managers {
					if signedIn(t, m, bearerRequest(other)) || signedIn(t, m, bearerRequest(set)) {
						t.Errorf("replica %d", i)
					}
				}
			})
		})
	}
}
