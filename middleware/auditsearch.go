package middleware

import "github.com/cognitogate/cognitogate/internal/automaton"

// compiledRoute is the language of a pattern, and its paths that no pattern of the
// matcher guards.
type compiledRoute struct {
	routeLanguage
	holes []lazyMachine
	err   error // if the pattern cannot be compiled
}

// maxAuditedPaths is how many paths a search tries that lead elsewhere, or that are
// guarded by a form which the automata do not know.
const maxAuditedPaths = 200

// A pathSearch looks for a public path of a route. The automata know which paths no
// pattern guards. The router and the guard are asked about those.
type pathSearch struct {
	pattern string                // of the route
	reaches func(p string) bool   // reports whether the router sends p to the route
	target  func(p string) string // returns the target by which p reaches the route and needs no session, or ""
	escape  func(p string) string // returns a target of p
	// taker returns the pattern by which the router decides about p. ok is false if
	// the route's language is not served at all.
	taker   func(p string) (pattern string, ok bool)
	compile func(pattern string) compiledRoute
}

// publicPath returns a public path of the language. If none is found and none can be
// ruled out, reason says why.
func (s *pathSearch) publicPath(language compiledRoute) (public, reason string) {
	if language.err != nil {
		return s.pattern, "it cannot be decided: " + language.err.Error()
	}
	for _, machine := range language.holes {
		holes, err := machine()
		if err != nil {
			return s.pattern, "it cannot be decided: " + err.Error()
		}
		for tries := 0; ; tries++ {
			p, found, err := holes.ShortestWord()
			if err != nil {
				return s.pattern, "it cannot be decided: " + err.Error()
			}
			if !found {
				break
			}
			if s.reaches(p) || !language.must.Match(p) || tries == maxAuditedPaths {
				public := firstResult(holes, func(p string) string {
					if !s.reaches(p) {
						return ""
					}
					return s.target(p)
				})
				if public != "" {
					return public, ""
				}
				return s.escape(p), "it cannot be decided: no pattern selects this path, although the guard may"
			}
			taker, ok := s.taker(p)
			if !ok {
				break
			}
			// Another route takes this path. It comes first on every path of both.
			other := s.compile(taker)
			if taker == "" { // a redirect, or nothing
				other = onePath(p)
			}
			if other.err != nil || !other.must.Match(p) {
				return s.escape(p), "it cannot be decided: " + taker + " takes this path, and may not take others"
			}
			if holes, err = automaton.Difference(holes, other.must); err != nil {
				return s.pattern, "it cannot be decided: " + err.Error()
			}
		}
	}
	return "", ""
}

// onePath returns the language of one path.
func onePath(p string) (one compiledRoute) {
	quoted, err := quoteRoute(p)
	if one.err = err; err == nil {
		one.routeLanguage, one.err = compileRoute("^"+quoted+"$", "^"+quoted+"$")
	}
	return one
}

// firstResult returns the first result of f for the shortest paths of a language.
func firstResult(language *automaton.Machine, f func(p string) string) string {
	tries := 0
	for p := range language.Words() {
		if result := f(p); result != "" {
			return result
		}
		if tries++; tries == maxAuditedPaths {
			break
		}
	}
	return ""
}
