package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

const (
	// minRecent is the least age of a sign-in that RequireRecent may ask for. A sign-in takes
	// a while, and clocks differ.
	minRecent = time.Minute

	// authTimeLeeway is how far Cognito's clock may be from this server's.
	authTimeLeeway = time.Minute
)

// ErrNotRecent reports that a signed-in user has to sign in again to see the route.
var ErrNotRecent = errors.New("cognitogate: the sign-in is not recent")

// RequireRecent is Require for users who have signed in within maxAge, by the "auth_time" of
// the access token. A refresh does not change that. Use it before actions that a user has
// to confirm by signing in again, such as a change of the e-mail address:
//
//	router.With(auth.RequireRecent(5*time.Minute)).Post("/account/email", changeEmail)
//
// A page is sent to sign in again and comes back: through Routes with prompt=login, which
// has the managed login ask for the password. The same user has to sign in. If another
// one does, or the managed login has asked nobody, a page says so, and the session stays as
// it was. Without Routes, SignIn gets the parameters prompt=login and max_age, in seconds
// (OpenID Connect Core §3.1.2.1): have the user sign in anew there, and call Start.
//
// A script gets 401 with the error insufficient_user_authentication and max_age (RFC 9470).
// A form's POST is lost, and leads to AfterSignIn: put RequireRecent around the form's page
// too. The managed login may not ask users of a SAML or OpenID Connect provider for a
// password again: that is the provider's decision. What the managed login does with
// prompt=login is taken from Cognito's documentation, and tested with cognitotest alone. The
// new token's auth_time decides, whatever it does.
//
// RequireRecent panics for less than a minute.
func (a *Auth) RequireRecent(maxAge time.Duration) func(http.Handler) http.Handler {
	if maxAge < minRecent {
		panic(fmt.Sprintf("cognitogate: RequireRecent needs at least %v", minRecent))
	}
	what := "signed in within " + maxAge.String()
	return func(next http.Handler) http.Handler {
		return &guard{auth: a, next: next, kind: kindRequire, reason: ReasonNotRecent, what: what, recent: maxAge}
	}
}

// isRecent reports whether the user of a session has signed in within maxAge. A sign-in of
// the future is none: then a clock is wrong.
func (a *Auth) isRecent(s *session.Session, maxAge time.Duration) bool {
	age := a.cfg.Now().Sub(s.AccessToken().AuthTime()) // without an auth_time, centuries
	return age <= maxAge && age >= -authTimeLeeway
}

// newSignInError reports a session that a new sign-in would make good. It wraps
// ErrNotRecent, or session.ErrNotFresh.
type newSignInError struct {
	error
	maxAge time.Duration // of the new sign-in
}

func (e *newSignInError) Unwrap() error { return e.error }

// maxAgeOf returns the maxAge of an error's newSignInError in whole seconds, or minRecent's.
func maxAgeOf(err error) (seconds int) {
	maxAge := minRecent
	if e, ok := errors.AsType[*newSignInError](err); ok {
		maxAge = e.maxAge
	}
	return int(maxAge / time.Second)
}

// wantsNewSignIn reports whether the user of an error is signed in, and has to sign in
// again.
func wantsNewSignIn(err error) bool {
	return errors.Is(err, ErrNotRecent) || errors.Is(err, session.ErrNotFresh)
}

// newSignInURL returns where a user signs in again. returnPath may be "".
func (a *Auth) newSignInURL(r *http.Request, err error, returnPath string) string {
	seconds := strconv.Itoa(maxAgeOf(err))
	switch {
	case a.hasRoutes():
		return addQuery(a.signInLink(returnPath), recentParam+"="+seconds)
	case returnPath != "":
		return addQuery(a.signInURL(r), "prompt=login&max_age="+seconds)
	}
	return addQuery(a.signInHome, "prompt=login&max_age="+seconds)
}

// isNewSignInLoop reports whether the redirect of a page to a new sign-in would lead back:
// the user has signed in for it a moment ago, or has come back from it several times.
func (a *Auth) isNewSignInLoop(r *http.Request) bool {
	return a.routes != nil && isRecentMarker(a.signInMarkerOf(r)) || a.redirectsOf(r).areTooMany() || a.isSignInPath(r)
}

// serveNewSignIn answers a signed-in user who has to sign in again.
func (a *Auth) serveNewSignIn(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	switch {
	case a.isPage(r) && a.isNewSignInLoop(r):
		a.serveNotRecentPage(w, r, a.newSignInURL(r, err, a.pageTarget(r)))
	case a.isPage(r):
		a.countRedirect(w, a.redirectsOf(r))
		h.Set("Location", asciiURL(a.newSignInURL(r, err, a.pageTarget(r))))
		w.WriteHeader(http.StatusTemporaryRedirect)
	case a.navigates(r):
		h.Set("Location", asciiURL(a.newSignInURL(r, err, "")))
		w.WriteHeader(http.StatusSeeOther)
	default:
		a.setHTMXRedirect(h, r, a.newSignInURL(r, err, ""))
		h.Set("WWW-Authenticate", a.newSignInChallenge(r, err))
		a.serveStatus(w, r, http.StatusUnauthorized)
	}
}

// newSignInChallenge returns the WWW-Authenticate of a 401 (RFC 9470 §3). A bearer token
// that is only too old its client can refresh.
func (a *Auth) newSignInChallenge(r *http.Request, err error) string {
	if !errors.Is(err, ErrNotRecent) && a.sessions.HasBearerToken(r) {
		return a.challenge(r, err)
	}
	var params challengeParams
	params.add("error", "insufficient_user_authentication")
	params.add("error_description", "A more recent authentication is required")
	params.add("max_age", strconv.Itoa(maxAgeOf(err)))
	a.addWanted(&params, r, err)
	return "Bearer " + string(params)
}
