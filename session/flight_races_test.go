package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

const opRefresh = "GetTokensFromRefreshToken"

// value is what Set-Cookie lines set a cookie to, by its name without the prefix.
func (p *place) value(lines []string, name string) string {
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, p.key(name)+"="); ok {
			value, _, _ := strings.Cut(rest, ";")
			return value
		}
	}
	return ""
}

// gate holds back requests for one operation of the pool until it is opened.
func (p *place) gate(op string) (open func()) {
	hold := make(chan struct{})
	p.pool.SetFault(func(o string) cognitotest.Fault {
		if o == op {
			<-hold
		}
		return cognitotest.Fault{}
	})
	return sync.OnceFunc(func() { close(hold) })
}

// hows counts what the hook is told.
type hows struct {
	mu sync.Mutex
	n  map[string]int
}

func (h *hows) hook(_ context.Context, source session.RefreshSource, _ time.Duration, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n == nil {
		h.n = make(map[string]int)
	}
	h.n[string(source)]++
}

// TestOneRefresh sends a thousand requests with one expired session at once, under
// rotation without grace: a second call would end the session.
func TestOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told hows
		p := open(t, func(c *session.Config) { c.Hooks.Refreshed = told.hook })
		p.pool.SetRotation(true, 0)
		set, bobs := p.pool.Issue("ada", cognitotest.Expired), p.pool.Issue("bob", cognitotest.Expired)
		// Somebody whose tokens are bob's and whose refresh token is ada's.
		mixed := p.cookies("bob", &tokens.Set{Access: bobs.Access, ID: bobs.ID, Refresh: set.Refresh})
		if _, err := p.m.Fetch(nil, page(p.cookies("ada", set)...), nil); !errors.Is(err, tokens.Expired) {
			t.Fatal(err) // the keys are known now
		}
		release := p.gate(opRefresh)
		const requests = 1000
		var access [requests]string
		var wg sync.WaitGroup
		for i := range requests {
			wg.Go(func() {
				if i%100 == 7 {
					if s, lines, err := p.fetch(script(mixed...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
						t.Errorf("with bob's tokens: %v, %v, %v", s, err, lines)
					}
					return
				}
				r := page(p.cookies("ada", set)...)
				if i%2 == 0 {
					r = script(p.cookies("ada", set)...)
				}
				s, lines, err := p.fetch(r)
				if err != nil || s.User().Username != "ada" {
					t.Errorf("%v, %v", s, err)
				}
				access[i] = p.value(lines, "ada.accessToken")
			})
		}
		synctest.Wait()
		release()
		wg.Wait()
		if n := p.pool.Calls(opRefresh); n != 1 {
			t.Fatalf("%d calls", n)
		}
		if told.n["call"] != 1 || told.n["joined"] != requests-1 {
			t.Errorf("the hook: %v", told.n)
		}
		for i := range access {
			if i%100 != 7 && (access[i] == "" || access[i] != access[0]) {
				t.Fatalf("request %d is given %.20q, request 0 %.20q", i, access[i], access[0])
			}
		}

		// Late arrivals, whose cookies were sent before the answer came.
		for range 20 {
			p.wait(5 * time.Second)
			_, lines, err := p.fetch(page(p.cookies("ada", set)...))
			if err != nil || p.value(lines, "ada.accessToken") != access[0] || p.value(lines, "ada.refreshToken") == set.Refresh {
				t.Fatalf("a late arrival: %v, %v", err, p.changes(lines))
			}
		}
		if n := p.pool.Calls(opRefresh); n != 1 || told.n["kept"] != 20 {
			t.Errorf("late arrivals: %d calls, hook %v", n, told.n)
		}
	})
}

// TestKeptUntilSeen asks how long a result is kept: at least half a minute, and two
// if no browser has shown it, or if the answer was that to an upgrade.
func TestKeptUntilSeen(t *testing.T) {
	for _, test := range []struct {
		name          string
		seen, upgrade bool
		late          bool // the upgrade comes when the result is there
		want          time.Duration
	}{
		{name: "unseen", want: 2 * time.Minute},
		{name: "seen", seen: true, want: 30 * time.Second},
		{name: "an upgrade, seen", seen: true, upgrade: true, want: 2 * time.Minute},
		{name: "an upgrade that comes late, seen", seen: true, upgrade: true, late: true, want: 2 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := open(t, nil)
			p.pool.SetRotation(true, 0)
			set := p.pool.Issue("ada", cognitotest.Expired)
			old := p.cookies("ada", set)
			first := page(old...)
			upgrade := page(old...)
			upgrade.Header.Set("Connection", "Upgrade")
			upgrade.Header.Set("Upgrade", "websocket")
			if test.upgrade && !test.late {
				first = upgrade
			}
			_, lines, err := p.fetch(first)
			if err != nil {
				t.Fatal(err)
			}
			if test.seen {
				fresh := tokens.Set{Access: p.value(lines, "ada.accessToken"), ID: p.value(lines, "ada.idToken"), Refresh: p.value(lines, "ada.refreshToken")}
				if _, _, err := p.fetch(page(p.cookies("ada", &fresh)...)); err != nil {
					t.Fatal(err)
				}
			}
			if test.late {
				p.fetch(upgrade)
			}
			p.wait(test.want - time.Second)
			if s, _, err := p.fetch(script(old...)); err != nil {
				t.Errorf("a second before: %v, %v", s, err)
			}
			p.wait(3 * time.Second)
			if s, _, err := p.fetch(script(old...)); !errors.Is(err, session.ErrSignedOut) { // a reuse, which Cognito refuses
				t.Errorf("two seconds after: %v, %v", s, err)
			}
		})
	}
}

