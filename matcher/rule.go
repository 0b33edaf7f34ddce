package matcher

// A Rule is one entry of a Next.js matcher. It selects a request if Source matches
// its path, all conditions in Has hold, and none in Missing does.
//
// In JSON a rule is a string or an object, as in Next.js:
//
//	"/dashboard/:path*"
//	{"source": "/api/:path*", "missing": [{"type": "cookie", "key": "beta"}]}
//
// The key "locale" may be false, which changes nothing: this package never expects
// a locale in the path.
type Rule struct {
	Source       string      // the pattern; required
	Has, Missing []Condition // default: none
}

// A Condition of a [Rule] asks for a property of the request. It holds if the
// request has the property, the property is not empty, and Value matches it.
//
// Properties are read as Next.js on Node.js reads them. Repeated headers are
// joined with commas; of those that make no sense twice, the first counts. Of
// cookies with one name the first counts, and of parameters the last. Cookies and
// parameters are decoded.
//
// The client chooses these properties. Do not let a Condition exempt a request
// from a check: anybody can send a header, or leave it out. In Next.js, a rule that
// misses "purpose: prefetch" decides about a header of the answer. Where a rule
// decides about access, the same rule opens the page to anybody who sends that header.
type Condition struct {
	// Type is the kind of property: "header", "cookie", "query" (a parameter of
	// the query string) or "host" (the name in the Host header, in lower case
	// and without its port). Required.
	Type string

	// Key is the name of the header, in any case, of the cookie or of the
	// parameter. Required, except for "host", which has none.
	Key string

	// Value is a JavaScript regular expression. It is case-sensitive. As in
	// Next.js, ^ and $ are written around it without grouping it. So "a|b" means
	// "begins with a, or ends with b". Write "(?:a|b)" for "is a or b".
	// Default: every value matches. Required for "host".
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
