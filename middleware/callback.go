package middleware

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/cognitogate/cognitogate/session"
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
		a.serveLostCallback(w, r, q, state)
		return
	}
	if q.Has("error") || q.Has("error_description") {
		a.serveLoginError(w, r, f, q)
		return
	}
	switch err := a.finishSignIn(w, r, f, q.Get("code")); {
	case errors.Is(err, session.ErrSignInEnded) && !f.Anew:
		a.startFlowAnew(w, r, f)
		return
	case err != nil:
		a.serveSignInError(w, r, f, err)
		return
	}
	a.writeSignInMarker(w, f)
	a.deleteHostCookie(w, a.redirectMarker)
	if a.cfg.Cookies.SameSite == http.SameSiteStrictMode {
		a.serveSignedInPage(w, r, f.ReturnPath)
		return
	}
	redirect(w, r, f.ReturnPath)
}

// startFlowAnew starts another flow after one whose sign-in was signed out meanwhile, or
// before: the managed login goes on with an earlier sign-in for an hour. Now the user must
// sign in there (prompt=login, OpenID Connect Core §3.1.2.1). It happens once, so that
// nobody is sent around for ever.
func (a *Auth) startFlowAnew(w http.ResponseWriter, r *http.Request, ended *flow) {
	if ended.Silent {
		a.serveSilentError(w, r, ended)
		return
	}
	f := newFlow(ended.ReturnPath)
	f.Anew, f.Recent, f.Subject = true, ended.Recent, ended.Subject
	if _, state, ok := strings.Cut(ended.State, "-"); ok {
		f.State += "-" + state
	}
	a.startFlow(w, r, f, authorizeEndpoint, url.Values{"prompt": {"login"}})
}

var (
	errNoFlow = errors.New("cognitogate: this browser holds no flow with the callback's state")
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
	s, err := a.sessions.Verify(r.Context(), set)
	if refusal, ok := errors.AsType[*tokens.VerifyError](err); ok && !refusal.Reason.Final() {
		// Cognito has issued the token a moment ago, so that it cannot have expired.
		return fmt.Errorf("%w: %w: %w", tokens.ErrUnavailable, errClock, err)
	}
	if err != nil {
		return fmt.Errorf("cognitogate: sign-in: %w", err)
	}
	// The nonce binds the token to this browser's request (OpenID Connect Core
	// §3.1.3.7). An attacker who plants a code in the callback plants another nonce.
	if f.Nonce == "" || subtle.ConstantTimeCompare([]byte(s.IDToken().Nonce()), []byte(f.Nonce)) != 1 {
		return errNonce
	}
	if err := a.checkNewSignIn(f, s); err != nil {
		if errors.Is(err, errOtherUser) {
			a.endNotStarted(r, set)
		} // else they may be of the sign-in that goes on here
		return err
	}
	if a.cfg.Hooks.SignedIn != nil || a.cfg.Hooks.SignedOut != nil {
		if err := a.callSignedIn(r, s, set); err != nil {
			return err
		}
	}
	_, err = a.sessions.Start(w, r, set)
	return err
}
