package matcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Rules is a whole config.matcher of Next.js in JSON: one string, or an array of
// strings and objects. As in Next.js, an object must stand in an array.
type Rules []Rule

// UnmarshalJSON reports every mistake at once, as [New] does. If there is one, it
// leaves the rules as they are.
func (rules *Rules) UnmarshalJSON(data []byte) error {
	if source := ""; decodeString(data, &source) == nil {
		*rules = Paths(source)
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal(data, &items) != nil || items == nil {
		return errors.New("a matcher must be a string or an array")
	}
	out := make(Rules, len(items))
	var errs []error
	for i, item := range items {
		for _, err := range out[i].decode(item) {
			errs = append(errs, &RuleError{i, out[i].Source, err})
		}
	}
	if errs != nil {
		return errors.Join(errs...)
	}
	*rules = out
	return nil
}

// UnmarshalJSON accepts a string or an object. Unknown keys, a missing source
// and values of the wrong type are errors, as in Next.js. [New] compiles the
// pattern and the values of conditions; UnmarshalJSON does not.
func (r *Rule) UnmarshalJSON(data []byte) error {
	var out Rule
	if errs := out.decode(data); errs != nil {
		return fmt.Errorf("rule %q: %w", out.Source, errors.Join(errs...))
	}
	*r = out
	return nil
}

// decode returns every error that Next.js's schema (MiddlewareMatcherInputSchema)
// would find.
func (r *Rule) decode(data []byte) (errs []error) {
	if decodeString(data, &r.Source) == nil {
		return nil
	}
	object, ok := decodeObject(data)
	if !ok {
		return []error{errors.New("must be a string or an object")}
	}
	if object["source"] == nil {
		errs = append(errs, errors.New("source is required"))
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := object[key]
		switch key {
		case "source":
			if err := decodeString(value, &r.Source); err != nil {
				errs = append(errs, fmt.Errorf("source %w", err))
			}
		case "has":
			errs = append(errs, decodeConditions(key, value, &r.Has)...)
		case "missing":
			errs = append(errs, decodeConditions(key, value, &r.Missing)...)
		case "locale":
			if string(value) != "false" {
				errs = append(errs, errors.New("locale can only be false"))
			}
		default:
			errs = append(errs, fmt.Errorf("%q is not a key of a rule", key))
		}
	}
	return errs
}

func decodeConditions(key string, data []byte, to *[]Condition) (errs []error) {
	var items []json.RawMessage
	if json.Unmarshal(data, &items) != nil || items == nil {
		return []error{fmt.Errorf("%s must be an array", key)}
	}
	*to = make([]Condition, len(items))
	for i, item := range items {
		if err := (*to)[i].decode(item); err != nil {
			errs = append(errs, fmt.Errorf("%s[%d]: %w", key, i, err))
		}
	}
	return errs
}

func (c *Condition) decode(data []byte) error {
	object, ok := decodeObject(data)
	if !ok {
		return errors.New("must be an object")
	}
	fields := map[string]*string{"type": &c.Type, "key": &c.Key, "value": &c.Value}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		to, ok := fields[key]
		if !ok {
			return fmt.Errorf("%q is not a key of a condition", key)
		}
		if err := decodeString(object[key], to); err != nil {
			return fmt.Errorf("%s %w", key, err)
		}
	}
	// An empty key is a key: the parameter of "?=1" has it.
	switch hasKey := object["key"] != nil; {
	case c.Type == "host" && hasKey:
		return errHostKey
	case c.Type != "host" && !hasKey:
		return errNoKey
	}
	return nil
}

// decodeObject keeps the case of keys. With a struct, encoding/json would take
// "Source" for "source".
func decodeObject(data []byte) (object map[string]json.RawMessage, ok bool) {
	err := json.Unmarshal(data, &object)
	return object, err == nil && object != nil
}

func decodeString(data []byte, to *string) error {
	if string(data) == "null" || json.Unmarshal(data, to) != nil {
		return errors.New("must be a string")
	}
	return nil
}
