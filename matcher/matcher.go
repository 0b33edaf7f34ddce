package matcher

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A Matcher matches what any of its rules matches. It is immutable and safe for
// concurrent use. The zero Matcher, and a nil one, match nothing.
type Matcher struct {
	rules       []rule // as given to New
	paths       []*dfa // all that have no conditions, one automaton if it can be
	conditional []rule // the others
}

// A rule is a Rule that has been compiled.
type rule struct {
	path         *dfa
	has, missing []condition
}

// New compiles rules. Without any rule it returns a Matcher that matches
// nothing, as an empty matcher does in Next.js.
//
// The error tells all faults of all rules, joined. Each begins with the number
// of the rule, counted from 1, and its pattern:
//
//	rule 2 ("/a("): unbalanced pattern at offset 2
//
// Those in a pattern or in the Value of a condition wrap a *[SyntaxError].
func New(rules ...Rule) (*Matcher, error) {
	m := &Matcher{rules: make([]rule, len(rules))}
	var paths []*dfa
	var errs []error
	for i, r := range rules {
		c, faults := compileRule(r)
		for _, err := range faults {
			errs = append(errs, ruleError{i, r.Source, err})
		}
		m.rules[i] = c
		if len(c.has)+len(c.missing) == 0 {
			paths = append(paths, c.path)
		} else {
			m.conditional = append(m.conditional, c)
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	m.paths = unite(paths)
	return m, nil
}

// compileRule returns all faults of a rule.
func compileRule(r Rule) (c rule, faults []error) {
	var err error
	if c.path, err = compilePath(r.Source); err != nil {
		faults = append(faults, err)
	}
	conditions := func(field string, in []Condition) (out []condition) {
		for i := range in {
			compiled, err := newCondition(in[i])
			if err != nil {
				faults = append(faults, fmt.Errorf("%s[%d]: %w", field, i, err))
			}
			out = append(out, compiled)
		}
		return out
	}
	c.has = conditions("has", r.Has)
	c.missing = conditions("missing", r.Missing)
	return c, faults
}

// Match reports whether Next.js would run its middleware on r: whether a rule
// matches the path as it was received (r.URL.EscapedPath) or decoded once
// (r.URL.Path). Either will do, so that an encoded letter hides neither a path
// that is listed nor one that only escapes an exclusion. Query and fragment are
// no part of it. What has no path, or the path "*", is taken for "/" and "/*",
// as a URL is in Next.js.
//
// There are more spellings that a router may take for the same path, such as
// "//a" and "/b/../a". Next.js redirects or resolves them before it asks its
// matcher; a server that does not has to ask [Matcher.MatchPath] about them.
func (m *Matcher) Match(r *http.Request) bool {
	received, decoded := absolute(r.URL.EscapedPath()), absolute(r.URL.Path)
	return m.MatchPath(received, r) || decoded != received && m.MatchPath(decoded, r)
}

func absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// MatchPath reports whether a rule matches path, which is taken as it is, and
// its conditions hold for r. If no rule has conditions r is not used and may be
// nil, and nothing is allocated.
func (m *Matcher) MatchPath(path string, r *http.Request) bool {
	if m == nil {
		return false
	}
	for _, d := range m.paths {
		if d.match(path) {
			return true
		}
	}
	for i := range m.conditional {
		if m.conditional[i].matches(path, r) {
			return true
		}
	}
	return false
}

// Rule returns the index, in the order given to [New], of the first rule that
// matches path and whose conditions hold for r; ok is false if there is none.
// It is for explaining a decision: it asks one rule after the other, and takes
// longer than [Matcher.MatchPath].
func (m *Matcher) Rule(path string, r *http.Request) (index int, ok bool) {
	if m == nil {
		return 0, false
	}
	for i := range m.rules {
		if m.rules[i].matches(path, r) {
			return i, true
		}
	}
	return 0, false
}

// matches is the body of Next.js's getMiddlewareRouteMatcher and matchHas.
func (c *rule) matches(path string, r *http.Request) bool {
	if !c.path.match(path) {
		return false
	}
	for i := range c.has {
		if !c.has[i].holds(r) {
			return false
		}
	}
	for i := range c.missing {
		if c.missing[i].holds(r) {
			return false
		}
	}
	return true
}
