package refresh_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/internal/seal"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

// sharedEnv is an env whose Engine shares a store with the Engine other.
type sharedEnv struct {
	*env
	store *lossyStore
	other *refresh.Engine
}

// lossyStore is a store that may lose its answers.
type lossyStore struct {
	*storetest.Memory
	added func() error // after an Add that has put its value; may be nil
	gets  atomic.Int64
	adds  atomic.Int64

	failGets, failAdds atomic.Int64 // how many calls fail
}

func (s *lossyStore) Get(ctx context.Context, key string) ([]byte, error) {
	if s.gets.Add(1); s.failGets.Add(-1) >= 0 {
		return nil, errors.New("reset by peer")
	}
	return s.Memory.Get(ctx, key)
}

// slowStore asks to be called less often.
type slowStore struct{ *lossyStore }

func (s slowStore) PollInterval() time.Duration { return 200 * time.Millisecond }

func (s *lossyStore) Add(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
	if s.adds.Add(1); s.failAdds.Add(-1) >= 0 {
		return nil, errors.New("reset by peer")
	}
	there, err := s.Memory.Add(ctx, key, value, keep)
	if err == nil && there == nil && s.added != nil {
		err = s.added()
	}
	return there, err
}

func newSharedEnv(t *testing.T) *sharedEnv {
	e := &sharedEnv{env: newEnv(t), store: &lossyStore{Memory: storetest.NewMemory()}}
	box, err := seal.NewBox("test", e.clock, []byte("a secret of the tests, 32 bytes long"))
	if err != nil {
		t.Fatal(err)
	}
	e.config.Store, e.config.Box, e.config.UserPoolID, e.config.ClientID = e.store, box, "pool", "client"
	e.Engine, e.other = refresh.New(e.config), refresh.New(e.config)
	return e
}

func (e *sharedEnv) key(refreshToken string) string {
	return refresh.StoreKey("pool", "client", refreshToken)
}

// refreshOther refreshes in the other process.
func (e *sharedEnv) refreshOther(refreshToken string) (*refresh.Tokens, error) {
	return e.other.Refresh(context.Background(), refresh.Request{RefreshToken: refreshToken, Evidence: refresh.Evidence{Genuine: []*tokens.Token{e.adas}}})
}

// during runs f while Cognito is called, once.
func (e *sharedEnv) during(f func()) {
	exchange := e.exchange
	e.exchange = func(refreshToken string) (*tokens.Set, error) {
		e.exchange = exchange
		set, err := exchange(refreshToken)
		f()
		return set, err
	}
}

// inBubble runs a test of two processes whose waiting takes no time.
func inBubble(t *testing.T, test func(t *testing.T, e *sharedEnv)) {
	t.Helper()
	sharedServer() // outside of the bubble
	synctest.Test(t, func(t *testing.T) { test(t, newSharedEnv(t)) })
}

// TestSignOutDuringASharedCall places the tombstone of a sign-out while another process
// calls Cognito. That process writes nothing, and revokes what it has got.
func TestSignOutDuringASharedCall(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		e.during(func() {
			if _, err := e.other.PlaceTombstone(context.Background(), "r"); err != nil {
				t.Error(err)
			}
		})
		if _, err := e.refresh("r"); !errors.Is(err, refresh.ErrEnded) {
			t.Error(err)
		}
		synctest.Wait()
		if !slices.Equal(e.revoked, []string{"r'"}) {
			t.Errorf("revoked %q", e.revoked)
		}
		if values := e.store.Values(); len(values) != 1 || values[e.key("r")][0] != 't' {
			t.Errorf("the store has %q", values)
		}
		for _, process := range []*refresh.Engine{e.Engine, e.other, refresh.New(e.config)} {
			if _, err := process.Refresh(context.Background(), refresh.Request{RefreshToken: "r"}); !errors.Is(err, refresh.ErrEnded) {
				t.Errorf("afterwards: %v", err)
			}
		}
		if len(e.exchanged) != 1 {
			t.Errorf("exchanged %q", e.exchanged)
		}
	})
}

