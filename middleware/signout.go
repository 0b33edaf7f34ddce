package middleware

import (
	"log/slog"
	"net/http"
	"net/url"

	"github.com/cognitogate/cognitogate/internal/page"
)

// serveSignOut ends the session here and sends the browser to end the managed
// login's. Only this origin may ask for it.
//
// CrossOriginProtection judges a POST, in a frame too. A hidden frame of another origin
// cannot send one: the form would have to be on a page of this origin, and a script that
// reaches into such a page can do all that the user can. A framed site needs its own form
// to sign out.
//
// A GET signs out at once only if the browser says that a whole tab navigates, by a link
// of this origin or the address bar. Every other navigation gets a page that asks: that
// of a link on another site, of a sibling domain or of a frame, or of a browser without
// Fetch Metadata.
func (a *Auth) serveSignOut(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if a.routes.crossOrigin.Check(r) != nil {
			a.serveStatus(w, r, http.StatusForbidden)
			return
		}
	} else if !page.IsOwnNavigation(r) {
		a.serveSignOutPage(w, r)
		return
	}
	user := a.userBefore(r)
	err := a.sessions.End(w, r)
	if err != nil {
		// The user asked to sign out, and the cookies are cleared.
		a.logEvent(r, "not revoked", "a session could not be revoked", slog.Any("error", err))
	}
	a.deleteHostCookie(w, a.signInMarker)
	q := url.Values{"client_id": {a.cfg.UserPool.ClientID}, "logout_uri": {a.routes.logoutURI}}
	redirect(w, r, a.cfg.UserPool.LoginURL()+"/logout?"+q.Encode())
	a.reportSignOut(w, r, SignOut{User: user, Reason: SignOutAsked, Err: err})
}

// serveSignOutCallback is where the managed login sends the browser afterwards. The
// session has ended before.
func (a *Auth) serveSignOutCallback(w http.ResponseWriter, r *http.Request) {
	redirect(w, r, a.cfg.AfterSignOut)
}
