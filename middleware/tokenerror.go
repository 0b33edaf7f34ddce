package middleware

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/cognitogate/cognitogate/tokens"
)

// tokenEndpointFaults are errors of the token endpoint that no user can do anything about
// (RFC 6749 §5.2), with what to look at.
var tokenEndpointFaults = map[string]string{
	"invalid_client":         "UserPool.ClientSecret or UserPool.ClientID is wrong, the app client has no secret, or UserPool.Domain is another user pool's",
	"unauthorized_client":    "UserPool.ClientID, whose app client does not allow the authorization code grant, or Login.RedirectURI",
	"unsupported_grant_type": "UserPool.Domain, whose token endpoint is not Cognito's",
}

// deploymentFault returns what the operator has to look at, if the configuration is
// certainly the cause of a failed sign-in. The token endpoint says so to this server. What
// comes through the browser proves nothing.
func deploymentFault(err error) (cause string, ok bool) {
	if api, isAPI := errors.AsType[*tokens.APIError](err); isAPI {
		cause, ok = tokenEndpointFaults[api.Code]
	}
	return cause, ok
}

// logSignInError logs a failed sign-in. Each reason is a kind of event: made-up codes must not
// hide that Cognito is down.
func (a *Auth) logSignInError(r *http.Request, reason FailureReason, err error) {
	attrs := []slog.Attr{slog.Any("error", err)}
	if cause := causeOf(err); cause != "" {
		attrs = append(attrs, slog.String("look_at", cause))
	}
	a.logEvent(r, "sign-in "+string(reason), "a sign-in failed", attrs...)
}

// causeOf says what to look at if every sign-in fails like this, or is empty.
func causeOf(err error) string {
	switch {
	case errors.Is(err, tokens.Expired), errors.Is(err, tokens.NotYetValid):
		return "this server's clock, or Config.Now"
	case errors.Is(err, tokens.BadIssuer):
		return "UserPool.ID, or UserPool.Domain, whose user pool has issued the tokens"
	case errors.Is(err, tokens.UnknownKey), errors.Is(err, tokens.BadSignature):
		return "UserPool.ID, or a proxy that answers with another key set"
	case errors.Is(err, errNoID):
		return "Login.Scopes, or the scopes of the app client"
	}
	return ""
}

// serveSignInError answers a callback that could not finish the sign-in.
func (a *Auth) serveSignInError(w http.ResponseWriter, r *http.Request, f *flow, err error) {
	reason := FailureTokens
	cause, misconfigured := deploymentFault(err)
	switch {
	case errors.Is(err, errSignedInHook):
		reason = FailureHook
	case misconfigured:
		reason = FailureConfiguration
	case errors.Is(err, tokens.ErrUnavailable):
		reason = FailureUnavailable
	}
	a.callSignInFailed(w, r, reason, err)
	if reason == FailureConfiguration {
		a.routes.tokenFaultLog.Do(func() {
			a.cfg.Logger.Error("cognitogate: no user can sign in: the configuration is wrong", "look_at", cause, "error", err)
		})
		a.serveMisconfiguredPage(w, r)
		return
	}
	a.logSignInError(r, reason, err)
	switch {
	case a.serveNewSignInError(w, r, f, err):
	case errors.Is(err, tokens.ErrUnavailable):
		a.serveSignInUnavailablePage(w, r, f.ReturnPath)
	case reason != FailureHook:
		a.serveFailedPage(w, r, http.StatusBadRequest, f.ReturnPath)
	case errors.Is(err, ErrForbidden):
		a.serveTurnedAwayPage(w, r, f.ReturnPath)
	default: // a fault of the program, such as a database that is down
		a.serveFailedPage(w, r, http.StatusInternalServerError, f.ReturnPath)
	}
}
