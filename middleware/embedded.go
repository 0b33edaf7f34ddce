package middleware

import (
	"net/http"

	"github.com/cognitogate/cognitogate/internal/page"
)

// A sign-in begins and a session ends only when the user has asked for it: the browser
// navigates a whole tab. A frame, an image, a script, or a library that loads links when
// the pointer is over them must do neither. It could sign the user out, or push the
// user's own flow out of the browser.

// serveEmbedded answers a GET that is not the navigation of a whole tab, and reports
// whether it did. serveSignOut judges its frames itself.
//
// A refused script gets an answer that is no HTML. Turbo then loads the page anew, as a
// navigation, and so a click on a link works. htmx follows HX-Redirect.
func (a *Auth) serveEmbedded(w http.ResponseWriter, r *http.Request, slug string) bool {
	switch {
	case slug == "sign-out-callback": // it begins and ends nothing
		return false
	case !a.isPage(r):
		if page.IsHTMX(r) && slug != "sign-in-callback" {
			w.Header().Set("HX-Redirect", a.routeLink(r, slug))
		}
		a.serveStatus(w, r, http.StatusForbidden)
	case slug != "sign-out" && isFramed(r):
		// The managed login refuses to be in a frame, and browsers would not send its
		// cookies there.
		a.servePage(w, r, Page{
			Kind: PageInFrame, Status: http.StatusOK,
			Title: "Sign in", Text: "You sign in outside of this frame.",
			Actions: []PageAction{{Kind: ActionSignIn, Text: "Sign in", URL: a.routeLink(r, slug), WholeTab: true}},
		})
	default:
		return false
	}
	return true
}

// isFramed reports whether a browser loads the page into a frame, or another element of
// a page. A browser that does not say loads a document.
func isFramed(r *http.Request) bool {
	dest := r.Header.Get("Sec-Fetch-Dest")
	return dest != "" && dest != "document"
}

// routeLink returns the path and query of a request to a route, as browsers see them.
func (a *Auth) routeLink(r *http.Request, slug string) string {
	link := a.cfg.RoutesPath + "/" + slug
	if r.URL.RawQuery != "" {
		link += "?" + asciiURL(r.URL.RawQuery)
	}
	return link
}