// TestOwnSignOutDuringASharedCall: the sign-out waits for the call, and revokes what it has
// got, once.
func TestOwnSignOutDuringASharedCall(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		e.during(func() {
			e.EndRefreshTokens([]string{"r"})
			if _, err := e.PlaceTombstone(context.Background(), "r"); err != nil {
				t.Error(err)
			}
			go e.Revoke(context.Background(), context.Background(), "r", &refresh.Evidence{Genuine: []*tokens.Token{e.adas}})
		})
		if _, err := e.refresh("r"); !errors.Is(err, refresh.ErrEnded) {
			t.Error(err)
		}
		synctest.Wait()
		if !slices.Equal(e.revoked, []string{"r'"}) {
			t.Errorf("revoked %q", e.revoked)
		}
	})
}

// TestTombstones are placed whatever is there. They say which tokens they replace.
func TestTombstones(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		result := e.mustRefresh("result")
		tombstone := bytes.Clone(e.store.Values()[e.key("result")])
		tombstone[0] = 't'
		for name, value := range map[string][]byte{
			"nothing": nil, "a claim": []byte("c0123456789abcdef"), "a tombstone": tombstone,
			"a refusal": e.SealedRefusal("a refusal"), "garbled": []byte("hello"), "empty": {},
		} {
			if value != nil {
				e.store.Set(e.key(name), value, time.Hour)
			}
			if replaced, err := e.other.PlaceTombstone(context.Background(), name); err != nil || replaced != nil {
				t.Errorf("%s: %v, %v", name, replaced, err)
			}
			if got := e.store.Values()[e.key(name)]; len(got) == 0 || got[0] != 't' || bytes.Equal(got, value) {
				t.Errorf("%s: %q stands there", name, got)
			}
			for _, adds := range []int64{1, 0} { // then this process remembers it
				before := e.store.adds.Load()
				if _, err := e.refresh(name); !errors.Is(err, refresh.ErrEnded) || e.store.adds.Load() != before+adds {
					t.Errorf("%s: %v after %d calls", name, err, e.store.adds.Load()-before)
				}
			}
		}
		replaced, err := e.other.PlaceTombstone(context.Background(), "result")
		if err != nil || replaced == nil || replaced.Refresh != "result'" || replaced.Access != result.Access.Raw() {
			t.Errorf("a result: %v, %v", replaced, err)
		}
		e.store.added = func() error { e.store.added = nil; return errors.New("the answer is lost") }
		if _, err := e.other.PlaceTombstone(context.Background(), "lost"); err != nil {
			t.Errorf("a lost answer: %v", err)
		}
	})
}

// TestSignOutWhenTheStoreHasForgotten: this process knows what the refresh token became,
// and the store does not. The newest one gets a tombstone too.
func TestSignOutWhenTheStoreHasForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		e.mustRefresh("r")
		e.store.Evict(e.key("r"))
		newest, _, ok := e.EndShared(t.Context(), "r", &refresh.Evidence{Genuine: []*tokens.Token{e.adas}})
		if newest != "r'" || !ok {
			t.Errorf("%q, %t", newest, ok)
		}
		for _, token := range []string{"r", "r'"} {
			if _, err := e.refreshOther(token); !errors.Is(err, refresh.ErrEnded) {
				t.Errorf("%q: %v", token, err)
			}
		}
	})
}

// TestOneProcessFindsItsOwnClaim: the answer to its first try is lost.
func TestOneProcessFindsItsOwnClaim(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		e.store.added = func() error { e.store.added = nil; return errors.New("the answer is lost") }
		start := time.Now()
		e.mustRefresh("r")
		if _, err := e.refreshOther("r"); err != nil || time.Since(start) > 0 || len(e.exchanged) != 1 {
			t.Errorf("%v after %v, exchanged %q", err, time.Since(start), e.exchanged)
		}
	})
}

