package matcher

import (
	"net/http"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

// Machines returns how many machines answer for the rules without conditions.
func (m *Matcher) Machines() int { return len(m.unconditional) }

// CompileStats is Compile that also describes the construction, even a failed
// one.
func CompileStats(source string) (*Pattern, automaton.Stats, error) {
	re, err := parsePath(source)
	if err != nil {
		return nil, automaton.Stats{}, err
	}
	m, stats, err := re.CompileStats()
	if err != nil {
		return nil, stats, asSyntaxError(source, err)
	}
	return &Pattern{source, m}, stats, nil
}

// Simulate returns the slow, independent Match of a pattern.
func Simulate(source string) (match func(path string) bool, err error) {
	re, err := parsePath(source)
	if err != nil {
		return nil, err
	}
	return re.Simulate, nil
}

// MaxRead is the bound on what conditions read of one request.
const MaxRead = maxRead

// Conditions returns how many conditions, and how many groups of rules with the same
// conditions, the matcher has.
func (m *Matcher) Conditions() (conditions, groups int) {
	return len(m.conditions.list), len(m.conditional)
}

// BytesRead returns what the conditions of the rules that match a path read of r.
func (m *Matcher) BytesRead(paths []string, r *http.Request) int {
	answers := newConditionAnswers(&m.conditions, r)
	m.matchConditional(paths, &answers)
	return maxRead - answers.values.left
}
