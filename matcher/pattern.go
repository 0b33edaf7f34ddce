package matcher

import "github.com/cognitogate/cognitogate/internal/automaton"

// A Pattern is one compiled pattern. It is immutable and safe for concurrent
// use. The zero Pattern matches nothing.
type Pattern struct {
	source  string
	machine *automaton.Machine
}

// Compile compiles one pattern, such as "/dashboard/:path*" or
// "/((?!api|_next/static).*)", to what Next.js makes of it. It rejects patterns
// that Next.js rejects, and those that exceed the limits in the package
// documentation. Every error is a *[SyntaxError].
func Compile(source string) (*Pattern, error) {
	re, err := parsePath(source)
	if err != nil {
		return nil, err
	}
	m, err := re.Compile()
	if err != nil {
		return nil, asSyntaxError(source, err)
	}
	return &Pattern{source: source, machine: m}, nil
}

// MustCompile is like [Compile] but panics if there is an error. It is for
// patterns that are constants of the program.
func MustCompile(source string) *Pattern {
	p, err := Compile(source)
	if err != nil {
		panic("matcher: MustCompile: " + err.Error())
	}
	return p
}

// Match reports whether the pattern matches the whole of path. It takes path as
// it is, and neither decodes nor cleans it. As in JavaScript, characters beyond
// U+FFFF count as two. Bytes that are not UTF-8 count as U+FFFD each. Match takes
// time linear in the length of path and allocates nothing.
func (p *Pattern) Match(path string) bool {
	return p != nil && p.machine.Match(path)
}

// String returns the source of the pattern.
func (p *Pattern) String() string {
	if p == nil {
		return ""
	}
	return p.source
}

// Machine returns the automaton of the pattern, for the audit of this module's
// guards. Its type cannot be named elsewhere.
func (p *Pattern) Machine() *automaton.Machine {
	if p == nil {
		return nil
	}
	return p.machine
}
