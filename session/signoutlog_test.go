package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

func (s *faultyStore) Append(ctx context.Context, note []byte, keep time.Duration) error {
	if err := s.call(ctx, session.StoreAppend, note); err != nil {
		return err
	}
	return s.Memory.Append(ctx, note, keep)
}

func (s *faultyStore) Since(ctx context.Context, cursor string) ([][]byte, string, error) {
	if err := s.call(ctx, session.StoreSince, nil); err != nil {
		return nil, "", err
	}
	return s.Memory.Since(ctx, cursor)
}

// logCalls returns how often the log was called.
func (s *faultyStore) logCalls() (appends, sinces int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[session.StoreAppend], s.count[session.StoreSince]
}

// storeFault is what a store does instead of its work.
type storeFault = func(ctx context.Context, op session.StoreOperation, value []byte) error

// storeFaults are those of a store that is down.
var storeFaults = map[string]storeFault{
	"refuses": func(context.Context, session.StoreOperation, []byte) error { return errors.New("connection refused") },
	"hangs":   func(ctx context.Context, _ session.StoreOperation, _ []byte) error { <-ctx.Done(); return ctx.Err() },
}

// bubbleReplicas makes replicas that read the bubble's clock.
func bubbleReplicas(t *testing.T, n int) *replicas {
	r := &replicas{env: newEnv(t, nil), store: &faultyStore{Memory: storetest.NewMemory()}}
	r.server.SetNow(time.Now)
	for range n {
		r.addReplica()
	}
	r.manager = r.managers[0]
	return r
}

// addReplica starts another replica.
func (r *replicas) addReplica() *session.Manager {
	m := r.newReplica(func(c *session.Config) { c.Bearer, c.Now = true, time.Now })
	r.managers = append(r.managers, m)
	return m
}

// bearerRequest shows an access token as a bearer token.
func bearerRequest(set *tokens.Set) *http.Request {
	r := scriptRequest()
	r.Header.Set("Authorization", "Bearer "+set.Access)
	return r
}

// signedIn reports whether a Manager says that a request's user is signed in.
func signedIn(t *testing.T, m *session.Manager, r *http.Request) bool {
	t.Helper()
	_, err := m.Fetch(nil, r, nil)
	logError(err)
	if err != nil && !errors.Is(err, session.ErrSignedOut) {
		t.Fatal(err)
	}
	return err == nil
}

// TestSignOutIsHeard signs out at one replica. Others refuse the session within two seconds:
// one that has it in its cache, however often it is asked, and one that starts later, at its
// first request.
func TestSignOutIsHeard(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(e *env, set *tokens.Set) error{
		"End": func(e *env, set *tokens.Set) error {
			_, err := e.end(pageRequest(e.cookies("ada", set)...))
			return err
		},
		"EndUser": func(e *env, set *tokens.Set) error { return e.manager.EndUser(t.Context(), e.subject(set)) },
	} {
		for _, pause := range []time.Duration{70 * time.Millisecond, 999 * time.Millisecond, 2 * time.Second} {
			t.Run(fmt.Sprint(name, ", a request each ", pause), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := bubbleReplicas(t, 2)
					e, replicas := r.env, r.managers
					bobs, set := e.server.Issue("bob", accessOnly), e.server.Issue("ada", accessOnly)
					all := map[string]*http.Request{"cookies": pageRequest(e.cookies("ada", onlyAccess(set))...), "bearer": bearerRequest(set)}
					other := bearerRequest(bobs)
					for name, r := range all {
						if !signedIn(t, replicas[1], r) || !signedIn(t, replicas[1], other) {
							t.Fatal(name, "is signed out")
						}
					}
					time.Sleep(time.Second / 3)
					if err := end(e, set); err != nil {
						t.Fatal(err)
					}
					started := time.Now()
					for len(all) > 0 && time.Since(started) < time.Minute {
						time.Sleep(pause)
						for name, r := range all {
							if !signedIn(t, replicas[1], r) {
								delete(all, name)
							}
						}
						synctest.Wait()
					}
					if took := time.Since(started); took > 2*time.Second {
						t.Errorf("heard after %v", took)
					}
					later := r.addReplica()
					if signedIn(t, later, bearerRequest(set)) || signedIn(t, r.addReplica(), pageRequest(e.cookies("ada", onlyAccess(set))...)) {
						t.Error("a replica that starts later lets the session through")
					}
					if _, err := r.addReplica().Start(httptest.NewRecorder(), pageRequest(), set); !errors.Is(err, session.ErrSignInEnded) {
						t.Errorf("a replica that starts later begins the session: %v", err)
					}
					if !signedIn(t, replicas[1], other) || !signedIn(t, later, other) {
						t.Error("bob is signed out")
					}
				})
			})
		}
	}
}

// subject returns the subject of an access token.
func (e *env) subject(set *tokens.Set) string {
	e.t.Helper()
	s, err := e.manager.Verify(e.t.Context(), &tokens.Set{Access: set.Access})
	if err != nil {
		e.t.Fatal(err)
	}
	return s.User().ID
}