// TestAddMayFail: a claim that the store has not taken is tried once more.
func TestAddMayFail(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		e.store.failAdds.Store(1)
		e.during(func() { time.Sleep(time.Second) })
		go e.refresh("r")
		synctest.Wait()
		if _, err := e.refreshOther("r"); err != nil || len(e.exchanged) != 1 {
			t.Errorf("%v, exchanged %q", err, e.exchanged)
		}
	})
}

// TestClaimIsLost has something else stand under the key when a call has ended.
func TestClaimIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		there  func(e *sharedEnv) []byte // nil: nothing
		waits  time.Duration
		stands byte
	}{
		"nothing":      {there: func(*sharedEnv) []byte { return nil }, stands: 'r'},
		"a refusal":    {there: func(e *sharedEnv) []byte { return e.SealedRefusal("r") }, stands: 'r'},
		"garbled":      {there: func(*sharedEnv) []byte { return []byte("hello") }, stands: 'r'},
		"a dead claim": {there: func(*sharedEnv) []byte { return []byte("c0123456789abcdef") }, waits: time.Second, stands: 'c'},
		"a result": {there: func(e *sharedEnv) []byte {
			other := newSharedEnv(e.t)
			other.mustRefresh("r")
			return other.store.Values()[e.key("r")]
		}, stands: 'r'},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *sharedEnv) {
				value := test.there(e)
				e.during(func() {
					e.store.Flush()
					if value != nil {
						e.store.Set(e.key("r"), value, time.Hour)
					}
				})
				start := time.Now()
				got := e.mustRefresh("r")
				if waited := time.Since(start); waited < test.waits || waited > 2*test.waits+100*time.Millisecond {
					t.Errorf("it takes %v", waited)
				}
				stands := e.store.Values()[e.key("r")]
				if stands[0] != test.stands || got.Refresh != "r'" {
					t.Errorf("%q stands there", stands[:1])
				}
				if name == "a result" && !bytes.Equal(stands, value) {
					t.Error("another process's result is replaced")
				}
				if test.stands == 'r' {
					if _, err := e.refreshOther("r"); err != nil || len(e.exchanged) > 1 {
						t.Errorf("the other process: %v, exchanged %q", err, e.exchanged)
					}
				}
			})
		})
	}
}

// TestRefusedByATakeover: a process was paused, and another one has refreshed meanwhile. It
// is refused and gets the other's result.
func TestRefusedByATakeover(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		other := newSharedEnv(t)
		theirs := other.mustRefresh("r")
		e.exchange = func(string) (*tokens.Set, error) {
			e.store.Set(e.key("r"), other.store.Values()[e.key("r")], time.Minute)
			return nil, &tokens.APIError{Code: "RefreshTokenReuseException"}
		}
		if got := e.mustRefresh("r"); got.Access.Raw() != theirs.Access.Raw() {
			t.Error("other tokens")
		}
		if want := []refresh.Source{refresh.SourceStore}; !slices.Equal(e.sources, want) {
			t.Errorf("the hook is told %q", e.sources)
		}
	})
}

