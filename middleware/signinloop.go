package middleware

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// A browser that does not keep the session's cookies would be sent to the managed
// login for ever, because the managed login signs it in without asking. The sign-in
// marker is a cookie of Routes that shows such a loop.

const signInMarkerLifetime = time.Minute

// writeSignInMarker sets the marker: "1", or "2" if the flow was repeated, followed by
// ".large" if browsers drop a cookie of the session for its size, and by ".recent" after a
// sign-in that a page has asked a signed-in user for. The marker has the
// SameSite of the session's cookies, so that browsers send both or neither: with
// Strict ones, a visit from another site is no sign of a loop.
func (a *Auth) writeSignInMarker(w http.ResponseWriter, f *flow) {
	value := "1"
	if f.Repeated {
		value = "2"
	}
	if a.sessions.CookieTooLarge(w.Header()) {
		value += ".large"
	}
	if f.isNewSignIn() {
		value += recentSuffix
	}
	a.setHostCookie(w, a.signInMarker, value, signInMarkerLifetime, cmp.Or(a.cfg.Cookies.SameSite, http.SameSiteLaxMode))
}

// signInMarkerOf returns the marker that a request carries, or "".
func (a *Auth) signInMarkerOf(r *http.Request) string {
	for _, h := range r.Header["Cookie"] {
		for name, value, rest := cookie.Next(h); name != ""; name, value, rest = cookie.Next(rest) {
			if name == a.signInMarker {
				return value
			}
		}
	}
	return ""
}

// isSignInLoop reports whether a signed-out user has signed in twice within a minute,
// so that another sign-in would not help.
func (a *Auth) isSignInLoop(r *http.Request) bool {
	return a.routes != nil && strings.HasPrefix(a.signInMarkerOf(r), "2")
}

// serveLoopPage says why the browser may not hold the session.
func (a *Auth) serveLoopPage(w http.ResponseWriter, r *http.Request) {
	var causes []string
	if strings.Contains(a.signInMarkerOf(r), "large") {
		causes = append(causes, "The user has so many groups or claims that a token does not fit into a cookie. The operator has to make the tokens smaller.")
	}
	if !a.cfg.Cookies.Insecure && r.TLS == nil && r.Header.Get("X-Forwarded-Proto") == "http" {
		causes = append(causes, "The page came over http, and the cookies are for https only. The operator has to redirect http to https.")
	}
	if len(causes) == 0 {
		if d := a.cfg.Cookies.Domain; d != "" {
			causes = append(causes, "Cookies are set for the domain "+d+", which the browser may not accept from this site. The operator has to look at Cookies.Domain.")
		}
		causes = append(causes, "The browser may be set to keep no cookies for this site.")
	}
	a.servePage(w, r, Page{
		Kind: PageSignInLoop, Status: http.StatusBadRequest,
		Title:   "You have signed in, and this browser does not keep it",
		Text:    "To sign in again would lead here again.",
		Causes:  causes,
		Actions: append([]PageAction{a.signInAction("")}, a.homeAction(r, false)...),
	})
}
