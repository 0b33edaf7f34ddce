package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// exemptPath lets a path through Protect that browsers see. A path that is not under
// BasePath is none that this server sees.
func (a *Auth) exemptPath(p string) {
	if p, ok := a.withoutBasePath(p); ok {
		a.exempt = append(a.exempt, p)
	}
}

// exemptRoutes lets the paths of Routes through Protect: of the five routes, and of
// the URIs to which the managed login sends browsers. The matcher may select them, and
// signed-out users need them.
func (a *Auth) exemptRoutes() {
	for slug := range routeHandlers {
		a.exemptPath(a.cfg.RoutesPath + "/" + slug)
	}
	for _, uri := range []string{a.cfg.Login.RedirectURI, a.cfg.Login.LogoutURI} {
		if u, err := url.Parse(uri); uri != "" && err == nil { // newRoutesSettings reports the error
			a.exemptPath(cmp.Or(u.Path, "/"))
		}
	}
}

// isExempt reports whether Protect lets a path through, although the matcher may select
// it. Only the exact path is exempt. With a slash more it could be another route, such
// as the home page of the tenant "sign-in" below /{tenant}/.
func (a *Auth) isExempt(p string) bool { return slices.Contains(a.exempt, p) }

// isNearExempt reports whether a path differs from an exempt one by a slash at the end.
// A redirect from there to the sign-in page may lead back, for ever.
func (a *Auth) isNearExempt(p string) bool {
	return !a.isExempt(p) && slices.ContainsFunc(a.exempt, func(exempt string) bool { return isSameButSlash(p, exempt) })
}

// isSameButSlash reports whether two paths are the same but for a slash at the end.
func isSameButSlash(p, other string) bool {
	return strings.TrimSuffix(p, "/") == strings.TrimSuffix(other, "/")
}

// otherSlash returns a path without the slash at its end, or with one if it has none.
func otherSlash(p string) string {
	if bare, ok := strings.CutSuffix(p, "/"); ok {
		return bare
	}
	return p + "/"
}

// serveNearExemptPage names the cure for a request that isNearExempt.
func (a *Auth) serveNearExemptPage(w http.ResponseWriter, r *http.Request) {
	asked := a.cfg.BasePath + r.URL.Path
	exempt, difference := otherSlash(asked), "without the slash"
	if len(exempt) > len(asked) {
		difference = "with a slash"
	}
	a.servePage(w, r, Page{
		Kind: PageOtherSlash, Status: http.StatusBadRequest,
		Title: "This address needs another ending",
		Text:  "You asked for " + asked + ". Without signing in you can see " + exempt + ", " + difference + " at the end.",
		Causes: []string{
			"A link or a redirect of this site may be wrong. The operator has to make it lead to " + exempt + ".",
			"The router may add or remove the slash. The operator has to write the path in the configuration (SignIn, Login.RedirectURI, Login.LogoutURI) as the router serves it.",
		},
		Actions: append([]PageAction{{Kind: ActionContinue, Text: "Go to that address", URL: asciiURL(exempt)}}, a.homeAction(r, false)...),
	})
}
