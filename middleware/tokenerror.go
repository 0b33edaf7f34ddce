package middleware

import (
	"errors"
	"net/http"

	"github.com/cognitogate/cognitogate/tokens"
)

// tokenEndpointFaults are errors of the token endpoint that no user can do anything about
// (RFC 6749 §5.2), with what to look at.
var tokenEndpointFaults = map[string]string{
	"invalid_client":         "UserPool.ClientSecret or UserPool.ClientID is wrong, or the app client has no secret",
	"unauthorized_client":    "the app client does not allow the authorization code grant, or this redirect URI",
	"unsupported_grant_type": "the token endpoint is not Cognito's",
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

// serveSignInError answers a callback that could not finish the sign-in.
func (a *Auth) serveSignInError(w http.ResponseWriter, r *http.Request, f *flow, err error) {
	p := htmlPage{Title: "You are not signed in", Again: a.signInLink(f.ReturnPath)}
	if cause, ok := deploymentFault(err); ok {
		a.cfg.Logger.Error("cognitogate: no user can sign in: the configuration is wrong", "look_at", cause, "error", err)
		p.Text = "Nobody can sign in to this site just now. Its operator has to change its configuration, and has been told."
		a.serveHTMLPage(w, r, http.StatusInternalServerError, p)
		return
	}
	a.cfg.Logger.Warn("cognitogate: a sign-in failed", "error", err)
	status := http.StatusBadRequest
	p.Text = "The sign-in could not be finished."
	if errors.Is(err, tokens.ErrUnavailable) {
		w.Header().Set("Retry-After", retryAfter)
		status = http.StatusServiceUnavailable
		p.Text = "The sign-in service cannot be reached just now. Nothing is lost; please try again in a moment."
	}
	a.serveHTMLPage(w, r, status, p)
}
