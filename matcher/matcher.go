package matcher

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A Matcher matches what any of its rules matches. It is immutable and safe
// for concurrent use. The zero Matcher, and a nil one, match nothing.
type Matcher struct {
	rules []rule
	paths []*dfa // all rules without conditions, as one automaton if it fits
	rest  []rule // the rules with conditions
}

// A rule is a Rule ready to be asked.
type rule struct {
	path         *dfa
	has, missing []condition
}

// New compiles rules. Without any it returns a Matcher that matches nothing,
// as an empty matcher does in Next.js.
//
// The error joins all faults of all rules. Each begins with the rule's number,
// counted from 1, and its source, as in
//
//	rule 2 ("/a("): unbalanced pattern at offset 2
//
// and, where the fault is in a pattern or in the value of a condition, wraps a
// *[SyntaxError].
func New(rules ...Rule) (*Matcher, error) {
	m := &Matcher{rules: make([]rule, len(rules))}
	var errs []error
	var paths []*dfa
	for i, r := range rules {
		c, faults := compileRule(r)
		for _, err := range faults {
			errs = append(errs, ruleError{i, r.Source, err})
		}
		m.rules[i] = c
		if len(c.has)+len(c.missing) == 0 {
			paths = append(paths, c.path)
		} else {
			m.rest = append(m.rest, c)
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	m.paths = unite(paths)
	return m, nil
}

func compileRule(r Rule) (c rule, errs []error) {
	var err error
	if c.path, err = compilePath(r.Source); err != nil {
		errs = append(errs, err)
	}
	conditions := func(field string, in []Condition) (out []condition) {
		for i, c := range in {
			compiled, err := newCondition(c)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s[%d]: %w", field, i, err))
			}
			out = append(out, compiled)
		}
		return out
	}
	c.has = conditions("has", r.Has)
	c.missing = conditions("missing", r.Missing)
	return c, errs
}

// Match reports whether Next.js would run its middleware on r: whether any
// rule matches the path as received (r.URL.EscapedPath) or decoded once
// (r.URL.Path). Both count, so that neither an encoded letter in a path that
// is listed nor one in a path that is excluded hides a request. An empty path
// is the path "/".
//
// Match does not see other spellings that a router may take for the same
// route, such as "//a" or "/b/../a": Next.js redirects or resolves them before
// it asks. Ask [Matcher.MatchPath] about each that your router knows.
func (m *Matcher) Match(r *http.Request) bool {
	raw, decoded := absolute(r.URL.EscapedPath()), absolute(r.URL.Path)
	return m.MatchPath(raw, r) || decoded != raw && m.MatchPath(decoded, r)
}

// absolute returns the path that a URL has in Next.js, where it begins with a
// slash even if the target was "*" or had none.
func absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// MatchPath reports whether any rule matches this path, to which nothing is
// done, and the conditions of that rule hold for r. Without rules that have
// conditions r is not looked at, and nothing is allocated.
func (m *Matcher) MatchPath(path string, r *http.Request) bool {
	if m == nil {
		return false
	}
	for _, d := range m.paths {
		if d.match(path) {
			return true
		}
	}
	for i := range m.rest {
		if m.rest[i].matches(path, r) {
			return true
		}
	}
	return false
}

// Rule returns the index, among the rules given to [New], of the first that
// matches this path and whose conditions hold for r; ok is false if none does.
// It asks every rule in turn, so [Matcher.MatchPath] is faster.
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
