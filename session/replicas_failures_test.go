package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestFailingStore has two replicas refresh a session within the grace while their store
// fails. No request fails, none waits long, and the log tells of it once for each replica.
func TestFailingStore(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	var random atomic.Int64
	for name, test := range map[string]struct {
		fault  func(ctx context.Context, op session.StoreOperation, value []byte) error
		evicts bool          // the store keeps nothing
		quiet  bool          // nothing is logged
		longer time.Duration // than without a store
	}{
		"down": {fault: func(context.Context, session.StoreOperation, []byte) error {
			return &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}},
		"paused": {longer: 3 * time.Second, fault: func(ctx context.Context, _ session.StoreOperation, _ []byte) error {
			<-ctx.Done()
			return ctx.Err()
		}},
		"hanging": {longer: 3 * time.Second, fault: func(context.Context, session.StoreOperation, []byte) error {
			time.Sleep(time.Hour)
			return errors.New("late")
		}},
		"slow": {quiet: true, longer: 3 * 900 * time.Millisecond, fault: func(context.Context, session.StoreOperation, []byte) error {
			time.Sleep(900 * time.Millisecond)
			return nil
		}},
		"full": {fault: func(_ context.Context, _ session.StoreOperation, value []byte) error {
			if len(value) > 100 {
				return errors.New("OOM command not allowed when used memory > 'maxmemory'")
			}
			return nil
		}},
		"evicting":  {evicts: true, quiet: true},
		"panicking": {fault: func(context.Context, session.StoreOperation, []byte) error { panic("an adapter") }},
		"flaky": {fault: func(context.Context, session.StoreOperation, []byte) error {
			if random.Add(1)%3 == 0 {
				return errors.New("reset by peer")
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReplicas(t, 2, time.Minute, nil)
				cookies := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
				r.store.setFault(test.fault)
				if test.evicts {
					r.store.setFault(func(context.Context, session.StoreOperation, []byte) error { r.store.Flush(); return nil })
				}
				for i := range r.managers {
					start := time.Now()
					lines := r.mustFetchAt(i, cookies)
					if waited := time.Since(start); waited > test.longer {
						t.Errorf("replica %d: the request takes %v", i, waited)
					}
					r.mustFetchAt(i, r.cookies("ada", r.tokensOf("ada", lines)))
				}
				if n := strings.Count(r.logs.String(), "calls of the store fail"); (n == 0) != test.quiet || n > 2 {
					t.Errorf("%d warnings:\n%s", n, r.logs)
				}
				time.Sleep(2 * time.Hour) // the calls that hang return
			})
		})
	}
}

// TestValuesThatAreNotOurs puts all that can stand in a store under the key of ada's
// refresh token. She is refreshed by one call, as if nothing was there.
func TestValuesThatAreNotOurs(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 1, 0, nil)
	// What a refresh of bob's and one of ada's put there.
	r.mustFetchAt(0, r.cookies("bob", r.server.Issue("bob", cognitotest.Expired)))
	var bobs []byte
	for _, value := range r.store.Values() {
		bobs = value
	}
	changed := func(i int) []byte {
		value := bytes.Clone(bobs)
		value[i] ^= 0x40
		return value
	}
	for name, value := range map[string][]byte{
		"exchanged":           bobs,
		"another kind":        append([]byte{'x'}, bobs[1:]...),
		"a changed byte":      changed(len(bobs) - 1),
		"a changed salt":      changed(3),
		"cut":                 bobs[:len(bobs)/2],
		"a claim that is cut": []byte("c1234"),
		"empty":               {},
		"garbled":             []byte("hello"),
		"one byte":            []byte("r"),
	} {
		t.Run(name, func(t *testing.T) {
			set := r.server.Issue("ada", cognitotest.Expired)
			r.store.Set(r.storeKey(set.Refresh), value, time.Hour)
			calls := r.server.Calls(opRefresh)
			s, _, err := r.fetchAt(0, pageRequest(r.cookies("ada", set)...), nil)
			if err != nil || s.User().Username != "ada" || r.server.Calls(opRefresh) != calls+1 {
				t.Fatalf("%v, %v with %d calls", s, err, r.server.Calls(opRefresh)-calls)
			}
			if there := r.store.Values()[r.storeKey(set.Refresh)]; bytes.Equal(there, value) || len(there) < 100 {
				t.Errorf("%d bytes stand there now", len(there))
			}
		})
	}
}

