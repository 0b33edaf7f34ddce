package tokens_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestKeySetIsDownAtTheStart(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		kt.setFault(down)
		raw := kt.issue()
		kt.refuse(raw, tokens.ErrUnavailable)
		for range 100 {
			kt.refuse(raw, tokens.ErrUnavailable)
		}
		kt.wantFetches(1)
		// With requests all the time, fetches follow after 1, 2, 4, 8, 16 and 30 seconds,
		// or up to a quarter earlier.
		for range 4000 {
			time.Sleep(50 * time.Millisecond)
			kt.refuse(raw, tokens.ErrUnavailable)
			synctest.Wait()
		}
		want := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30, 30}
		jittered := false
		for i, backoff := range want {
			backoff *= time.Second
			gap := kt.fetches[i+1].Sub(kt.fetches[i])
			if gap < backoff*3/4 || gap > backoff+50*time.Millisecond {
				kt.Errorf("the fetch after failure %d came after %v, want %v", i+1, gap, backoff)
			}
			jittered = jittered || gap < backoff*99/100
		}
		if !jittered {
			kt.Errorf("no jitter in %v", kt.fetches)
		}
		kt.setFault(nil)
		time.Sleep(30 * time.Second)
		kt.accept(raw)
		// The next failure is a first one again.
		kt.setFault(down)
		time.Sleep(time.Hour + time.Second)
		kt.accept(raw)
		synctest.Wait()
		before := kt.server.Calls("JWKS")
		time.Sleep(time.Second)
		kt.accept(raw)
		kt.wantFetches(before + 1)
	})
}

func TestKeysAreUsableForADay(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		raw := kt.issue()
		token := kt.accept(raw)
		kt.setFault(down)
		for range 24*60 - 1 {
			time.Sleep(time.Minute)
			kt.accept(raw)
			if !kt.verifier.Trusted(kt.now(), token) {
				kt.Fatal("a cached token is not trusted while stale keys serve")
			}
		}
		time.Sleep(time.Minute)
		kt.refuse(raw, tokens.ErrUnavailable)
		if kt.verifier.Trusted(kt.now(), token) {
			kt.Error("keys are trusted after a day without a fetch")
		}
		kt.setFault(nil)
		time.Sleep(30 * time.Second)
		kt.accept(raw)
		if !kt.verifier.Trusted(kt.now(), token) {
			kt.Error("the token's key is still in the set, and not trusted")
		}
	})
}

func TestUnknownKeyWhileTheKeySetIsDown(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		old := kt.issue()
		kt.accept(old)
		time.Sleep(time.Minute)
		kt.setFault(down)
		kt.server.AddKeys()
		kt.refuse(kt.issue(), tokens.ErrUnavailable)
		kt.accept(old)
		kt.refuse(kt.issue(), tokens.ErrUnavailable)
		kt.wantFetches(2)
		kt.setFault(nil)
		time.Sleep(10 * time.Second)
		kt.accept(kt.issue())
	})
}

// TestInvalidKeySets checks answers that are no key set. Before the first good one, the
// error is ErrUnavailable. After it, the earlier keys remain usable.
func TestInvalidKeySets(t *testing.T) {
	for name, fault := range map[string]cognitotest.Fault{
		"no keys":           {Status: 200, Body: `{"keys":[]}`},
		"keys with a 500":   {Status: 500, Body: `{"keys":[` + accessKey().jwk + `]}`},
		"keys with a 203":   {Status: 203, Body: `{"keys":[` + accessKey().jwk + `]}`},
		"no usable keys":    {Status: 200, Body: `{"keys":[{"kty":"EC","kid":"a"}]}`},
		"empty":             {Status: 200, Body: " "},
		"HTML":              {Status: 200, Body: "<!DOCTYPE html><title>Sign in to this network</title>"},
		"half of it":        {Status: 200, Body: `{"keys":[` + accessKey().jwk},
		"too large":         {Status: 200, Body: `{"keys":[` + accessKey().jwk + `],"x":"` + strings.Repeat("x", 256<<10) + `"}`},
		"403":               {Status: 403},
		"404":               {Status: 404, Body: "not found"},
		"429":               {Status: 429},
		"500":               {Status: 500},
		"204":               {Status: 204, Body: "-"},
		"a redirect":        {Status: 302, Body: "-"},
		"a lost connection": {Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			runKeySetTest(t, func(kt *keySetTest) {
				kt.setFault(&fault)
				raw := kt.issue()
				kt.refuse(raw, tokens.ErrUnavailable)
				kt.setFault(nil)
				time.Sleep(time.Second)
				token := kt.accept(raw)
				kt.setFault(&fault)
				time.Sleep(2 * time.Hour)
				kt.accept(raw)
				kt.wantFetches(3)
				if kt.accept(raw); !kt.verifier.Trusted(kt.now(), token) {
					kt.Error("an answer without keys has removed the earlier ones")
				}
			})
		})
	}
}

