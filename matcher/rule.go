package matcher

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A Rule is one entry of a Next.js matcher: requests whose path matches Source
// and on which every condition of Has and none of Missing holds.
//
// In JSON a rule is what it is in Next.js, a string or an object:
//
//	"/dashboard/:path*"
//	{"source": "/api/:path*", "missing": [{"type": "cookie", "key": "session"}]}
//
// The key "locale" may be false, which changes nothing here: there is no
// built-in internationalized routing that could add a locale to the path.
type Rule struct {
	Source       string      // the pattern; required
	Has, Missing []Condition // none by default
}

// A Condition of a [Rule] asks for a property of the request. It holds when
// the property is there, not empty, and matches Value, if Value is not empty.
//
// Value is a JavaScript regular expression, case-sensitive. As in Next.js, ^
// and $ are written around it without grouping: "a|b" means "begins with a, or
// ends with b"; write "(?:a|b)" for "is a or b".
//
// Conditions read what the client sends. Never use Has to exempt a request
// from a check, nor Missing to protect only those that lack something.
type Condition struct {
	// Type is the kind of property: "header", "cookie", "query" (a parameter
	// of the query string) or "host" (the name in the Host header, lower-cased,
	// without its port).
	Type string
	// Key names the header, in any case, or the cookie or the parameter.
	// Required except for "host", which must have none.
	Key string
	// Value is required for "host"; otherwise the default is any value.
	Value string
}

// Paths returns one rule without conditions for each pattern.
func Paths(sources ...string) []Rule {
	rules := make([]Rule, len(sources))
	for i, source := range sources {
		rules[i].Source = source
	}
	return rules
}

// Rules is a whole Next.js config.matcher, as it stands in JSON: one string,
// or an array of strings and objects. As in Next.js an object must stand in an
// array.
type Rules []Rule

// UnmarshalJSON reports every faulty rule at once.
func (rules *Rules) UnmarshalJSON(data []byte) error {
	var source string
	if json.Unmarshal(data, &source) == nil && string(data) != "null" {
		*rules = Paths(source)
		return nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil || items == nil {
		return errors.New("matcher: must be a string or an array")
	}
	out := make(Rules, len(items))
	var errs []error
	for i, item := range items {
		if err := out[i].unmarshal(item); err != nil {
			errs = append(errs, ruleError{i, out[i].Source, err})
		}
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	*rules = out
	return nil
}

// UnmarshalJSON accepts what Next.js accepts: unknown keys, a missing source
// and values of the wrong type are errors. Patterns and conditions are checked
// by [New].
func (r *Rule) UnmarshalJSON(data []byte) error {
	var out Rule
	if err := out.unmarshal(data); err != nil {
		return fmt.Errorf("rule %q: %w", out.Source, err)
	}
	*r = out
	return nil
}

func (r *Rule) unmarshal(data []byte) error {
	if data = bytes.TrimSpace(data); data[0] != '{' {
		if data[0] != '"' {
			return errors.New("must be a string or an object")
		}
		return json.Unmarshal(data, &r.Source)
	}
	fields, err := unmarshalObject(data)
	if err != nil {
		return err
	}
	var errs []error
	if source, ok := fields["source"]; !ok {
		errs = append(errs, errors.New("source is required"))
	} else if err := unmarshalString(source, &r.Source); err != nil {
		errs = append(errs, fmt.Errorf("source %w", err))
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		switch key {
		case "source":
		case "has":
			r.Has, err = unmarshalConditions(fields[key])
		case "missing":
			r.Missing, err = unmarshalConditions(fields[key])
		case "locale":
			if string(fields[key]) != "false" {
				err = errors.New("can only be false")
			}
		default:
			err = errors.New("is not a key of a rule")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %w", key, err))
			err = nil
		}
	}
	return errors.Join(errs...)
}

func unmarshalConditions(data []byte) ([]Condition, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(data, &items); err != nil || items == nil {
		return nil, errors.New("must be an array")
	}
	conditions := make([]Condition, len(items))
	var errs []error
	for i, item := range items {
		if err := conditions[i].unmarshal(item); err != nil {
			errs = append(errs, fmt.Errorf("[%d]: %w", i, err))
		}
	}
	return conditions, errors.Join(errs...)
}

func (c *Condition) unmarshal(data []byte) error {
	fields, err := unmarshalObject(data)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		var to *string
		switch key {
		case "type":
			to = &c.Type
		case "key":
			to = &c.Key
		case "value":
			to = &c.Value
		default:
			return fmt.Errorf("%s is not a key of a condition", key)
		}
		if err := unmarshalString(fields[key], to); err != nil {
			return fmt.Errorf("%s %w", key, err)
		}
	}
	_, hasKey := fields["key"]
	switch {
	case c.Type == "host" && hasKey:
		return errHostKey
	case c.Type != "host" && !hasKey:
		return errNoKey
	}
	return nil
}

// unmarshalObject keeps the keys as they are written; encoding/json alone
// would take "Source" for "source".
func unmarshalObject(data []byte) (fields map[string]json.RawMessage, err error) {
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		return nil, errors.New("must be an object")
	}
	return fields, nil
}

func unmarshalString(data []byte, to *string) error {
	if data[0] != '"' {
		return errors.New("must be a string")
	}
	return json.Unmarshal(data, to)
}

// A ruleError names the rule that is at fault.
type ruleError struct {
	index  int
	source string
	err    error
}

func (e ruleError) Error() string {
	msg := e.err.Error()
	if s, ok := e.err.(*SyntaxError); ok {
		msg = s.place() // the source is named already
	}
	return fmt.Sprintf("rule %d (%q): %s", e.index+1, e.source, msg)
}

func (e ruleError) Unwrap() error { return e.err }
