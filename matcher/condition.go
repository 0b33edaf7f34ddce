package matcher

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

var (
	errNoKey   = errors.New("key is required for header, query and cookie")
	errHostKey = errors.New("host has no key")
	errNoValue = errors.New("host must have a value")
)

// A conditionSet has the conditions of all rules, each once.
type conditionSet struct {
	properties propertySet
	list       []condition
	numbers    map[Condition]int // in list
}

// A condition is a compiled Condition.
type condition struct {
	property int                // in the set's properties
	value    *automaton.Machine // nil: every value matches
}

// A demand is the answer that a rule wants of a condition.
type demand struct {
	condition int    // in the conditionSet
	want      answer // holds for Has, fails for Missing
}

// add compiles a condition, unless the set has it, and returns its number.
func (set *conditionSet) add(c Condition) (int, error) {
	switch {
	case c.Type == "header":
		c.Key = http.CanonicalHeaderKey(c.Key)
	case c.Type != "cookie" && c.Type != "query" && c.Type != "host":
		return 0, fmt.Errorf("type %q is not header, query, cookie or host", c.Type)
	}
	if n, ok := set.numbers[c]; ok {
		return n, nil
	}
	var compiled condition
	switch {
	case c.Type == "host" && c.Key != "":
		return 0, errHostKey
	case c.Type == "host" && c.Value == "":
		return 0, errNoValue // Next.js accepts it, and throws at every request
	case c.Key == "" && (c.Type == "header" || c.Type == "cookie"):
		return 0, errNoKey // but a parameter without a name can be sent
	case c.Value != "":
		var err error
		if compiled.value, err = compileValue(c.Value); err != nil {
			return 0, fmt.Errorf("value: %w", err)
		}
	}
	compiled.property = set.properties.add(property{c.Type, c.Key})
	set.list = append(set.list, compiled)
	if set.numbers == nil {
		set.numbers = make(map[Condition]int)
	}
	set.numbers[c] = len(set.list) - 1
	return len(set.list) - 1, nil
}

// addRule adds the conditions of a rule, and returns every error in them. Rules with
// the same conditions get equal demands.
func (set *conditionSet) addRule(r Rule) (demands []demand, errs []error) {
	add := func(field string, conditions []Condition, want answer) {
		for i, c := range conditions {
			n, err := set.add(c)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s[%d]: %w", field, i, err))
			}
			demands = append(demands, demand{n, want})
		}
	}
	add("has", r.Has, holds)
	add("missing", r.Missing, fails)
	slices.SortFunc(demands, func(x, y demand) int {
		if x.condition != y.condition {
			return x.condition - y.condition
		}
		return int(x.want) - int(y.want)
	})
	return slices.Compact(demands), errs
}

// compileValue compiles the Value of a condition. Next.js (matchHas) writes ^ and
// $ around it without grouping it, and searches for the result.
func compileValue(value string) (*automaton.Machine, error) {
	decoded, err := automaton.Decode(value)
	if err != nil {
		return nil, asSyntaxError(value, err)
	}
	text := append(automaton.AppendASCII(nil, "^", 0), decoded...)
	text = automaton.AppendASCII(text, "$", len(value))
	re, err := automaton.Parse(text)
	if err != nil {
		return nil, asSyntaxError(value, err)
	}
	m, err := re.Compile()
	if err != nil {
		return nil, asSyntaxError(value, err)
	}
	return m, nil
}
