package middleware

import (
	"net/http"
	"slices"
	"strings"
)

// protects reports whether Protect guards the request: the matcher selects any form
// of its path, and the path is not exempt. A path that cannot be judged is protected.
func (a *Auth) protects(r *http.Request) bool {
	if p := r.URL.Path; isPlain(r.URL) && chiRoutePath(r, p) == p {
		// The usual path has one form, apart from a slash at the end, which a router
		// may strip.
		bare := strings.TrimSuffix(p, "/")
		if slices.Contains(a.exempt, bare) {
			return false
		}
		forms := [...]string{p, bare}
		if bare == p || bare == "" {
			return a.selects(forms[:1], r)
		}
		return a.selects(forms[:], r)
	}
	if a.matcher == nil {
		return true
	}
	forms, ok := requestPathForms(r)
	return !ok || a.selects(forms, r)
}

// selects reports whether the matcher selects a form of a path, exactly as it is
// written.
func (a *Auth) selects(forms []string, r *http.Request) bool {
	return a.matcher == nil || a.matcher.MatchPaths(forms, r)
}
