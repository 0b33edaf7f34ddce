package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

const site = "https://app.example.com/"

// holdingTransport keeps back the replies to refreshes, whose effect is there, until
// it is opened.
type holdingTransport struct {
	http.RoundTripper
	hold chan struct{}
}

func (t *holdingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), opRefresh) {
		select {
		case <-t.hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return resp, err
}

// answerLater is an answer that the browser has not read yet.
type answerLater struct {
	w   *httptest.ResponseRecorder
	s   *session.Session
	err error
}

// send has the handler answer a request of the browser. The cookies of the answer are
// not kept before read is called.
func (b *browser) send(r *http.Request, handler func(http.ResponseWriter, *http.Request) (*session.Session, error)) *answerLater {
	if pairs := b.pairs(site); len(pairs) > 0 {
		r.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	a := &answerLater{w: httptest.NewRecorder()}
	a.s, a.err = handler(a.w, r)
	note(a.err)
	return a
}

func (b *browser) read(a *answerLater) {
	for _, line := range a.w.Header()["Set-Cookie"] {
		b.plant(site, line)
	}
}

// hold plants the cookies of a session.
func (b *browser) hold(p *place, user string, set *tokens.Set) {
	for _, pair := range p.cookies(user, set) {
		b.plant(site, pair+"; Path=/; Secure; Max-Age=86400")
	}
}

// late is a place whose replies to refreshes are held back, and a browser.
type late struct {
	*place
	*browser
	hold chan struct{}
}

func openLate(t *testing.T) *late {
	l := &late{browser: newBrowser(), hold: make(chan struct{})}
	l.place = open(t, nil)
	l.m = l.manager(func(c *session.Config) {
		c.HTTPClient = &http.Client{Transport: &holdingTransport{l.pool.Client().Transport, l.hold}}
	})
	l.pool.SetRotation(true, 0)
	if _, err := l.m.Fetch(nil, page(l.cookies("ada", l.pool.Issue("ada"))...), nil); err != nil {
		t.Fatal(err) // the keys are known now
	}
	return l
}

func (l *late) get(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
	return l.m.Fetch(w, r, nil)
}

func (l *late) signOut(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
	return nil, l.m.End(w, r)
}

func (l *late) signIn(user string) func(http.ResponseWriter, *http.Request) (*session.Session, error) {
	return func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
		return l.m.Start(w, r, l.pool.Issue(user))
	}
}

// user is whose session the browser now holds.
func (l *late) user() string {
	a := l.send(page(), l.get)
	if a.err != nil && !errors.Is(a.err, session.ErrSignedOut) {
		l.t.Errorf("the browser's next page: %v", a.err)
	}
	l.read(a)
	return a.s.User().Username
}

// inBothOrders runs a sequence in a bubble, for scripts and pages where both may be.
func inBothOrders(t *testing.T, f func(t *testing.T, first bool)) {
	for _, first := range []bool{true, false} {
		inOrder(t, first, f)
	}
}

func inOrder(t *testing.T, first bool, f func(t *testing.T, first bool)) {
	name := "the late answer is read last"
	if first {
		name = "the late answer is read first"
	}
	t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, first) }) })
}

