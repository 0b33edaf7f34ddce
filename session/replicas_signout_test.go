package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// endAt signs out at one replica.
func (r *replicas) endAt(i int, cookies []string) {
	r.t.Helper()
	if err := r.managers[i].End(httptest.NewRecorder(), pageRequest(cookies...)); err != nil {
		r.t.Error(err)
	}
}

// canRefresh reports whether Cognito still exchanges a refresh token.
func (e *env) canRefresh(refreshToken string) bool {
	e.t.Helper()
	client, err := tokens.NewClient(e.server.UserPool(), &tokens.Options{HTTPClient: e.server.Client()})
	if err != nil {
		e.t.Fatal(err)
	}
	_, err = client.Refresh(e.t.Context(), refreshToken, nil)
	return err == nil
}

// TestSignOutDuringRefreshElsewhere signs out at one replica while another one holds the
// claim and has called Cognito. It writes nothing, no replica refreshes the session any
// more, and Cognito revokes the new tokens if it has issued them.
func TestSignOutDuringRefreshElsewhere(t *testing.T) {
	t.Parallel()
	for _, issued := range []bool{false, true} {
		t.Run(fmt.Sprint("Cognito has issued the tokens: ", issued), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bubbleReplicas(t, 3)
				r.server.SetRotation(true, time.Minute)
				cookies := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
				for i := range r.managers { // they fetch the keys
					signedIn(t, r.managers[i], bearerRequest(r.server.Issue("bob", accessOnly)))
				}
				r.failOnly(opRefresh, cognitotest.Fault{Delay: 2 * time.Second, After: issued})
				for i := 1; i < 3; i++ { // the second waits for the first one's claim
					go func() {
						_, lines, err := r.fetchAt(i, pageRequest(cookies...), nil)
						if !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
							t.Errorf("replica %d: %v, %v", i, err, lines)
						}
					}()
					synctest.Wait()
				}
				r.endAt(0, cookies)
				before := r.server.Calls(opRevoke)
				time.Sleep(3 * time.Second)
				r.recover()
				if n := r.server.Calls(opRevoke) - before; (n == 1) != issued {
					t.Errorf("%d revocations of the new tokens", n)
				}
				calls := r.server.Calls(opRefresh)
				for i := range r.managers {
					if _, lines, err := r.fetchAt(i, pageRequest(cookies...), nil); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
						t.Errorf("afterwards replica %d: %v, %v", i, err, lines)
					}
				}
				if n := r.server.Calls(opRefresh); n != calls {
					t.Errorf("%d calls afterwards", n-calls)
				}
			})
		})
	}
}

// TestSignOutAfterRefreshElsewhere signs out with cookies that other replicas have replaced
// meanwhile, several times. The newest tokens end too, everywhere, and Cognito revokes them.
func TestSignOutAfterRefreshElsewhere(t *testing.T) {
	t.Parallel()
	for _, expired := range []bool{true, false} {
		t.Run(fmt.Sprint("the old access token has expired: ", expired), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := bubbleReplicas(t, 4)
				r.server.SetRotation(true, 0)
				old := r.server.Issue("ada")
				if expired {
					time.Sleep(2 * time.Hour)
				}
				set := old
				for i := range 3 {
					_, lines, err := r.fetchAt(i, pageRequest(r.cookies("ada", set)...), forced)
					if err != nil {
						t.Fatal(err)
					}
					set = r.tokensOf("ada", lines)
				}
				newest := pageRequest(r.cookies("ada", set)...)
				for _, m := range r.managers {
					if !signedIn(t, m, newest) {
						t.Fatal("not signed in")
					}
				}
				r.server.SetFault(func(op string) (none cognitotest.Fault) {
					if op == opRevoke && len(r.store.Notes()) == 0 {
						t.Error("Cognito is called before the others are told")
					}
					return none
				})
				r.endAt(3, r.cookies("ada", old))
				if r.canRefresh(set.Refresh) {
					t.Error("the newest refresh token is not revoked")
				}
				time.Sleep(2 * time.Second)
				for i, m := range r.managers {
					if signedIn(t, m, newest) {
						t.Errorf("replica %d", i)
					}
				}
			})
		})
	}
}

// TestTombstonesOfAnonymousSignOuts: sign-outs without a genuine token call the store as
// seldom as refreshes without one.
func TestTombstonesOfAnonymousSignOuts(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 1, 0, nil)
	for i := range 30 {
		var cookies []string
		for k := range 20 {
			cookies = append(cookies, fmt.Sprintf("%s=x%d.%d", r.prefixed(fmt.Sprintf("u%d.refreshToken", k)), i, k))
		}
		r.managers[0].End(httptest.NewRecorder(), pageRequest(cookies...))
	}
	if appends, _ := r.store.logCalls(); appends > 0 || r.store.operations() > 120 {
		t.Errorf("%d operations, %d notes", r.store.operations(), appends)
	}
}

// TestUnconfirmedSignOut signs out while Cognito cannot be reached, so that the refresh token
// still brings tokens after days. No replica accepts those, and one has them revoked.
func TestUnconfirmedSignOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 2)
		set, other := r.server.Issue("ada"), r.cookies("bob", new(tokens.Set))
		cookies := r.cookies("ada", set)
		for i := range r.managers {
			r.mustFetchAt(i, cookies)
		}
		r.fail(down)
		if _, err := r.end(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) {
			t.Fatal(err)
		}
		r.recover()
		for range 50 { // hours with a request at each replica, which reads the log
			time.Sleep(time.Hour)
			for i := range r.managers {
				r.fetchAt(i, pageRequest(other...), nil)
			}
			synctest.Wait()
		}
		r.addReplica()
		for _, i := range []int{1, 2, 0} {
			if s, lines, err := r.fetchAt(i, pageRequest(cookies...), nil); !errors.Is(err, session.ErrSignedOut) || r.value(lines, "ada.accessToken") != "" {
				t.Errorf("replica %d after 50 hours: %v, %v", i, s, err)
			}
		}
		synctest.Wait()
		if r.canRefresh(set.Refresh) && layoutName() != session.LayoutHandle { // it was in the record alone
			t.Error("the refresh token is not revoked")
		}
	})
}

// TestEndUserByAFastClock: a process whose clock is an hour fast keeps its user from signing
// in elsewhere for no longer than clocks may differ.
func TestEndUserByAFastClock(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 1, 0, nil)
	fast := r.newReplica(func(c *session.Config) { c.Now = func() time.Time { return r.clock().Add(time.Hour) } })
	before := r.server.Issue("ada")
	if err := fast.EndUser(t.Context(), r.subject(before)); err != nil {
		t.Fatal(err)
	}
	r.advance(10 * time.Second)
	if _, _, err := r.fetchAt(0, pageRequest(r.cookies("ada", before)...), nil); err == nil {
		t.Error("a sign-in of before lives on")
	}
	r.advance(10 * time.Second)
	if _, _, err := r.fetchAt(0, pageRequest(r.cookies("ada", r.server.Issue("ada"))...), nil); err != nil {
		t.Errorf("a sign-in soon after: %v", err)
	}
}
