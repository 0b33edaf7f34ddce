package tokens_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestErrorAnswers checks the meaning of all error answers of Cognito: whether the user
// is signed out, and whether the attempt is repeated.
func TestErrorAnswers(t *testing.T) {
	const (
		signedOut   = "signed out"
		reuse       = "reuse" // neither signed out nor unavailable
		unavailable = "unavailable"
	)
	type row struct {
		code, message string
		status        int
		want          string
		attempts      int
	}
	rows := []row{
		{"RefreshTokenReuseException", "Refresh token has been invalidated", 400, reuse, 1},
		{"TokenRevokedException", "Token has been revoked", 400, signedOut, 1},
		{"UserNotFoundException", "User does not exist.", 400, signedOut, 1},
		{"PasswordResetRequiredException", "Password reset required for the user", 400, signedOut, 1},
		{"UserNotConfirmedException", "User is not confirmed.", 400, signedOut, 1},
		{"ResourceNotFoundException", "User pool client 1abc does not exist.", 400, unavailable, 1},
		{"InvalidParameterException", "Invalid device key given.", 400, unavailable, 1},
		{"ForbiddenException", "Request not allowed due to WAF block.", 403, unavailable, 1},
		{"UserLambdaValidationException", "PreTokenGeneration failed", 400, unavailable, 1},
		{"UnexpectedLambdaException", "PreTokenGeneration failed", 400, unavailable, 1},
		{"InvalidLambdaResponseException", "Unrecognizable lambda output", 400, unavailable, 1},
		{"UnsupportedOperationException", "not enabled", 400, unavailable, 1},
		{"NotAuthorizedExceptionFoo", "Invalid Refresh Token", 400, unavailable, 1},
		{"notauthorized", "Invalid Refresh Token", 400, unavailable, 1},
		{"ExpiredTokenException", "", 400, unavailable, 1},
		{"TooManyRequestsException", "Rate exceeded", 400, unavailable, 2},
		{"TooManyRequestsException", "Rate exceeded", 429, unavailable, 2},
		{"com.amazonaws.cognito#TooManyRequestsException:http://internal.amazon.com/", "", 400, unavailable, 2},
		{"LimitExceededException", "Attempt limit exceeded", 400, unavailable, 2},
		{"ThrottlingException", "Rate exceeded", 400, unavailable, 2},
		{"Anything", "", 429, unavailable, 2},
		{"InternalErrorException", "", 500, unavailable, 2},
		{"ServiceUnavailableException", "", 503, unavailable, 2},
	}
	for _, message := range []string{
		"Refresh Token has been revoked", "Refresh Token has expired", "Invalid Refresh Token", "Invalid Refresh Token.",
		"Refresh Token has different Client", "User is disabled.", "Access Token has been revoked", "Invalid login attempt", "",
	} {
		rows = append(rows, row{"NotAuthorizedException", message, 400, signedOut, 1})
	}
	for _, message := range []string{
		"Unable to verify secret hash for client 1abc", "Client 1abc is configured for secret but secret was not received",
		"Client 1abc is configured with secret but SECRET_HASH was not received", "SecretHash does not match for the client: 1abc",
		"Invalid client_id", "Client is disabled", "Client not authorized for this flow",
	} {
		rows = append(rows, row{"NotAuthorizedException", message, 400, unavailable, 1})
	}
	for _, row := range rows {
		t.Run(row.code+" "+row.message, func(t *testing.T) {
			runClientTest(t, func(ct *clientTest) {
				ct.setFault(cognitotest.Fault{Code: row.code, Message: row.message, Status: row.status})
				_, err := ct.refresh(ct.Context())
				var answer *tokens.APIError
				if !errors.As(err, &answer) {
					t.Fatalf("%v is no APIError", err)
				}
				want := tokens.APIError{Op: opRefresh, Status: row.status, Code: row.code, Message: answer.Message}
				if strings.Contains(row.code, "#") {
					want.Code = "TooManyRequestsException"
				}
				if row.message != "" {
					want.Message = row.message
				}
				if *answer != want {
					t.Errorf("got %#v, want %#v", *answer, want)
				}
				if answer.SignedOut() != (row.want == signedOut) || errors.Is(err, tokens.ErrUnavailable) != (row.want == unavailable) {
					t.Errorf("%v: signed out %t, unavailable %t, want %s", err, answer.SignedOut(), errors.Is(err, tokens.ErrUnavailable), row.want)
				}
				ct.wantCalls(opRefresh, row.attempts)
				if len(ct.called) != 1 || ct.called[0] != opRefresh+" false" {
					t.Errorf("the hook was told %q", ct.called)
				}
			})
		})
	}
}