// TestSignedInRequestsCallNoStore counts the calls of the store for signed-in requests.
func TestSignedInRequestsCallNoStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		replicas := bubbleReplicas(t, 1)
		e, store := replicas.env, replicas.store
		r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
		signedIn(t, e.manager, r)
		_, before := store.logCalls()
		inParallel(4, 10_000, func(int) { signedIn(t, e.manager, r) })
		if _, after := store.logCalls(); after != before {
			t.Errorf("%d calls of the store", after-before)
		}
		for range 1000 { // ten seconds
			time.Sleep(10 * time.Millisecond)
			signedIn(t, e.manager, r)
		}
		if _, after := store.logCalls(); after-before > 10 || after-before < 9 {
			t.Errorf("%d calls of the store in ten seconds", after-before)
		}
		time.Sleep(time.Hour)
		_, before = store.logCalls()
		inParallel(50, 200, func(int) { signedIn(t, e.manager, r) })
		if appends, after := store.logCalls(); after != before+1 || appends > 0 {
			t.Errorf("%d calls of the store for requests at once", after-before)
		}
	})
}

// TestSignOutIsToldAgain signs out while the store is down. The replica tells of it when the
// store works again, at its next request.
func TestSignOutIsToldAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range storeFaults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bubbleReplicas(t, 2)
				e, store, replicas := r.env, r.store, r.managers
				sets := []*tokens.Set{e.server.Issue("ada", accessOnly), e.server.Issue("bob", accessOnly)}
				others := bearerRequest(e.server.Issue("ada", accessOnly))
				for _, set := range sets {
					signedIn(t, replicas[1], bearerRequest(set))
				}
				signedIn(t, e.manager, others)
				own := pageRequest(e.cookies("ada", onlyAccess(sets[0]))...)
				signedIn(t, e.manager, own)
				store.setFault(fault)
				if _, err := e.end(own); (err != nil) != (layoutName() == session.LayoutHandle) { // the record is not deleted
					t.Error(err)
				}
				if err := e.manager.EndUser(t.Context(), e.subject(sets[1])); err == nil {
					t.Error("EndUser does not say that the others are not told")
				}
				if signedIn(t, e.manager, bearerRequest(sets[0])) || signedIn(t, e.manager, bearerRequest(sets[1])) {
					t.Error("the sign-outs do not hold here")
				}
				for range 5 { // with requests meanwhile, which read the log in vain
					time.Sleep(3 * time.Second)
					if !signedIn(t, e.manager, others) || !signedIn(t, replicas[1], bearerRequest(sets[0])) {
						t.Fatal("a sign-out was heard of a store that is down")
					}
				}
				store.setFault(nil)
				time.Sleep(7 * time.Second) // the store may not be called for five
				signedIn(t, e.manager, others)
				synctest.Wait()
				time.Sleep(2 * time.Second)
				for i, set := range sets {
					if signedIn(t, replicas[1], bearerRequest(set)) {
						t.Errorf("the sign-out of %d was not told again", i)
					}
				}
				appends, _ := store.logCalls()
				for range 5 {
					time.Sleep(3 * time.Second)
					signedIn(t, e.manager, others)
				}
				synctest.Wait()
				if more, _ := store.logCalls(); more != appends || len(store.Notes()) != 2 {
					t.Errorf("%d notes are told once more, %d are in the log", more-appends, len(store.Notes()))
				}
			})
		})
	}
}

// TestRequestsGoOnWithoutStore has the store fail for minutes. No request fails, each waits
// for a second at most, and one warning a minute is logged.
func TestRequestsGoOnWithoutStore(t *testing.T) {
	t.Parallel()
	for name, fault := range storeFaults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				replicas := bubbleReplicas(t, 1)
				e, store := replicas.env, replicas.store
				r := pageRequest(e.cookies("ada", onlyAccess(e.server.Issue("ada", accessOnly)))...)
				signedIn(t, e.manager, r)
				store.setFault(fault)
				started, waited, requests := time.Now(), time.Duration(0), 0
				for time.Since(started) < 3*time.Minute {
					time.Sleep(100 * time.Millisecond)
					before := time.Now()
					if !signedIn(t, e.manager, r) {
						t.Fatal("signed out")
					}
					if took := time.Since(before); took > time.Second {
						t.Fatalf("a request takes %v", took)
					} else if waited += took; took > 0 {
						requests++
					}
				}
				// Three calls wait for a second each, and then none for five.
				if longest := 3 * time.Minute * 3 / 8; waited > longest+3*time.Second {
					t.Errorf("%d requests have waited for %v", requests, waited)
				}
				if n := strings.Count(e.logs.String(), "level=WARN"); n < 3 || n > 4 || strings.Contains(e.logs.String(), "level=ERROR") {
					t.Errorf("%d warnings:\n%s", n, e.logs)
				}
				_, before := store.logCalls()
				store.setFault(nil)
				time.Sleep(6 * time.Second)
				signedIn(t, e.manager, r)
				if _, after := store.logCalls(); after != before+1 {
					t.Errorf("%d calls afterwards", after-before)
				}
			})
		})
	}
}

