package matcher

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Pattern is one compiled pattern. It is immutable and safe for concurrent
// use. The zero Pattern matches nothing.
type Pattern struct {
	source string
	dfa    *dfa
}

// Compile compiles one pattern, such as "/dashboard/:path*" or
// "/((?!api|_next/static).*)", to what Next.js makes of it. What Next.js rejects
// is rejected, and so is what exceeds the limits in the package documentation.
// Every error is a *[SyntaxError].
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

// Match reports whether the pattern matches the whole of path, which is taken
// as it is: nothing is decoded or cleaned. As in JavaScript, characters beyond
// U+FFFF count as two; bytes that are not UTF-8 count as U+FFFD each. Match
// takes time linear in the length of path and allocates nothing.
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
// expression in a condition, and where.
type SyntaxError struct {
	Source string // the pattern, or the Value of the condition
	Offset int    // where, in bytes from the start of Source; 0 if nowhere in particular
	Msg    string // what, without the place
}

// Error returns source, fault and place in one line.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid pattern %q: %s", e.Source, e.fault())
}

func (e *SyntaxError) fault() string {
	return fmt.Sprintf("%s at offset %d", e.Msg, e.Offset)
}

// A fault unwinds the compilation of a source. It is raised with fail, deep in
// the parsers, and becomes an error in catch, which those functions defer that
// begin a compilation.
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

// maxSource is the limit of Next.js (SourceSchema), in UTF-16 code units:
// "exceeds max built length of 4096 for route".
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

// compileValue compiles the Value of a condition. Next.js (matchHas) writes ^
// and $ around it, without grouping, and searches for that.
func compileValue(value string) (d *dfa, err error) {
	defer catch(value, &err)
	text := append(appendASCII(nil, "^", 0), decode(value)...)
	text = appendASCII(text, "$", len(value))
	return new(compiler).compile(parseRegexp(text, len(value))), nil
}

// parsePath parses the regular expression that Next.js makes of a pattern. The
// pattern has no meaning but that text: its parameters need not be regular
// expressions on their own, and may close each other's groups and classes.
func parsePath(source string) (re *regexp, err error) {
	defer catch(source, &err)
	text := decode(source)
	if len(text) == 0 || text[0].c != '/' {
		fail(0, `must start with "/"`)
	}
	tokens := tokenize(text, len(source))
	if re, err = parseTokens(tokens, source); err == nil {
		return re, nil
	}
	// Next.js (safeTokensToRegexp) answers any error with a second try, in which
	// repeated tokens with neither prefix nor suffix get the prefix "/". So
	// "/foo:rest*", which path-to-regexp rejects, comes to be valid.
	for i := range tokens {
		if t := &tokens[i]; t.repeats() && !t.around() {
			t.prefix = appendASCII(nil, "/", t.offset)
		}
	}
	return parseTokens(tokens, source)
}

func parseTokens(tokens []token, source string) (re *regexp, err error) {
	defer catch(source, &err)
	return parseRegexp(assemble(tokens, len(source)), len(source)), nil
}

// decode returns the UTF-16 code units of a source. Without its flag u a
// JavaScript regular expression consists of them, and matches them.
func decode(source string) []unit {
	text := make([]unit, 0, len(source))
	for i, r := range source {
		if r == utf8.RuneError && !strings.HasPrefix(source[i:], "\ufffd") {
			fail(i, "not valid UTF-8")
		}
		if text = appendRune(text, r, i); len(text) > maxSource {
			fail(i, "longer than %d UTF-16 code units", maxSource)
		}
	}
	return text
}