// TestOldResult: a store may keep a result for longer than it was asked to.
func TestOldResult(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 2, 0, nil)
	r.server.SetRotation(false, 0)
	set := r.server.Issue("ada", cognitotest.Expired)
	r.mustFetchAt(0, r.cookies("ada", set))
	key := r.storeKey(set.Refresh)
	r.store.Set(key, r.store.Values()[key], time.Hour)
	r.advance(119 * time.Second)
	r.mustFetchAt(1, r.cookies("ada", set))
	if n := r.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
	r.managers = append(r.managers, r.newReplica(nil))
	r.advance(2 * time.Second)
	r.mustFetchAt(2, r.cookies("ada", set))
	if n := r.server.Calls(opRefresh); n != 2 {
		t.Errorf("%d calls when the result is too old", n)
	}
}

// TestLostValues loses what the store has while a replica calls Cognito, and another one
// wants the same session. Within the grace nobody sees an error.
func TestLostValues(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	for _, grace := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := newReplicas(t, 2, grace, nil)
			cookies := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
			for _, m := range r.managers { // fetch the keys
				m.Fetch(nil, pageRequest(cookies...), nil)
			}
			var held atomic.Bool
			r.server.SetFault(func(op string) cognitotest.Fault {
				if op == opRefresh && held.CompareAndSwap(false, true) {
					time.Sleep(time.Second)
				}
				return cognitotest.Fault{}
			})
			errs := make(chan error, 2)
			go func() {
				_, _, err := r.fetchAt(0, pageRequest(cookies...), nil)
				errs <- err
			}()
			time.Sleep(500 * time.Millisecond)
			r.store.Flush()
			go func() {
				_, _, err := r.fetchAt(1, pageRequest(cookies...), nil)
				errs <- err
			}()
			var failed []error
			for range 2 {
				if err := <-errs; err != nil {
					failed = append(failed, err)
				}
			}
			if grace > 0 && len(failed) > 0 || len(failed) > 1 {
				t.Errorf("grace %v: %v", grace, failed)
			}
			// The one that was refused finds the other's result.
			if grace == 0 {
				r.mustFetchAt(0, cookies)
			}
		})
	}
}

// TestDeadHolder: a process has put its claim there and does nothing more. Requests get an
// error while its call may still run. Then another process calls Cognito.
func TestDeadHolder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReplicas(t, 2, 0, nil)
		set := r.server.Issue("ada", cognitotest.Expired)
		r.store.Set(r.storeKey(set.Refresh), []byte("c0123456789abcdef"), time.Hour)
		cookies := r.cookies("ada", set)
		start := time.Now()
		for range 2 {
			_, lines, err := r.fetchAt(0, pageRequest(cookies...), nil)
			if err == nil {
				break
			}
			if !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 || time.Since(start) > 5*time.Second {
				t.Fatalf("after %v: %v", time.Since(start), err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if waited := time.Since(start); waited < 8*time.Second || waited > 8100*time.Millisecond || r.server.Calls(opRefresh) != 1 {
			t.Errorf("%d calls after %v", r.server.Calls(opRefresh), waited)
		}
		r.mustFetchAt(1, cookies)
		if n := r.server.Calls(opRefresh); n != 1 {
			t.Errorf("%d calls", n)
		}
		// The first request gave up while it waited for the holder.
		if got := r.sources.counts; got[session.RefreshNone] != 1 || got[session.RefreshCall] != 1 || got[session.RefreshStore] != 1 && layoutName() != session.LayoutHandle {
			t.Errorf("the hook is told %v", got)
		}
	})
}

