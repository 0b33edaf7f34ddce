package refresh_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestRequestsJoinRunningCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		release := make(chan struct{})
		set := e.issue("ada", "new")
		e.exchange = func(string) (*tokens.Set, error) { <-release; return set, nil }
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				got, err := e.Refresh(t.Context(), refresh.Request{RefreshToken: "old", Presented: "shown"})
				if err != nil || got.Access.Raw() != set.Access || got.Refresh != "new" {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
		synctest.Wait()
		if len(e.superseded) != 10 || len(slices.Compact(e.superseded)) != 1 || e.superseded[0] != "shown" {
			t.Errorf("superseded while the call runs: %q", e.superseded)
		}
		close(release)
		wg.Wait()
		if len(e.exchanged) != 1 {
			t.Errorf("exchanged: %q", e.exchanged)
		}
		slices.Sort(e.sources)
		if e.sources[0] != refresh.SourceCall || len(slices.Compact(e.sources[1:])) != 1 || e.sources[1] != refresh.SourceJoined {
			t.Errorf("sources: %q", e.sources)
		}
	})
}

// TestUnverifiableAnswer verifies an answer again without another call. One that will
// never verify is dropped after two minutes.
func TestUnverifiableAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		calls int // in ten minutes of requests
	}{
		"no keys":      {fmt.Errorf("no keys: %w", tokens.ErrUnavailable), 1},
		"a wrong time": {&tokens.VerifyError{Reason: tokens.NotYetValid}, 1},
		"forged":       {&tokens.VerifyError{Reason: tokens.BadSignature}, 4},
	} {
		e := newEnv(t)
		e.verifyErr = test.err
		for range 20 {
			if got, err := e.refresh("a"); !errors.Is(err, tokens.ErrUnavailable) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			e.advance(30 * time.Second)
		}
		if n := len(e.exchanged); n != test.calls {
			t.Errorf("%s: %d calls, want %d", name, n, test.calls)
		}
		e.verifyErr = nil
		if got := e.mustRefresh("a"); got.Refresh != "a'" {
			t.Errorf("%s, afterwards: %q", name, got.Refresh)
		}
	}
}