// TestSignOutDuringRefresh signs out while Cognito's reply to a refresh is on its
// way: in time for the sign-out, after it, or before it and read by the browser late.
func TestSignOutDuringRefresh(t *testing.T) {
	for name, wait := range map[string]time.Duration{"in time": time.Second, "too late": 4 * time.Second, "before": 0} {
		for _, request := range []func(...string) *http.Request{page, script} {
			kind := request().Header.Get("Sec-Fetch-Mode")
			t.Run(name+", "+kind, func(t *testing.T) {
				inBothOrders(t, func(t *testing.T, first bool) {
					l := openLate(t)
					old := l.pool.Issue("ada", cognitotest.Expired)
					l.browser.hold(l.place, "ada", old)
					var wg sync.WaitGroup
					var refresh, signOut *answerLater
					wg.Go(func() { refresh = l.send(request(), l.get) })
					synctest.Wait()
					if name == "before" {
						close(l.hold)
						wg.Wait()
						if refresh.err != nil {
							t.Fatal(refresh.err)
						}
					}
					wg.Go(func() { signOut = l.send(page(), l.signOut) })
					time.Sleep(wait)
					synctest.Wait()
					if name != "before" {
						close(l.hold)
					}
					wg.Wait()
					time.Sleep(time.Minute)
					if name != "before" && (!errors.Is(refresh.err, session.ErrSignedOut) || len(refresh.w.Header()["Set-Cookie"]) > 0) {
						if !errors.Is(refresh.err, tokens.ErrUnavailable) {
							t.Errorf("the late answer: %v, %v", refresh.err, l.changes(refresh.w.Header()["Set-Cookie"]))
						}
					}
					if signOut.err != nil {
						t.Errorf("the sign-out: %v", signOut.err)
					}
					if first {
						l.read(refresh)
						l.read(signOut)
					} else {
						l.read(signOut)
						l.read(refresh)
					}
					if u := l.user(); u != "" {
						t.Errorf("%s is signed in again", u)
					}
					// Requests with the old cookies that are still on their way.
					for range 3 {
						w := httptest.NewRecorder()
						if s, err := l.m.Fetch(w, script(l.cookies("ada", old)...), nil); !errors.Is(err, session.ErrSignedOut) || len(w.Header()["Set-Cookie"]) > 0 {
							t.Errorf("a late request: %v, %v", s, err)
						}
						l.wait(time.Minute)
					}
				})
			})
		}
	}
}

