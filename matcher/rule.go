package matcher

import "fmt"

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
