package matcher

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Pattern is one compiled matcher pattern. It is immutable and safe for
// concurrent use. The zero Pattern matches nothing.
type Pattern struct {
	source string
	dfa    *dfa
}

// Compile compiles one matcher pattern, such as "/dashboard/:path*" or
// "/((?!api|_next/static).*)", as Next.js compiles it. What Next.js rejects is
// rejected, and so are backreferences, a backslash at the very end, text that
// is not UTF-8, and patterns whose automaton would be too large (see Limits in
// the package documentation). Every error is a *[SyntaxError].
func Compile(source string) (*Pattern, error) {
	d, err := compilePath(source)
	if err != nil {
		return nil, err
	}
	return &Pattern{source: source, dfa: d}, nil
}

// MustCompile is like [Compile] but panics if the pattern is faulty. It is for
// patterns that are constants of the program.
func MustCompile(source string) *Pattern {
	p, err := Compile(source)
	if err != nil {
		panic("matcher: MustCompile: " + err.Error())
	}
	return p
}

// Match reports whether the pattern matches the whole of path, to which
// nothing is done beforehand: no decoding, no cleaning. Bytes that are not
// UTF-8 count as U+FFFD. Match allocates nothing and takes time linear in
// len(path), whatever the pattern.
func (p *Pattern) Match(path string) bool {
	return p != nil && p.dfa.match(path)
}

// String returns the source of the pattern.
func (p *Pattern) String() string {
	if p == nil {
		return ""
	}
	return p.source
}

// A SyntaxError says what is wrong with a pattern, or with the regular
// expression of a condition, and where.
type SyntaxError struct {
	Source string // the pattern, or the Value of the condition
	Offset int    // of the fault, in bytes from the start of Source
	Msg    string // what is wrong, without the place
}

// Error returns the message with the source and the place in it.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid pattern %q: %s", e.Source, e.place())
}

func (e *SyntaxError) place() string {
	return e.Msg + " at offset " + strconv.Itoa(e.Offset)
}

// A fault unwinds the tokenizer and the parser: they panic with it, and catch,
// deferred by the functions that begin a compilation, makes it an error.
type fault struct {
	offset int
	msg    string
}

func fail(offset int, format string, args ...any) {
	panic(fault{offset, fmt.Sprintf(format, args...)})
}

func catch(source string, err *error) {
	switch v := recover().(type) {
	case nil:
	case fault:
		*err = &SyntaxError{Source: source, Offset: v.offset, Msg: v.msg}
	default:
		panic(v)
	}
}

// maxSource bounds a pattern in UTF-16 code units: "exceeds max built length
// of 4096 for route" (Next.js, SourceSchema).
const maxSource = 4096

// compilePath compiles a pattern of the language of path-to-regexp.
func compilePath(source string) (d *dfa, err error) {
	defer catch(source, &err)
	re, err := parsePath(source)
	if err != nil {
		return nil, err
	}
	return new(compiler).compile(re), nil
}

// parsePath parses the regular expression that Next.js makes of a pattern.
func parsePath(source string) (re *regexp, err error) {
	defer catch(source, &err)
	text := decode(source)
	if len(text) == 0 || text[0].c != '/' {
		fail(0, `must start with "/"`)
	}
	tokens := parseTokens(text, len(source))
	if re, err = try(tokens, source); err == nil {
		return re, nil
	}
	// Next.js (safeTokensToRegexp) answers any error with a second try, in
	// which repeated tokens that have neither prefix nor suffix get the prefix
	// "/". It is how "/foo:rest*" comes to be valid.
	for i, t := range tokens {
		if t.repeats() && len(t.prefix)+len(t.suffix) == 0 {
			tokens[i].prefix = literal("/", t.offset)
		}
	}
	return try(tokens, source)
}

// try assembles and parses the regular expression of tokens.
func try(tokens []token, source string) (re *regexp, err error) {
	defer catch(source, &err)
	return parseRegexp(assemble(tokens, len(source)), len(source)), nil
}

// compileValue compiles the Value of a condition. Next.js (matchHas) writes
// ^ and $ around it without grouping, so that a|b means "starts with a, or
// ends with b", and searches.
func compileValue(value string) (d *dfa, err error) {
	defer catch(value, &err)
	text := append(literal("^", 0), decode(value)...)
	re := parseRegexp(append(text, unit{'$', len(value)}), len(value))
	return new(compiler).compile(re), nil
}

// decode returns the UTF-16 code units of a source: JavaScript regular
// expressions without the u flag know nothing else.
func decode(source string) []unit {
	text := make([]unit, 0, len(source))
	for i, r := range source {
		if r == utf8.RuneError && !strings.HasPrefix(source[i:], "\ufffd") {
			fail(i, "not valid UTF-8")
		}
		text = appendUnits(text, r, i)
		if len(text) > maxSource {
			fail(i, "longer than %d UTF-16 code units", maxSource)
		}
	}
	return text
}
