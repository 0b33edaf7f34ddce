package middleware

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"github.com/cognitogate/cognitogate/tokens"
)

// serveSignInCallback receives the managed login's answer (RFC 6749 §4.1.2).
func (a *Auth) serveSignInCallback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	state := q.Get("state")
	if len(q["state"]) > 1 || len(q["code"]) > 1 || len(q["error"]) > 1 {
		// No parameter may come twice (RFC 6749 §3.1): two readers could take
		// different ones.
		state = ""
	}
	f, ok := a.takeFlow(w, r, state)
	if !ok {
		a.serveHTMLPage(w, r, http.StatusBadRequest, htmlPage{
			Title: "This sign-in cannot go on",
			Text:  "It has taken longer than an hour, was finished in another tab, or this browser does not keep cookies for this site.",
			Again: a.signInLink(a.cfg.AfterSignIn),
		})
		return
	}
	if q.Has("error") || q.Has("error_description") {
		a.serveHTMLPage(w, r, http.StatusBadRequest, htmlPage{
			Title: "You are not signed in",
			Text:  "The sign-in was cancelled or refused.", Detail: printable(q.Get("error_description")),
			Again: a.signInLink(f.ReturnPath),
		})
		return
	}
	if err := a.finishSignIn(w, r, f, q.Get("code")); err != nil {
		a.serveSignInError(w, r, f, err)
		return
	}
	a.writeSignInMarker(w, f)
	a.deleteHostCookie(w, a.redirectMarkerName())
	if a.cfg.Cookies.SameSite == http.SameSiteStrictMode {
		// A redirect would still belong to the navigation from the login's site, on
		// which browsers send no Strict cookies. A page of ours begins a new one.
		a.serveHTMLPage(w, r, http.StatusOK, htmlPage{Title: "You are signed in", Continue: asciiURL(f.ReturnPath)})
		return
	}
	redirect(w, r, f.ReturnPath)
}

var (
	errNoCode = errors.New("cognitogate: the callback has no code")
	errNoID   = errors.New(`cognitogate: the answer has no ID token: the app client or Login.Scopes lacks "openid"`)
	errNonce  = errors.New("cognitogate: the ID token has no nonce of this sign-in")
	errClock  = errors.New("cognitogate: a clock or the key set is wrong")
)

// finishSignIn exchanges the code and starts the session. It writes nothing before
// all tokens are verified.
func (a *Auth) finishSignIn(w http.ResponseWriter, r *http.Request, f *flow, code string) error {
	if code == "" {
		return errNoCode
	}
	set, err := a.client.Exchange(r.Context(), code, f.Verifier, a.routes.redirectURI)
	if err != nil {
		return err
	}
	if set.ID == "" {
		return errNoID
	}
	id, err := a.verifier.Verify(r.Context(), set.ID, tokens.ID)
	if refusal, ok := errors.AsType[*tokens.VerifyError](err); ok && !refusal.Reason.Final() {
		// Cognito has issued the token a moment ago, so that it cannot have expired.
		return fmt.Errorf("%w: %w: %w", tokens.ErrUnavailable, errClock, err)
	}
	if err != nil {
		return fmt.Errorf("cognitogate: sign-in: %w", err)
	}
	// The nonce binds the token to this browser's request (OpenID Connect Core
	// §3.1.3.7). An attacker who plants a code in the callback plants another nonce.
	if f.Nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce()), []byte(f.Nonce)) != 1 {
		return errNonce
	}
	_, err = a.sessions.Start(w, r, set)
	return err
}

// serveSignInError answers a callback that could not finish the sign-in.
func (a *Auth) serveSignInError(w http.ResponseWriter, r *http.Request, f *flow, err error) {
	a.cfg.Logger.Warn("cognitogate: a sign-in failed", "error", err)
	status, text := http.StatusBadRequest, "The sign-in could not be finished."
	if errors.Is(err, tokens.ErrUnavailable) {
		w.Header().Set("Retry-After", retryAfter)
		status, text = http.StatusServiceUnavailable, "The sign-in service cannot be reached just now. Nothing is lost; please try again in a moment."
	}
	a.serveHTMLPage(w, r, status, htmlPage{Title: "You are not signed in", Text: text, Again: a.signInLink(f.ReturnPath)})
}
