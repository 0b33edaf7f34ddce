package session_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

var storeSecret = secretOf(7)

// secretOf returns a secret that is no repeated byte.
func secretOf(b byte) []byte { return append(bytes.Repeat([]byte{b}, 32), 0) }

// replicas are Managers of one site that share a store.
type replicas struct {
	*env
	store    *faultyStore
	managers []*session.Manager
	sources  refreshSources
}

// newReplicas makes n replicas of a server whose refresh tokens rotate. edit may be nil.
func newReplicas(t *testing.T, n int, grace time.Duration, edit func(*session.Config)) *replicas {
	t.Helper()
	r := &replicas{env: newEnv(t, nil), store: &faultyStore{Memory: storetest.NewMemory()}}
	r.server.SetRotation(true, grace)
	for range n {
		r.managers = append(r.managers, r.newReplica(edit))
	}
	return r
}

// newReplica makes another replica.
func (r *replicas) newReplica(edit func(*session.Config)) *session.Manager {
	return r.newManager(func(c *session.Config) {
		c.Shared, c.Secret, c.Hooks.Refreshed = r.store, storeSecret, r.sources.hook
		if edit != nil {
			edit(c)
		}
	})
}

// fetchAt fetches a request's session from one replica.
func (r *replicas) fetchAt(i int, req *http.Request, opts *session.FetchOptions) (s *session.Session, lines []string, err error) {
	lines = r.layout.after(r.env, req, func() []string {
		w := httptest.NewRecorder()
		s, err = r.managers[i].Fetch(w, req, opts)
		return w.Header()["Set-Cookie"]
	})
	logError(err)
	return s, lines, err
}

// mustFetchAt is fetchAt without an error.
func (r *replicas) mustFetchAt(i int, cookies []string) []string {
	r.t.Helper()
	_, lines, err := r.fetchAt(i, pageRequest(cookies...), nil)
	if err != nil {
		r.t.Fatalf("replica %d: %v", i, err)
	}
	return lines
}

// storeKey returns the key of a refresh token. All versions and secrets agree on it.
func (r *replicas) storeKey(refreshToken string) string {
	hash := sha256.New()
	for _, part := range []string{r.server.UserPool().ID, r.server.UserPool().ClientID, refreshToken} {
		fmt.Fprintf(hash, "%s%s", binary.BigEndian.AppendUint64(nil, uint64(len(part))), part)
	}
	return "cg1:r:" + base64.RawURLEncoding.EncodeToString(hash.Sum(nil))
}

// faultyStore is a store that fails as the test wants.
type faultyStore struct {
	*storetest.Memory

	mu    sync.Mutex
	fault func(ctx context.Context, op session.StoreOperation, value []byte) error // may be nil
	count map[session.StoreOperation]int
}

// setFault sets what calls return, without an effect. nil is no fault.
func (s *faultyStore) setFault(fault func(ctx context.Context, op session.StoreOperation, value []byte) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// operations returns how many calls there were.
func (s *faultyStore) operations() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, count := range s.count {
		n += count
	}
	return n
}

func (s *faultyStore) call(ctx context.Context, op session.StoreOperation, value []byte) error {
	s.mu.Lock()
	if s.count == nil {
		s.count = make(map[session.StoreOperation]int)
	}
	s.count[op]++
	fault := s.fault
	s.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(ctx, op, value)
}

func (s *faultyStore) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.call(ctx, session.StoreGet, nil); err != nil {
		return nil, err
	}
	return s.Memory.Get(ctx, key)
}

func (s *faultyStore) Add(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
	if err := s.call(ctx, session.StoreAdd, value); err != nil {
		return nil, err
	}
	return s.Memory.Add(ctx, key, value, keep)
}

func (s *faultyStore) Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
	if err := s.call(ctx, session.StoreSwap, value); err != nil {
		return false, err
	}
	return s.Memory.Swap(ctx, key, old, value, keep)
}

// TestReplicasRefreshOnce sends the requests of several sessions to three replicas at once.
// Refresh tokens rotate without a grace, so a second call would end a session.
func TestReplicasRefreshOnce(t *testing.T) {
	t.Parallel()
	for name, latency := range map[string]time.Duration{"fast": 0, "slow": 2400 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const sessions, requests = 3, 9
				r := newReplicas(t, 3, 0, nil)
				r.server.SetFault(func(op string) cognitotest.Fault {
					if op == opRefresh {
						time.Sleep(latency)
					}
					return cognitotest.Fault{}
				})
				var cookies [sessions][]string
				for i := range cookies {
					cookies[i] = r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
				}
				var wg sync.WaitGroup
				for i := range sessions * requests {
					wg.Go(func() {
						if s, lines, err := r.fetchAt(i/sessions%3, pageRequest(cookies[i%sessions]...), nil); err != nil || s.User().Username != "ada" || len(lines) == 0 && layoutName() != session.LayoutHandle {
							t.Errorf("request %d: %v, %v", i, s, err)
						}
					})
				}
				wg.Wait()
				if n := r.server.Calls(opRefresh); n != sessions {
					t.Errorf("%d calls for %d sessions", n, sessions)
				}
				if n := r.sources.counts[session.RefreshStore]; r.sources.counts[session.RefreshCall] != sessions || n > 2*sessions || n < 2*sessions && layoutName() != session.LayoutHandle {
					t.Errorf("the hook is told %v", r.sources.counts)
				}
				for key, value := range r.store.Values() {
					if bytes.Contains(value, []byte("eyJhbGci")) || bytes.Contains([]byte(key), []byte("eyJhbGci")) {
						t.Errorf("a token in clear under %s", key)
					}
				}
			})
		})
	}
}

