package middleware

import (
	"github.com/cognitogate/cognitogate/internal/automaton"
	"github.com/cognitogate/cognitogate/matcher"
)

// SessionConfig is for the test that every field is copied.
var SessionConfig = sessionConfig

// UnselectedPaths returns up to n paths of a chi pattern that no pattern of the matcher
// selects as they are written.
func (a *Auth) UnselectedPaths(pattern string, n int) (paths []string) {
	language, err := compileChi(pattern)
	if err != nil {
		return nil
	}
	return a.unselected(language, n)
}

func (a *Auth) unselected(language routeLanguage, n int) (paths []string) {
	rest := language.may
	for _, p := range a.unconditionalPatterns() {
		var err error
		if rest, err = automaton.Difference(rest, p.Machine()); err != nil {
			return nil
		}
	}
	for p := range rest.Words() {
		if paths = append(paths, p); len(paths) == n {
			break
		}
	}
	return paths
}

// Rules returns the rules of the matcher.
func (a *Auth) Rules() []matcher.Rule { return a.rules }
