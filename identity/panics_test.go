package identity_test

import (
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/tokens"
)

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestExchangePanics has the transport fail in the goroutine of an exchange, where no
// server recovers: for the first credentials, and when they are renewed. Everybody who
// waits gets ErrUnavailable, or the credentials that are still good. A later call works.
func TestExchangePanics(t *testing.T) {
	for how, fail := range map[string]func(token string){
		"panics": func(token string) { panic("cannot send " + token) },
		"exits":  func(string) { runtime.Goexit() },
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var failing atomic.Bool
				var p *poolTest
				token := ""
				p = newPoolTest(t, func(o *identity.Options) {
					o.HTTPClient = &http.Client{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
						time.Sleep(time.Second)
						if failing.Load() {
							fail(token)
						}
						return p.server.Client().Transport.RoundTrip(r)
					})}
				})
				s := signedIn(p.server, "ada")
				token = s.IDToken().Raw()
				getAll := func(good bool) {
					t.Helper()
					var wg sync.WaitGroup
					for range 10 {
						wg.Go(func() {
							_, err := p.identityPool.Credentials(t.Context(), s)
							if (err == nil) != good || err != nil && !errors.Is(err, tokens.ErrUnavailable) {
								t.Error(err)
							}
							if err != nil && strings.Contains(err.Error(), "eyJ") {
								t.Errorf("the error shows a token: %v", err)
							}
						})
					}
					wg.Wait()
					synctest.Wait()
				}
				failing.Store(true)
				getAll(false)
				failing.Store(false)
				p.advance(2 * time.Second)
				getAll(true)
				failing.Store(true)
				p.advance(55 * time.Minute) // they are renewed in the background
				getAll(true)
				time.Sleep(10 * time.Second)
				p.advance(6 * time.Minute)
				getAll(false)
				failing.Store(false)
				p.advance(2 * time.Second)
				getAll(true)
				time.Sleep(10 * time.Second)
			})
		})
	}
}
