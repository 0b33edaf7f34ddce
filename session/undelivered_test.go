package session_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestUndeliveredAnswerIsRepeated loses the answer to an early or forced refresh. The
// browser goes on with its valid access token and a refresh token that rotation has
// replaced. It must get the new tokens while they are remembered. Otherwise it would be
// signed out when its access token expires.
func TestUndeliveredAnswerIsRepeated(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	for _, rotation := range []bool{true, false} {
		for name, opts := range map[string]*session.FetchOptions{"forced": forced, "early": nil} {
			e := newEnv(t, func(c *session.Config) { c.RefreshBefore = 10 * time.Minute })
			e.server.SetRotation(rotation, 0)
			r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
			if opts == nil {
				e.advance(51 * time.Minute)
			} else {
				e.advance(time.Minute)
			}
			for range 2 { // the session is cached
				if _, err := e.manager.Fetch(nil, r, nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := e.fetchWith(r, opts); err != nil { // lost
				t.Fatal(err)
			}
			e.advance(20 * time.Second)
			s, lines, err := e.fetch(r)
			if err != nil || e.value(lines, "ada.accessToken") == "" || s.AccessToken().Raw() != e.value(lines, "ada.accessToken") {
				t.Fatalf("%s, rotation %t: %v, %v", name, rotation, err, lines)
			}
			if n := e.server.Calls(opRefresh); n != 1 {
				t.Errorf("%s, rotation %t: %d refreshes", name, rotation, n)
			}
		}
	}
}

// TestAbandonedRefreshDelaysNoPage has the browser leave while a forced refresh is
// running, and ask for another page. That page is served without the refresh.
func TestAbandonedRefreshDelaysNoPage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newHeldEnv(t)
		old := e.env.cookies("ada", e.server.Issue("ada"))
		e.advance(time.Minute)
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			r := pageRequest(old...).WithContext(ctx)
			if _, err := e.manager.Fetch(httptest.NewRecorder(), r, forced); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		leave()
		wg.Wait()
		for range 3 {
			if _, lines, err := e.fetch(pageRequest(old...)); err != nil || len(lines) > 0 {
				t.Errorf("meanwhile: %v, %v", err, lines)
			}
		}
		e.release()
		synctest.Wait()
		if _, lines, err := e.fetch(pageRequest(old...)); err != nil || e.value(lines, "ada.refreshToken") == "" {
			t.Errorf("afterwards: %v, %v", err, lines)
		}
		if n := e.server.Calls(opRefresh); n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// TestUnverifiedAnswerIsDeliveredLater has new tokens come while their keys cannot be
// fetched. The browser gets them once they are verified.
func TestUnverifiedAnswerIsDeliveredLater(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	if _, err := e.manager.Fetch(nil, r, nil); err != nil {
		t.Fatal(err)
	}
	e.advance(time.Minute)
	e.server.AddKeys()
	e.failOnly(opKeys, down)
	if _, _, err := e.fetchWith(r, forced); !errors.Is(err, tokens.ErrUnavailable) {
		t.Fatal(err)
	}
	e.advance(2 * time.Second)
	if _, lines, err := e.fetch(r); err != nil || len(lines) > 0 {
		t.Errorf("the old access token is valid: %v, %v", err, lines)
	}
	e.recover()
	e.advance(30 * time.Second)
	if _, lines, err := e.fetch(r); err != nil || e.value(lines, "ada.refreshToken") == "" {
		t.Errorf("the keys are known: %v, %v", err, lines)
	}
	if n := e.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

// TestOlderTokensReplaceNoNewerOnes has Amplify in the browser refresh after this program
// has, perhaps in the same second. The tokens in the browser are newer, and stay.
func TestOlderTokensReplaceNoNewerOnes(t *testing.T) {
	t.Parallel()
	for _, later := range []time.Duration{0, 10 * time.Second} {
		e := newEnv(t, nil)
		set := e.server.Issue("ada")
		e.advance(time.Minute)
		if _, _, err := e.fetchWith(pageRequest(e.cookies("ada", set)...), forced); err != nil {
			t.Fatal(err)
		}
		e.advance(later)
		own := e.server.Issue("ada")
		own.Refresh = set.Refresh // there is no rotation
		for range 2 {
			if s, lines, err := e.fetch(pageRequest(e.cookies("ada", own)...)); err != nil || len(lines) > 0 || s.AccessToken().Raw() != own.Access {
				t.Errorf("%v later: %v, %v", later, err, e.changes(lines))
			}
		}
	}
}

// TestSecondAnswerUndelivered has two requests with the same cookies force a refresh. The
// browser gets the answer to the first and misses that to the second.
func TestSecondAnswerUndelivered(t *testing.T) {
	t.Parallel()
	for name, shown := range map[string]bool{"before the browser shows the first": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, nil)
			e.server.SetRotation(true, 0)
			first := e.server.Issue("ada")
			e.advance(time.Minute)
			_, lines, err := e.fetchWith(scriptRequest(e.cookies("ada", first)...), forced)
			if err != nil {
				t.Fatal(err)
			}
			second := e.tokensOf("ada", lines)
			if shown {
				e.fetch(pageRequest(e.cookies("ada", second)...))
			}
			e.advance(time.Second)
			if _, _, err := e.fetchWith(scriptRequest(e.cookies("ada", first)...), forced); err != nil { // lost
				t.Fatal(err)
			}
			e.advance(5 * time.Second)
			_, lines, err = e.fetch(pageRequest(e.cookies("ada", second)...))
			if err != nil || e.value(lines, "ada.refreshToken") == "" {
				t.Errorf("ada does not get the newest tokens: %v, %v", err, e.changes(lines))
			}
			e.advance(time.Hour)
			if e.value(lines, "ada.refreshToken") != "" {
				second = e.tokensOf("ada", lines)
			}
			if _, _, err := e.fetch(pageRequest(e.cookies("ada", second)...)); err != nil {
				t.Errorf("an hour later: %v", err)
			}
		})
	}
}

