package otelhooks

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// otherError is the semantic conventions' word for an error without a type.
const otherError = "_OTHER"

// reasonType returns error.type for an error of a refresh or a fetch of keys, and "" for nil.
func reasonType(err error) string {
	if reason := session.ReasonOf(err); reason != session.ReasonError {
		return string(reason)
	}
	return otherError
}

// storeErrorType returns error.type for the error of a call of the store, and "" for nil.
func storeErrorType(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		return string(session.ReasonTimeout)
	}
	return otherError
}

// callErrorType returns error.type for the error of a call, and "" for nil. Any proxy may
// answer in the place of Cognito, so only known codes are taken over.
func callErrorType(err error) string {
	var api *tokens.APIError
	switch {
	case !errors.As(err, &api):
		return reasonType(err)
	case knownCodes[api.Code]:
		return api.Code
	case api.Status >= http.StatusMultipleChoices && http.StatusText(api.Status) != "":
		return strconv.Itoa(api.Status)
	}
	return otherError
}

// knownCodes are the codes of the user pool API, and of token endpoints (RFC 6749 §5.2).
var knownCodes = map[string]bool{
	"ForbiddenException":             true,
	"InternalErrorException":         true,
	"InvalidLambdaResponseException": true,
	"InvalidParameterException":      true,
	"LimitExceededException":         true,
	"NotAuthorizedException":         true,
	"PasswordResetRequiredException": true,
	"RefreshTokenReuseException":     true,
	"ResourceNotFoundException":      true,
	"ThrottlingException":            true,
	"TokenRevokedException":          true,
	"TooManyRequestsException":       true,
	"UnauthorizedException":          true,
	"UnexpectedLambdaException":      true,
	"UnsupportedOperationException":  true,
	"UnsupportedTokenTypeException":  true,
	"UserLambdaValidationException":  true,
	"UserNotConfirmedException":      true,
	"UserNotFoundException":          true,

	"invalid_client":          true,
	"invalid_grant":           true,
	"invalid_request":         true,
	"invalid_scope":           true,
	"server_error":            true,
	"temporarily_unavailable": true,
	"unauthorized_client":     true,
	"unsupported_grant_type":  true,
}
