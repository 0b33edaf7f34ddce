package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// slowFault delays each call of the store. Then it returns err.
func slowFault(delay time.Duration, err error) storeFault {
	return func(ctx context.Context, _ session.StoreOperation, _ []byte) error {
		select {
		case <-time.After(delay):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// madeUp returns cookies of n made-up refresh tokens, each of another name.
func (r *replicas) madeUp(n int, text string) (cookies []string) {
	for k := range n {
		cookies = append(cookies, fmt.Sprintf("%s=%s.%d", r.prefixed(fmt.Sprintf("u%d.refreshToken", k)), text, k))
	}
	return cookies
}

// TestTombstonesWithAnOldTokenAreLimited: an old access token, which anybody may have found, is shown with made-up
// refresh tokens. They fill no store.
func TestTombstonesWithAnOldTokenAreLimited(t *testing.T) {
	amplifyOnly(t) // tokens are in cookies of their own
	t.Parallel()
	r := newReplicas(t, 1, 0, nil)
	old := r.server.Issue("ada", cognitotest.Expired)
	for i := range 100 {
		cookies := []string{r.prefixed("LastAuthUser=ada"), r.prefixed("ada.accessToken=" + old.Access)}
		for k := range 20 {
			cookies = append(cookies, r.prefixed(fmt.Sprintf("ada.refreshToken=x%d.%d", i, k)))
		}
		r.managers[0].End(httptest.NewRecorder(), pageRequest(cookies...))
	}
	if n := r.store.operations(); n > 250 { // of which 100 are notes
		t.Errorf("%d operations", n)
	}
	set := r.server.Issue("ada") // of another sign-in
	r.endAt(0, r.cookies("ada", set))
	if there := r.store.Values()[r.storeKey(set.Refresh)]; len(there) == 0 || there[0] != 't' {
		t.Errorf("the user's own sign-out puts %q into the store", there)
	}
}

// TestTombstonesOfOneClientAreLimited: sign-outs of one client do not keep the store from others.
func TestTombstonesOfOneClientAreLimited(t *testing.T) {
	amplifyOnly(t) // tokens are in cookies of their own
	t.Parallel()
	r := newReplicas(t, 1, 0, nil)
	for i := range 5 {
		req := pageRequest(r.madeUp(20, fmt.Sprint("x", i))...)
		req.RemoteAddr = "192.0.2.1:1234"
		r.managers[0].End(httptest.NewRecorder(), req)
	}
	set := r.server.Issue("ada")
	if _, _, err := r.fetchAt(0, pageRequest(r.cookies("ada", &tokens.Set{Refresh: set.Refresh})...), nil); err != nil {
		t.Errorf("another client: %v", err)
	}
}

// TestSignOutWithAFullStore: a full store takes no tombstone and no note. The refresh token that another
// replica has got ends all the same, and no further replica finds it.
func TestSignOutWithAFullStore(t *testing.T) {
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

// TestSignOutStopsRefreshesWhileKeysHang: the key set hangs where a user signs out. Another replica
// does not deliver what it refreshes meanwhile.
func TestSignOutStopsRefreshesWhileKeysHang(t *testing.T) {
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
				f.Delay, f.After = 1900*time.Millisecond, true
			}
			return f
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(time.Second)
			_, lines, err := r.fetchAt(1, pageRequest(cookies...), nil)
			if !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("the other replica: %v, %d lines", err, len(lines))
			}
		})
		r.endAt(0, cookies)
		wg.Wait()
		r.recover()
		time.Sleep(time.Minute) // the fetch of keys ends
	})
}

// TestPlantedTokensDelayNoSignOut: a slow store leaves no time for planted refresh tokens, but the
// others hear of the sign-out.
func TestPlantedTokensDelayNoSignOut(t *testing.T) {
	amplifyOnly(t) // tokens are in cookies of their own
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 2)
		set := r.server.Issue("ada")
		cookies := append(r.cookies("ada", set), r.madeUp(19, "planted")...)
		r.mustFetchAt(0, r.cookies("ada", set))
		r.mustFetchAt(1, r.cookies("ada", set))
		r.store.setFault(slowFault(200*time.Millisecond, nil))
		r.managers[0].End(httptest.NewRecorder(), pageRequest(cookies...))
		if n := len(r.store.Notes()); n == 0 {
			t.Error("the others are not told")
		}
		time.Sleep(2 * time.Second)
		if signedIn(t, r.managers[1], bearerRequest(set)) {
			t.Error("the other replica has not heard")
		}
	})
}

// TestStoreThatFailsSlowly: requests do not wait again and again for a store whose errors take long.
func TestStoreThatFailsSlowly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 1)
		cookies := r.cookies("ada", r.server.Issue("ada"))
		r.mustFetchAt(0, cookies)
		r.store.setFault(slowFault(900*time.Millisecond, errors.New("no connection")))
		time.Sleep(5 * time.Second)
		var waited time.Duration
		const requests = 30
		for range requests {
			begin := time.Now()
			r.mustFetchAt(0, cookies)
			waited += time.Since(begin)
			time.Sleep(300 * time.Millisecond)
		}
		if waited > 8*time.Second {
			t.Errorf("%d requests of a signed-in user wait for %v", requests, waited)
		}
	})
}

// TestStorePanics: an adapter panics, or ends its goroutine, with every call. It is as if the store
// were down.
func TestStorePanics(t *testing.T) {
	tokensInCookies(t)
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