// TestSeveralAnswersUndelivered loses the answers to several forced refreshes. The next
// request gets the newest tokens, because it may be the last one for hours.
func TestSeveralAnswersUndelivered(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	for range 3 {
		e.advance(time.Second)
		if _, _, err := e.fetchWith(r, forced); err != nil {
			t.Fatal(err)
		}
	}
	_, lines, err := e.fetch(r)
	if err != nil || e.value(lines, "ada.refreshToken") == "" {
		t.Fatalf("%v, %v", err, e.changes(lines))
	}
	e.advance(5 * time.Hour)
	if _, _, err := e.fetch(pageRequest(e.cookies("ada", e.tokensOf("ada", lines))...)); err != nil {
		t.Errorf("hours later: %v", err)
	}
	if n := e.server.Calls(opRefresh); n != 4 {
		t.Errorf("%d refreshes", n)
	}
}

// TestUndeliveredInTheSecondOfSignIn forces a refresh right after the sign-in. Both access
// tokens have the same iat.
func TestUndeliveredInTheSecondOfSignIn(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	if _, _, err := e.fetchWith(r, forced); err != nil { // lost
		t.Fatal(err)
	}
	e.advance(5 * time.Second)
	if _, lines, err := e.fetch(r); err != nil || e.value(lines, "ada.refreshToken") == "" {
		t.Errorf("ada does not get the newest tokens: %v, %v", err, e.changes(lines))
	}
}

// TestLostReplyOfForcedRefresh loses Cognito's reply to a forced refresh, and that to the
// next refresh. Within the grace the old refresh token brings new ones. Once it has,
// nobody asks Cognito again.
func TestLostReplyOfForcedRefresh(t *testing.T) {
	t.Parallel()
	for _, rotation := range []bool{true, false} {
		for _, cacheBytes := range []int64{0, -1} {
			e := newEnv(t, func(c *session.Config) { c.CacheBytes = cacheBytes })
			e.server.SetRotation(rotation, time.Minute)
			r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
			e.fetch(r)
			e.advance(time.Minute)
			e.server.SetFault(func(op string) cognitotest.Fault { return cognitotest.Fault{Drop: true, After: op == opRefresh} })
			if _, _, err := e.fetchWith(r, forced); !errors.Is(err, tokens.ErrUnavailable) {
				t.Fatal(err)
			}
			for range 3 { // the first one asks again
				if _, _, err := e.fetch(r); err != nil {
					t.Fatal(err)
				}
			}
			e.recover()
			for range 10 {
				e.advance(5 * time.Second)
				_, lines, err := e.fetch(r)
				if err != nil {
					t.Fatal(err)
				}
				if e.value(lines, "ada.refreshToken") != "" {
					r = pageRequest(e.cookies("ada", e.tokensOf("ada", lines))...)
				}
			}
			if n := e.server.Calls(opRefresh); n != 3 {
				t.Errorf("%d calls", n)
			}
			e.advance(time.Hour)
			if _, _, err := e.fetch(r); err != nil {
				t.Errorf("an hour later: %v", err)
			}
		}
	}
}

