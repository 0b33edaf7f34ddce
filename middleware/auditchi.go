package middleware

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

// A routeLanguage is the set of the paths that a router may send to a route.
type routeLanguage struct {
	// may has every path that the route can get. must has the paths that it gets
	// whatever other routes there are, unless one of those comes first.
	may, must *automaton.Machine
}

// maxRouteSource is the longest expression that is made of a route.
const maxRouteSource = 1 << 16

// compileRoute compiles two expressions. They may consist of ASCII only.
func compileRoute(may, must string) (language routeLanguage, err error) {
	compile := func(source string) (*automaton.Machine, error) {
		if len(source) > maxRouteSource {
			return nil, automaton.ErrTooLarge
		}
		re, err := automaton.Parse(automaton.AppendASCII(nil, source, 0))
		if err != nil {
			return nil, err
		}
		m, err := re.Compile()
		if err != nil {
			return nil, automaton.ErrTooLarge
		}
		return m, nil
	}
	if language.may, err = compile(may); err != nil {
		return language, err
	}
	language.must = language.may
	if must != may {
		language.must, err = compile(must)
	}
	return language, err
}

// compileChi returns the paths of a chi pattern, by the rules of chi's tree:
//   - A parameter ends at the first byte that is the one behind it in the pattern, or
//     at "/" if it is the last. Only the last one cannot be empty.
//   - {name:expression} searches its value for ^expression$, which chi does not group.
//     The value can be empty too, but that depends on the routes beside it. Unless it
//     ends at "/", it may contain one.
func compileChi(pattern string) (routeLanguage, error) {
	var may, must strings.Builder
	write := func(s string) {
		may.WriteString(s)
		must.WriteString(s)
	}
	write("^")
	for rest := pattern; rest != ""; {
		at := strings.IndexAny(rest, "{*")
		if at < 0 {
			at = len(rest)
		}
		literal, err := quoteRoute(rest[:at])
		if err != nil {
			return routeLanguage{}, err
		}
		write(literal)
		rest = rest[at:]
		if rest == "*" {
			write(`[^]*`)
			break
		}
		if rest == "" {
			break
		}
		end := endOfParam(rest)
		if end < 0 {
			return routeLanguage{}, errors.New("it is no pattern of chi")
		}
		param := rest[1 : end-1]
		rest = rest[end:]
		tail := byte('/')
		if rest != "" {
			tail = rest[0]
		}
		if tail == '{' || tail == '*' || tail >= utf8.RuneSelf {
			return routeLanguage{}, fmt.Errorf("{%s} is followed by another parameter, or by a letter beyond ASCII", param)
		}
		_, expression, isRegexp := strings.Cut(param, ":")
		switch {
		case !isRegexp && rest == "":
			write(`[^\/]+`)
		case !isRegexp:
			write(`[^\/` + quoteByte(tail) + `]*`)
		default:
			value, err := chiValue(expression, must.String(), tail)
			if err != nil {
				return routeLanguage{}, fmt.Errorf("{%s}: %w", param, err)
			}
			must.WriteString(value)
			if rest != "" {
				value = "(?:" + value + ")?"
			}
			may.WriteString(value)
		}
	}
	write("$")
	return compileRoute(may.String(), must.String())
}

// endOfParam returns where the parameter ends with which a pattern begins, or -1.
func endOfParam(pattern string) int {
	depth := 0
	for i, c := range []byte(pattern) {
		switch c {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// chiValue returns the JavaScript of a parameter's value that has an expression. The
// value begins where before ends, which matches nothing longer, and ends at tail.
func chiValue(expression, before string, tail byte) (string, error) {
	re, err := syntax.Parse(anchored(expression), syntax.Perl)
	if err != nil {
		return "", err
	}
	any := `[^` + quoteByte(tail) + `]`
	if value, ok := simpleValue(re, any, tail); ok {
		return "(?=" + any + ")" + value, nil
	}
	inside, err := automaton.GoSyntax{
		Begin:   "(?<=" + before + ")",
		End:     "(?=" + quoteByte(tail) + "|$)",
		Without: tail,
	}.Translate(re)
	return "(?=" + any + "*" + inside + ")" + any + "+", err
}

// simpleValue returns the JavaScript of the values in which an expression is found, if
// it has no assertions but ^ and $ at the ends of its alternatives.
func simpleValue(re *syntax.Regexp, any string, tail byte) (string, bool) {
	alternatives := []*syntax.Regexp{re}
	if re.Op == syntax.OpAlternate {
		alternatives = re.Sub
	}
	var values []string
	for _, alternative := range alternatives {
		parts := []*syntax.Regexp{alternative}
		if alternative.Op == syntax.OpConcat {
			parts = alternative.Sub
		}
		before, after := any+"*", any+"*"
		if parts[0].Op == syntax.OpBeginText {
			before, parts = "", parts[1:]
		}
		if n := len(parts); n > 0 && parts[n-1].Op == syntax.OpEndText {
			after, parts = "", parts[:n-1]
		}
		inner := &syntax.Regexp{Op: syntax.OpConcat, Sub: parts}
		text, err := automaton.GoSyntax{Without: tail}.Translate(inner)
		if err != nil || asserts(inner) {
			return "", false
		}
		values = append(values, before+text+after)
	}
	return "(?:" + strings.Join(values, "|") + ")", true
}

func asserts(re *syntax.Regexp) bool {
	return re.Op >= syntax.OpBeginLine && re.Op <= syntax.OpNoWordBoundary || slices.ContainsFunc(re.Sub, asserts)
}

// quoteRoute returns the JavaScript of plain text.
func quoteRoute(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", errors.New("it is not valid UTF-8")
	}
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		fmt.Fprintf(&b, `\u%04x`, unit)
	}
	return b.String(), nil
}

func quoteByte(c byte) string { return fmt.Sprintf(`\x%02x`, c) }
