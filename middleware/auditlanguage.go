package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"sync"

	"github.com/cognitogate/cognitogate/internal/automaton"
	"github.com/cognitogate/cognitogate/matcher"
)

// A pathAudit decides which paths of a language the matcher leaves unguarded. Its
// answers hold for the guard's own judgement of forms: a path is guarded if the matcher
// selects the path as it is, without a slash at its end, with its slashes merged, or
// escaped, or if it cannot be judged. Other forms can only guard more.
type pathAudit struct {
	auth     *Auth // without the rules that have conditions
	patterns []*matcher.Pattern
	// plain and odd match paths that are guarded, of the plain ones and of the others.
	plain, odd []*automaton.Machine
	err        error // if a pattern is too large
}

func newPathAudit(a *Auth) *pathAudit {
	audit := &pathAudit{auth: a.withoutConditions(), patterns: a.unconditionalPatterns()}
	for _, p := range audit.patterns {
		audit.add(p.Machine())
	}
	return audit
}

// add makes the machines of a pattern.
func (audit *pathAudit) add(m *automaton.Machine) {
	bare, err := m.WithFinalSlash()
	audit.err = cmp.Or(audit.err, err)
	if err != nil {
		return
	}
	audit.plain = append(audit.plain, bare)
	merged, err := bare.AfterMergingSlashes()
	audit.err = cmp.Or(audit.err, err)
	escaped, err := bare.AfterEscaping()
	audit.err = cmp.Or(audit.err, err)
	if audit.err != nil {
		return
	}
	escaped, err = escaped.AfterMergingSlashes()
	audit.err = cmp.Or(audit.err, err)
	audit.odd = append(audit.odd, m, merged, escaped)
}

// withoutConditions returns an Auth that judges paths by the rules without conditions
// alone.
func (a *Auth) withoutConditions() *Auth {
	if a.matcher == nil {
		return a
	}
	var rules []matcher.Rule
	for _, r := range a.rules {
		if len(r.Has) == 0 && len(r.Missing) == 0 {
			rules = append(rules, r)
		}
	}
	if len(rules) == len(a.rules) {
		return a
	}
	judge := *a
	judge.rules = rules
	judge.matcher, _ = matcher.New(rules...) // New has compiled them once
	judge.inclusions = nil
	judge.setInclusions()
	return &judge
}

// unconditionalPatterns returns the patterns of the rules without conditions.
func (a *Auth) unconditionalPatterns() (patterns []*matcher.Pattern) {
	for i, r := range a.rules {
		if len(r.Has) == 0 && len(r.Missing) == 0 {
			patterns = append(patterns, a.matcher.Pattern(i))
		}
	}
	return patterns
}

// plainPaths matches the paths of which isPlain says so.
var plainPaths, _ = automaton.Compile(`^(?:\/(?![\/.])[\w\-.~$&+,:=@!'()*]*)+$`)

// unjudgedPaths matches paths that isJudgeable refuses, and that are guarded therefore.
var unjudgedPaths, _ = automaton.Compile(`^[\/\\]{2}|\/\.\.?(?:\/|$)|[\0-\x1f\x7f-\x9f]`)

// A lazyMachine makes a machine once somebody needs it.
type lazyMachine func() (*automaton.Machine, error)

// holes returns the paths of a language that no pattern guards, the plain ones and the
// others.
func (audit *pathAudit) holes(language *automaton.Machine) []lazyMachine {
	if audit.auth.matcher == nil {
		return nil
	}
	return []lazyMachine{
		sync.OnceValues(func() (*automaton.Machine, error) {
			plain, err := automaton.Intersection(language, plainPaths)
			if err = cmp.Or(audit.err, err); err != nil {
				return nil, err
			}
			return subtract(plain, audit.plain)
		}),
		sync.OnceValues(func() (*automaton.Machine, error) {
			odd, err := subtract(language, []*automaton.Machine{plainPaths, unjudgedPaths})
			if err = cmp.Or(audit.err, err); err != nil {
				return nil, err
			}
			return subtract(odd, audit.odd)
		}),
	}
}

// subtract returns what m matches and none of the others does.
func subtract(m *automaton.Machine, others []*automaton.Machine) (*automaton.Machine, error) {
	for _, other := range others {
		var err error
		if m, err = automaton.Difference(m, other); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// unguardedTarget returns the target of a request whose path a router reads as p, and
// which the guard lets through. It returns "" if there is none.
func (audit *pathAudit) unguardedTarget(method, p string) string {
	for _, target := range []string{p, (&url.URL{Path: p}).EscapedPath()} {
		u, err := url.ParseRequestURI(target)
		if err != nil || cmp.Or(u.RawPath, u.Path) != p || u.EscapedPath() != target {
			continue
		}
		if !audit.auth.protects(&http.Request{Method: method, URL: u}) {
			return target
		}
	}
	return ""
}

// selectedBy returns the first pattern that selects a path of a language. That is one of
// its shortest paths if possible.
func (audit *pathAudit) selectedBy(language *automaton.Machine) string {
	if audit.auth.matcher == nil {
		return "every path"
	}
	p, found, _ := language.ShortestWord()
	for _, pattern := range audit.patterns {
		if found && pattern.Match(p) {
			return pattern.String()
		}
	}
	for _, pattern := range audit.patterns {
		both, err := automaton.Intersection(language, pattern.Machine())
		if err != nil {
			continue
		}
		if empty, err := both.Empty(); err == nil && !empty {
			return pattern.String()
		}
	}
	return ""
}
