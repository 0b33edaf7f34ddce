package tokens_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestRotationWithOverlap(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		old := kt.issue()
		token := kt.accept(old)
		time.Sleep(time.Minute)
		kt.server.AddKeys()
		kt.accept(kt.issue()) // learned at once
		kt.wantFetches(2)
		if kt.accept(old); !kt.verifier.Trusted(kt.now(), token) {
			kt.Error("the old key is still published, and not trusted")
		}
		kt.server.DropOldKeys()
		kt.accept(old) // the key set has not been fetched since
		time.Sleep(time.Hour + time.Second)
		kt.accept(old)
		synctest.Wait() // for the fetch in the background
		kt.refuseKey(old, true)
		if kt.verifier.Trusted(kt.now(), token) {
			kt.Error("a key that has left the set is trusted")
		}
	})
}

func TestRotationWithoutOverlap(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		old := kt.issue()
		expired := kt.server.Issue("ada", cognitotest.Expired).Access
		tampered := old[:len(old)-8] + "AAAAAAAA"
		foreign := kt.server.Issue("ada", func(t *cognitotest.Draft) { t.Claims["client_id"] = "another" }).Access
		token := kt.accept(old)
		time.Sleep(time.Minute)
		kt.server.RotateKeys()
		kt.accept(kt.issue())
		if kt.verifier.Trusted(kt.now(), token) {
			kt.Error("a key that has left the set is trusted")
		}
		for range 2 { // the second within the ten seconds
			kt.refuseKey(old, true)
			kt.refuseKey(expired, true)
			kt.refuseKey(tampered, false)
			kt.refuseKey(foreign, false)
			time.Sleep(time.Second)
		}
		// Retired keys are forgotten after a day, also between two fetches.
		time.Sleep(24*time.Hour - 3*time.Second)
		kt.refuseKey(old, true)
		synctest.Wait()
		fetched := kt.server.Calls("JWKS")
		time.Sleep(time.Second)
		kt.refuseKey(old, false)
		kt.wantFetches(fetched)
	})
}

func TestKeysThatComeBackAreTrustedAgain(t *testing.T) {
	sets := map[string]string{"one": accessKey().jwk, "other": idKey().jwk, "forged": strings.Replace(rogueKey().jwk, rogueKey().kid, accessKey().kid, 1)}
	now, serving := goldenNow, "one"
	v, err := tokens.NewVerifier(goldenUserPool, &tokens.Options{
		Now:        func() time.Time { return now },
		HTTPClient: &http.Client{Transport: roundTripper(func(*http.Request) string { return `{"keys":[` + sets[serving] + `]}` })},
	})
	if err != nil {
		t.Fatal(err)
	}
	verify := func(d *draft) (*tokens.Token, error) {
		now = now.Add(10 * time.Second)
		return v.Verify(context.Background(), d.token(), d.use)
	}
	access, id := newDraft(tokens.Access, goldenNow.Add(time.Hour)), newDraft(tokens.ID, goldenNow.Add(time.Hour))
	first, err := verify(access)
	if err != nil {
		t.Fatal(err)
	}
	serving = "other"
	if _, err := verify(id); err != nil || v.Trusted(now, first) {
		t.Errorf("after the key was taken away: %v, trusted: %t", err, v.Trusted(now, first))
	}
	serving = "one"
	second, err := verify(access)
	if err != nil || !v.Trusted(now, second) || v.Trusted(now, first) {
		t.Errorf("after the key came back: %v, trusted: %t, before: %t", err, v.Trusted(now, second), v.Trusted(now, first))
	}
	// Another key under the same kid is another key.
	serving = "forged"
	if _, err := verify(id); !errors.Is(err, tokens.UnknownKey) || v.Trusted(now, second) {
		t.Errorf("after the kid was given to another key: %v, trusted: %t", err, v.Trusted(now, second))
	}
	if _, err := verify(access); !errors.Is(err, tokens.BadSignature) {
		t.Errorf("signed by the kid's former key: %v", err)
	}
}

// TestFloodOfUnknownKeys checks that 10 000 unknown kids cause one fetch in ten seconds,
// and that a rotation meanwhile is noticed within ten seconds.
func TestFloodOfUnknownKeys(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		kt.accept(kt.issue())
		var flood, user sync.WaitGroup
		for g := range 10 {
			flood.Go(func() {
				for i := range 1000 {
					kt.refuseKey(kt.tokenOfUnknownKey(g*1000+i), false)
					time.Sleep(25 * time.Millisecond)
				}
			})
		}
		user.Go(func() {
			time.Sleep(13 * time.Second)
			kt.server.RotateKeys()
			rotated, raw := time.Now(), kt.issue()
			for {
				if _, err := kt.verifier.Verify(context.Background(), raw, tokens.Access); err == nil {
					break
				} else if !errors.Is(err, tokens.UnknownKey) {
					kt.Errorf("the genuine token: %v", err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if after := time.Since(rotated); after > 10*time.Second {
				kt.Errorf("the rotation was noticed after %v", after)
			}
		})
		flood.Wait()
		user.Wait()
		kt.wantFetches(3) // at 0, 10 and 20 seconds
	})
}

// TestFloodBeforeTheFirstFetch checks that a flood of unknown kids shares the first
// fetch.
func TestFloodBeforeTheFirstFetch(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		kt.setFault(&cognitotest.Fault{Delay: time.Second})
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				if _, err := kt.verifier.Verify(context.Background(), kt.tokenOfUnknownKey(i), tokens.Access); !errors.Is(err, tokens.UnknownKey) {
					kt.Error(err)
				}
			})
		}
		wg.Wait()
		kt.wantFetches(1)
		kt.refuseKey(kt.tokenOfUnknownKey(0), false)
		kt.wantFetches(1)
	})
}

// TestRotationUnderLoad verifies on many goroutines while keys are rotated. It is for
// the race detector.
func TestRotationUnderLoad(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	var now atomic.Int64
	now.Store(time.Now().Unix())
	clock := func() time.Time { return time.Unix(now.Load(), 0) }
	server.SetNow(clock)
	v, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: server.Client(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				token, err := v.Verify(context.Background(), server.Issue("ada").Access, tokens.Access)
				if err == nil {
					v.Trusted(clock(), token)
				} else if !errors.Is(err, tokens.UnknownKey) {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		now.Add(600)
		server.RotateKeys()
		if _, err := v.Verify(context.Background(), server.Issue("ada").Access, tokens.Access); err != nil && !errors.Is(err, tokens.UnknownKey) {
			t.Error(err)
		}
	}
	wg.Wait()
}
