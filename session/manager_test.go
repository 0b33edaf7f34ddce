package session_test

import (
	"errors"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

var errAny = errors.New("any error")

// TestUserAttributes distinguishes a session that is over from a token without the scope
// that Cognito asks for.
func TestUserAttributes(t *testing.T) {
	t.Parallel()
	revoked := cognitotest.Fault{Status: 400, Code: "NotAuthorizedException", Message: "Access Token has been revoked"}
	noScope := cognitotest.Fault{Status: 400, Code: "NotAuthorizedException", Message: "Access Token does not have required scopes"}
	e := newEnv(t, nil)
	for _, test := range []struct {
		scope string
		fault cognitotest.Fault
		want  error
	}{
		{"aws.cognito.signin.user.admin", cognitotest.Fault{}, nil},
		{"openid aws.cognito.signin.user.admin", revoked, session.ErrSignedOut},
		{"aws.cognito.signin.user.admin", down, tokens.ErrUnavailable},
		{"openid", noScope, errAny},
	} {
		set := e.server.Issue("ada", func(d *cognitotest.Draft) {
			if d.Use == tokens.Access {
				d.Claims["scope"] = test.scope
			}
		})
		s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...))
		if err != nil {
			t.Fatal(err)
		}
		e.fail(test.fault)
		got, err := e.manager.UserAttributes(t.Context(), s)
		e.recover()
		logError(err)
		switch test.want {
		case nil:
			if err != nil || got["email"] != "ada@example.com" {
				t.Errorf("%v, %v", got, err)
			}
		case errAny:
			if api := (*tokens.APIError)(nil); !errors.As(err, &api) || errors.Is(err, session.ErrSignedOut) {
				t.Error(err)
			}
		default:
			if !errors.Is(err, test.want) {
				t.Error(err)
			}
		}
	}
}