// TestForcedRefresh has calls that must see the newest state join only what began
// after them, and use the newest refresh token there is.
func TestForcedRefresh(t *testing.T) {
	for name, opts := range map[string]*session.FetchOptions{
		"forced": {ForceRefresh: true}, "with metadata": {ForceRefresh: true, ClientMetadata: map[string]string{"a": "b"}},
	} {
		for _, rotation := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", rotation ", rotation), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := open(t, nil)
					p.pool.SetRotation(rotation, 0)
					old := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
					p.m.Fetch(nil, page(old...), nil)
					release := p.gate(opRefresh)
					fetch := func(opts *session.FetchOptions) {
						if s, _, err := p.fetchWith(script(old...), opts); err != nil {
							t.Errorf("%v, %v", s, err)
						}
					}
					var wg sync.WaitGroup
					wg.Go(func() { fetch(nil) })
					synctest.Wait() // the first is under way
					p.pool.SetUser(cognitotest.User{Username: "ada", Groups: []string{"late"}})
					for range 10 {
						wg.Go(func() { fetch(opts) })
					}
					synctest.Wait()
					release()
					wg.Wait()
					if n := p.pool.Calls(opRefresh); n != 2 {
						t.Errorf("%d calls, want one for the first request and one for the others", n)
					}
					// What is kept is newer than the old cookies, but not than this call.
					fetch(opts)
					p.wait(-time.Hour) // clocks are set
					fetch(opts)
					if n := p.pool.Calls(opRefresh); n != 4 {
						t.Errorf("%d calls after two more", n)
					}
					if s, _, err := p.fetch(script(old...)); err != nil || !s.InGroup("late") {
						t.Errorf("the newest result: %v, %v", s, err)
					}
				})
			})
		}
	}
}

// TestCancelledWaiter cancels the request that began a refresh, and one of those
// that wait for it.
func TestCancelledWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := open(t, nil)
		p.pool.SetRotation(true, 0)
		old := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
		p.m.Fetch(nil, page(old...), nil)
		release := p.gate(opRefresh)
		results := make([]error, 3)
		var cancels []context.CancelFunc
		var wg sync.WaitGroup
		for i := range results {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cancels = append(cancels, cancel)
			wg.Go(func() { _, _, results[i] = p.fetch(page(old...).WithContext(ctx)) })
			synctest.Wait()
		}
		cancels[0]()
		cancels[1]()
		synctest.Wait()
		release()
		wg.Wait()
		for i, err := range results {
			if i < 2 && !errors.Is(err, tokens.ErrUnavailable) || i == 2 && err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		}
		if s, _, err := p.fetch(page(old...)); err != nil || p.pool.Calls(opRefresh) != 1 {
			t.Errorf("afterwards: %v, %v, %d calls", s, err, p.pool.Calls(opRefresh))
		}
	})
}

// TestHungEndpoint has Cognito accept connections and never answer: no request waits
// longer than six seconds, and no goroutine stays. Time is the bubble's.
func TestHungEndpoint(t *testing.T) {
	hang := cognitotest.Fault{Delay: 1000 * time.Hour}
	for name, hung := range map[string]func(op string) bool{
		"refresh": func(op string) bool { return op == opRefresh },
		"all":     func(string) bool { return true },
		"keys":    func(op string) bool { return op == "JWKS" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := open(t, nil)
				set := p.pool.Issue("ada", cognitotest.Expired)
				old := p.cookies("ada", set)
				if name == "refresh" {
					p.m.Fetch(nil, page(old...), nil) // the keys are known
				}
				p.pool.SetFault(func(op string) cognitotest.Fault {
					if hung(op) {
						return hang
					}
					return cognitotest.Fault{}
				})
				start := time.Now()
				var wg sync.WaitGroup
				for i := range 200 {
					wg.Go(func() {
						var err error
						pairs := old
						if i%4 == 1 {
							pairs = []string{old[0], old[2], p.key("ada.refreshToken=x"), old[3]} // two to try, an ID token to judge
						}
						if i%4 == 2 {
							r := script(pairs...)
							note(p.m.End(httptest.NewRecorder(), r.Clone(t.Context())))
							err = tokens.ErrUnavailable
						} else {
							_, _, err = p.fetchWith(page(pairs...), &session.FetchOptions{ForceRefresh: i%4 == 3})
						}
						if took := time.Since(start); took > 6*time.Second {
							t.Errorf("request of kind %d takes %v", i%4, took)
						}
						if !errors.Is(err, tokens.ErrUnavailable) && !errors.Is(err, session.ErrSignedOut) {
							t.Errorf("request of kind %d: %v", i%4, err)
						}
					})
					if i%50 == 0 {
						synctest.Wait()
					}
				}
				wg.Wait()
				time.Sleep(2 * 6 * time.Second) // until the flights that nobody waits for are over
				if n := p.m.RunningRefreshes(); n != 0 {
					t.Errorf("%d flights go on", n)
				}
			})
		})
	}
}

