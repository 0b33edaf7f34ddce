package session

import (
	"context"
	"errors"
	"net/http"

	"github.com/cognitogate/cognitogate/internal/page"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// Reason says in one word why a request has no session. Its text is stable and can be a
// metric's label: there are only the words below, whatever a request holds. Later versions
// may add some. "" is no reason.
type Reason string

// The reasons with [ErrSignedOut]. Manager.Explain says more of each.
const (
	ReasonNoCookies     Reason = "no_cookies"      // no cookies of an app client in this layout, and no bearer token
	ReasonOtherClient   Reason = "other_client"    // cookies of another app client only
	ReasonBearerOff     Reason = "bearer_off"      // a bearer token, and Config.Bearer is not set
	ReasonNotOpened     Reason = "not_opened"      // cookies of LayoutSealed or LayoutHandle that open no session: a chunk or the record is missing, or Secret or Layout is another one
	ReasonNotTakenOver  Reason = "not_taken_over"  // a session in Amplify's cookies, which Config.TakeOver leaves there
	ReasonIdle          Reason = "idle"            // Lifetime.Idle has passed
	ReasonTooOld        Reason = "too_old"         // Lifetime.Absolute has passed
	ReasonNoAccessToken Reason = "no_access_token" // cookies without a usable access token
	ReasonNoRefresh     Reason = "no_refresh"      // a refresh was forced, and there is no refresh token
	ReasonNoUser        Reason = "no_user"         // the access token is a program's
	ReasonPrefetch      Reason = "prefetch"        // the session needs a refresh, and a prefetch makes none
	ReasonSignedOut     Reason = "signed_out"      // this process has signed the session out
	ReasonRevoked       Reason = "revoked"         // Cognito says that the session is over, or its user may not sign in
	ReasonReused        Reason = "reused"          // the refresh token was used before, and rotates
	ReasonOtherUser     Reason = "other_user"      // the refresh token is another user's
	ReasonNotFresh      Reason = "not_fresh"       // the access token is older than FetchOptions.MaxAge, and was not refreshed
	ReasonUserRefused   Reason = "user_refused"    // Cognito refuses to refresh this user, and refreshes others
)

// The reasons of a refused token are those of package tokens. All but ReasonNotYetValid
// come with [ErrSignedOut].
const (
	ReasonMalformed    = Reason(tokens.Malformed)
	ReasonBadAlgorithm = Reason(tokens.BadAlgorithm)
	ReasonUnknownKey   = Reason(tokens.UnknownKey)
	ReasonBadSignature = Reason(tokens.BadSignature)
	ReasonBadIssuer    = Reason(tokens.BadIssuer)
	ReasonBadClient    = Reason(tokens.BadClient)
	ReasonBadUse       = Reason(tokens.BadUse)
	ReasonBadAudience  = Reason(tokens.BadAudience)
	ReasonNotYetValid  = Reason(tokens.NotYetValid)
	ReasonExpired      = Reason(tokens.Expired)
)

// The reasons with tokens.ErrUnavailable.
const (
	ReasonTooManyTokens Reason = "too_many_tokens" // more tokens in the cookies than are checked for one request
	ReasonTooOften      Reason = "too_often"       // a limit of this process forbids a call to Cognito
	ReasonThrottled     Reason = "throttled"       // Cognito is asked too often
	ReasonRefused       Reason = "refused"         // Cognito refuses the request itself, which may be a mistake in Config
	ReasonUnusable      Reason = "unusable"        // Cognito's new tokens are refused; a clock may be wrong
	ReasonCanceled      Reason = "canceled"        // the client has gone away
	ReasonTimeout       Reason = "timeout"         // the keys or Cognito have not answered in time
	ReasonUnavailable   Reason = "unavailable"     // the keys or Cognito cannot be reached, or fail
)

// ReasonError is the reason of every other error.
const ReasonError Reason = "error"

// ReasonOf returns the reason of an error of [Manager.Fetch] or of Hooks.Refreshed. Without
// an error it is "". [Manager.Reason] looks at the request too.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	if errors.Is(err, tokens.ErrUnavailable) {
		return unavailableReason(err)
	}
	for _, known := range knownReasons {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	if api, ok := errors.AsType[*tokens.APIError](err); ok {
		return answerReason(api)
	}
	if reason := tokenReason(err); reason != "" {
		return reason
	}
	return ReasonError
}

// Reason returns the reason why Fetch has returned err for r. Without an error it is "".
func (m *Manager) Reason(r *http.Request, err error) Reason {
	reason := ReasonOf(err)
	if reason == ReasonExpired && page.IsPrefetch(r) {
		return ReasonPrefetch
	}
	if reason != ReasonNoCookies {
		return reason
	}
	if _, ok := page.BearerToken(r.Header); ok && !m.bearer.accepted {
		return ReasonBearerOff
	}
	if found := appClientsIn(r.Header, m.userPool.ClientID); found.hasOthers() {
		return ReasonOtherClient
	}
	return ReasonNoCookies
}

// knownReasons are the reasons of errors that certainly say that nobody is signed in.
var knownReasons = []struct {
	err    error
	reason Reason
}{
	{errNoCookies, ReasonNoCookies},
	{errNotOpened, ReasonNotOpened},
	{errNoRecord, ReasonNotOpened},
	{errNotTakenOver, ReasonNotTakenOver},
	{errIdle, ReasonIdle},
	{errTooOld, ReasonTooOld},
	{errNoAccessToken, ReasonNoAccessToken},
	{errNoRefreshToken, ReasonNoRefresh},
	{errNoUser, ReasonNoUser},
	{errPrefetch, ReasonPrefetch},
	{errOtherUser, ReasonOtherUser},
	{refresh.ErrEnded, ReasonSignedOut},
	{refresh.ErrUserRefused, ReasonUserRefused},
	{ErrNotFresh, ReasonNotFresh},
}

// unavailableReason returns the reason of an error that wraps tokens.ErrUnavailable.
func unavailableReason(err error) Reason {
	api, answered := errors.AsType[*tokens.APIError](err)
	switch {
	case errors.Is(err, errNotAllChecked), errors.Is(err, errNotAllTried):
		return ReasonTooManyTokens
	case errors.Is(err, refresh.ErrTooMany):
		return ReasonTooOften
	case errors.Is(err, refresh.ErrUnusable):
		return ReasonUnusable
	case answered:
		return answerReason(api)
	case errors.Is(err, tokens.NotYetValid):
		return ReasonNotYetValid
	case errors.Is(err, context.Canceled):
		return ReasonCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return ReasonTimeout
	}
	return ReasonUnavailable
}

// answerReason returns the reason that an error answer of Cognito is.
func answerReason(api *tokens.APIError) Reason {
	switch {
	case api.SignedOut():
		return ReasonRevoked
	case api.Code == "RefreshTokenReuseException":
		return ReasonReused
	case api.Throttled():
		return ReasonThrottled
	case api.Status/100 == 4:
		return ReasonRefused
	}
	return ReasonUnavailable
}

// tokenReason returns the reason of a refused token, or "". A key set of the program's own
// may return any tokens.Reason.
func tokenReason(err error) Reason {
	var reason tokens.Reason
	if !errors.As(err, &reason) {
		return ""
	}
	switch known := Reason(reason); known {
	case ReasonMalformed, ReasonBadAlgorithm, ReasonUnknownKey, ReasonBadSignature, ReasonBadIssuer,
		ReasonBadClient, ReasonBadUse, ReasonBadAudience, ReasonNotYetValid, ReasonExpired:
		return known
	}
	return ""
}