// TestPausedProcess stops a process after its claim. If it calls Cognito too late, another
// one may do so too.
func TestPausedProcess(t *testing.T) {
	for name, test := range map[string]struct {
		pause    time.Duration
		takeover bool // another process has replaced the claim
		calls    int
	}{
		"short":             {pause: 3 * time.Second, calls: 1},
		"long":              {pause: 3*time.Second + 1, calls: 1},
		"long, with a call": {pause: 20 * time.Second, takeover: true, calls: 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, e *sharedEnv) {
				var first []byte
				paused := false
				e.config.Now = func() time.Time {
					if there := e.store.Values()[e.key("r")]; there != nil && !paused {
						paused, first = true, there
						time.Sleep(test.pause)
						if test.takeover {
							other := newSharedEnv(t)
							other.mustRefresh("r")
							e.store.Set(e.key("r"), other.store.Values()[e.key("r")], time.Minute)
						}
					}
					return e.clock()
				}
				e.store.SetNow(e.clock) // stands still: the claim stays
				e.Engine = refresh.New(e.config)
				var during []byte
				exchange := e.exchange
				e.exchange = func(refreshToken string) (*tokens.Set, error) {
					during = e.store.Values()[e.key("r")]
					return exchange(refreshToken)
				}
				e.mustRefresh("r")
				if len(e.exchanged) != test.calls {
					t.Errorf("exchanged %q", e.exchanged)
				}
				if renewed := !bytes.Equal(first, during); test.calls > 0 && renewed != (test.pause > 3*time.Second) {
					t.Errorf("the claim is renewed: %t", renewed)
				}
			})
		})
	}
}

// TestPanicReleasesTheClaim: the other process does not wait for one that has failed.
func TestPanicReleasesTheClaim(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		exchange := e.exchange
		e.exchange = func(string) (*tokens.Set, error) { panic("a transport") }
		if _, err := e.refresh("r"); !errors.Is(err, tokens.ErrUnavailable) {
			t.Error(err)
		}
		if n := len(e.store.Values()); n != 0 {
			t.Errorf("%d values are left", n)
		}
		e.exchange = exchange
		if _, err := e.refreshOther("r"); err != nil {
			t.Error(err)
		}
	})
}

// TestBudgetsArePaidBehindTheClaim: many requests for one session cost one process's budget
// once, and the others' not at all.
func TestBudgetsArePaidBehindTheClaim(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		refuse := &tokens.APIError{Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"}
		e.exchange = func(string) (*tokens.Set, error) { return nil, refuse }
		tokenOf := func(i int) string { return "refused" + string(rune('a'+i)) }
		for i := range 5 { // all that one access token may have refused
			e.refresh(tokenOf(i))
			if _, err := e.refreshOther(tokenOf(i)); !refresh.Refused(err) {
				t.Errorf("the other process: %v", err)
			}
		}
		before := len(e.exchanged)
		for i := range 5 {
			e.refreshOther("own" + tokenOf(i))
		}
		if n := len(e.exchanged) - before; n != 5 {
			t.Errorf("the other process may call %d times more", n)
		}
	})
}