// TestCrashes has hooks and transports panic in the goroutine of a refresh, where no
// server recovers: the program goes on, and so does the session.
func TestCrashes(t *testing.T) {
	for name, crash := range map[string]func(){"panic": func() { panic("a hook") }, "exit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var crashing atomic.Bool
				p := open(t, nil)
				p.m = p.manager(func(c *session.Config) {
					client, err := tokens.NewClient(p.pool.UserPool(), &tokens.Options{HTTPClient: p.pool.Client(), Now: p.time,
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
				p.pool.SetRotation(true, time.Minute)
				old := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
				crashing.Store(true)
				for range 3 {
					if s, lines, err := p.fetch(page(old...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
						t.Fatalf("%v, %v, %v", s, err, lines)
					}
				}
				crashing.Store(false)
				if s, _, err := p.fetch(page(old...)); err != nil {
					t.Errorf("afterwards: %v, %v", s, err)
				}
			})
		})
	}
}

// TestHookOfARequestPanics as handlers may: it is the request's own goroutine, and
// the next request finds everything in order.
func TestHookOfARequestPanics(t *testing.T) {
	p := open(t, func(c *session.Config) {
		c.Hooks.Refreshed = func(context.Context, session.RefreshSource, time.Duration, error) { panic(http.ErrAbortHandler) }
	})
	old := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is lost")
				}
			}()
			p.fetch(page(old...))
		}()
	}
	if n := p.pool.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestTwoCallsInOneRequest refreshes once (W37), whichever cookies the second call
// reads, and however far apart the refresh tokens of the two are.
func TestTwoCallsInOneRequest(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, 0)
	r := page(p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))...)
	w := httptest.NewRecorder()
	first, err := p.m.Fetch(w, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := len(w.Header()["Set-Cookie"])
	second, err := p.m.Fetch(w, r, nil)
	if err != nil || second.AccessToken().Raw() != first.AccessToken().Raw() || p.pool.Calls(opRefresh) != 1 {
		t.Errorf("%v, %v, %d calls", second, err, p.pool.Calls(opRefresh))
	}
	if n := len(w.Header()["Set-Cookie"]); n != lines {
		t.Errorf("%d lines, then %d", lines, n)
	}
	forced, err := p.m.Fetch(w, r, &session.FetchOptions{ForceRefresh: true})
	if err != nil || forced.AccessToken().Raw() == first.AccessToken().Raw() {
		t.Errorf("forced: %v, %v", forced, err)
	}
	third, err := p.m.Fetch(w, r, nil)
	if err != nil || third == nil {
		t.Errorf("after a forced one: %v, %v", third, err)
	}
	if got := p.value(w.Header()["Set-Cookie"], "ada.accessToken"); got != third.AccessToken().Raw() {
		t.Error("the browser is given another session than the handler")
	}
	if n := p.pool.Calls(opRefresh); n != 2 {
		t.Errorf("%d calls", n)
	}
}

// TestDevices keeps the refreshes of a remembered device apart.
func TestDevices(t *testing.T) {
	p := open(t, nil)
	old := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
	device := append(old[:4:4], p.key("ada.deviceKey=k"), p.key("ada.deviceGroupKey=g"), p.key("ada.randomPasswordKey=p"))
	for range 2 {
		for _, pairs := range [][]string{old, device} {
			if s, _, err := p.fetch(script(pairs...)); err != nil {
				t.Fatalf("%v, %v", s, err)
			}
		}
	}
	if n := p.pool.Calls(opRefresh); n != 2 {
		t.Errorf("%d calls", n)
	}
}

// TestClockJumps sets the clock forth and back between refreshes: nobody is signed
// out, and nothing is kept for ever.
func TestClockJumps(t *testing.T) {
	p := open(t, nil)
	p.pool.SetNow(func() time.Time { return p.time() })
	pairs := p.cookies("ada", p.pool.Issue("ada"))
	for i, jump := range []time.Duration{2 * time.Hour, -3 * time.Hour, 26 * time.Hour, -26 * time.Hour, -100 * 24 * time.Hour, 101 * 24 * time.Hour, time.Hour} {
		p.wait(jump)
		for range 3 {
			s, lines, err := p.fetch(page(pairs...))
			if errors.Is(err, session.ErrSignedOut) || err == nil && s.User().Username != "ada" {
				t.Fatalf("jump %d: %v, %v", i, s, err)
			}
			if err == nil && len(lines) > 0 {
				pairs = p.cookies("ada", &tokens.Set{Access: p.value(lines, "ada.accessToken"), ID: p.value(lines, "ada.idToken"), Refresh: p.value(lines, "ada.refreshToken")})
			}
			p.wait(time.Minute)
		}
	}
}
