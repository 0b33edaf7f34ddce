package middleware

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// silentErrors are the answers to a request that must not show the user a page, which
// means prompt=none (OpenID Connect Core §3.1.2.6). Cognito documents the first.
var silentErrors = []string{"login_required", "interaction_required", "account_selection_required", "consent_required"}

// serveLoginError answers a callback with an error of the managed login. A signed-in user
// who has cancelled goes on, and is still signed in.
func (a *Auth) serveLoginError(w http.ResponseWriter, r *http.Request, f *flow, q url.Values) {
	code, description := q.Get("error"), q.Get("error_description")
	silent := f.Silent && slices.Contains(silentErrors, code)
	reason := FailureLogin
	if isCancel(code, description) {
		reason = FailureCancelled
	}
	if !silent {
		a.callSignInFailed(w, r, reason, fmt.Errorf("cognitogate: the managed login says %q: %q", printable(code), printable(description)))
	}
	if !silent && reason == FailureLogin {
		a.logLoginError(r, code, description)
	} else if _, err := a.sessions.Fetch(w, r, nil); err == nil && f.isNewSignIn() {
		a.serveNewSignInCancelledPage(w, r, f)
		return
	} else if err == nil || silent && a.isPublic(r, f.ReturnPath) {
		redirect(w, r, f.ReturnPath)
		return
	}
	kind := PageSignInRefused
	switch {
	case silent:
		kind, description = PageSignInRequired, ""
	case reason == FailureCancelled:
		kind = PageSignInCancelled
	}
	a.serveLoginErrorPage(w, r, kind, printable(description), f.ReturnPath)
}

// serveSilentError answers a flow that must not show the user a page, and cannot go on
// without one.
func (a *Auth) serveSilentError(w http.ResponseWriter, r *http.Request, f *flow) {
	if a.isPublic(r, f.ReturnPath) {
		redirect(w, r, f.ReturnPath)
		return
	}
	a.serveLoginErrorPage(w, r, PageSignInRequired, "", f.ReturnPath)
}

// isCancel reports whether the user has cancelled the sign-in. Identity providers say
// access_denied also if they refuse the user, and then they say why.
func isCancel(code, description string) bool {
	return code == "access_denied" && (description == "" || strings.Contains(strings.ToLower(description), "cancel"))
}

// loginFaults are errors of the managed login (RFC 6749 §4.1.2.1) with what to look at if
// every sign-in ends in them. Each is a kind of event. All other codes are one kind.
var loginFaults = map[string]string{
	"invalid_scope":             "Login.Scopes, which the app client does not allow",
	"unauthorized_client":       "UserPool.ClientID, whose app client does not allow the authorization code grant",
	"unsupported_response_type": "UserPool.ClientID, whose app client does not allow the authorization code grant",
	"invalid_request":           "the user pool's Lambda triggers, Login.Resource, or the link's parameters",
	"access_denied":             "the identity provider, which refuses the user",
	"server_error":              "the identity provider, or Cognito",
	"temporarily_unavailable":   "the identity provider, or Cognito",
}

// logLoginError logs an error of the managed login. It comes through the browser, where
// anybody may have made it up, so it is a warning, and its texts are quoted and cut.
func (a *Auth) logLoginError(r *http.Request, code, description string) {
	attrs := []slog.Attr{slog.String("code", strconv.Quote(printable(code))), slog.String("description", strconv.Quote(printable(description)))}
	kind := "login error"
	if fault, ok := loginFaults[code]; ok {
		kind += " " + code
		attrs = append(attrs, slog.String("look_at", fault))
	}
	a.logEvent(r, kind, "the managed login has refused a sign-in", attrs...)
}

// isPublic reports whether Protect lets a return path through. Another site judges its own
// pages. The conditions of rules
// see the header of r, because the browser will send nearly the same one.
func (a *Auth) isPublic(r *http.Request, returnPath string) bool {
	if origin, _ := a.cutOrigin(returnPath); origin != "" {
		return true
	}
	u, err := url.Parse(returnPath)
	if err != nil {
		return false
	}
	served, ok := a.urlWithoutBasePath(u)
	served.RawQuery = u.RawQuery // conditions may ask for it
	return ok && !a.protects(&http.Request{Method: http.MethodGet, URL: served, Host: r.Host, Header: r.Header})
}
