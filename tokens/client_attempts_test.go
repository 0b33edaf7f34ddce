package tokens_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestLostReplyIsNotRepeated(t *testing.T) {
	runClientTest(t, func(ct *clientTest) {
		ct.server.SetRotation(true, 0)
		ct.setFault(cognitotest.Fault{After: true, Drop: true})
		if _, err := ct.refresh(ct.Context()); !errors.Is(err, tokens.ErrUnavailable) {
			t.Error(err)
		}
		ct.wantCalls(opRefresh, 1)
		ct.server.SetFault(nil)
		_, err := ct.refresh(ct.Context())
		var answer *tokens.APIError
		if !errors.As(err, &answer) || answer.Code != "RefreshTokenReuseException" {
			t.Errorf("the token was not rotated: %v", err)
		}
	})
}

func TestHungEndpoint(t *testing.T) {
	hung := cognitotest.Fault{Delay: 100 * time.Hour}
	for name, tt := range map[string]struct {
		faults   []cognitotest.Fault
		took     time.Duration // in all
		attempts int
	}{
		"before it has done anything": {[]cognitotest.Fault{hung}, 2500 * time.Millisecond, 1},
		"with the answer":             {[]cognitotest.Fault{{Delay: 100 * time.Hour, After: true}}, 2500 * time.Millisecond, 1},
		"after it has throttled": {[]cognitotest.Fault{{Delay: 2400 * time.Millisecond, Code: "TooManyRequestsException"}, hung},
			5 * time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			runClientTest(t, func(ct *clientTest) {
				ct.setFaults(tt.faults...)
				start := time.Now()
				_, err := ct.refresh(ct.Context())
				if !errors.Is(err, tokens.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				if took := time.Since(start); took.Round(200*time.Millisecond) != tt.took.Round(200*time.Millisecond) || took > 5*time.Second {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				ct.wantCalls(opRefresh, tt.attempts)
			})
		})
	}
	t.Run("for many at once", func(t *testing.T) {
		runClientTest(t, func(ct *clientTest) {
			ct.setFault(hung)
			var wg sync.WaitGroup
			for range longtest.Scale(100, 1000) {
				wg.Go(func() { ct.refresh(ct.Context()) })
			}
			wg.Wait() // the bubble checks that no goroutine is left
		})
	})
}

func TestSecondAttempt(t *testing.T) {
	for name, fault := range map[string]cognitotest.Fault{
		"throttled":             {Code: "TooManyRequestsException"},
		"throttled with 429":    {Status: 429},
		"an internal error":     {Status: 500},
		"an outage it knows of": {Status: 503, Code: "ServiceUnavailableException"},
	} {
		t.Run(name, func(t *testing.T) {
			runClientTest(t, func(ct *clientTest) {
				ct.setFaults(fault)
				start := time.Now()
				set, err := ct.refresh(ct.Context())
				if err != nil || set.Access == "" || set.ID == "" || set.Refresh != "" {
					t.Errorf("%v, %v", set, err)
				}
				if took := time.Since(start); took < 100*time.Millisecond || took > 200*time.Millisecond {
					t.Errorf("the second attempt came after %v", took)
				}
				ct.wantCalls(opRefresh, 2)
				if len(ct.called) != 1 || ct.called[0] != opRefresh+" true" {
					t.Errorf("the hook was told %q", ct.called)
				}
				ct.setFaults(fault, fault)
				if _, err := ct.refresh(ct.Context()); !errors.Is(err, tokens.ErrUnavailable) {
					t.Errorf("after two failures: %v", err)
				}
				ct.wantCalls(opRefresh, 4)
			})
		})
	}
}

func TestCallerCancels(t *testing.T) {
	for name, tt := range map[string]struct {
		fault cognitotest.Fault
		after time.Duration
	}{
		"while it hangs":               {cognitotest.Fault{Delay: time.Hour}, time.Second},
		"between two attempts":         {cognitotest.Fault{Code: "TooManyRequestsException"}, 50 * time.Millisecond},
		"before anything has happened": {cognitotest.Fault{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			runClientTest(t, func(ct *clientTest) {
				ct.setFault(tt.fault)
				ctx, cancel := context.WithCancel(ct.Context())
				defer cancel()
				if tt.after == 0 {
					cancel()
				}
				time.AfterFunc(tt.after, cancel)
				start := time.Now()
				_, err := ct.refresh(ctx)
				if !errors.Is(err, tokens.ErrUnavailable) || tt.fault.Code == "" && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				if took := time.Since(start); took != tt.after {
					t.Errorf("it took %v", took)
				}
				if n := ct.server.Calls(opRefresh); n > 1 {
					t.Errorf("%d calls", n)
				}
			})
		})
	}
}

// TestSlowAnswer checks that an answer of one byte a second takes no longer than none.
func TestSlowAnswer(t *testing.T) {
	runClientTest(t, func(ct *clientTest) {
		ct.client = ct.newClient(ct.server.UserPool(), &http.Client{Transport: slowTransport{}})
		start := time.Now()
		_, err := ct.refresh(ct.Context())
		if !errors.Is(err, tokens.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// slowTransport answers one byte a second until the request's context ends.
type slowTransport struct{}

func (slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: slowBody{r.Context()}, Request: r}, nil
}

type slowBody struct{ ctx context.Context }

func (b slowBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

func (slowBody) Close() error { return nil }
