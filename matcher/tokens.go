package matcher

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// A unit is one UTF-16 code unit of a pattern or of the regular expression
// made from it, and the byte offset of its origin in the source.
type unit struct {
	c      uint16
	offset int
}

func appendUnits(text []unit, r rune, offset int) []unit {
	if r <= 0xffff {
		return append(text, unit{uint16(r), offset})
	}
	high, low := utf16.EncodeRune(r)
	return append(text, unit{uint16(high), offset}, unit{uint16(low), offset})
}

// literal returns text of ours, in ASCII, that stands for the source at offset.
func literal(ascii string, offset int) []unit {
	text := make([]unit, len(ascii))
	for i := range len(ascii) {
		text[i] = unit{uint16(ascii[i]), offset}
	}
	return text
}

// A kind of lexeme, as it is called in error messages. The kinds are those of
// path-to-regexp 6.3.0: CHAR, ESCAPED_CHAR, MODIFIER and so on.
type kind string

const (
	kindChar     kind = "character"
	kindEscaped  kind = "escaped character"
	kindModifier kind = "modifier"
	kindOpen     kind = `"{"`
	kindClose    kind = `"}"`
	kindName     kind = "parameter name"
	kindPattern  kind = "parenthesis"
	kindEnd      kind = "end"
)

type lexeme struct {
	kind   kind
	text   []unit
	offset int
}

// lex is path-to-regexp's lexer.
func lex(text []unit, end int) []lexeme {
	var out []lexeme
	for i := 0; i < len(text); {
		start := i
		k := kindChar
		value := text[i : i+1]
		i++
		switch c := text[start].c; c {
		case '*', '+', '?':
			k = kindModifier
		case '{':
			k = kindOpen
		case '}':
			k = kindClose
		case '\\':
			// At the very end path-to-regexp drops the backslash, and Next.js
			// lets it escape the first character of what it appends.
			if i == len(text) {
				fail(text[start].offset, `"\" at the end`)
			}
			k = kindEscaped
			value = text[i : i+1]
			i++
		case ':':
			for i < len(text) && isWord(text[i].c) {
				i++
			}
			if k, value = kindName, text[start+1:i]; len(value) == 0 {
				fail(text[start].offset, "missing parameter name")
			}
		case '(':
			k = kindPattern
			i = lexGroup(text, start)
			value = text[start+1 : i-1]
		}
		out = append(out, lexeme{k, value, text[start].offset})
	}
	return append(out, lexeme{kindEnd, nil, end})
}

// lexGroup returns the end of the parenthesised pattern that starts at start.
// Parentheses are counted without regard for character classes, as
// path-to-regexp counts them.
func lexGroup(text []unit, start int) int {
	depth := 1
	for i := start + 1; i < len(text); i++ {
		switch text[i].c {
		case '?':
			if i == start+1 {
				fail(text[i].offset, `a pattern cannot start with "?"`)
			}
		case '\\':
			i++
		case '(':
			depth++
			if i+1 == len(text) || text[i+1].c != '?' {
				fail(text[i].offset, "capturing groups are not allowed")
			}
		case ')':
			if depth--; depth > 0 {
				continue
			}
			if i == start+1 {
				fail(text[start].offset, "missing pattern")
			}
			return i + 1
		}
	}
	fail(text[start].offset, "unbalanced pattern")
	return 0
}

// A token is a piece of a pattern as path-to-regexp's parse returns it: a
// literal, or a parameter or group with what stands around it.
type token struct {
	literal        []unit // alone, if not nil
	name           string
	prefix, suffix []unit
	pattern        []unit
	modifier       []unit // *, + or ?
	offset         int
}

func (t token) repeats() bool {
	return len(t.modifier) > 0 && t.modifier[0].c != '?'
}

// A tokenizer is the state of path-to-regexp's parse.
type tokenizer struct {
	lexemes []lexeme
	tokens  []token
	literal []unit // not yet a token
	unnamed int
}

func parseTokens(text []unit, end int) []token {
	t := &tokenizer{lexemes: lex(text, end)}
	for len(t.lexemes) > 0 {
		char := t.take(kindChar)
		offset := t.lexemes[0].offset
		name := t.take(kindName)
		if pattern := t.take(kindPattern); name != nil || pattern != nil {
			// Only "." and "/" bind to the parameter that follows them.
			if char != nil && char[0].c != '.' && char[0].c != '/' {
				t.literal = append(t.literal, char...)
				char = nil
			}
			t.flush()
			t.parameter(char, name, pattern, nil, offset)
			continue
		}
		if char == nil {
			char = t.take(kindEscaped)
		}
		if char != nil {
			t.literal = append(t.literal, char...)
			continue
		}
		t.flush()
		if t.take(kindOpen) != nil {
			prefix := t.text()
			name, pattern := t.take(kindName), t.take(kindPattern)
			suffix := t.text()
			t.expect(kindClose)
			t.parameter(prefix, name, pattern, suffix, offset)
			continue
		}
		t.expect(kindEnd)
	}
	return t.tokens
}

