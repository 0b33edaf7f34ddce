package middleware

import (
	"net/http"
	"net/url"
)

// serveSignOut ends the session here and sends the browser to end the managed
// login's. Only this site may ask for it: CrossOriginProtection judges a POST, and
// Sec-Fetch-Site a GET. A browser that sends neither is asked to confirm. A GET that
// is no navigation is refused: an image in a comment must not sign readers out, and
// neither must a script that loads links ahead.
func (a *Auth) serveSignOut(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if a.routes.crossOrigin.Check(r) != nil {
			a.serveStatus(w, r, http.StatusForbidden)
			return
		}
	} else {
		if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
			a.serveStatus(w, r, http.StatusForbidden)
			return
		}
		switch r.Header.Get("Sec-Fetch-Site") {
		case "same-origin", "same-site", "none": // "none": typed, or a bookmark
		case "":
			a.serveSignOutPage(w, r)
			return
		default:
			a.serveStatus(w, r, http.StatusForbidden)
			return
		}
	}
	user := a.userBefore(r)
	err := a.sessions.End(w, r)
	if err != nil {
		// The user asked to sign out, and the cookies are cleared.
		a.cfg.Logger.Warn("cognitogate: a session could not be revoked", "error", err)
	}
	a.deleteHostCookie(w, a.signInMarkerName())
	q := url.Values{"client_id": {a.cfg.UserPool.ClientID}, "logout_uri": {a.routes.logoutURI}}
	redirect(w, r, a.cfg.UserPool.LoginURL()+"/logout?"+q.Encode())
	a.reportSignOut(w, r, SignOut{User: user, Reason: SignOutAsked, Err: err})
}

// serveSignOutCallback is where the managed login sends the browser afterwards. The
// session has ended before.
func (a *Auth) serveSignOutCallback(w http.ResponseWriter, r *http.Request) {
	redirect(w, r, a.cfg.AfterSignOut)
}
