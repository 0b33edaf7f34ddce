package middleware

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/tokens"
)

// serveSignInCallback receives the managed login's answer (RFC 6749 §4.1.2).
func (a *Auth) serveSignInCallback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	state := q.Get("state")
	if len(q["state"]) > 1 || len(q["code"]) > 1 || len(q["error"]) > 1 {
		state = "" // RFC 6749 §3.1: nothing comes twice, or two readers may take each another
	}
	f, ok := a.takeFlow(w, r, state)
	if !ok {
		a.servePage(w, r, http.StatusBadRequest, pageText{
			Title: "This sign-in cannot go on",
			Text:  "It has taken longer than ten minutes, was finished in another tab, or this browser does not keep cookies for this site.",
			Again: a.signInAgain(a.cfg.AfterSignIn),
		})
		return
	}
	if q.Has("error") || q.Has("error_description") {
		a.servePage(w, r, http.StatusBadRequest, pageText{
			Title: "You are not signed in",
			Text:  "The sign-in was cancelled or refused.", Detail: oneLine(q.Get("error_description")),
			Again: a.signInAgain(f.Next),
		})
		return
	}
	if err := a.finish(w, r, f, q.Get("code")); err != nil {
		a.failSignIn(w, r, f, err)
		return
	}
	a.markSignIn(w, f)
	if a.cfg.Cookies.SameSite == http.SameSiteStrictMode {
		// The redirect would still belong to the navigation from the login's site, and
		// Strict cookies are not sent on that. A page of our own begins a new one.
		a.servePage(w, r, http.StatusOK, pageText{Title: "You are signed in", Continue: asciiURL(f.Next)})
		return
	}
	a.redirect(w, r, f.Next)
}

var (
	errNoCode = errors.New("cognitogate: the callback has no code")
	errNoID   = errors.New(`cognitogate: the answer has no ID token: the app client or Login.Scopes lacks "openid"`)
	errNonce  = errors.New("cognitogate: the ID token has no nonce of this sign-in")
	errClock  = errors.New("cognitogate: a clock or the key set is wrong")
)

// finish exchanges the code and begins the session. Nothing is believed or written
// before all of it is verified.
func (a *Auth) finish(w http.ResponseWriter, r *http.Request, f *flow, code string) error {
	if code == "" {
		return errNoCode
	}
	set, err := a.client.Exchange(r.Context(), code, f.Verifier, a.login.redirectURI)
	if err != nil {
		return err
	}
	if set.ID == "" {
		return errNoID
	}
	id, err := a.verifier.Verify(r.Context(), set.ID, tokens.ID)
	if refusal := (*tokens.VerifyError)(nil); errors.As(err, &refusal) && !refusal.Reason.Final() {
		// Cognito has issued it a moment ago.
		return fmt.Errorf("%w: %w: %w", tokens.ErrUnavailable, errClock, err)
	}
	if err != nil {
		return fmt.Errorf("cognitogate: sign-in: %w", err)
	}
	// The nonce binds the token to this browser's request (OpenID Connect Core
	// §3.1.3.7): a code that somebody else has put into the callback brings theirs.
	if f.Nonce == "" || subtle.ConstantTimeCompare([]byte(id.Nonce()), []byte(f.Nonce)) != 1 {
		return errNonce
	}
	_, err = a.sessions.Start(w, r, set)
	return err
}

// failSignIn answers a callback whose code was of no use.
func (a *Auth) failSignIn(w http.ResponseWriter, r *http.Request, f *flow, err error) {
	a.cfg.Logger.Warn("cognitogate: a sign-in failed", "error", err)
	status, text := http.StatusBadRequest, "The sign-in could not be finished."
	if errors.Is(err, tokens.ErrUnavailable) {
		w.Header().Set("Retry-After", retryAfter)
		status, text = http.StatusServiceUnavailable, "The sign-in service cannot be reached just now. Nothing is lost; please try again in a moment."
	}
	a.servePage(w, r, status, pageText{Title: "You are not signed in", Text: text, Again: a.signInAgain(f.Next)})
}

// serveSignOut ends the session here and sends the browser to end the managed
// login's. Only this site may ask for it: a POST by CrossOriginProtection, a GET by
// Sec-Fetch-Site, and a browser that sends neither is asked to confirm. A GET that
// says it is no navigation is refused too: an image in somebody's comment must not
// sign readers out, nor a script that loads links ahead.
func (a *Auth) serveSignOut(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if a.login.forgery.Check(r) != nil {
			problem(w, r, http.StatusForbidden)
			return
		}
	} else {
		if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
			problem(w, r, http.StatusForbidden)
			return
		}
		switch r.Header.Get("Sec-Fetch-Site") {
		case "same-origin", "same-site", "none": // "none": typed, or a bookmark
		case "":
			a.servePage(w, r, http.StatusOK, pageText{Title: "Sign out?", Confirm: a.cfg.RoutesPath + "/sign-out"})
			return
		default:
			problem(w, r, http.StatusForbidden)
			return
		}
	}
	if err := a.sessions.End(w, r); err != nil {
		// The cookies are cleared all the same, which is what the user asked for.
		a.cfg.Logger.Warn("cognitogate: a session could not be revoked", "error", err)
	}
	a.dropCookie(w, a.markerName())
	q := url.Values{"client_id": {a.cfg.UserPool.ClientID}, "logout_uri": {a.login.logoutURI}}
	a.redirect(w, r, a.cfg.UserPool.LoginURL()+"/logout?"+q.Encode())
}

// serveSignOutCallback is where the managed login sends the browser afterwards. The
// session has ended before, so that there is nothing left to be done.
func (a *Auth) serveSignOutCallback(w http.ResponseWriter, r *http.Request) {
	a.redirect(w, r, a.cfg.AfterSignOut)
}

const (
	markerLifetime = time.Minute
	maxCookie      = 4096 // name and value; browsers drop longer ones (RFC 6265bis §5.6)
)

// markerName is the cookie that a sign-in leaves for a minute. Whoever signs in with
// it, because there is no session all the same, goes round in a loop.
func (a *Auth) markerName() string { return a.hostName("signed-in") }

// markSignIn leaves the marker: "1", or "2" if this sign-in was begun without a
// session within a minute after another, with "large" if a browser will have dropped
// a cookie. Browsers send it exactly when they send the session's: with Strict ones,
// a visit from another site is no sign of a loop.
func (a *Auth) markSignIn(w http.ResponseWriter, f *flow) {
	value := "1"
	if f.Again {
		value = "2"
	}
	for _, line := range w.Header()["Set-Cookie"] {
		if pair, _, _ := strings.Cut(line, ";"); len(pair) > maxCookie+1 { // its "="
			value += ".large"
			break
		}
	}
	a.setCookie(w, a.markerName(), value, markerLifetime, cmp.Or(a.cfg.Cookies.SameSite, http.SameSiteLaxMode))
}

// marker returns what markSignIn has left, or nothing.
func (a *Auth) marker(r *http.Request) string {
	own := a.markerName()
	for _, h := range r.Header["Cookie"] {
		for name, value, rest := cookie.Next(h); name != ""; name, value, rest = cookie.Next(rest) {
			if name == own {
				return value
			}
		}
	}
	return ""
}
