package middleware

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/matcher"
)

// protects reports whether Protect guards the request: the matcher selects any form
// of its path, and the path is not exempt. A path that cannot be judged is protected.
func (a *Auth) protects(r *http.Request) bool {
	if r.URL.Scheme != "" && r.URL.Host == "" {
		return true // to browsers and Node.js, the host of http:///x/admin is x
	}
	if isTooLong(r.URL) {
		return true // before any work on it
	}
	if r.URL.Path == "" && a.cfg.BasePath != "" { // http.StripPrefix leaves this of BasePath itself
		root, u := *r, *r.URL // conditions may ask for the query
		u.Path, u.RawPath = "/", ""
		root.URL = &u
		r = &root
	}
	if rc := chi.RouteContext(r.Context()); rc != nil && (rc.RoutePath != "" || len(rc.RoutePatterns) > 0) {
		return a.protectsRouted(rc, r)
	}
	if p := r.URL.Path; isPlain(r.URL) {
		return !a.isExempt(p) && a.selectsPlain(p, r)
	}
	if a.isMetadata(r.URL) {
		return false
	}
	return a.matcher == nil || a.selectsAnyForm(&routedPath{}, r)
}

// protectsRouted is protects for a request whose path chi has noted.
func (a *Auth) protectsRouted(rc *chi.Context, r *http.Request) bool {
	var whole [256]byte // with this memory, a plain path needs no allocation
	var starts [8]int
	routed, ok := newRoutedPath(rc, r, whole[:0], starts[:0])
	if !ok {
		return true
	}
	routed = routed.withoutBasePath(a.cfg.BasePath, r)
	if p := r.URL.Path; isPlain(r.URL) && string(routed.whole) == p && routed.other == "" {
		return !a.isExempt(p) && (a.selectsPlain(p, r) || a.includesPart(p, routed.starts, r))
	}
	if a.isMetadata(r.URL) && string(routed.whole) == r.URL.Path && routed.other == "" {
		return false
	}
	return a.matcher == nil || a.selectsAnyForm(&routed, r)
}

// selectsPlain reports whether the matcher selects a plain path. Such a path has one
// form, apart from a slash at its end, which a router may strip.
func (a *Auth) selectsPlain(p string, r *http.Request) bool {
	var forms [2]string
	return a.matcher == nil || a.matcher.MatchPaths(appendWithoutSlash(forms[:0], p), r)
}

// includesPart reports whether the matcher selects the part of a plain path on which a
// mounted router acts.
func (a *Auth) includesPart(p string, starts []int, r *http.Request) bool {
	if a.inclusions == nil {
		return false
	}
	var forms [16]string
	parts := forms[:0]
	for _, start := range starts {
		if start > 0 {
			parts = appendWithoutSlash(parts, partOf(p, start))
		}
	}
	return a.inclusions.MatchPaths(parts, r)
}

// appendWithoutSlash appends p as it is, and without the slash at its end.
func appendWithoutSlash(paths []string, p string) []string {
	paths = append(paths, p)
	if bare := strings.TrimSuffix(p, "/"); bare != "" && bare != p {
		paths = append(paths, bare)
	}
	return paths
}

// selectsAnyForm reports whether the matcher selects any form of any path, or whether
// one cannot be judged.
func (a *Auth) selectsAnyForm(routed *routedPath, r *http.Request) bool {
	forms, ok := requestPathForms(r, routed.wholes())
	if !ok || a.matcher.MatchPaths(forms, r) {
		return true
	}
	if a.inclusions == nil {
		return false
	}
	forms, ok = newPathForms(routed.parts())
	return !ok || a.inclusions.MatchPaths(forms, r)
}

// setInclusions sets the matcher for the paths of mounted routers. Someone who guards
// a router that is mounted at /app may write /admin for /app/admin. Rules with a
// negative lookaround are left out: /((?!app/public).*) selects /public, which is
// the path of the public page in the mounted router.
func (a *Auth) setInclusions() {
	if a.matcher == nil {
		return
	}
	rules := slices.DeleteFunc(slices.Clone(a.rules), func(rule matcher.Rule) bool { return hasNegativeLookaround(rule.Source) })
	switch len(rules) {
	case 0:
	case len(a.rules):
		a.inclusions = a.matcher
	default:
		a.inclusions, _ = matcher.New(rules...) // all of them have been compiled before
	}
}

// hasNegativeLookaround reports whether a pattern has (?!…) or (?<!…).
func hasNegativeLookaround(pattern string) bool {
	inClass := false
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++ // the next character stands for itself
		case '[':
			inClass = true
		case ']':
			inClass = false
		case '(':
			if rest := pattern[i:]; !inClass && (strings.HasPrefix(rest, "(?!") || strings.HasPrefix(rest, "(?<!")) {
				return true
			}
		}
	}
	return false
}
