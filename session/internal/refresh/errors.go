package refresh

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/tokens"
)

var (
	// ErrEnded reports a session that was signed out, here or elsewhere. A refresh that
	// finishes later must not bring it back.
	ErrEnded = errors.New("the session was signed out")

	// ErrUserRefused reports a user whom Cognito has refused to refresh for a while, when it
	// has refreshed others meanwhile. The tokens may be good again some day.
	ErrUserRefused = errors.New("this user's refreshes are refused by Cognito")

	// ErrTooMany reports a refresh token that Cognito was not asked about, because a
	// limit is reached.
	ErrTooMany = fmt.Errorf("%w: too many refresh tokens", tokens.ErrUnavailable)

	// errTooOften reports a sign-in or a user with too many successful refreshes.
	errTooOften = fmt.Errorf("%w: refreshed too often", ErrTooMany)

	// ErrUnusable reports new tokens of Cognito's that are refused.
	ErrUnusable = fmt.Errorf("%w: a refreshed token cannot be used", tokens.ErrUnavailable)

	errNoUser   = fmt.Errorf("%w: it names no user", ErrUnusable)
	errTwoUsers = fmt.Errorf("%w: the ID token is another user's", ErrUnusable)
)

// SignedOut reports whether Cognito says that the session is over.
func SignedOut(err error) bool {
	var api *tokens.APIError
	return errors.As(err, &api) && api.SignedOut()
}

// Refused reports whether Cognito will never accept the refresh token again.
func Refused(err error) bool {
	var api *tokens.APIError
	return errors.As(err, &api) && (api.SignedOut() || api.Code == "RefreshTokenReuseException")
}

// IsUserRefusal reports whether Cognito refuses this user's refresh in a way that may have
// to do with this user alone, or with everybody: a trigger says no, or a parameter is
// refused. A trigger that fails or answers nonsense is an outage.
func IsUserRefusal(err error) bool {
	var api *tokens.APIError
	return errors.As(err, &api) && (api.Code == "UserLambdaValidationException" || api.Code == "InvalidParameterException")
}

// fieldOfAnswer names what may be wrong if Cognito refuses everybody's refresh like this.
func fieldOfAnswer(api *tokens.APIError) string {
	message := strings.ToLower(api.Message)
	switch {
	case strings.Contains(message, "secret"):
		return "UserPool.ClientSecret"
	case strings.Contains(api.Code, "Lambda"):
		return "the user pool's Lambda trigger"
	case api.Code == awscall.NoCode:
		return "UserPool.Endpoint, or a proxy that has answered"
	case api.Code == "InvalidParameterException":
		return "UserPool.ClientID, or a parameter such as the client metadata"
	}
	return "UserPool.ClientID, UserPool.ID, or the app client's settings"
}

// withoutTriggersText returns an answer's error for the log. The message of a trigger may
// be about its user.
func withoutTriggersText(api *tokens.APIError) *tokens.APIError {
	if !strings.Contains(api.Code, "Lambda") {
		return api
	}
	return &tokens.APIError{Op: api.Op, Status: api.Status, Code: api.Code, Message: "the message is left out"}
}

// fieldOfRefusal names what may be wrong if a token that Cognito has just issued is refused.
func fieldOfRefusal(err error) string {
	switch {
	case errors.Is(err, tokens.BadIssuer):
		return "UserPool.Issuer or UserPool.Issuers, which do not name the issuer of these tokens"
	case errors.Is(err, tokens.UnknownKey), errors.Is(err, tokens.BadSignature):
		return "UserPool.Issuer, or a proxy that answers with another key set"
	case errors.Is(err, tokens.BadClient):
		return "UserPool.ClientID"
	case errors.Is(err, tokens.BadAudience):
		return "Audience, which does not name the resource of these tokens"
	}
	return "UserPool.Endpoint, or a trigger that changes tokens"
}

// wasAnswered reports whether Cognito has said why it does not refresh. Without an answer
// it may have refreshed.
func wasAnswered(err error) bool {
	var api *tokens.APIError
	return errors.As(err, &api) && api.Code != "" && api.Code != awscall.NoCode
}

// willNeverVerify reports whether Cognito's answer will not be accepted later either.
func willNeverVerify(err error) bool {
	var refusal *tokens.VerifyError
	return errors.Is(err, errNoUser) || errors.Is(err, errTwoUsers) || errors.As(err, &refusal) && refusal.Reason.Final()
}

// mayRefuseDevice reports whether an error may be about the device key. Cognito's messages
// do not always tell.
func mayRefuseDevice(err error) bool {
	var api *tokens.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.Code {
	case "NotAuthorizedException":
		return api.SignedOut()
	case "InvalidParameterException", "ResourceNotFoundException":
		return true
	}
	return false
}
