package matcher

import "fmt"

// A Rule is one entry of a Next.js matcher. It selects the requests whose path
// matches Source, for which all conditions in Has hold and none in Missing.
//
// In JSON a rule is what it is in Next.js, a string or an object:
//
//	"/dashboard/:path*"
//	{"source": "/api/:path*", "missing": [{"type": "cookie", "key": "beta"}]}
//
// The key "locale" may be there and false, which changes nothing: nothing here
// expects a locale in the path.
type Rule struct {
	Source       string      // the pattern; required
	Has, Missing []Condition // default: none
}

// A Condition of a [Rule] asks for a property of the request. It holds if the
// request has the property, not empty, and Value matches it.
//
// Properties are read as Next.js on Node.js reads them. A header that comes
// twice is joined with commas, or the first counts where a second makes no
// sense; of cookies the first of a name counts, of parameters the last; cookies
// and parameters are decoded.
//
// What is asked for is what the client sends. Do not let a Condition exempt a
// request from a check: anybody can send the header, or leave it out.
type Condition struct {
	// Type says what is asked for: "header", "cookie", "query" (a parameter of
	// the query string) or "host" (the name in the Host header, in lower case
	// and without its port). Required.
	Type string

	// Key is the name of the header, in any case, of the cookie or of the
	// parameter. Required, except for "host", which has none.
	Key string

	// Value is a JavaScript regular expression. It is case-sensitive. As in
	// Next.js ^ and $ are written around it without grouping it, so that "a|b"
	// means "begins with a, or ends with b"; write "(?:a|b)" for "is a or b".
	// Default: any value will do. Required for "host".
	Value string
}

// Paths returns a rule without conditions for each pattern.
func Paths(sources ...string) []Rule {
	rules := make([]Rule, len(sources))
	for i, source := range sources {
		rules[i].Source = source
	}
	return rules
}

// A ruleError says which rule is at fault.
type ruleError struct {
	index  int
	source string
	err    error
}

func (e ruleError) Error() string {
	msg := e.err.Error()
	if s, ok := e.err.(*SyntaxError); ok {
		msg = s.fault() // its source is the rule's
	}
	return fmt.Sprintf("rule %d (%q): %s", e.index+1, e.source, msg)
}

func (e ruleError) Unwrap() error { return e.err }
