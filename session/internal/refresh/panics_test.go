package refresh_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/internal/background"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// failingHandler is a slog.Handler that fails.
type failingHandler struct {
	slog.Handler
	fail func()
}

func (h failingHandler) Handle(context.Context, slog.Record) error { h.fail(); return nil }

// TestPanics has a user's code fail in a call: the transport, the verification's
// transport, the logger. All requests that wait get ErrUnavailable, no call is left
// running, and the next one works. What Cognito has issued is not lost.
func TestPanics(t *testing.T) {
	for how, fail := range map[string]func(){"panics": func() { panic("of the test") }, "exits": runtime.Goexit} {
		for where, calls := range map[string]int{"the exchange": 2, "the verification": 1, "the logger": 2, "the logger of verification": 1} {
			t.Run(where+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := newEnv(t)
					e.config.Logger = slog.New(failingHandler{slog.NewTextHandler(io.Discard, nil), fail})
					e.Engine = refresh.New(e.config)
					failing := true
					good := e.exchange
					e.exchange = func(refreshToken string) (*tokens.Set, error) {
						time.Sleep(time.Second)
						switch {
						case failing && where == "the exchange":
							fail()
						case failing && where == "the logger":
							return nil, &unavailable{&tokens.APIError{Status: 400, Code: "InvalidParameterException"}}
						}
						return good(refreshToken)
					}
					e.verify = func() error {
						switch {
						case failing && where == "the verification":
							fail()
						case failing && where == "the logger of verification":
							return &tokens.VerifyError{Reason: tokens.NotYetValid}
						}
						return nil
					}
					var wg sync.WaitGroup
					for range 10 {
						wg.Go(func() {
							got, err := e.refresh("old")
							if got != nil || !errors.Is(err, tokens.ErrUnavailable) {
								t.Errorf("%v, %v", got, err)
							}
							if failed := errors.As(err, new(*background.Panic)); failed != (where != "the logger") {
								t.Errorf("%v", err)
							}
						})
					}
					wg.Wait()
					synctest.Wait()
					if running, _, _ := e.Size(); running != 0 {
						t.Errorf("%d calls run", running)
					}
					failing = false
					if got := e.mustRefresh("old"); got.Refresh != "old'" || len(e.exchanged) != calls {
						t.Errorf("afterwards: %q after %q", got.Refresh, e.exchanged)
					}
				})
			})
		}
	}
}

// TestRevocationPanics ends a session while a call runs that is never awaited. The
// transport fails when the call's new tokens are revoked.
func TestRevocationPanics(t *testing.T) {
	for how, fail := range map[string]func(){"panics": func() { panic("of the test") }, "exits": runtime.Goexit} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t)
				release := make(chan struct{})
				good := e.exchange
				e.exchange = func(refreshToken string) (*tokens.Set, error) { <-release; return good(refreshToken) }
				go e.Refresh(t.Context(), refresh.Request{RefreshToken: "old", Genuine: []*tokens.Token{e.adas}})
				synctest.Wait()
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				e.EndRefreshTokens([]string{"old"})
				if err := e.Revoke(t.Context(), ended, "old", []*tokens.Token{e.adas}, netip.Addr{}); err != nil {
					t.Fatal(err)
				}
				e.revoke = func() { fail() }
				close(release)
				synctest.Wait()
				if running, _, _ := e.Size(); running != 0 || len(e.revoked) != 2 {
					t.Errorf("%d calls run, revoked %q", running, e.revoked)
				}
			})
		})
	}
}

type unavailable struct{ api *tokens.APIError }

func (u *unavailable) Error() string   { return u.api.Error() }
func (u *unavailable) Unwrap() []error { return []error{tokens.ErrUnavailable, u.api} }

// TestPanicsQuoteNothing has the transport panic with the request that it cannot send.
func TestPanicsQuoteNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnv(t)
		var log bytes.Buffer
		e.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
		e.config.Exchange = func(_ context.Context, refreshToken string, opts *tokens.RefreshOptions) (*tokens.Set, error) {
			panic(fmt.Sprintf("cannot send %q, %q", refreshToken, opts.DeviceKey))
		}
		e.Engine = refresh.New(e.config)
		_, err := e.refreshWith(refresh.Request{RefreshToken: "the-token", Device: refresh.Device{Key: "the-key"}})
		if text := fmt.Sprint(err, &log); strings.Contains(text, "the-") || strings.Count(text, "cannot send") != 2 {
			t.Error(text)
		}
	})
}
