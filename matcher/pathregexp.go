package matcher

import (
	"slices"
	"strings"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

// parsePath parses the regular expression that Next.js makes of a pattern. It
// writes the text of that expression first, because a pattern means that text and
// nothing else. The text of a parameter need not be an expression by itself: it
// may close groups and classes that another parameter opens.
func parsePath(source string) (*automaton.Regexp, error) {
	text, err := automaton.Decode(source)
	if err != nil {
		return nil, asSyntaxError(source, err)
	}
	if !strings.HasPrefix(source, "/") {
		return nil, &SyntaxError{Source: source, Msg: `must start with "/"`}
	}
	tokens, err := parseTokens(source, text)
	if err != nil {
		return nil, err
	}
	re, err := parseAssembled(source, tokens)
	if err == nil {
		return re, nil
	}
	// After any error Next.js (safeTokensToRegexp) tries again. In the second try
	// repeated tokens with neither prefix nor suffix get the prefix "/". So
	// "/foo:rest*" is valid, which path-to-regexp rejects.
	for i := range tokens {
		if t := &tokens[i]; t.repeats() && !t.hasAffix() {
			t.prefix = automaton.AppendASCII(nil, "/", t.offset)
		}
	}
	return parseAssembled(source, tokens)
}

func parseAssembled(source string, tokens []token) (*automaton.Regexp, error) {
	text, err := assemble(source, tokens)
	if err != nil {
		return nil, err
	}
	re, err := automaton.Parse(text)
	if err != nil {
		return nil, asSyntaxError(source, err)
	}
	return re, nil
}

// assemble is path-to-regexp's tokensToRegexp. It writes the text of the regular
// expression, with one / # or ? allowed at its end (the option strict is off).
// The expressions of parameters go into the text as they are, and twice where
// they repeat.
func assemble(source string, tokens []token) ([]automaton.Unit, error) {
	out := automaton.AppendASCII(make([]automaton.Unit, 0, 4*len(source)+16), "^", 0)
	for i := range tokens {
		t := &tokens[i]
		// write expands a form. The letter p stands for the prefix, s for the
		// suffix, x for the expression and m for the modifier.
		write := func(form string) {
			for _, c := range form {
				switch c {
				case 'p':
					out = append(out, escape(t.prefix)...)
				case 's':
					out = append(out, escape(t.suffix)...)
				case 'x':
					out = append(out, t.pattern...)
				case 'm':
					out = append(out, t.modifier...)
				default:
					out = append(out, automaton.Unit{Code: uint16(c), Offset: t.offset})
				}
			}
		}
		switch {
		case t.literal != nil:
			out = append(out, escape(t.literal)...)
		case t.pattern == nil:
			write("(?:ps)m")
		case t.repeats() && !t.hasAffix():
			return nil, newSyntaxError(source, t.offset, "can not repeat %q without a prefix and suffix", t.name)
		case t.repeats():
			write("(?:p((?:x)(?:sp(?:x))*)s)")
			if t.modifier[0].Code == '*' {
				write("?")
			}
		case t.hasAffix():
			write("(?:p(x)s)m")
		default:
			write("(x)m")
		}
	}
	return automaton.AppendASCII(out, `[\/#\?]?$`, len(source)), nil
}

// escape is path-to-regexp's escapeString.
func escape(text []automaton.Unit) (out []automaton.Unit) {
	for _, u := range text {
		if strings.ContainsRune(`.+*?=^!:${}()[]|/\`, rune(u.Code)) {
			out = append(out, automaton.Unit{Code: '\\', Offset: u.Offset})
		}
		out = append(out, u)
	}
	return out
}

// segmentPattern is the regular expression of a parameter that has none of its
// own. It matches a segment in which separator does not occur, the text between
// this parameter and the one before. So "/:a-:b" has a lookahead. Version 6.3.0
// of path-to-regexp added it to spare backtrackers (CVE-2024-45296), and it
// changes what matches.
func segmentPattern(separator []automaton.Unit, offset int) []automaton.Unit {
	isDelimiter := func(u automaton.Unit) bool { return u.Code == '/' || u.Code == '#' || u.Code == '?' }
	if len(separator) == 0 || slices.ContainsFunc(separator, isDelimiter) {
		return automaton.AppendASCII(nil, `[^\/#\?]+?`, offset)
	}
	pattern := append(automaton.AppendASCII(nil, `(?:(?!`, offset), escape(separator)...)
	return automaton.AppendASCII(pattern, `)[^\/#\?])+?`, offset)
}