// TestRefusedForcedRefreshIsNotRepeated has Cognito say why it does not refresh. No reply
// is lost, so nobody asks again.
func TestRefusedForcedRefreshIsNotRepeated(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	e.fetch(r)
	e.fail(cognitotest.Fault{Status: 400, Code: "UserLambdaValidationException", Message: "PreTokenGeneration failed"})
	e.fetchWith(r, forced)
	before := e.server.Calls(opRefresh)
	for range 3 {
		e.advance(11 * time.Second)
		if _, _, err := e.fetch(r); err != nil || e.server.Calls(opRefresh) != before {
			t.Errorf("%v, %d more calls", err, e.server.Calls(opRefresh)-before)
		}
	}
}

// TestPlantedTokenWithResult plants bob's refresh token before ada's. A result of it is
// remembered, but ada's session needs no refresh.
func TestPlantedTokenWithResult(t *testing.T) {
	t.Parallel()
	for _, cacheBytes := range []int64{0, -1} {
		e := newEnv(t, func(c *session.Config) { c.CacheBytes = cacheBytes })
		set, bobs := e.server.Issue("ada"), e.server.Issue("bob")
		e.advance(time.Minute)
		if _, _, err := e.fetchWith(pageRequest(e.cookies("bob", bobs)...), forced); err != nil {
			t.Fatal(err)
		}
		r := pageRequest(append([]string{e.prefixed("ada.refreshToken=" + bobs.Refresh)}, e.cookies("ada", set)...)...)
		for range 3 {
			if s, lines, err := e.fetch(r); err != nil || len(lines) > 0 || s.User().Username != "ada" {
				t.Errorf("%v, %v", err, e.changes(lines))
			}
		}
		if n := e.server.Calls(opRefresh); n != 1 {
			t.Errorf("%d refreshes, want bob's", n)
		}
	}
}

// TestPlantedTokenWithLostReply has an attacker send a refresh token while Cognito is
// down for a moment, and plant it among ada's cookies. Her session is fresh, and stays.
func TestPlantedTokenWithLostReply(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for name, hasOwn := range map[string]bool{"beside her own": true, "instead of one": false} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, nil)
			cookies := e.cookies("ada", e.server.Issue("ada"))
			if !hasOwn {
				cookies = cookies[:3]
			}
			e.fetch(pageRequest(cookies...))
			e.advance(time.Minute)
			e.fail(cognitotest.Fault{Drop: true})
			e.fetch(scriptRequest(e.prefixed("LastAuthUser=x"), e.prefixed("x.refreshToken=anything")))
			e.recover()
			before := e.server.Calls(opRefresh)
			// Without the ID token, this is not the cached session.
			cookies = append([]string{e.prefixed("ada.refreshToken=anything"), cookies[0], cookies[1]}, cookies[3:]...)
			for i := range 20 {
				e.advance(time.Second)
				_, lines, err := e.fetch(pageRequest(cookies...))
				if err != nil {
					t.Fatalf("request %d: ada is signed out: %v, %v", i, err, e.changes(lines))
				}
				if access := e.value(lines, "ada.accessToken"); access != "" {
					cookies[2] = e.prefixed("ada.accessToken=") + access
					if hasOwn {
						cookies[3] = e.prefixed("ada.refreshToken=") + e.value(lines, "ada.refreshToken")
					}
				}
			}
			if n := e.server.Calls(opRefresh) - before; n > 2 {
				t.Errorf("%d calls for 20 requests of a fresh session", n)
			}
		})
	}
}
