package middleware

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/automaton"
	"github.com/cognitogate/cognitogate/matcher"
)

// SessionConfig is for the test that every field is copied.
var SessionConfig = sessionConfig

// TokensOptions is for the test that every field is copied.
var TokensOptions = tokensOptions

// LogRefusal logs a refusal like a guard of Require.
func (a *Auth) LogRefusal(r *http.Request, err error) {
	(&guard{auth: a, kind: kindRequire}).logRefusal(r, r, a.refusalDecision(r, err), err)
}

// RoutePaths returns up to n paths of a chi pattern, and as many of those that no pattern
// of the matcher selects as they are written.
func (a *Auth) RoutePaths(pattern string, n int) (paths, unselected []string) {
	language, err := compileChi(pattern)
	if err != nil {
		return nil, nil
	}
	return a.languagePaths(language.may, n)
}

func (a *Auth) languagePaths(language *automaton.Machine, n int) (paths, unselected []string) {
	first := func(m *automaton.Machine) (paths []string) {
		for p := range m.Words() {
			if paths = append(paths, p); len(paths) >= n {
				break
			}
		}
		return paths
	}
	rest := language
	for _, p := range a.unconditionalPatterns() {
		var err error
		if rest, err = automaton.Difference(rest, p.Machine()); err != nil {
			return first(language), nil
		}
	}
	return first(language), first(rest)
}

// Rules returns the rules of the matcher.
func (a *Auth) Rules() []matcher.Rule { return a.rules }

// MuxPaths is RoutePaths for a pattern of ServeMux. Paths have escapes.
func (a *Auth) MuxPaths(pattern string, n int) (paths, unselected []string) {
	audit := &muxAudit{pathAudit: newPathAudit(a), mux: http.NewServeMux(), patterns: make(map[string]*muxPattern)}
	audit.register(pattern)
	p := audit.pattern(pattern)
	if p.decoded.err != nil || p.escaped.err != nil {
		return nil, nil
	}
	paths, unselected = a.languagePaths(p.escaped.may, n)
	for _, path := range paths {
		paths = append(paths, strings.Replace(path, "x", "%2F", 1))
	}
	own, more := a.languagePaths(p.decoded.may, n)
	return append(paths, own...), append(unselected, more...)
}

// PathForms returns the forms of a path, and whether all of them can be judged.
func PathForms(p string) (forms []string, ok bool) { return newPathForms([]string{p}) }

// AuditKnows reports whether the automata of the audit judge a path as the guard does:
// whether it is plain, and if not, whether it cannot be judged.
func AuditKnows(p string) bool {
	plain := isPlain(&url.URL{Path: p, RawPath: p})
	return plain == plainPaths.Match(p) && (plain || !utf8.ValidString(p) || isJudgeable(p) != unjudgedPaths.Match(p))
}