func TestHungKeySet(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		kt.setFault(hanging)
		raw, start := kt.issue(), time.Now()
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if _, err := kt.verifier.Verify(context.Background(), raw, tokens.Access); !errors.Is(err, tokens.ErrUnavailable) {
					kt.Error(err)
				}
				if held := time.Since(start); held != 5*time.Second {
					kt.Errorf("a request was held for %v", held)
				}
			})
		}
		wg.Wait()
		kt.wantFetches(1)
		kt.refuse(raw, tokens.ErrUnavailable) // at once
	})
}

// TestClockJumps moves the verifier's clock, as time synchronisation or a suspended
// machine does.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"an hour ahead": time.Hour + time.Second, "a day ahead": 25 * time.Hour, "a year ahead": 365 * 24 * time.Hour,
		"a second back": -time.Second, "a day back": -24 * time.Hour, "ten years back": -10 * 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			runKeySetTest(t, func(kt *keySetTest) {
				raw := kt.server.Issue("ada", func(t *cognitotest.Draft) { t.Claims["exp"] = int64(250e9) }).Access
				token := kt.accept(raw)
				kt.clockSkew.Add(int64(jump))
				kt.accept(raw)
				kt.wantFetches(2) // the keys are old, or their age is unknown
				if !kt.verifier.Trusted(kt.now(), token) {
					kt.Error("the key is not trusted after the jump")
				}
				kt.accept(raw)
				kt.wantFetches(2)
				time.Sleep(time.Hour + time.Second)
				kt.accept(raw)
				kt.wantFetches(3)
				time.Sleep(time.Hour)
				kt.server.RotateKeys()
				kt.accept(kt.server.Issue("ada", func(t *cognitotest.Draft) { t.Claims["exp"] = int64(250e9) }).Access)
			})
		})
		t.Run(name+" while the key set is down", func(t *testing.T) {
			runKeySetTest(t, func(kt *keySetTest) {
				kt.setFault(down)
				raw := kt.server.Issue("ada", func(t *cognitotest.Draft) { t.Claims["exp"] = int64(250e9) }).Access
				for range 200 {
					kt.refuse(raw, tokens.ErrUnavailable)
					time.Sleep(time.Second)
				}
				kt.clockSkew.Add(int64(jump))
				kt.setFault(nil)
				time.Sleep(30 * time.Second)
				kt.accept(raw)
			})
		})
	}
}

// TestFailureWithAClockAhead checks that a failed fetch with a time in the future delays
// no fetch.
func TestFailureWithAClockAhead(t *testing.T) {
	runKeySetTest(t, func(kt *keySetTest) {
		kt.accept(kt.issue())
		time.Sleep(30 * time.Minute)
		kt.clockSkew.Store(int64(2 * time.Hour))
		kt.setFault(down)
		kt.refuse(kt.tokenOfUnknownKey(1), tokens.ErrUnavailable)
		kt.clockSkew.Store(0)
		kt.setFault(nil)
		kt.server.RotateKeys()
		kt.accept(kt.issue())
	})
}