// TestResultThatIsNotGenuine: tokens of the store are verified like Cognito's own. Those
// that will never be valid are replaced.
func TestResultThatIsNotGenuine(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		genuine, bobs := e.issue("ada", "r'"), e.issue("bob", "r'")
		for name, set := range map[string]*tokens.Set{
			"forged":    {Access: genuine.Access[:len(genuine.Access)-8] + "AAAAAAAA", Refresh: "r'"},
			"no token":  {Access: "hello", Refresh: "r'"},
			"two users": {Access: genuine.Access, ID: bobs.ID, Refresh: "r'"},
			"an ID":     {Access: genuine.ID, Refresh: "r'"},
		} {
			calls := len(e.exchanged)
			e.store.Set(e.key(name), e.SealedResult(name, set), time.Minute)
			if got, err := e.refresh(name); err != nil || got.Refresh != name+"'" || len(e.exchanged) != calls+1 {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestPollsMayFail: a store that fails once or twice while a process waits is asked again.
// When it has failed three times, the process calls Cognito for itself.
func TestPollsMayFail(t *testing.T) {
	for failures, calls := range map[int64]int{1: 1, 2: 1, 3: 2} {
		inBubble(t, func(t *testing.T, e *sharedEnv) {
			e.during(func() { time.Sleep(time.Second) })
			go e.refresh("r")
			synctest.Wait()
			e.store.failGets.Store(failures)
			if _, err := e.refreshOther("r"); err != nil || len(e.exchanged) != calls {
				t.Errorf("%d failures: %v, exchanged %q", failures, err, e.exchanged)
			}
			synctest.Wait()
			time.Sleep(3 * time.Second) // the first call ends
		})
	}
}

// TestUnverifiedResultIsShared: the keys cannot be fetched. Cognito has rotated the refresh
// token, and so the result is shared all the same.
func TestUnverifiedResultIsShared(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		e.verifyErr = tokens.ErrUnavailable
		for _, process := range []func(string) (*refresh.Tokens, error){e.refresh, e.refreshOther} {
			if _, err := process("r"); !errors.Is(err, tokens.ErrUnavailable) {
				t.Error(err)
			}
		}
		e.verifyErr = nil
		for _, process := range []func(string) (*refresh.Tokens, error){e.refresh, e.refreshOther} {
			if got, err := process("r"); err != nil || got.Refresh != "r'" {
				t.Error(err)
			}
		}
		if len(e.exchanged) != 1 {
			t.Errorf("exchanged %q", e.exchanged)
		}
	})
}

// TestPresentedResult: the browser shows what the store has, and its ID token say is
// expiring. It wants something newer.
func TestPresentedResult(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		inBubble(t, func(t *testing.T, e *sharedEnv) {
			e.exchange = func(refreshToken string) (*tokens.Set, error) {
				if rotate {
					refreshToken += "'"
				}
				return e.issue("ada", refreshToken), nil
			}
			first, err := e.refreshOther("r")
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.refreshWith(refresh.Request{RefreshToken: "r", Presented: first.Access.Raw(), Evidence: refresh.Evidence{Genuine: []*tokens.Token{e.adas}}})
			if err != nil || got.Access.Raw() == first.Access.Raw() || len(e.exchanged) != 2 || e.exchanged[1] != first.Refresh {
				t.Errorf("rotation %t: %v, exchanged %q", rotate, err, e.exchanged)
			}
		})
	}
}

// TestEightStepsAreFollowed: more results of other processes are no help.
func TestEightStepsAreFollowed(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		token := "r"
		for range 12 {
			got, err := e.other.Refresh(context.Background(), refresh.Request{RefreshToken: token, Evidence: refresh.Evidence{Genuine: []*tokens.Token{e.adas}}})
			if err != nil {
				t.Fatal(err)
			}
			token = got.Refresh
		}
		calls := len(e.exchanged)
		forced := refresh.Request{RefreshToken: "r", Force: true, Evidence: refresh.Evidence{Genuine: []*tokens.Token{e.adas}}}
		if _, err := e.refreshWith(forced); !errors.Is(err, refresh.ErrTooMany) || len(e.exchanged) != calls {
			t.Errorf("%v, exchanged %q", err, e.exchanged)
		}
		if got, err := e.refreshWith(forced); err != nil || got.Refresh != token+"'" {
			t.Errorf("the next request goes on: %v", err)
		}
	})
}

// TestPollInterval: a store says how often a process that waits asks it.
func TestPollInterval(t *testing.T) {
	inBubble(t, func(t *testing.T, e *sharedEnv) {
		e.config.Store = slowStore{e.store}
		slow := refresh.New(e.config)
		for i, test := range []struct {
			process *refresh.Engine
			gets    int64
		}{{e.other, 20}, {slow, 5}} {
			token := string(rune('a' + i))
			e.during(func() { time.Sleep(999 * time.Millisecond) })
			go e.refresh(token)
			synctest.Wait()
			before := e.store.gets.Load()
			if _, err := test.process.Refresh(context.Background(), refresh.Request{RefreshToken: token, Evidence: refresh.Evidence{Genuine: []*tokens.Token{e.adas}}}); err != nil {
				t.Error(err)
			}
			if n := e.store.gets.Load() - before; n != test.gets {
				t.Errorf("%d calls in a second", n)
			}
		}
	})
}
