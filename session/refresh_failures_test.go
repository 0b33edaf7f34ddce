package session_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestHungEndpoint has Cognito accept connections and never answer. No request waits
// longer than six seconds, and no goroutine stays. The time is that of the bubble.
func TestHungEndpoint(t *testing.T) {
	t.Parallel()
	hang := cognitotest.Fault{Delay: 1000 * time.Hour}
	for name, op := range map[string]string{"refresh": opRefresh, "all": "", "keys": opKeys} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t, nil)
				set := e.server.Issue("ada", cognitotest.Expired)
				old := e.cookies("ada", set)
				if name == "refresh" {
					e.manager.Fetch(nil, pageRequest(old...), nil) // fetches the keys
				}
				if op == "" {
					e.fail(hang)
				} else {
					e.failOnly(op, hang)
				}
				start := time.Now()
				var wg sync.WaitGroup
				requests := longtest.Scale(60, 200)
				for i := range requests {
					wg.Go(func() {
						var err error
						cookies := old
						if i%4 == 1 && layoutName() == session.LayoutAmplify { // two refresh tokens to try, and an ID token to verify
							cookies = []string{old[0], old[2], e.prefixed("ada.refreshToken=x"), old[3]}
						}
						if i%4 == 2 {
							e.end(scriptRequest(cookies...).WithContext(t.Context()))
							err = tokens.ErrUnavailable
						} else {
							_, _, err = e.fetchWith(pageRequest(cookies...), &session.FetchOptions{ForceRefresh: i%4 == 3})
						}
						if took := time.Since(start); took > 6*time.Second {
							t.Errorf("request of kind %d takes %v", i%4, took)
						}
						if !errors.Is(err, tokens.ErrUnavailable) && !errors.Is(err, session.ErrSignedOut) {
							t.Errorf("request of kind %d: %v", i%4, err)
						}
					})
					if i%(requests/4) == 0 {
						synctest.Wait()
					}
				}
				wg.Wait()
				time.Sleep(2 * 6 * time.Second) // calls that nobody waits for any more finish
				if n := e.manager.RunningRefreshes(); n != 0 {
					t.Errorf("%d calls still run", n)
				}
			})
		})
	}
}

// TestRefreshPanics has a hook panic or exit in the goroutine of a refresh, where no
// server recovers. The program goes on, and so does the session.
func TestRefreshPanics(t *testing.T) {
	for name, crash := range map[string]func(){"panic": func() { panic("a hook") }, "exit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var crashing atomic.Bool
				e := newEnv(t, nil)
				e.manager = e.newManager(func(c *session.Config) {
					client, err := tokens.NewClient(e.server.UserPool(), &tokens.Options{HTTPClient: e.server.Client(), Now: e.clock,
						Hooks: tokens.Hooks{Called: func(context.Context, string, time.Duration, error) {
							if crashing.Load() {
								crash()
							}
						}}})
					if err != nil {
						t.Fatal(err)
					}
					c.Client = client
				})
				e.server.SetRotation(true, time.Minute)
				old := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
				crashing.Store(true)
				for range 3 {
					if s, lines, err := e.fetch(pageRequest(old...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
						t.Fatalf("%v, %v, %v", s, err, lines)
					}
				}
				crashing.Store(false)
				if s, _, err := e.fetch(pageRequest(old...)); err != nil {
					t.Errorf("afterwards: %v, %v", s, err)
				}
			})
		})
	}
}

// TestClockIsSet sets the clock forth and back between refreshes. Nobody is signed out,
// and no result is remembered for ever.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada"))
	const day = 24 * time.Hour
	for i, step := range []time.Duration{2 * time.Hour, -3 * time.Hour, day + 2*time.Hour, -day - 2*time.Hour, -100 * day, 101 * day, time.Hour} {
		e.advance(step)
		for range 3 {
			s, lines, err := e.fetch(pageRequest(cookies...))
			if errors.Is(err, session.ErrSignedOut) || err == nil && s.User().Username != "ada" {
				t.Fatalf("step %d: %v, %v", i, s, err)
			}
			if err == nil && len(lines) > 0 {
				cookies = e.cookies("ada", e.tokensOf("ada", lines))
			}
			e.advance(time.Minute)
		}
	}
}