// TestErrorCodesOfLists checks answers with several codes, as a proxy makes them of a
// header that comes twice. The first code counts, as in Amplify.
func TestErrorCodesOfLists(t *testing.T) {
	const reuse = "RefreshTokenReuseException"
	for name, fault := range map[string]cognitotest.Fault{
		"one code":           {Code: reuse},
		"twice":              {Code: reuse + "," + reuse},
		"with a blank":       {Code: reuse + ", " + reuse},
		"with a namespace":   {Code: "com.amazonaws.cognito#" + reuse + ",com.amazonaws.cognito#" + reuse},
		"with URLs":          {Code: reuse + ":http://internal.amazon.com/," + reuse + ":http://internal.amazon.com/"},
		"then another":       {Code: reuse + ",ns#NotAuthorizedException:http://internal.amazon.com/#x"},
		"in the body's type": {Status: 400, Body: `{"__type":"` + reuse + `,` + reuse + `","message":"m"}`},
		"in the body's code": {Status: 400, Body: `{"code":"` + reuse + `,NotAuthorizedException","message":"m"}`},
		"an empty second":    {Code: reuse + ","},
	} {
		t.Run(name, func(t *testing.T) {
			runClientTest(t, func(ct *clientTest) {
				ct.setFault(fault)
				_, err := ct.refresh(ct.Context())
				var answer *tokens.APIError
				if !errors.As(err, &answer) || answer.Code != reuse || answer.SignedOut() || errors.Is(err, tokens.ErrUnavailable) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// TestErrorPages checks answers of proxies. They do not tell whether the call had an
// effect, so the attempt is not repeated, unless the answer is about throttling.
func TestErrorPages(t *testing.T) {
	for _, tt := range []struct {
		name     string
		fault    cognitotest.Fault
		attempts int
	}{
		{"HTML 503", cognitotest.Fault{Status: 503, Body: "<html><h1>503 Service Unavailable</h1></html>"}, 1},
		{"HTML 502", cognitotest.Fault{Status: 502, Body: "<html>Bad Gateway</html>"}, 1},
		{"HTML 403", cognitotest.Fault{Status: 403, Body: "<html>Forbidden</html>"}, 1},
		{"HTML 429", cognitotest.Fault{Status: 429, Body: "<html>Slow down</html>"}, 1},
		{"JSON 504 of a gateway", cognitotest.Fault{Status: 504, Body: `{"message":"Endpoint request timed out"}`}, 1},
		{"JSON 429 of a gateway", cognitotest.Fault{Status: 429, Body: `{"message":"Too Many Requests"}`}, 2},
		{"JSON 400 of a gateway", cognitotest.Fault{Status: 400, Body: `{"message":null}`}, 1},
		{"an empty 500", cognitotest.Fault{Status: 500, Body: " "}, 1},
		{"half an error", cognitotest.Fault{Status: 400, Body: `{"__type":"NotAuthorizedException","mess`}, 1},
		{"an error of another shape", cognitotest.Fault{Status: 400, Body: `["NotAuthorizedException"]`}, 1},
		{"a capital M", cognitotest.Fault{Status: 500, Body: `{"__type":"InternalErrorException","Message":"M"}`}, 2},
		{"a code instead of a type", cognitotest.Fault{Status: 500, Body: `{"code":"InternalErrorException"}`}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			runClientTest(t, func(ct *clientTest) {
				ct.setFault(tt.fault)
				_, err := ct.refresh(ct.Context())
				if !errors.Is(err, tokens.ErrUnavailable) {
					t.Error(err)
				}
				var answer *tokens.APIError
				if errors.As(err, &answer) && (answer.SignedOut() || answer.Status != tt.fault.Status) {
					t.Errorf("%#v", answer)
				}
				ct.wantCalls(opRefresh, tt.attempts)
			})
		})
	}
}

// TestUnreadableAnswers checks answers that contain tokens and cannot be read: the error
// must not show the tokens.
func TestUnreadableAnswers(t *testing.T) {
	var good string
	runClientTest(t, func(ct *clientTest) {
		set, err := ct.refresh(ct.Context())
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(map[string]any{"AuthenticationResult": map[string]any{
			"AccessToken": set.Access, "IdToken": set.ID, "ExpiresIn": 3600, "TokenType": "Bearer",
		}})
		if err != nil {
			t.Fatal(err)
		}
		good = string(text)
	})
	bodies := map[string]string{
		"an array":             `["` + good[50:100] + `eyJ0b2tlbiJ9"]`,
		"a string":             `"eyJ0b2tlbiJ9"`,
		"a string for a token": `{"AuthenticationResult":"eyJ0b2tlbiJ9"}`,
		"an array of tokens":   `{"AuthenticationResult":{"AccessToken":["eyJ0b2tlbiJ9"]}}`,
		"an object as token":   `{"AuthenticationResult":{"AccessToken":{"eyJ0b2tlbiJ9":"eyJ0b2tlbiJ9"}}}`,
		"text for a number":    `{"AuthenticationResult":{"AccessToken":"eyJ0b2tlbiJ9","ExpiresIn":"eyJ0b2tlbiJ9"}}`,
		"metadata":             `{"AuthenticationResult":{"AccessToken":"eyJ0b2tlbiJ9","NewDeviceMetadata":["eyJ0b2tlbiJ9"]}}`,
		"HTML":                 "<html>eyJ0b2tlbiJ9</html>",
		"nothing":              " ",
		"an empty object":      `{}`,
		"null":                 `null`,
		"a challenge":          `{"ChallengeName":"SMS_MFA","Session":"eyJ0b2tlbiJ9","ChallengeParameters":{}}`,
		"an empty result":      `{"AuthenticationResult":{}}`,
		"an empty token":       `{"AuthenticationResult":{"AccessToken":"","IdToken":"eyJ0b2tlbiJ9"}}`,
		"two megabytes":        `{"x":"` + strings.Repeat("eyJ", 700_000) + `",` + good[1:],
	}
	for _, n := range []int{1, 10, 30, 60, 500, len(good) / 2, len(good) - 60, len(good) - 1} {
		bodies[fmt.Sprintf("%d bytes", n)] = good[:n]
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			runClientTest(t, func(ct *clientTest) {
				ct.setFault(cognitotest.Fault{Status: 200, Body: body})
				_, err := ct.refresh(ct.Context())
				if !errors.Is(err, tokens.ErrUnavailable) {
					t.Error(err)
				}
				var kept *smithy.DeserializationError
				if errors.As(err, &kept) {
					t.Errorf("the error keeps %d bytes of the answer", len(kept.Snapshot))
				}
				ct.wantCalls(opRefresh, 1) // the call may have had an effect
			})
		})
	}
}

// TestMessagesThatQuoteTokens checks that an error does not quote the token or the
// client secret, as Cognito's validation errors do.
func TestMessagesThatQuoteTokens(t *testing.T) {
	runClientTest(t, func(ct *clientTest) {
		server := ct.server.AddClient("confidential", "s3cr3t-of-the-client")
		ct.client = ct.newClient(server.UserPool(), server.Client())
		ct.setFault(cognitotest.Fault{Code: "InvalidParameterException",
			Message: "Value '" + ct.set.Refresh + "' at 'refreshToken', 's3cr3t-of-the-client' at 'clientSecret'"})
		_, err := ct.refresh(ct.Context())
		var answer *tokens.APIError
		if !errors.As(err, &answer) || answer.Message != "Value '…' at 'refreshToken', '…' at 'clientSecret'" {
			t.Error(err)
		}
		if strings.Contains(fmt.Sprintf("%+v %#v", err, err), "s3cr3t") {
			t.Error(err)
		}
		ct.setFault(cognitotest.Fault{Code: "InvalidParameterException", Message: "null"})
		if _, err := ct.client.Refresh(ct.Context(), "", nil); !errors.As(err, &answer) || answer.Message != "null" {
			t.Errorf("without a token: %v", err)
		}
	})
}
