package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// isRevoked reports whether Cognito refuses a refresh token.
func (e *env) isRevoked(refreshToken string) bool {
	e.t.Helper()
	client, err := tokens.NewClient(e.server.UserPool(), &tokens.Options{HTTPClient: e.server.Client(), Now: e.clock})
	if err != nil {
		e.t.Fatal(err)
	}
	_, err = client.Refresh(e.t.Context(), refreshToken, nil)
	return err != nil
}

// TestOwnSessionIsEndedFirst plants cookies in front of a session's, which a sign-out
// must end all the same.
func TestOwnSessionIsEndedFirst(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for name, plant := range map[string]func(e *env, i int) string{
		"refresh tokens of others": func(e *env, i int) string {
			return fmt.Sprintf("%s=junk%d", e.prefixed(fmt.Sprintf("u%d.refreshToken", i)), i)
		},
		"users": func(e *env, i int) string { return fmt.Sprintf("%s=u%d", e.prefixed("LastAuthUser"), i) },
		"access tokens of others": func(e *env, i int) string {
			return fmt.Sprintf("%s=eyJ.eyJ.%d", e.prefixed(fmt.Sprintf("u%d.accessToken", i)), i)
		},
		"refresh tokens of the user": func(e *env, i int) string { return fmt.Sprintf("%s=junk%d", e.prefixed("ada.refreshToken"), i) },
		"a hundred, too many to revoke": func(e *env, i int) string {
			var cookies []string
			for k := range 25 {
				cookies = append(cookies, fmt.Sprintf("%s=junk%d", e.prefixed(fmt.Sprintf("u%d.refreshToken", k)), 100*i+k))
			}
			return strings.Join(cookies, "; ")
		},
	} {
		for _, expired := range []bool{false, true} {
			e := newEnv(t, nil)
			set := e.server.Issue("ada")
			cookies := e.cookies("ada", set)
			if _, _, err := e.fetch(pageRequest(cookies...)); err != nil {
				t.Fatal(err)
			}
			if expired {
				e.advance(2 * time.Hour)
			}
			var planted []string
			for i := range 4 {
				planted = append(planted, plant(e, i))
			}
			_, err := e.end(pageRequest(append(planted, cookies...)...))
			// Two revocations a second are made for somebody who has shown nothing.
			many := name == "refresh tokens of others" || strings.HasPrefix(name, "a hundred")
			if errors.Is(err, session.ErrNotAllEnded) != many || errors.Is(err, tokens.ErrUnavailable) {
				t.Errorf("%s, expired %v: %v", name, expired, err)
			}
			if !e.isRevoked(set.Refresh) {
				t.Errorf("%s, expired %v: her refresh token is not revoked", name, expired)
			}
			if s, _, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("%s, expired %v: copies of the cookies: %v, %v", name, expired, s, err)
			}
		}
	}
}

// TestSignOutWithoutKeys signs out while the key set hangs or fails. The refresh token is
// revoked, and copies of the access token are refused once there are keys.
func TestSignOutWithoutKeys(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cognitotest.Fault{"hangs": {Delay: time.Hour}, "fails": down} {
		synctest.Test(t, func(t *testing.T) {
			e := newEnv(t, nil)
			set := e.server.Issue("ada")
			cookies := e.cookies("ada", set)
			e.failOnly(opKeys, fault)
			start := time.Now()
			if _, err := e.end(pageRequest(cookies...)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: it took %v", name, took)
			}
			e.recover()
			if !e.isRevoked(set.Refresh) {
				t.Errorf("%s: the refresh token is not revoked", name)
			}
			time.Sleep(time.Minute) // until the keys are asked for again
			e.advance(time.Minute)
			for range 2 {
				if s, _, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) {
					t.Errorf("%s: copies of the cookies: %v, %v", name, s, err)
				}
			}
		})
	}
}

// TestEndReportsItsOwnFailureApart: what somebody has planted is another error than the
// user's own session.
func TestEndReportsItsOwnFailureApart(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, tt := range []struct {
		fails  string // the refresh token whose revocation fails
		own    bool
		notAll bool
	}{{"", false, false}, {"own", true, false}, {"bob's", false, true}} {
		e := newEnv(t, nil)
		set, bobs := e.server.Issue("ada"), e.server.Issue("bob")
		r := pageRequest(append(e.cookies("bob", bobs)[3:], e.cookies("ada", set)...)...)
		e.fetch(pageRequest(e.cookies("ada", set)...))
		calls := 0
		e.server.SetFault(func(op string) cognitotest.Fault {
			if op != opRevoke {
				return cognitotest.Fault{}
			}
			// The own one comes first.
			if calls++; tt.fails == "own" && calls == 1 || tt.fails == "bob's" && calls == 2 {
				return errorPage
			}
			return cognitotest.Fault{}
		})
		_, err := e.end(r)
		if errors.Is(err, tokens.ErrUnavailable) != tt.own || errors.Is(err, session.ErrNotAllEnded) != tt.notAll || (err == nil) != (tt.fails == "") {
			t.Errorf("%q fails: %v", tt.fails, err)
		}
	}
}