// TestSignedInRequestsDoNotCallTheStore: nor does one that joins a refresh, or gets a
// result that this process remembers.
func TestSignedInRequestsDoNotCallTheStore(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	var told []session.StoreOperation
	r := newReplicas(t, 1, 0, func(c *session.Config) {
		c.Hooks.StoreCalled = func(_ context.Context, op session.StoreOperation, elapsed time.Duration, err error) {
			if told = append(told, op); elapsed < 0 || err != nil {
				t.Errorf("the hook is told of %s, %v, %v", op, elapsed, err)
			}
		}
	})
	old := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
	lines := r.mustFetchAt(0, old)
	if want := []session.StoreOperation{session.StoreSince, session.StoreAdd, session.StoreSwap}; !slices.Equal(told, want) || r.store.operations() != 3 {
		t.Errorf("operations for a refresh: %q", told)
	}
	fresh := r.cookies("ada", r.tokensOf("ada", lines))
	before := r.store.operations()
	for range 20 {
		r.mustFetchAt(0, old)
		r.mustFetchAt(0, fresh)
	}
	if n := r.store.operations(); n != before {
		t.Errorf("%d operations", n-before)
	}
}

// TestReplicasFollowRotations: a browser that has missed several answers shows an old
// refresh token to a replica that has seen none of them.
func TestReplicasFollowRotations(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 2, 0, nil)
	old := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
	cookies := old
	for range 3 {
		_, lines, err := r.fetchAt(0, pageRequest(cookies...), forced)
		if err != nil {
			t.Fatal(err)
		}
		cookies = r.cookies("ada", r.tokensOf("ada", lines))
	}
	calls := r.server.Calls(opRefresh)
	r.mustFetchAt(1, old)
	if n := r.server.Calls(opRefresh) - calls; n != 0 {
		t.Errorf("%d calls for the late request", n)
	}
	// A refresh that is forced follows the chain to its end.
	if _, _, err := r.fetchAt(1, pageRequest(old...), forced); err != nil {
		t.Errorf("forced: %v", err)
	}
	if n := r.server.Calls(opRefresh) - calls; n != 1 {
		t.Errorf("%d calls for the forced refresh", n)
	}
	if _, _, err := r.fetchAt(0, pageRequest(old...), &session.FetchOptions{ClientMetadata: map[string]string{"a": "b"}}); err != nil {
		t.Errorf("with metadata: %v", err)
	}
}

// TestForcedRefreshesWithoutRotation: a result with the same refresh token is replaced.
func TestForcedRefreshesWithoutRotation(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 2, 0, nil)
	r.server.SetRotation(false, 0)
	old := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
	r.mustFetchAt(0, old)
	var last string
	for i := range 4 {
		s, lines, err := r.fetchAt(i%2, pageRequest(old...), forced)
		if err != nil || s.AccessToken().Raw() == last || len(lines) == 0 {
			t.Fatalf("forced: %v", err)
		}
		last = s.AccessToken().Raw()
	}
	if n := r.server.Calls(opRefresh); n != 5 {
		t.Errorf("%d calls", n)
	}
}

// TestReplicasShareRefusals: Cognito is asked once about a refused token, and a refusal
// with one device key says nothing about another.
func TestReplicasShareRefusals(t *testing.T) {
	amplifyOnly(t) // device keys are in cookies of their own
	t.Parallel()
	r := newReplicas(t, 3, 0, nil)
	set := r.server.Issue("ada", cognitotest.Expired)
	cookies := r.cookies("ada", &tokens.Set{Access: set.Access, ID: set.ID, Refresh: "eyJhbGciOiJnone.refused"})
	for i := range 3 {
		if _, _, err := r.fetchAt(i, pageRequest(cookies...), nil); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("replica %d: %v", i, err)
		}
	}
	if n := r.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
	before := r.store.operations()
	r.fetchAt(1, pageRequest(cookies...), nil)
	if n := r.store.operations(); n != before {
		t.Errorf("a replica asks %d times for the refusal that it has got", n-before)
	}
	r.managers = append(r.managers, r.newReplica(nil))
	if _, _, err := r.fetchAt(3, pageRequest(r.deviceCookies(cookies, plantedDevice)...), nil); !errors.Is(err, session.ErrSignedOut) {
		t.Error(err)
	}
	if n := r.server.Calls(opRefresh); n != 3 { // with the key and without
		t.Errorf("with another device key: %d calls", n)
	}
}
