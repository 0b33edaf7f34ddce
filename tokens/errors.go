package tokens

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ErrUnavailable reports that Cognito gives no answer: its keys cannot be fetched, or
// it is throttling, down or misconfigured. The error says nothing about a token or a
// session. Keep both, and try again later.
var ErrUnavailable = errors.New("tokens: Cognito is unavailable")

// Reason says why a token is refused. It is an error, so errors.Is(err,
// tokens.Expired) asks for it. Its text is short and stable, so a metric can have it
// as a label.
type Reason string

// The reasons, in the order of the checks. A token with several faults is refused for
// the first one, so Expired means that nothing else is wrong. There is one exception:
// BadIssuer comes before UnknownKey, because only an accepted issuer is asked for its
// keys.
const (
	// Malformed: not a JWS in compact serialisation, header or payload is no JSON
	// object, a member comes twice, a known one has the wrong type, or "sub" is missing.
	Malformed Reason = "malformed"
	// BadAlgorithm: "alg" is not RS256, or the header asks for an extension.
	BadAlgorithm Reason = "bad_algorithm"
	// UnknownKey: the issuer's key set has no usable key with this id. The key may
	// have been rotated away, or be too new. Refresh the token.
	UnknownKey Reason = "unknown_key"
	// BadSignature: the key did not sign this text.
	BadSignature Reason = "bad_signature"
	// BadIssuer: "iss" is none of the user pool's issuers.
	BadIssuer Reason = "bad_issuer"
	// BadClient: the token was issued to another app client.
	BadClient Reason = "bad_client"
	// BadUse: "token_use" is not the one asked for. An ID token is no access token.
	BadUse Reason = "bad_use"
	// BadAudience: the access token is bound to another resource than those in
	// Options.Audience.
	BadAudience Reason = "bad_audience"
	// NotYetValid: "nbf" is in the future. A clock is wrong, here or at Cognito.
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
	// Reason says why. errors.Is finds it too.
	Reason Reason
	// Use is what the token was verified as.
	Use Use
	// Token is the refused token if Cognito certainly issued it to this app client:
	// Reason is Expired, or Retired is set. Its session may be refreshed; the token
	// itself proves no session any longer. Otherwise Token is nil.
	Token *Token
	// Retired is set with UnknownKey if a key that left the key set within the last
	// day signed this token, and nothing else is wrong. Cognito issued the token, but
	// trusts the key no longer.
	Retired bool
	// ForeignIssuer is set with BadIssuer if the token names this app client, and the
	// Verifier has not verified any token of its user pool yet. Then UserPool.ID or its
	// region may be wrong, or the token is forged. Do not delete it. ForeignIssuer is the
	// token's "iss", cut to 120 characters; quote it in logs.
	ForeignIssuer string
	// Err says more. It may be nil.
	Err error

	wrapped [2]error // what Unwrap returns, or nothing
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
	wrapped := e.wrapped[:]
	if wrapped[0] == nil { // another package has made the error
		wrapped = []error{e.Reason, e.Err}
	}
	if wrapped[1] == nil {
		return wrapped[:1]
	}
	return wrapped
}

// errDetail names the value that a token was refused for. It makes its text when
// somebody reads it, so that refusals are cheap. The text goes to logs and may come
// from an attacker, so it is quoted and cut.
type errDetail struct{ what, value string }

func (d errDetail) Error() string { return fmt.Sprintf("%s %.80q", d.what, d.value) }

// APIError is an error that Cognito answered.
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

// SignedOut reports whether the answer says that the user is signed out: the token is
// revoked, expired or unknown, or its user is gone or may not sign in.
//
// It is false if Cognito refuses the app client: a wrong or missing client secret, an
// unknown client, a scope that the client was not given. These are faults of the
// deployment. It is also false for RefreshTokenReuseException. Newer tokens may exist
// then, because somebody has refreshed this session already; usually it was Amplify
// in the same browser.
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

// Throttled reports whether Cognito refuses because it is asked too often. The call
// has had no effect. Ask again later.
func (e *APIError) Throttled() bool {
	switch e.Code {
	case "TooManyRequestsException", "LimitExceededException", "ThrottlingException":
		return true
	}
	return e.Status == http.StatusTooManyRequests
}

// refusesToken reports whether Cognito refuses the token itself: the user is signed
// out, or somebody has used the refresh token before.
func (e *APIError) refusesToken() bool {
	return e.SignedOut() || e.Code == "RefreshTokenReuseException"
}

// aboutClient reports whether a NotAuthorizedException is about the app client and
// not about the token. Only the message tells. About the client are "Unable to verify
// secret hash for client …", "Client … is configured for secret but secret was not
// received" and "Access Token does not have required scopes". About the token is
// "Refresh Token has different Client".
func (e *APIError) aboutClient() bool {
	m := strings.ToLower(e.Message)
	return strings.Contains(m, "secret") || strings.Contains(m, "scope") ||
		strings.Contains(m, "client") && !strings.Contains(m, "refresh token")
}