// TestFailedCallsAreNotShared: when Cognito does not answer one replica, the others do not
// wait for it.
func TestFailedCallsAreNotShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReplicas(t, 2, 0, nil)
		cookies := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
		r.failButKeys(cognitotest.Fault{Status: 400, Code: "NotAuthorizedException", Message: "Unable to verify secret hash for client 1abc"})
		start := time.Now()
		if _, _, err := r.fetchAt(0, pageRequest(cookies...), nil); !errors.Is(err, tokens.ErrUnavailable) {
			t.Fatal(err)
		}
		for key := range r.store.Values() {
			if strings.HasPrefix(key, "cg1:r:") {
				t.Errorf("%s is left", key)
			}
		}
		r.recover()
		r.mustFetchAt(1, cookies)
		if waited := time.Since(start); waited > time.Second {
			t.Errorf("the other replica waits for %v", waited)
		}
	})
}

// TestReplacedSecret replaces the secret of two replicas, one after the other.
func TestReplacedSecret(t *testing.T) {
	amplifyOnly(t) // here Secret is that of what the store sees
	t.Parallel()
	r := newReplicas(t, 0, 0, nil)
	next, other := secretOf(8), secretOf(9)
	replica := func(secret []byte, old ...[]byte) {
		r.managers = append(r.managers, r.newReplica(func(c *session.Config) { c.Secret, c.OldSecrets = secret, old }))
	}
	replica(storeSecret)
	replica(storeSecret, next)
	replica(next, storeSecret)
	replica(next)
	replica(other)
	for i, test := range []struct {
		from, to int
		calls    int
	}{{0, 1, 1}, {1, 0, 1}, {1, 2, 1}, {2, 1, 1}, {2, 3, 1}, {3, 2, 1}} {
		cookies := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
		before := r.server.Calls(opRefresh)
		r.mustFetchAt(test.from, cookies)
		r.mustFetchAt(test.to, cookies)
		if n := r.server.Calls(opRefresh) - before; n != test.calls {
			t.Errorf("step %d: %d calls", i, n)
		}
	}
	r.server.SetRotation(true, time.Minute)
	cookies := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
	r.mustFetchAt(0, cookies)
	r.mustFetchAt(4, cookies) // without an error
}

// TestSecretIsRequired: without one, anybody who can read the store could read tokens.
func TestSecretIsRequired(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	for name, test := range map[string]struct {
		edit func(*session.Config)
		want string
	}{
		"none":         {func(c *session.Config) {}, "Secret"},
		"short":        {func(c *session.Config) { c.Secret = storeSecret[2:] }, "Secret"},
		"one byte":     {func(c *session.Config) { c.Secret = storeSecret[:32] }, "Secret"},
		"an old short": {func(c *session.Config) { c.Secret, c.OldSecrets = storeSecret, [][]byte{storeSecret, nil} }, "OldSecrets"},
		"not shared":   {func(c *session.Config) { c.Shared, c.Secret = nil, nil }, ""},
	} {
		cfg := session.Config{UserPool: e.server.UserPool(), Shared: new(faultyStore)}
		test.edit(&cfg)
		var wrong *tokens.ConfigError
		if _, err := session.NewManager(cfg); errors.As(err, &wrong) != (test.want != "") || wrong != nil && wrong.Field != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStoreCallsWithoutATokenAreLimited floods a replica with refresh tokens that are made
// up. Whatever they are, the store is called 50 times a second.
func TestStoreCallsWithoutATokenAreLimited(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	r := newReplicas(t, 1, 0, nil)
	for i := range 60 {
		cookies := r.cookies("ada", &tokens.Set{Refresh: fmt.Sprint("eyJmade-up", i)})
		r.fetchAt(0, pageRequest(cookies...), nil)
	}
	if n := r.store.operations(); n < 40 || n > 51 {
		t.Errorf("%d calls of the store", n)
	}
	r.advance(10 * time.Second)
	r.mustFetchAt(0, r.cookies("ada", r.server.Issue("ada", cognitotest.Expired)))
}
