package tokens

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ErrUnavailable reports that nothing can be said: the pool's keys cannot be
// reached, or Cognito is throttling, down or misconfigured. It is never a
// verdict on a token or a session; keep what you have and try again later.
var ErrUnavailable = errors.New("tokens: Cognito is unavailable")

// Reason says why a token is refused. It is an error, so that
// errors.Is(err, tokens.Expired) asks for it, and its text is short and stable,
// so that it can be a metric's label.
type Reason string

// The reasons, in the order in which they are checked: a token with several
// faults is refused for the first one, so Expired means that nothing else is
// wrong. Because an issuer's keys are only asked for once the issuer is known
// to be accepted, BadIssuer hides UnknownKey and BadSignature.
const (
	// Malformed: not a JWS in compact serialisation with JSON objects, members
	// that come twice, known members of the wrong type, or no subject.
	Malformed Reason = "malformed"
	// BadAlgorithm: "alg" is not RS256, or the header asks for an extension.
	BadAlgorithm Reason = "bad_algorithm"
	// UnknownKey: the issuer's key set has no usable key with this id. The key
	// may have been rotated away or be too new to be known: refresh the token.
	UnknownKey Reason = "unknown_key"
	// BadSignature: the key did not sign this text.
	BadSignature Reason = "bad_signature"
	// BadIssuer: "iss" is none of the pool's issuers.
	BadIssuer Reason = "bad_issuer"
	// BadClient: issued to another app client.
	BadClient Reason = "bad_client"
	// BadUse: "token_use" is not the one asked for, as with an ID token in the
	// place of an access token.
	BadUse Reason = "bad_use"
	// NotYetValid: "nbf" is in the future. A clock is wrong, here or there.
	NotYetValid Reason = "not_yet_valid"
	// Expired: "exp" has passed or is missing, and nothing else is wrong.
	Expired Reason = "expired"
)

// Error describes the reason.
func (r Reason) Error() string {
	return "token is refused: " + strings.ReplaceAll(string(r), "_", " ")
}

// Final reports whether a token refused for this reason will never be accepted.
// Expired, NotYetValid and UnknownKey are not final: the clock, the key set or a
// refresh may change the answer.
func (r Reason) Final() bool {
	return r != Expired && r != NotYetValid && r != UnknownKey
}

// VerifyError reports a refused token. Its text never contains the token.
type VerifyError struct {
	// Reason is why; errors.Is finds it too.
	Reason Reason
	// Use is what the token was verified as.
	Use Use
	// Token is the refused token when Cognito certainly issued it to this app client:
	// when Reason is Expired, and when Retired is set. It tells whose session may be
	// refreshed, and is no session itself. Otherwise nil.
	Token *Token
	// Retired is set with UnknownKey when a key that has left the key set
	// within the last day did sign this token and everything else is in order:
	// Cognito issued it, but it is not to be trusted any longer.
	Retired bool
	// Err says more, or is nil.
	Err error
}

// Error describes the refusal.
func (e *VerifyError) Error() string {
	s := fmt.Sprintf("tokens: %s %s", e.Use, e.Reason.Error())
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the Reason and Err.
func (e *VerifyError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Err}
}

// detail names what a token was refused for. Its text is made when it is read,
// because refusing must cost little, and quoted and cut, because it goes to logs
// and anybody may have written it.
type detail struct{ what, value string }

func (d detail) Error() string { return fmt.Sprintf("%s %.80q", d.what, d.value) }

// APIError is an error that Cognito's user pool API answered.
type APIError struct {
	Op      string // the operation, "GetTokensFromRefreshToken"
	Status  int    // the HTTP status
	Code    string // Cognito's name of the error, "NotAuthorizedException"
	Message string // for the log, not for a page
}

// Error describes the answer.
func (e *APIError) Error() string {
	return fmt.Sprintf("%s: %d %s: %s", e.Op, e.Status, e.Code, e.Message)
}

// SignedOut reports whether the answer says that the session is over: the
// token is revoked, expired or unknown, or its user is gone or may not sign in.
// It is false for a refusal of the app client (a wrong or missing client
// secret, an unknown client, a scope that it was not given), which is a fault of
// the deployment, and for RefreshTokenReuseException, after which newer tokens may
// exist: whoever holds this session has refreshed it already, usually Amplify in
// the same browser.
func (e *APIError) SignedOut() bool {
	switch e.Code {
	case "NotAuthorizedException":
		return !e.aboutClient()
	case "TokenRevokedException", "UserNotFoundException",
		"PasswordResetRequiredException", "UserNotConfirmedException":
		return true
	}
	return false
}

// Throttled reports whether Cognito has refused to answer because it is asked too
// often. Nothing has been done then; ask again later.
func (e *APIError) Throttled() bool {
	switch e.Code {
	case "TooManyRequestsException", "LimitExceededException", "ThrottlingException":
		return true
	}
	return e.Status == http.StatusTooManyRequests
}

// aboutClient tells the meanings of NotAuthorizedException apart, for which
// Cognito has one code. About the client are "Unable to verify secret hash for
// client …", "Client … is configured for secret but secret was not received" and
// "Access Token does not have required scopes"; "Refresh Token has different
// Client" is about the token.
func (e *APIError) aboutClient() bool {
	m := strings.ToLower(e.Message)
	return strings.Contains(m, "secret") || strings.Contains(m, "scope") ||
		strings.Contains(m, "client") && !strings.Contains(m, "refresh token")
}
