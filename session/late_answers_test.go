package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestSignOutDuringRefresh signs out while Cognito's reply to a refresh is on its way.
// The reply comes in time for the sign-out or after it, or the refresh has finished and
// the browser reads its answer late. The session never comes back.
func TestSignOutDuringRefresh(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]time.Duration{"the reply is in time": time.Second, "the reply is too late": 4 * time.Second, "the refresh has finished": 0} {
		finished := delay == 0
		for _, request := range []func(...string) *http.Request{pageRequest, scriptRequest} {
			mode := request().Header.Get("Sec-Fetch-Mode")
			t.Run(name+", "+mode, func(t *testing.T) {
				inBothOrders(t, func(t *testing.T, lateFirst bool) {
					e := newHeldEnv(t)
					old := e.expire()
					var wg sync.WaitGroup
					var refresh, signOut *unreadAnswer
					wg.Go(func() { refresh = e.send(request(), e.get) })
					synctest.Wait()
					if finished {
						e.release()
						wg.Wait()
						if refresh.err != nil {
							t.Fatal(refresh.err)
						}
					}
					wg.Go(func() { signOut = e.send(pageRequest(), e.signOut) })
					time.Sleep(delay)
					synctest.Wait()
					e.release()
					wg.Wait()
					time.Sleep(time.Minute)
					refused := errors.Is(refresh.err, session.ErrSignedOut) && len(refresh.lines) == 0
					if !finished && !refused && !errors.Is(refresh.err, tokens.ErrUnavailable) {
						t.Errorf("the late answer: %v, %v", refresh.err, e.changes(refresh.lines))
					}
					if signOut.err != nil {
						t.Errorf("the sign-out: %v", signOut.err)
					}
					if lateFirst {
						e.read(refresh, signOut)
					} else {
						e.read(signOut, refresh)
					}
					if user := e.user(); user != "" {
						t.Errorf("%s is signed in again", user)
					}
					// Requests with the old cookies may still be on their way.
					for range 3 {
						if s, lines, err := e.fetch(scriptRequest(e.env.cookies("ada", old)...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
							t.Errorf("a late request: %v, %v", s, err)
						}
						e.advance(time.Minute)
					}
				})
			})
		}
	}
}