// TestStartRefusesEndedTokens: an answer that begins a session may be late.
func TestStartRefusesEndedTokens(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	e.end(pageRequest(e.cookies("ada", set)...))
	w := httptest.NewRecorder()
	if s, err := e.manager.Start(w, pageRequest(), set); !errors.Is(err, session.ErrSignedOut) || len(w.Header()["Set-Cookie"]) > 0 {
		t.Errorf("%v, %v, %v", s, err, w.Header())
	}
	newer := &tokens.Set{Access: set.Access, ID: set.ID, Refresh: "another"}
	if _, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), newer); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("with another refresh token: %v", err)
	}
	if _, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), e.server.Issue("ada")); err != nil {
		t.Errorf("a new sign-in: %v", err)
	}
}

// TestSessionInAContextEnds: a handler that signs out, or whose user does elsewhere, has
// no session any more. Nor has one whose key was removed.
func TestSessionInAContextEnds(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	fetch := func() (first, second error) {
		r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
		s, _, err := e.fetch(r)
		if err != nil {
			t.Fatal(err)
		}
		r = r.WithContext(e.manager.NewContext(r.Context(), s))
		_, _, first = e.fetch(r)
		e.end(r)
		_, _, second = e.fetch(r)
		return first, second
	}
	if first, second := fetch(); first != nil || !errors.Is(second, session.ErrSignedOut) {
		t.Errorf("%v, then %v", first, second)
	}
	r := pageRequest(e.cookies("ada", withoutRefresh(e.server.Issue("ada")))...)
	s, _, err := e.fetch(r)
	if err != nil {
		t.Fatal(err)
	}
	r = r.WithContext(e.manager.NewContext(r.Context(), s))
	e.server.RotateKeys()
	e.advance(time.Minute)
	e.fetch(pageRequest(e.cookies("ada", e.server.Issue("ada"))...)) // fetches the new keys
	if s, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("after the key was removed: %v, %v", s, err)
	}
}

// TestSignOutWithoutOriginID: app clients without token revocation issue tokens that do
// not name their sign-in.
func TestSignOutWithoutOriginID(t *testing.T) {
	t.Parallel()
	without := func(claims ...string) func(*cognitotest.Draft) {
		return func(d *cognitotest.Draft) {
			for _, claim := range claims {
				delete(d.Claims, claim)
			}
		}
	}
	for name, edit := range map[string]func(*cognitotest.Draft){"origin_jti": without("origin_jti"), "origin_jti and auth_time": without("origin_jti", "auth_time")} {
		e := newEnv(t, nil)
		set := e.server.Issue("ada", edit)
		cookies := e.cookies("ada", set)
		e.fetch(pageRequest(cookies...))
		e.advance(time.Second)
		other := e.cookies("ada", e.server.Issue("ada", edit))
		e.failOnly(opRevoke, cognitotest.Fault{Status: 400, Code: "UnsupportedOperationException"})
		if _, err := e.end(pageRequest(cookies...)); err != nil {
			t.Errorf("without %s: %v", name, err)
		}
		if s, _, err := e.fetch(scriptRequest(e.cookies("ada", withoutRefresh(set))...)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("without %s, copies of the cookies: %v, %v", name, s, err)
		}
		if _, _, err := e.fetch(pageRequest(other...)); err != nil {
			t.Errorf("without %s, her other browser: %v", name, err)
		}
		if name != "origin_jti" {
			continue
		}
		// A late answer may bring newer tokens of the sign-in.
		newer := e.server.Issue("ada", edit, func(d *cognitotest.Draft) { d.Claims["auth_time"] = e.clock().Add(-time.Second).Unix() })
		if s, _, err := e.fetch(scriptRequest(e.cookies("ada", newer)...)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("newer tokens of the sign-in: %v, %v", s, err)
		}
	}
}

// TestSignOutOfAnExpiredSessionLasts: it cannot be revoked during an outage. Hours later
// its refresh token brings no session, although Cognito accepts it.
func TestSignOutOfAnExpiredSessionLasts(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada"))
	e.fetch(pageRequest(cookies...))
	e.advance(2 * time.Hour)
	e.fail(down)
	if _, err := e.end(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) {
		t.Fatal(err)
	}
	e.recover()
	e.advance(5 * time.Hour)
	for range 2 {
		s, lines, err := e.fetch(pageRequest(cookies...))
		if !errors.Is(err, session.ErrSignedOut) || slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "accessToken=eyJ") }) {
			t.Errorf("%v, %v, %v", s, err, e.changes(lines))
		}
	}
}
