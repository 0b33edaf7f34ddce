package matcher

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

// A Matcher matches a request if any of its rules does. It is immutable and safe
// for concurrent use. The zero Matcher, and a nil one, match nothing.
type Matcher struct {
	rules         []rule               // as given to New
	unconditional []*automaton.Machine // the union of rules without conditions; one machine if possible
	conditional   []conditionalRules
	conditions    conditionSet
}

// A rule is a compiled Rule.
type rule struct {
	pattern *Pattern
	demands []demand
}

// conditionalRules are the rules that have the same conditions.
type conditionalRules struct {
	machines []*automaton.Machine // the union of their patterns; one machine if possible
	demands  []demand
}

// New compiles rules. Without any rule it returns a Matcher that matches
// nothing, as an empty matcher does in Next.js.
//
// The error reports every mistake in every rule. It joins a *[RuleError] for each
// (see [errors.Join]). Each text begins with the number of the rule, counted from
// 1, and its pattern:
//
//	rule 2 ("/a("): unbalanced pattern at offset 2
//
// Mistakes in a pattern, or in the Value of a condition, wrap a *[SyntaxError].
func New(rules ...Rule) (*Matcher, error) {
	m := &Matcher{rules: make([]rule, len(rules))}
	var machines []*automaton.Machine
	groups := make(map[string]int) // in m.conditional, by demands
	var errs []error
	for i, r := range rules {
		c, ruleErrs := m.compileRule(r)
		if ruleErrs != nil {
			for _, err := range ruleErrs {
				errs = append(errs, &RuleError{i, r.Source, err})
			}
			continue
		}
		m.rules[i] = c
		if len(c.demands) == 0 {
			machines = append(machines, c.pattern.machine)
			continue
		}
		key := fmt.Sprint(c.demands)
		group, ok := groups[key]
		if !ok {
			group = len(m.conditional)
			groups[key] = group
			m.conditional = append(m.conditional, conditionalRules{demands: c.demands})
		}
		m.conditional[group].machines = append(m.conditional[group].machines, c.pattern.machine)
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	m.unconditional = automaton.Union(machines)
	for i := range m.conditional {
		m.conditional[i].machines = automaton.Union(m.conditional[i].machines)
	}
	return m, nil
}

// compileRule returns every error of a rule.
func (m *Matcher) compileRule(r Rule) (c rule, errs []error) {
	var err error
	if c.pattern, err = Compile(r.Source); err != nil {
		errs = append(errs, err)
	}
	demands, conditionErrs := m.conditions.addRule(r)
	c.demands = demands
	return c, append(errs, conditionErrs...)
}

// Match reports whether Next.js would run its middleware on r. A rule has to match
// the path as it was received (r.URL.EscapedPath) or decoded once (r.URL.Path).
// Either suffices. So an encoded letter cannot hide a path that is listed, and a
// path is excluded only if both forms are. Query and fragment do not count. As in
// a URL in Next.js, no path means "/", and "*" means "/*".
//
// A router may take other spellings for the same path, such as "//a" and
// "/b/../a". Next.js redirects or resolves them before it asks its matcher. A
// server that does neither must ask [Matcher.MatchPath] about them.
func (m *Matcher) Match(r *http.Request) bool {
	received, decoded := absolute(r.URL.EscapedPath()), absolute(r.URL.Path)
	paths := [...]string{received, decoded}
	if decoded == received {
		return m.MatchPaths(paths[:1], r)
	}
	return m.MatchPaths(paths[:], r)
}

// absolute returns path with a slash in front.
func absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// MatchPath reports whether a rule matches path and its conditions hold for r. It
// takes path as it is. If no rule has conditions, r is not used and may be nil,
// and nothing is allocated.
func (m *Matcher) MatchPath(path string, r *http.Request) bool {
	paths := [...]string{path}
	return m.MatchPaths(paths[:], r)
}

// MatchPaths reports whether a rule matches any of paths and its conditions hold for
// r. It does what [Matcher.MatchPath] does for each path, and reads r only once.
func (m *Matcher) MatchPaths(paths []string, r *http.Request) bool {
	if m == nil {
		return false
	}
	if anyMatches(m.unconditional, paths) {
		return true
	}
	if len(m.conditional) == 0 {
		return false
	}
	answers := newConditionAnswers(&m.conditions, r)
	return m.matchConditional(paths, &answers)
}

// matchConditional is MatchPaths for the rules with conditions.
func (m *Matcher) matchConditional(paths []string, answers *conditionAnswers) bool {
	for i := range m.conditional {
		rules := &m.conditional[i]
		if anyMatches(rules.machines, paths) && answers.satisfy(rules.demands) {
			return true
		}
	}
	return false
}

// anyMatches reports whether a machine matches a path.
func anyMatches(machines []*automaton.Machine, paths []string) bool {
	for _, machine := range machines {
		if slices.ContainsFunc(paths, machine.Match) {
			return true
		}
	}
	return false
}

// Rule returns the index, in the order given to [New], of the first rule that
// matches path and whose conditions hold for r. ok is false if there is none.
// Rule serves to explain a decision. It asks one rule after the other and takes
// longer than [Matcher.MatchPath].
func (m *Matcher) Rule(path string, r *http.Request) (index int, ok bool) {
	if m == nil {
		return 0, false
	}
	answers := newConditionAnswers(&m.conditions, r)
	for i := range m.rules {
		if m.rules[i].pattern.Match(path) && answers.satisfy(m.rules[i].demands) {
			return i, true
		}
	}
	return 0, false
}

// Pattern returns the compiled pattern of the rule with this index, in the order
// given to [New]. Its conditions do not count. Like an index into those rules, a
// wrong one panics.
func (m *Matcher) Pattern(index int) *Pattern { return m.rules[index].pattern }