// TestSignOutEndsAllRotatedTokens signs out with one of several refresh tokens that
// rotation made of each other. None of them restores the session, and Cognito has
// revoked the newest.
func TestSignOutEndsAllRotatedTokens(t *testing.T) {
	t.Parallel()
	for _, with := range []int{0, 1, 3} {
		t.Run(fmt.Sprint("with token ", with), func(t *testing.T) {
			e := newEnv(t, nil)
			e.server.SetRotation(true, time.Minute)
			rotated := []*tokens.Set{e.server.Issue("ada", cognitotest.Expired)}
			for len(rotated) < 4 {
				last := rotated[len(rotated)-1]
				_, lines, err := e.fetchWith(scriptRequest(e.cookies("ada", last)...), forced)
				if err != nil {
					t.Fatal(err)
				}
				rotated = append(rotated, &tokens.Set{Access: last.Access, ID: last.ID, Refresh: e.value(lines, "ada.refreshToken")})
			}
			if _, err := e.end(scriptRequest(e.cookies("ada", rotated[with])...)); err != nil {
				t.Fatal(err)
			}
			before := e.server.Calls(opRefresh)
			for i, set := range rotated {
				if s, lines, err := e.fetch(scriptRequest(e.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
					t.Errorf("token %d: %v, %v", i, s, err)
				}
			}
			if n := e.server.Calls(opRefresh) - before; n != 0 {
				t.Errorf("%d calls for a session that was signed out", n)
			}
			e.manager = e.newManager(nil)
			for i, set := range rotated {
				if s, _, err := e.fetch(scriptRequest(e.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) {
					t.Errorf("another process, token %d: %v, %v", i, s, err)
				}
			}
		})
	}
}

// TestSignInOfAnotherUserDuringRefresh has bob sign in while ada's refresh is running.
// The browser ends up with bob's session.
func TestSignInOfAnotherUserDuringRefresh(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"on the server", "in the browser"} {
		t.Run(where, func(t *testing.T) {
			inBothOrders(t, func(t *testing.T, lateFirst bool) {
				e := newHeldEnv(t)
				e.expire()
				var wg sync.WaitGroup
				var refresh *unreadAnswer
				wg.Go(func() { refresh = e.send(scriptRequest(), e.get) })
				synctest.Wait()
				signIn := new(unreadAnswer)
				if where == "on the server" {
					signIn = e.send(pageRequest(), e.signIn("bob"))
				}
				e.release()
				wg.Wait()
				if lateFirst {
					e.read(refresh)
				}
				e.read(signIn)
				if where == "in the browser" {
					e.advance(time.Second)
					e.setSession(e.env, "bob", e.server.Issue("bob"))
				}
				if !lateFirst {
					e.read(refresh)
				}
				if refresh.err != nil || refresh.session.User().Username != "ada" {
					t.Errorf("ada's own answer: %v, %v", refresh.session, refresh.err)
				}
				if user := e.user(); user != "bob" {
					t.Errorf("%q is signed in, not bob", user)
				}
				e.advance(2 * time.Hour) // bob's tokens expire
				if user := e.user(); user != "bob" {
					t.Errorf("%q is signed in after a refresh, not bob", user)
				}
			})
		})
	}
}

// TestRefusalAfterSignIn has Cognito refuse an old refresh token while the same user
// signs in anew. The late answer deletes nothing of the new session.
func TestRefusalAfterSignIn(t *testing.T) {
	t.Parallel()
	for _, request := range []func(...string) *http.Request{scriptRequest, pageRequest} {
		mode := request().Header.Get("Sec-Fetch-Mode")
		for _, code := range []string{"NotAuthorizedException", "RefreshTokenReuseException"} {
			t.Run(mode+", "+code, func(t *testing.T) {
				signInDuringRefusal := func(t *testing.T, lateFirst bool) {
					e := newHeldEnv(t)
					e.expire()
					e.failOnly(opRefresh, cognitotest.Fault{Status: 400, Code: code, Message: "Refresh Token is no good"})
					var wg sync.WaitGroup
					var refusal *unreadAnswer
					wg.Go(func() { refusal = e.send(request(), e.get) })
					synctest.Wait()
					signIn := e.send(pageRequest(), e.signIn("ada"))
					e.release()
					wg.Wait()
					if !errors.Is(refusal.err, session.ErrSignedOut) {
						t.Errorf("the refusal: %v", refusal.err)
					}
					if lateFirst {
						e.read(refusal, signIn)
					} else {
						e.read(signIn, refusal)
					}
					if user := e.user(); user != "ada" {
						t.Errorf("%q is signed in, not ada", user)
					}
				}
				inOrder(t, true, signInDuringRefusal)
				if mode != "navigate" || code != "NotAuthorizedException" {
					inOrder(t, false, signInDuringRefusal)
				} // else the answer deletes, as a page's may: a browser drops it for the next page
			})
		}
	}
}

// TestAmplifyRefreshesAtTheSameTime has Amplify in the browser refresh the session that
// the server is refreshing, with rotation. Within the grace both get tokens, and the ones
// that the browser reads last work. Without a grace Cognito refuses the second refresh,
// and its answer leaves the cookies alone.
func TestAmplifyRefreshesAtTheSameTime(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{time.Minute, 0} {
		for _, browserIsFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("grace %v, the browser is first %t", grace, browserIsFirst), func(t *testing.T) {
				inBothOrders(t, func(t *testing.T, lateFirst bool) {
					e := newHeldEnv(t)
					e.server.SetRotation(true, grace)
					old := e.expire()
					client, err := tokens.NewClient(e.server.UserPool(), &tokens.Options{HTTPClient: e.server.Client(), Now: e.clock})
					if err != nil {
						t.Fatal(err)
					}
					var own *tokens.Set
					refreshInBrowser := func() { own, err = client.Refresh(t.Context(), old.Refresh, nil) }
					var wg sync.WaitGroup
					var refresh *unreadAnswer
					if browserIsFirst {
						refreshInBrowser()
					}
					wg.Go(func() { refresh = e.send(pageRequest(), e.get) })
					synctest.Wait()
					if !browserIsFirst {
						refreshInBrowser()
					}
					e.release()
					wg.Wait()
					refreshedHere := refresh.err == nil
					if (own != nil) != (grace > 0 || browserIsFirst) || refreshedHere != (grace > 0 || !browserIsFirst) {
						t.Fatalf("the browser: %v; the server: %v", err, refresh.err)
					}
					if !refreshedHere && (!errors.Is(refresh.err, session.ErrSignedOut) || len(refresh.lines) > 0) {
						t.Errorf("Cognito has refused the server: %v, %v", refresh.err, refresh.lines)
					}
					if lateFirst {
						e.read(refresh)
					}
					if own != nil {
						e.setSession(e.env, "ada", own)
					}
					if !lateFirst {
						e.read(refresh)
					}
					for range 3 {
						if user := e.user(); user != "ada" {
							t.Errorf("%q is signed in, not ada", user)
						}
						e.advance(2 * time.Hour)
					}
				})
			})
		}
	}
}