// take consumes the next lexeme if it is of this kind.
func (t *tokenizer) take(k kind) []unit {
	if len(t.lexemes) == 0 || t.lexemes[0].kind != k {
		return nil
	}
	text := t.lexemes[0].text
	t.lexemes = t.lexemes[1:]
	return text
}

func (t *tokenizer) expect(k kind) {
	next := t.lexemes[0]
	if next.kind != k {
		fail(next.offset, "unexpected %s, expected %s", next.kind, k)
	}
	t.lexemes = t.lexemes[1:]
}

// text consumes literal text inside a {group}.
func (t *tokenizer) text() (text []unit) {
	for {
		char := t.take(kindChar)
		if char == nil {
			char = t.take(kindEscaped)
		}
		if char == nil {
			return text
		}
		text = append(text, char...)
	}
}

func (t *tokenizer) flush() {
	if t.literal != nil {
		t.tokens = append(t.tokens, token{literal: t.literal})
		t.literal = nil
	}
}

func (t *tokenizer) parameter(prefix, name, pattern, suffix []unit, offset int) {
	k := token{prefix: prefix, suffix: suffix, pattern: pattern, offset: offset}
	switch {
	case name != nil:
		var b strings.Builder
		for _, u := range name {
			b.WriteByte(byte(u.c))
		}
		k.name = b.String()
		if pattern == nil {
			k.pattern = t.safePattern(prefix, name[0].offset-1)
		}
	case pattern != nil:
		k.name = strconv.Itoa(t.unnamed)
		t.unnamed++
	}
	k.modifier = t.take(kindModifier)
	t.tokens = append(t.tokens, k)
}

// safePattern is the pattern of a parameter that has none of its own: a
// segment, up to the text that separates it from the parameter before it
// (path-to-regexp 6.3.0, against CVE-2024-45296).
func (t *tokenizer) safePattern(prefix []unit, offset int) []unit {
	before := prefix
	if len(t.tokens) > 0 && len(before) == 0 {
		last := t.tokens[len(t.tokens)-1]
		if before = last.literal; before == nil {
			fail(offset, "must have text between two parameters, missing text after %q", last.name)
		}
	}
	for _, u := range before {
		if isDelimiter(u.c) {
			before = nil
			break
		}
	}
	if len(before) == 0 {
		return literal(`[^\/#\?]+?`, offset)
	}
	pattern := append(literal(`(?:(?!`, offset), escape(before)...)
	return append(pattern, literal(`)[^\/#\?])+?`, offset)...)
}

func isDelimiter(c uint16) bool { return c == '/' || c == '#' || c == '?' }

func escape(text []unit) []unit {
	var out []unit
	for _, u := range text {
		if u.c < 0x80 && strings.IndexByte(`.+*?=^!:${}()[]|/\`, byte(u.c)) >= 0 {
			out = append(out, unit{'\\', u.offset})
		}
		out = append(out, u)
	}
	return out
}

// assemble is path-to-regexp's tokensToRegexp: it writes the source of the
// regular expression. Patterns are spliced as text, twice where they repeat,
// so only the whole can be parsed.
func assemble(tokens []token, end int) []unit {
	out := literal("^", 0)
	for _, t := range tokens {
		add := func(pieces ...any) {
			for _, p := range pieces {
				switch p := p.(type) {
				case string:
					out = append(out, literal(p, t.offset)...)
				case []unit:
					out = append(out, p...)
				}
			}
		}
		prefix, suffix := escape(t.prefix), escape(t.suffix)
		switch {
		case t.literal != nil:
			add(escape(t.literal))
		case t.pattern == nil:
			add("(?:", prefix, suffix, ")", t.modifier)
		case t.repeats() && len(prefix)+len(suffix) == 0:
			fail(t.offset, "can not repeat %q without a prefix and suffix", t.name)
		case t.repeats():
			add("(?:", prefix, "((?:", t.pattern, ")(?:", suffix, prefix, "(?:", t.pattern, "))*)", suffix, ")")
			if t.modifier[0].c == '*' {
				add("?")
			}
		case len(prefix)+len(suffix) == 0:
			add("(", t.pattern, ")", t.modifier)
		default:
			add("(?:", prefix, "(", t.pattern, ")", suffix, ")", t.modifier)
		}
	}
	return append(out, literal(`[\/#\?]?$`, end)...)
}
