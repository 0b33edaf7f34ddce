package matcher

import (
	"strconv"
	"strings"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

// A token is one of those that path-to-regexp's parse returns: literal text, or a
// parameter or {group} with the text around it.
type token struct {
	literal        []automaton.Unit // if not nil, the token is only this text
	name           string           // the number of a parameter without a name
	prefix, suffix []automaton.Unit // without escapes
	pattern        []automaton.Unit // a regular expression; nil in a group of mere text
	modifier       []automaton.Unit // *, + or ?; nil if there is none
	offset         int              // in the source
}

func (t *token) repeats() bool {
	return t.modifier != nil && t.modifier[0].Code != '?'
}

// hasAffix reports whether text separates the repetitions of the token.
func (t *token) hasAffix() bool { return len(t.prefix)+len(t.suffix) > 0 }

// A tokenParser is the lexer and the parse of path-to-regexp 6.3.0 in one, with
// its default options: prefixes "./" and delimiter "/#?". A pattern is
//
//	( char | escaped | char? parameter modifier?
//	| "{" text parameter? text "}" modifier? )*
//
// A parameter is a name, a pattern, or a name with a pattern. The methods that
// read these return nil if there is none ahead.
type tokenParser struct {
	source  string
	text    []automaton.Unit // of source
	pos     int              // in text
	tokens  []token
	literal []automaton.Unit // not a token yet
	unnamed int              // parameters so far
}

func parseTokens(source string, text []automaton.Unit) (tokens []token, err error) {
	defer recoverSyntaxError(&err)
	p := &tokenParser{source: source, text: text}
	for p.pos < len(text) {
		p.parseToken()
	}
	p.endLiteral()
	return p.tokens, nil
}

func (p *tokenParser) parseToken() {
	char := p.char()
	start := p.pos
	name, pattern := p.name(), p.pattern()
	if name != nil || pattern != nil {
		// A slash or a dot is the prefix of the parameter: both are repeated or
		// optional together. Other characters are no prefix, nor is an escaped
		// slash or dot.
		if char != nil && char[0].Code != '.' && char[0].Code != '/' {
			p.literal = append(p.literal, char...)
			char = nil
		}
		p.endLiteral()
		p.parameter(start, char, name, pattern, nil)
		return
	}
	if char == nil {
		char = p.escaped()
	}
	if char != nil {
		p.literal = append(p.literal, char...)
		return
	}
	p.endLiteral()
	if !p.accept('{') {
		p.unexpected("")
	}
	prefix := p.groupText()
	name, pattern = p.name(), p.pattern()
	suffix := p.groupText()
	if !p.accept('}') {
		p.unexpected(`, expected "}"`)
	}
	p.parameter(start, prefix, name, pattern, suffix)
}

// parameter adds the token whose name, pattern or brace is at start, and reads
// its modifier.
func (p *tokenParser) parameter(start int, prefix, name, pattern, suffix []automaton.Unit) {
	t := token{prefix: prefix, suffix: suffix, pattern: pattern, offset: p.offset(start)}
	switch {
	case name != nil:
		for _, u := range name {
			t.name += string(rune(u.Code))
		}
		if pattern == nil {
			t.pattern = segmentPattern(p.separator(start, prefix), t.offset)
		}
	case pattern != nil:
		t.name = strconv.Itoa(p.unnamed)
		p.unnamed++
	}
	if c := p.peek(); c == '*' || c == '+' || c == '?' {
		p.pos++
		t.modifier = p.textFrom(p.pos - 1)
	}
	p.tokens = append(p.tokens, t)
}

// separator returns the text between the parameter at start and the one before.
func (p *tokenParser) separator(start int, prefix []automaton.Unit) []automaton.Unit {
	if len(prefix) > 0 || len(p.tokens) == 0 {
		return prefix
	}
	last := p.tokens[len(p.tokens)-1]
	if last.literal == nil {
		p.fail(start, "must have text between two parameters, missing text after %q", last.name)
	}
	return last.literal
}

// endLiteral makes a token of the literal text so far.
func (p *tokenParser) endLiteral() {
	if p.literal != nil {
		p.tokens = append(p.tokens, token{literal: p.literal})
		p.literal = nil
	}
}

// char reads a character that stands for itself.
func (p *tokenParser) char() []automaton.Unit {
	if p.pos == len(p.text) || strings.ContainsRune(`*+?\{}:(`, p.peek()) {
		return nil
	}
	p.pos++
	return p.textFrom(p.pos - 1)
}

// escaped reads a backslash and the character after it. path-to-regexp drops a
// backslash at the very end. In Next.js it escapes what is appended to the source
// there. Nobody can have meant that, so it is an error here.
func (p *tokenParser) escaped() []automaton.Unit {
	if !p.accept('\\') {
		return nil
	}
	if p.pos++; p.pos > len(p.text) {
		p.fail(p.pos-2, `"\" at the end`)
	}
	return p.textFrom(p.pos - 1)
}

// groupText reads the text inside a {group}.
func (p *tokenParser) groupText() (text []automaton.Unit) {
	for {
		char := p.char()
		if char == nil {
			char = p.escaped()
		}
		if char == nil {
			return text
		}
		text = append(text, char...)
	}
}

// name reads the name of a parameter, which may begin with a digit.
func (p *tokenParser) name() []automaton.Unit {
	if !p.accept(':') {
		return nil
	}
	start := p.pos
	for isWordChar(p.peek()) {
		p.pos++
	}
	if p.pos == start {
		p.fail(start-1, "missing parameter name")
	}
	return p.textFrom(start)
}

func isWordChar(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// pattern reads a regular expression in parentheses. It counts parentheses and
// knows nothing of character classes: "([)])" ends at the first ")". Groups that
// capture are not allowed, because the parameter does.
func (p *tokenParser) pattern() []automaton.Unit {
	if !p.accept('(') {
		return nil
	}
	start := p.pos
	if p.peek() == '?' {
		p.fail(start, `a pattern cannot start with "?"`)
	}
	for depth := 1; depth > 0; p.pos++ {
		switch p.peek() {
		case -1:
			p.fail(start-1, "unbalanced pattern")
		case '\\':
			p.pos = min(p.pos+1, len(p.text)-1)
		case '(':
			if depth++; p.pos+1 == len(p.text) || p.text[p.pos+1].Code != '?' {
				p.fail(p.pos, "capturing groups are not allowed")
			}
		case ')':
			depth--
		}
	}
	if p.pos == start+1 {
		p.fail(start-1, "missing pattern")
	}
	return p.text[start : p.pos-1 : p.pos-1]
}

// textFrom returns the text from start to the parser's position.
func (p *tokenParser) textFrom(start int) []automaton.Unit { return p.text[start:p.pos:p.pos] }

// peek returns the code unit ahead, or -1 at the end.
func (p *tokenParser) peek() rune {
	if p.pos >= len(p.text) {
		return -1
	}
	return rune(p.text[p.pos].Code)
}

func (p *tokenParser) accept(c rune) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

// offset returns the place in the source of the unit at pos.
func (p *tokenParser) offset(pos int) int {
	if pos < len(p.text) {
		return p.text[pos].Offset
	}
	return len(p.source)
}

func (p *tokenParser) unexpected(expected string) {
	what := "end"
	if c := p.peek(); c >= 0 {
		what = strconv.Quote(string(c))
	}
	p.fail(p.pos, "unexpected %s%s", what, expected)
}

// fail ends the parse with an error that parseTokens returns.
func (p *tokenParser) fail(pos int, format string, args ...any) {
	panic(newSyntaxError(p.source, p.offset(pos), format, args...))
}

// recoverSyntaxError is deferred. It sets *err to the error that fail panicked
// with.
func recoverSyntaxError(err *error) {
	switch v := recover().(type) {
	case nil:
	case *SyntaxError:
		*err = v
	default:
		panic(v)
	}
}
