package matcher

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

var (
	errNoKey   = errors.New("key is required for header, query and cookie")
	errHostKey = errors.New("host has no key")
	errNoValue = errors.New("host must have a value")
)

// A condition is a compiled Condition.
type condition struct {
	property property
	value    *automaton.Machine // nil: every value matches
}

func newCondition(c Condition) (out condition, err error) {
	switch c.Type {
	case "header":
		out.property = headerProperty(c.Key)
	case "cookie":
		out.property = cookieProperty(c.Key)
	case "query":
		out.property = queryProperty(c.Key)
	case "host":
		out.property = hostProperty
	default:
		return out, fmt.Errorf("type %q is not header, query, cookie or host", c.Type)
	}
	switch {
	case c.Type == "host" && c.Key != "":
		return out, errHostKey
	case c.Type == "host" && c.Value == "":
		return out, errNoValue // Next.js accepts it, and throws at every request
	case c.Key == "" && (c.Type == "header" || c.Type == "cookie"):
		return out, errNoKey // but a parameter without a name can be sent
	case c.Value != "":
		if out.value, err = compileValue(c.Value); err != nil {
			return out, fmt.Errorf("value: %w", err)
		}
	}
	return out, nil
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

// holds is hasMatch in Next.js's matchHas.
func (c *condition) holds(r *http.Request) bool {
	value, found := c.property(r)
	return found && (c.value == nil || c.value.Match(value))
}
