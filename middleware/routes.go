package middleware

import (
	"net/http"
	"path"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/page"
)

const defaultRoutesPath = "/api/auth"

// routeHandlers are the five routes of Amplify's createAuthRouteHandlers.
var routeHandlers map[string]func(*Auth, http.ResponseWriter, *http.Request)

func init() { // returnPath, which a handler calls, reads the map
	routeHandlers = map[string]func(*Auth, http.ResponseWriter, *http.Request){
		"sign-in":           (*Auth).serveSignIn,
		"sign-up":           (*Auth).serveSignUp,
		"sign-in-callback":  (*Auth).serveSignInCallback,
		"sign-out":          (*Auth).serveSignOut,
		"sign-out-callback": (*Auth).serveSignOutCallback,
	}
}

// Routes serves sign-in, sign-up, sign-in-callback, sign-out and sign-out-callback
// below RoutesPath, like Amplify's createAuthRouteHandlers. Mount it there:
//
//	router.Mount("/api/auth", auth.Routes())        // chi
//	mux.Handle("/api/auth/", auth.Routes())         // http.ServeMux
//
// Users sign in on the user pool's managed login, with a state, a nonce and PKCE
// (RFC 6749, RFC 7636, OpenID Connect Core). A link to sign-in or sign-up may carry the
// parameters provider or idp_identifier, lang, login_hint, prompt and that of ReturnParam.
// With recent, a number of seconds, a user whose sign-in is older signs in again
// ([Auth.RequireRecent]).
// A link with another parameter of OAuth or OpenID Connect, such as max_age, gets a page
// that says so. All further parameters belong to your Login.State. With prompt=none the
// managed login shows no page. A user whom it does not know comes back to a page that
// Protect lets through, and otherwise sees a page that offers to sign in.
//
// Sign out with a form's POST. A GET works too, like Amplify's, if a whole tab follows a
// link of this origin or the address bar; every other one gets a page that asks.
//
// Frames, images, scripts and prefetches begin and end nothing. In a frame, sign-in and
// sign-up answer with a link that opens them in the whole tab.
//
// Routes panics if the Config says that something else signs users in: without Origin,
// with a SignIn of another site, and with the RoutesPath "-".
func (a *Auth) Routes() http.Handler {
	switch {
	case a.routes != nil:
		return http.HandlerFunc(a.serveRoute)
	case a.cfg.Origin == "":
		panic("cognitogate: Routes needs Config.Origin")
	case a.cfg.RoutesPath == noRoutes:
		panic(`cognitogate: Config.RoutesPath is "-", so Routes do not sign users in`)
	}
	panic("cognitogate: Config.SignIn is on another site, so Routes do not sign users in")
}

// isRoute reports whether a path, as browsers see it, is that of a route.
func (a *Auth) isRoute(p string) bool {
	dir, slug := path.Split(strings.TrimSuffix(p, "/"))
	_, ok := routeHandlers[slug]
	return ok && a.routes != nil && dir == a.cfg.RoutesPath+"/"
}

func (a *Auth) serveRoute(w http.ResponseWriter, r *http.Request) {
	cookie.NoStore(w.Header())
	dir, slug := path.Split(strings.TrimSuffix(r.URL.Path, "/"))
	handler, ok := routeHandlers[slug]
	// Behind http.StripPrefix, dir is the end of RoutesPath, or empty.
	if !ok || !strings.HasSuffix(a.cfg.RoutesPath, strings.TrimSuffix(dir, "/")) {
		http.NotFound(w, r)
		return
	}
	// A HEAD would begin or end a sign-in, and no user would see the page.
	if isPost := slug == "sign-out" && r.Method == http.MethodPost; r.Method != http.MethodGet && !isPost {
		allow := "GET"
		if slug == "sign-out" {
			allow += ", POST"
		}
		w.Header().Set("Allow", allow)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	if page.IsPrefetch(r) {
		// A page that the user has not asked for yet must not begin or end a sign-in.
		// Browsers ask again when the user does.
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.Method == http.MethodGet && a.serveEmbedded(w, r, slug) {
		return
	}
	handler(a, w, r)
}
