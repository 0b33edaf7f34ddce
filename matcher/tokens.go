package matcher

import (
	"strconv"
	"strings"
)

// A token is one of those that path-to-regexp's parse returns: literal text, or
// a parameter or {group} with what stands around it.
type token struct {
	literal        []unit // if not nil, the token is this and nothing else
	name           string // of a parameter without one: its number
	prefix, suffix []unit // without escapes
	pattern        []unit // a regular expression; nil in a group of mere text
	modifier       []unit // *, + or ?; nil if there is none
	offset         int    // for faults in what is written around the pattern
}

func (t *token) repeats() bool {
	return t.modifier != nil && t.modifier[0].c != '?'
}

// around reports whether there is text that tells repetitions apart.
func (t *token) around() bool { return len(t.prefix)+len(t.suffix) > 0 }

// A tokenizer is the lexer and the parse of path-to-regexp 6.3.0 in one, with
// its default options: prefixes "./" and delimiter "/#?". A pattern is
//
//	( char | escaped | char? parameter modifier?
//	| "{" words parameter? words "}" modifier? )*
//
// where a parameter is a name, a pattern, or a name with a pattern. The
// functions that read these return nil if there is none ahead.
type tokenizer struct {
	cursor
	tokens  []token
	literal []unit // not a token yet
	unnamed int    // parameters so far
}

func tokenize(text []unit, end int) []token {
	t := &tokenizer{cursor: cursor{text: text, end: end}}
	for t.pos < len(text) {
		char := t.char()
		start := t.pos
		name, pattern := t.name(), t.pattern()
		if name != nil || pattern != nil {
			// A slash or a dot belongs to the parameter: it is repeated with
			// it, and optional if it is. Other characters are not, nor are
			// these two if they are escaped.
			if char != nil && char[0].c != '.' && char[0].c != '/' {
				t.literal = append(t.literal, char...)
				char = nil
			}
			t.flush()
			t.parameter(start, char, name, pattern, nil)
			continue
		}
		if char == nil {
			char = t.escaped()
		}
		if char != nil {
			t.literal = append(t.literal, char...)
			continue
		}
		t.flush()
		if !t.accept('{') {
			t.unexpected("")
		}
		prefix := t.words()
		name, pattern = t.name(), t.pattern()
		suffix := t.words()
		if !t.accept('}') {
			t.unexpected(`, expected "}"`)
		}
		t.parameter(start, prefix, name, pattern, suffix)
	}
	t.flush()
	return t.tokens
}

func (t *tokenizer) unexpected(expected string) {
	what := "end"
	if c := t.peek(); c >= 0 {
		what = strconv.Quote(string(c))
	}
	t.fail(t.pos, "unexpected %s%s", what, expected)
}

// take returns the text from start to the cursor.
func (t *tokenizer) take(start int) []unit { return t.text[start:t.pos:t.pos] }

// char reads a character that stands for itself.
func (t *tokenizer) char() []unit {
	if t.pos == len(t.text) || strings.ContainsRune(`*+?\{}:(`, t.peek()) {
		return nil
	}
	t.pos++
	return t.take(t.pos - 1)
}

// escaped reads a backslash and the character after it. A backslash at the very
// end path-to-regexp drops, while in Next.js it escapes what is appended to the
// source there: it is a fault here, for it cannot have been meant.
func (t *tokenizer) escaped() []unit {
	if !t.accept('\\') {
		return nil
	}
	if t.pos++; t.pos > len(t.text) {
		t.fail(t.pos-2, `"\" at the end`)
	}
	return t.take(t.pos - 1)
}

// words reads the text inside a {group}.
func (t *tokenizer) words() (text []unit) {
	for {
		char := t.char()
		if char == nil {
			char = t.escaped()
		}
		if char == nil {
			return text
		}
		text = append(text, char...)
	}
}

// name reads the name of a parameter, which may begin with a digit.
func (t *tokenizer) name() []unit {
	if !t.accept(':') {
		return nil
	}
	start := t.pos
	for t.pos < len(t.text) && wordChars.contains(t.text[t.pos].c) {
		t.pos++
	}
	if t.pos == start {
		t.fail(start-1, "missing parameter name")
	}
	return t.take(start)
}

