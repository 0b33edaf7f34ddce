package session_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestRefusalClearsCookies asks which refusals of a refresh clear the cookies. They do if
// Cognito says that the session is over, and only on a page.
func TestRefusalClearsCookies(t *testing.T) {
	t.Parallel()
	type fault = cognitotest.Fault
	for _, test := range []struct {
		name  string
		fault fault
		clear bool
	}{
		{"revoked", fault{Status: 400, Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"}, true},
		{"expired", fault{Status: 400, Code: "NotAuthorizedException", Message: "Refresh Token has expired"}, true},
		{"user removed", fault{Status: 400, Code: "UserNotFoundException", Message: "User does not exist."}, true},
		{"password reset", fault{Status: 400, Code: "PasswordResetRequiredException"}, true},
		{"unconfirmed", fault{Status: 400, Code: "UserNotConfirmedException"}, true},
		{"token revoked", fault{Status: 400, Code: "TokenRevokedException"}, true},
		{"already rotated", fault{Status: 400, Code: "RefreshTokenReuseException"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, nil)
			cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
			e.failButKeys(test.fault)
			_, lines, err := e.fetch(scriptRequest(cookies...))
			if !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("a script: %v, %v", err, lines)
			}
			var api *tokens.APIError
			if !errors.As(err, &api) || api.Code != test.fault.Code {
				t.Errorf("the reason is lost: %v", err)
			}
			_, lines, err = e.fetch(pageRequest(cookies...))
			if !errors.Is(err, session.ErrSignedOut) || e.cleared(lines) != test.clear || !test.clear && len(lines) > 0 {
				t.Errorf("a page: %v, %v", err, lines)
			}
			if n := e.server.Calls(opRefresh); n != 1 {
				t.Errorf("%d calls: a refusal is remembered", n)
			}
		})
	}
}

// TestRotatedTokenBesideRefusedOne has rotation replace the first of two refresh tokens,
// and Cognito refuse the second. The browser may hold newer cookies than those of the
// first, so nothing is cleared.
func TestRotatedTokenBesideRefusedOne(t *testing.T) {
	withoutStore(t)
	t.Parallel()
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	set := e.server.Issue("ada", cognitotest.Expired)
	if _, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); err != nil {
		t.Fatal(err)
	}
	e.manager = e.newManager(nil) // another process
	cookies := append(e.cookies("ada", set), e.prefixed("ada.refreshToken")+"=refused")
	for range 2 {
		if _, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
			t.Errorf("%v, %v", err, lines)
		}
	}
}

// TestRefusalIsRememberedForAMinute sends a refused refresh token again and again. Its
// refusal is not remembered beyond a minute, nor for long if the clock is set back.
func TestRefusalIsRememberedForAMinute(t *testing.T) {
	withoutStore(t)
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, -2 * time.Minute} {
		e := newEnv(t, nil)
		set := e.server.Issue("ada", cognitotest.Expired)
		set.Refresh = "refused"
		r := scriptRequest(e.cookies("ada", set)...)
		for range 10 {
			if _, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
				t.Fatal(err)
			}
			e.advance(step / 20)
		}
		if n := e.server.Calls(opRefresh); n != 1 {
			t.Errorf("%d calls", n)
		}
		e.advance(step)
		e.fetch(r)
		if n := e.server.Calls(opRefresh); n != 2 {
			t.Errorf("%d calls after %v", n, step)
		}
	}
}