// TestEndedRequestDoesNotWait: its browser has gone.
func TestEndedRequestDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		replicas := bubbleReplicas(t, 1)
		e, store := replicas.env, replicas.store
		r := bearerRequest(e.server.Issue("ada", accessOnly))
		signedIn(t, e.manager, r)
		store.setFault(storeFaults["hangs"])
		time.Sleep(time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if before := time.Now(); !signedIn(t, e.manager, r.WithContext(ctx)) || time.Since(before) > 0 {
			t.Error("it waits")
		}
		time.Sleep(time.Second) // the reading ends
	})
}

// TestHearingAfterClockChange sets the clock back, and then forward.
func TestHearingAfterClockChange(t *testing.T) {
	t.Parallel()
	replicas := newReplicas(t, 2, 0, func(c *session.Config) { c.Bearer = true })
	e, other := replicas.env, replicas.managers[1]
	e.manager = replicas.managers[0]
	replicas.store.SetNow(e.clock)
	kept := bearerRequest(e.server.Issue("bob", accessOnly))
	for _, change := range []time.Duration{-time.Minute, 10 * time.Minute, -30 * time.Second} {
		set := e.server.Issue("ada", accessOnly)
		if !signedIn(t, other, bearerRequest(set)) {
			t.Fatal("not signed in")
		}
		e.end(pageRequest(e.cookies("ada", onlyAccess(set))...))
		e.advance(change)
		if signedIn(t, other, bearerRequest(set)) || !signedIn(t, other, kept) {
			t.Errorf("after %v the sign-out is not heard, or ends bob's", change)
		}
	}
}

// TestLogIsLost clears the log, and truncates it. What was heard stays, and what is told
// later is heard.
func TestLogIsLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*faultyStore){
		"flushed":     func(s *faultyStore) { s.Flush() },
		"a failover":  func(s *faultyStore) { s.TruncateLog(1) },
		"all is gone": func(s *faultyStore) { s.TruncateLog(100) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bubbleReplicas(t, 2)
				e, store, replicas := r.env, r.store, r.managers
				var sets []*tokens.Set
				for range 3 {
					sets = append(sets, e.server.Issue("ada", accessOnly))
				}
				for i, set := range sets {
					signedIn(t, replicas[1], bearerRequest(sets[2]))
					e.end(pageRequest(e.cookies("ada", onlyAccess(set))...))
					if i == 1 {
						time.Sleep(2 * time.Second)
						signedIn(t, replicas[1], bearerRequest(sets[2]))
						lose(store)
					}
				}
				time.Sleep(2 * time.Second)
				for i, set := range sets {
					if signedIn(t, replicas[1], bearerRequest(set)) {
						t.Errorf("sign-in %d", i)
					}
				}
			})
		})
	}
}

// TestForeignNotes: another app client of the user pool, another user pool and nonsense are
// in the same log. Only EndUser of the same user pool holds for another app client.
func TestForeignNotes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		replicas := bubbleReplicas(t, 1)
		e, store := replicas.env, replicas.store
		for _, note := range []string{"", "s", "u", "x", strings.Repeat("s", 45), strings.Repeat("u", 45), strings.Repeat("s", 61), strings.Repeat("\xff", 64)} {
			store.Memory.Append(t.Context(), []byte(note), time.Hour)
		}
		second := e.server.AddClient("2emulator00000000000000001", "")
		shares := func(c *session.Config) {
			c.Shared, c.Secret, c.Bearer, c.Now = store, storeSecret, true, time.Now
		}
		client := e.newManager(func(c *session.Config) { shares(c); c.UserPool = second.UserPool() })
		elsewhere := newEnv(t, shares)
		elsewhere.server.SetNow(time.Now)

		set, others := e.server.Issue("ada"), second.Issue("ada", accessOnly)
		subject := e.subject(set)
		foreign := elsewhere.server.Issue("ada", accessOnly)
		signedIn(t, client, bearerRequest(others))
		signedIn(t, elsewhere.manager, bearerRequest(foreign))
		e.end(pageRequest(e.cookies("ada", set)...))
		time.Sleep(2 * time.Second)
		if !signedIn(t, client, bearerRequest(others)) || !signedIn(t, elsewhere.manager, bearerRequest(foreign)) {
			t.Error("End holds for another app client")
		}
		if err := e.manager.EndUser(t.Context(), subject); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if signedIn(t, client, bearerRequest(others)) || !signedIn(t, elsewhere.manager, bearerRequest(foreign)) {
			t.Error("EndUser does not hold for another app client, or holds for another user pool")
		}
	})
}