// TestSignOutEndsTheWholeChain signs out with the newest of several rotated tokens,
// or with the oldest. None of them brings the session back, and Cognito has revoked
// the newest.
func TestSignOutEndsTheWholeChain(t *testing.T) {
	for _, with := range []int{0, 1, 3} {
		t.Run(fmt.Sprint("with token ", with), func(t *testing.T) {
			p := open(t, nil)
			p.pool.SetRotation(true, time.Minute)
			chain := []*tokens.Set{p.pool.Issue("ada", cognitotest.Expired)}
			for len(chain) < 4 {
				last := chain[len(chain)-1]
				_, lines, err := p.fetchWith(script(p.cookies("ada", last)...), &session.FetchOptions{ForceRefresh: true})
				if err != nil {
					t.Fatal(err)
				}
				chain = append(chain, &tokens.Set{Access: chain[0].Access, ID: chain[0].ID, Refresh: p.value(lines, "ada.refreshToken")})
			}
			if err := p.m.End(httptest.NewRecorder(), script(p.cookies("ada", chain[with])...)); err != nil {
				t.Fatal(err)
			}
			calls := p.pool.Calls(opRefresh)
			for i, set := range chain {
				if s, lines, err := p.fetch(script(p.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
					t.Errorf("token %d: %v, %v", i, s, err)
				}
			}
			if n := p.pool.Calls(opRefresh) - calls; n != 0 {
				t.Errorf("%d calls for a session that is ended", n)
			}
			p.m = p.manager(nil)
			for i, set := range chain {
				if s, _, err := p.fetch(script(p.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) {
					t.Errorf("another process, token %d: %v, %v", i, s, err)
				}
			}
		})
	}
}

// TestSwitchDuringRefresh has another user sign in while a refresh is under way.
func TestSwitchDuringRefresh(t *testing.T) {
	for _, where := range []string{"on the server", "in the browser"} {
		t.Run(where, func(t *testing.T) {
			inBothOrders(t, func(t *testing.T, first bool) {
				l := openLate(t)
				l.browser.hold(l.place, "ada", l.pool.Issue("ada", cognitotest.Expired))
				var wg sync.WaitGroup
				var refresh *answerLater
				wg.Go(func() { refresh = l.send(script(), l.get) })
				synctest.Wait()
				signIn := &answerLater{w: httptest.NewRecorder()}
				if where == "on the server" {
					signIn = l.send(page(), l.signIn("bob"))
				}
				close(l.hold)
				wg.Wait()
				if first {
					l.read(refresh)
				}
				l.read(signIn)
				if where == "in the browser" {
					l.browser.hold(l.place, "bob", l.pool.Issue("bob"))
				}
				if !first {
					l.read(refresh)
				}
				if refresh.err != nil || refresh.s.User().Username != "ada" {
					t.Errorf("ada's own answer: %v, %v", refresh.s, refresh.err)
				}
				if u := l.user(); u != "bob" {
					t.Errorf("%q is signed in, not bob", u)
				}
				l.wait(2 * time.Hour) // bob's tokens are to be refreshed
				if u := l.user(); u != "bob" {
					t.Errorf("%q is signed in after a refresh, not bob", u)
				}
			})
		})
	}
}

// TestRefusalAfterSignIn has Cognito refuse an old refresh token while the same user
// signs in anew.
func TestRefusalAfterSignIn(t *testing.T) {
	for _, request := range []func(...string) *http.Request{script, page} {
		kind := request().Header.Get("Sec-Fetch-Mode")
		for _, code := range []string{"NotAuthorizedException", "RefreshTokenReuseException"} {
			t.Run(kind+", "+code, func(t *testing.T) {
				play := func(t *testing.T, first bool) {
					l := openLate(t)
					l.browser.hold(l.place, "ada", l.pool.Issue("ada", cognitotest.Expired))
					l.pool.SetFault(func(op string) cognitotest.Fault {
						if op == opRefresh {
							return cognitotest.Fault{Status: 400, Code: code, Message: "Refresh Token is no good"}
						}
						return cognitotest.Fault{}
					})
					var wg sync.WaitGroup
					var refusal *answerLater
					wg.Go(func() { refusal = l.send(request(), l.get) })
					synctest.Wait()
					signIn := l.send(page(), l.signIn("ada"))
					close(l.hold)
					wg.Wait()
					if !errors.Is(refusal.err, session.ErrSignedOut) {
						t.Errorf("the refusal: %v", refusal.err)
					}
					if first {
						l.read(refusal)
						l.read(signIn)
					} else {
						l.read(signIn)
						l.read(refusal)
					}
					if u := l.user(); u != "ada" {
						t.Errorf("%q is signed in, not ada", u)
					}
				}
				inOrder(t, true, play)
				if kind != "navigate" || code != "NotAuthorizedException" {
					inOrder(t, false, play)
				} // else the answer deletes, as a page's may: a browser drops it for the next page
			})
		}
	}
}

// TestBrowserRefreshesToo has Amplify in the browser refresh the session that the
// server is refreshing, with rotation. Within the grace both get tokens, and whichever
// the browser keeps last are good; without it, the second one is refused, and keeps
// its hands off the cookies.
func TestBrowserRefreshesToo(t *testing.T) {
	for _, grace := range []time.Duration{time.Minute, 0} {
		for _, browserWins := range []bool{true, false} {
			t.Run(fmt.Sprintf("grace %v, the browser wins %t", grace, browserWins), func(t *testing.T) {
				inBothOrders(t, func(t *testing.T, first bool) {
					l := openLate(t)
					l.pool.SetRotation(true, grace)
					old := l.pool.Issue("ada", cognitotest.Expired)
					l.browser.hold(l.place, "ada", old)
					client, err := tokens.NewClient(l.pool.UserPool(), &tokens.Options{HTTPClient: l.pool.Client(), Now: l.time})
					if err != nil {
						t.Fatal(err)
					}
					var own *tokens.Set
					amplify := func() { own, err = client.Refresh(t.Context(), old.Refresh, nil) }
					var wg sync.WaitGroup
					var refresh *answerLater
					if browserWins {
						amplify()
					}
					wg.Go(func() { refresh = l.send(page(), l.get) })
					synctest.Wait()
					if !browserWins {
						amplify()
					}
					close(l.hold)
					wg.Wait()
					serverWon := refresh.err == nil
					if (own != nil) != (grace > 0 || browserWins) || serverWon != (grace > 0 || !browserWins) {
						t.Fatalf("the browser: %v; the server: %v", err, refresh.err)
					}
					if !serverWon && (!errors.Is(refresh.err, session.ErrSignedOut) || len(refresh.w.Header()["Set-Cookie"]) > 0) {
						t.Errorf("the server lost: %v, %v", refresh.err, refresh.w.Header()["Set-Cookie"])
					}
					if first {
						l.read(refresh)
					}
					if own != nil {
						l.browser.hold(l.place, "ada", own)
					}
					if !first {
						l.read(refresh)
					}
					for range 3 {
						if u := l.user(); u != "ada" {
							t.Errorf("%q is signed in, not ada", u)
						}
						l.wait(2 * time.Hour)
					}
				})
			})
		}
	}
}
