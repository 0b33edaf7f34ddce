package session_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// refuseOnce makes every refresh fail while do runs.
func (e *env) refuseOnce(f cognitotest.Fault, do func()) {
	e.failOnly(opRefresh, f)
	do()
	e.recover()
}

// TestRefusedUserCanSignInAnew has a trigger refuse ada's refreshes for good, while bob's
// succeed. After three minutes she is signed out, and her cookies stay.
func TestRefusedUserCanSignInAnew(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"UserLambdaValidationException", "InvalidParameterException"} {
		for _, others := range []bool{true, false} {
			t.Run(fmt.Sprint(code, ", others are refreshed ", others), func(t *testing.T) {
				e := newEnv(t, nil)
				cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
				fault := cognitotest.Fault{Status: 400, Code: code, Message: "not ada"}
				ada := func(want error) {
					t.Helper()
					e.refuseOnce(fault, func() {
						for _, r := range []bool{true, false} {
							request := pageRequest(cookies...)
							if !r {
								request = scriptRequest(cookies...)
							}
							_, lines, err := e.fetch(request)
							var api *tokens.APIError
							if !errors.Is(err, want) || !errors.As(err, &api) || api.Code != code || len(lines) > 0 {
								t.Errorf("page %t: %v, %v, want %v", r, err, lines, want)
							}
							if errors.Is(err, session.ErrSignedOut) && errors.Is(err, tokens.ErrUnavailable) {
								t.Errorf("page %t: %v is both", r, err)
							}
						}
					})
				}
				ada(tokens.ErrUnavailable)
				for range 4 {
					e.advance(time.Minute)
					if others {
						if _, _, err := e.fetch(pageRequest(e.cookies("bob", e.server.Issue("bob", cognitotest.Expired))...)); err != nil {
							t.Fatal(err)
						}
					}
				}
				if others {
					ada(session.ErrSignedOut)
				} else {
					ada(tokens.ErrUnavailable)
				}
				if s, _, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" {
					t.Errorf("the trigger lets her in again: %v, %v", s, err)
				}
			})
		}
	}
}

// TestRefusedUserWithAValidToken has a trigger refuse ada's refreshes while her access
// token is valid: she is served, and only a refresh that is asked for fails.
func TestRefusedUserWithAValidToken(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.RefreshBefore = 50 * time.Minute })
	cookies := e.cookies("ada", e.server.Issue("ada"))
	e.advance(35 * time.Minute) // half of a token's life, and more
	for range 5 {
		e.refuseOnce(cognitotest.Fault{Code: "UserLambdaValidationException"}, func() {
			if s, lines, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" || len(lines) > 0 {
				t.Errorf("%v, %v, %v", s, err, lines)
			}
		})
		e.advance(time.Minute)
		e.fetch(pageRequest(e.cookies("bob", e.server.Issue("bob", cognitotest.Expired))...))
	}
	e.refuseOnce(cognitotest.Fault{Code: "UserLambdaValidationException"}, func() {
		if _, lines, err := e.fetchWith(pageRequest(cookies...), forced); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
			t.Errorf("forced: %v, %v", err, lines)
		}
	})
	if s, _, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" {
		t.Errorf("afterwards: %v, %v", s, err)
	}
}

// TestMalformedRefreshTokens plants values that are no refresh tokens beside ada's. Cognito
// is not asked about them, and they hide nothing.
func TestMalformedRefreshTokens(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	malformed := []string{"x!y", "%E2%82%AC", "a%20b", "a/b", "x%00", "%7B%7D"}
	for _, planted := range malformed {
		e := newEnv(t, nil)
		own := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
		cookies := own
		for range 3 {
			cookies = append([]string{e.prefixed("ada.refreshToken") + "=" + planted}, cookies...)
		}
		s, _, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.User().Username != "ada" || e.server.Calls(opRefresh) != 1 {
			t.Errorf("%s beside her own: %v, %v, %d calls", planted, s, err, e.server.Calls(opRefresh))
		}
		own[3] = e.prefixed("ada.refreshToken") + "=" + planted
		_, lines, err := e.fetch(pageRequest(own...))
		if !errors.Is(err, session.ErrSignedOut) || !e.cleared(lines) || e.server.Calls(opRefresh) != 1 {
			t.Errorf("%s alone: %v, %v, %d calls: nothing is left to refresh with", planted, err, lines, e.server.Calls(opRefresh))
		}
	}
}

// TestRefusedParameterEndsNoSearch has Cognito refuse one of two refresh tokens as a
// parameter. The other one is ada's.
func TestRefusedParameterEndsNoSearch(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, code := range []string{"UserLambdaValidationException", "InvalidParameterException"} {
		e := newEnv(t, nil)
		cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
		cookies = append([]string{e.prefixed("ada.refreshToken") + "=planted"}, cookies...)
		calls := 0
		e.server.SetFault(func(op string) cognitotest.Fault {
			if calls++; op == opRefresh && calls == 2 { // after the fetch of the keys
				return cognitotest.Fault{Code: code}
			}
			return cognitotest.Fault{}
		})
		if s, lines, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" || e.value(lines, "ada.accessToken") == "" {
			t.Errorf("%s: %v, %v", code, s, err)
		}
		if n := e.server.Calls(opRefresh); n != 2 {
			t.Errorf("%s: %d calls", code, n)
		}
	}
}
