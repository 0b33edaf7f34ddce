package refresh_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// answered is an error as package tokens makes it of Cognito's answer.
func answered(code string) error {
	return fmt.Errorf("%w: %w", tokens.ErrUnavailable, &tokens.APIError{Op: "GetTokensFromRefreshToken", Status: 400, Code: code})
}

// TestUserRefusals has Cognito refuse a refresh token again and again, and asks when that
// signs the user out.
func TestUserRefusals(t *testing.T) {
	const trigger = "UserLambdaValidationException"
	type step struct {
		after time.Duration // since the step before
		token string        // the refresh token
		code  string        // of Cognito's answer; "" for a success
		over  bool          // the refusal signs the user out
	}
	for name, steps := range map[string][]step{
		"others are refreshed": {
			{0, "ada", trigger, false}, {time.Minute, "bob", "", false}, {time.Minute, "ada", trigger, false},
			{59 * time.Second, "ada", trigger, false}, {time.Second, "ada", trigger, true}, {time.Minute, "ada", trigger, true},
		},
		"a refused parameter": {
			{0, "ada", "InvalidParameterException", false}, {time.Minute, "bob", "", false}, {2 * time.Minute, "ada", "InvalidParameterException", true},
		},
		"both in turn": {
			{0, "ada", "InvalidParameterException", false}, {time.Minute, "bob", "", false}, {2 * time.Minute, "ada", trigger, true},
		},
		"everybody is refused": {
			{0, "bob", "", false}, {time.Minute, "ada", trigger, false}, {0, "bob", trigger, false}, {time.Hour - time.Second, "ada", trigger, false}, {0, "bob", trigger, false},
		},
		"others are refreshed in the end": {
			{0, "ada", trigger, false}, {10 * time.Minute, "ada", trigger, false}, {time.Second, "bob", "", false}, {time.Second, "ada", trigger, true},
		},
		"a refresh that had begun before": {
			{0, "ada", trigger, false}, {refresh.Timeout, "bob", "", false}, {3 * time.Minute, "ada", trigger, false}, {time.Minute, "bob", "", false}, {0, "ada", trigger, true},
		},
		"a trigger that fails": {
			{0, "ada", "UnexpectedLambdaException", false}, {time.Minute, "bob", "", false}, {time.Hour, "ada", "UnexpectedLambdaException", false},
		},
		"a trigger's nonsense": {
			{0, "ada", "InvalidLambdaResponseException", false}, {time.Minute, "bob", "", false}, {time.Hour, "ada", "InvalidLambdaResponseException", false},
		},
		"an outage counts for nothing": {
			{0, "ada", "InternalErrorException", false}, {time.Minute, "bob", "", false}, {5 * time.Minute, "ada", trigger, false}, {3 * time.Minute, "ada", trigger, false},
		},
		"an own success begins anew": {
			{0, "ada", trigger, false}, {2 * time.Minute, "ada", "", false}, {2 * time.Minute, "ada", trigger, false}, {3 * time.Minute, "ada", trigger, false},
		},
		"another token of the user": {
			{0, "ada", trigger, false}, {time.Minute, "bob", "", false}, {5 * time.Minute, "ada's other", trigger, false}, {time.Minute, "ada", trigger, true},
		},
		"long ago": {
			{0, "ada", trigger, false}, {time.Minute, "bob", "", false}, {time.Hour, "ada", trigger, false},
		},
		"the clock is set back a little": {
			{0, "ada", trigger, false}, {-30 * time.Minute, "ada", trigger, false}, {time.Minute, "bob", "", false}, {2 * time.Minute, "ada", trigger, true},
		},
		"the clock is set back": {
			{0, "ada", trigger, false}, {time.Minute, "bob", "", false}, {-time.Hour, "ada", trigger, false}, {5 * time.Minute, "ada", trigger, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			for i, s := range steps {
				e.advance(s.after)
				e.exchange = func(token string) (*tokens.Set, error) {
					if s.code != "" {
						return nil, answered(s.code)
					}
					return e.issue("ada", token), nil // without rotation
				}
				_, err := e.refreshWith(refresh.Request{RefreshToken: s.token, Genuine: []*tokens.Token{e.tokenOf(s.token, 0)}, Force: true})
				var api *tokens.APIError
				switch {
				case s.code == "":
					if err != nil {
						t.Errorf("step %d: %v", i, err)
					}
				case !errors.As(err, &api) || api.Code != s.code:
					t.Errorf("step %d: Cognito's answer is lost: %v", i, err)
				case errors.Is(err, refresh.ErrUserRefused) != s.over || errors.Is(err, tokens.ErrUnavailable) == s.over:
					t.Errorf("step %d: %v, want a user who is signed out: %t", i, err, s.over)
				case refresh.SignedOut(err) || refresh.Refused(err):
					t.Errorf("step %d: %v would clear cookies", i, err)
				}
			}
		})
	}
}

// TestUserRefusalsAreBounded has Cognito refuse thousands of refresh tokens.
func TestUserRefusalsAreBounded(t *testing.T) {
	e := newEnv(t)
	e.exchange = func(string) (*tokens.Set, error) { return nil, answered("UserLambdaValidationException") }
	for i := range longtest.Scale(8500, 100_000) {
		e.refreshWith(refresh.Request{RefreshToken: fmt.Sprint("token", i)})
		e.advance(50 * time.Millisecond) // the rate of calls without a genuine token
	}
	if n := e.UserRefusals(); n < 4096 || n > 2*4096 {
		t.Errorf("%d refusals are remembered", n)
	}
}
