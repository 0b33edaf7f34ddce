package tokens_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// transportFunc is an http.RoundTripper.
type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestKeyFetchPanics has a user's code fail in the goroutine of a fetch, where no server
// recovers: before the first keys, and in the background. All requests that wait get
// ErrUnavailable, or the keys that were fetched all the same, and a later fetch works.
func TestKeyFetchPanics(t *testing.T) {
	for how, fail := range map[string]func(){"panics": func() { panic(http.ErrAbortHandler) }, "exits": runtime.Goexit} {
		for _, where := range []string{"the transport", "the hook"} {
			t.Run(where+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := cognitotest.New(cognitotest.User{Username: "ada"})
					server.SetLifetime(240 * time.Hour)
					var failing atomic.Bool
					failing.Store(true)
					verifier, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{
						HTTPClient: &http.Client{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
							time.Sleep(time.Second)
							if where == "the transport" && failing.Load() {
								fail()
							}
							return server.Client().Transport.RoundTrip(r)
						})},
						Hooks: tokens.Hooks{KeysFetched: func(context.Context, string, int, error) {
							if where == "the hook" && failing.Load() {
								fail()
							}
						}},
					})
					if err != nil {
						t.Fatal(err)
					}
					raw := server.Issue("ada").Access
					verifyAll := func(fetched bool) {
						t.Helper()
						var wg sync.WaitGroup
						for range 10 {
							wg.Go(func() {
								if _, err := verifier.Verify(t.Context(), raw, tokens.Access); (err == nil) != fetched || err != nil && !errors.Is(err, tokens.ErrUnavailable) {
									t.Error(err)
								}
							})
						}
						wg.Wait()
					}
					start := time.Now()
					verifyAll(where == "the hook")
					if waited := time.Since(start); waited != time.Second {
						t.Errorf("waited for %v", waited)
					}
					failing.Store(false)
					time.Sleep(2 * time.Second)
					verifyAll(true)
					failing.Store(true)
					for range 3 { // in the background
						time.Sleep(time.Hour + time.Second)
						verifyAll(true)
					}
					failing.Store(false)
					time.Sleep(time.Minute)
					verifyAll(true)
					synctest.Wait()
					server.RotateKeys()
					time.Sleep(20 * time.Second)
					raw = server.Issue("ada").Access
					verifyAll(true)
				})
			})
		}
	}
}