// pattern reads a regular expression in parentheses. It counts parentheses and
// knows nothing of character classes: "([)])" ends at the first ")". Groups that
// capture are not allowed, because the parameter does.
func (t *tokenizer) pattern() []unit {
	if !t.accept('(') {
		return nil
	}
	start := t.pos
	if t.peek() == '?' {
		t.fail(start, `a pattern cannot start with "?"`)
	}
	for depth := 1; depth > 0; t.pos++ {
		switch t.peek() {
		case -1:
			t.fail(start-1, "unbalanced pattern")
		case '\\':
			t.pos = min(t.pos+1, len(t.text)-1)
		case '(':
			if depth++; t.peekAt(1) != '?' {
				t.fail(t.pos, "capturing groups are not allowed")
			}
		case ')':
			depth--
		}
	}
	if t.pos == start+1 {
		t.fail(start-1, "missing pattern")
	}
	return t.text[start : t.pos-1 : t.pos-1]
}

func (t *tokenizer) flush() {
	if t.literal != nil {
		t.tokens = append(t.tokens, token{literal: t.literal})
		t.literal = nil
	}
}

// parameter adds the token whose name, pattern or brace is at start, and reads
// its modifier.
func (t *tokenizer) parameter(start int, prefix, name, pattern, suffix []unit) {
	k := token{prefix: prefix, suffix: suffix, pattern: pattern, offset: t.offset(start)}
	switch {
	case name != nil:
		for _, u := range name {
			k.name += string(rune(u.c))
		}
		if pattern == nil {
			k.pattern = t.safePattern(prefix, t.offset(start))
		}
	case pattern != nil:
		k.name = strconv.Itoa(t.unnamed)
		t.unnamed++
	}
	if c := t.peek(); c == '*' || c == '+' || c == '?' {
		t.pos++
		k.modifier = t.take(t.pos - 1)
	}
	t.tokens = append(t.tokens, k)
}

// safePattern returns the pattern of a parameter that has none of its own: a
// segment, in which the text that separates the parameter from the one before
// does not occur. So "/:a-:b" has a lookahead. Version 6.3.0 brought it to spare
// backtrackers (CVE-2024-45296), and it changes what is matched.
func (t *tokenizer) safePattern(prefix []unit, offset int) []unit {
	text := prefix
	if len(text) == 0 && len(t.tokens) > 0 {
		last := t.tokens[len(t.tokens)-1]
		if text = last.literal; text == nil {
			fail(offset, "must have text between two parameters, missing text after %q", last.name)
		}
	}
	for _, u := range text {
		if u.c == '/' || u.c == '#' || u.c == '?' { // the option delimiter
			text = nil
			break
		}
	}
	if len(text) == 0 {
		return appendASCII(nil, `[^\/#\?]+?`, offset)
	}
	pattern := append(appendASCII(nil, `(?:(?!`, offset), escape(text)...)
	return appendASCII(pattern, `)[^\/#\?])+?`, offset)
}

// escape is path-to-regexp's escapeString.
func escape(text []unit) (out []unit) {
	for _, u := range text {
		if strings.ContainsRune(`.+*?=^!:${}()[]|/\`, rune(u.c)) {
			out = append(out, unit{'\\', u.offset})
		}
		out = append(out, u)
	}
	return out
}

// assemble is path-to-regexp's tokensToRegexp: it writes the source of the
// regular expression, with one / # or ? allowed at its end (the option strict is
// off). Patterns go into the text as they are, and twice where they repeat.
func assemble(tokens []token, end int) []unit {
	out := appendASCII(nil, "^", 0)
	for i := range tokens {
		t := &tokens[i]
		// write fills the places of a form: p prefix, s suffix, x pattern,
		// m modifier; all else is text.
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
					out = append(out, unit{uint16(c), t.offset})
				}
			}
		}
		switch {
		case t.literal != nil:
			out = append(out, escape(t.literal)...)
		case t.pattern == nil:
			write("(?:ps)m")
		case t.repeats() && !t.around():
			fail(t.offset, "can not repeat %q without a prefix and suffix", t.name)
		case t.repeats():
			write("(?:p((?:x)(?:sp(?:x))*)s)")
			if t.modifier[0].c == '*' {
				write("?")
			}
		case t.around():
			write("(?:p(x)s)m")
		default:
			write("(x)m")
		}
	}
	return appendASCII(out, `[\/#\?]?$`, end)
}
