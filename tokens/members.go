package tokens

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a token's JSON. Cognito's tokens have two
// levels, and customised claims a few more.
const maxDepth = 16

// member is a top-level member of a JSON object: its unescaped name and the
// text of its value.
type member struct {
	name, value string
}

// members splits a JSON object (RFC 8259) into its top-level members. It is
// here, and not encoding/json into a struct, because that would take
// "Cognito:Groups" for "cognito:groups" and silently let the last of two
// members with one name win, where other parsers take the first (RFC 8725
// §2.4): two readers of one token must not disagree on what it says. Names are
// compared exactly, after unescaping; a name that comes twice, invalid UTF-8
// and nesting past maxDepth are errors. dst is appended to and returned.
func members(dst []member, text string) ([]member, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("invalid UTF-8")
	}
	s := scanner{text: text}
	s.space()
	if !s.take('{') {
		return nil, errors.New("not a JSON object")
	}
	for s.space(); !s.take('}'); s.space() {
		if len(dst) > 0 && !s.take(',') {
			return nil, s.fault()
		}
		s.space()
		name, ok := s.string()
		if !ok {
			return nil, s.fault()
		}
		s.space()
		if !s.take(':') {
			return nil, s.fault()
		}
		s.space()
		start := s.pos
		if !s.value(2) {
			return nil, s.fault()
		}
		dst = append(dst, member{unescape(name), text[start:s.pos]})
	}
	s.space()
	if s.pos != len(text) {
		return nil, s.fault()
	}
	if name, twice := duplicate(dst); twice {
		return nil, detail{"duplicate member", name}
	}
	return dst, nil
}

// duplicate finds a name that comes twice. A few names are compared with each
// other; of two thousand, which somebody may have sent, that would be two million
// comparisons.
func duplicate(ms []member) (name string, twice bool) {
	if len(ms) > 32 {
		seen := make(map[string]struct{}, len(ms))
		for _, m := range ms {
			if _, twice := seen[m.name]; twice {
				return m.name, true
			}
			seen[m.name] = struct{}{}
		}
		return "", false
	}
	for i, m := range ms {
		for _, o := range ms[:i] {
			if m.name == o.name {
				return m.name, true
			}
		}
	}
	return "", false
}

// unquote decodes the value of a member, if it is a string.
func unquote(value string) (string, bool) {
	if value[0] != '"' {
		return "", false
	}
	return unescape(value), true
}

// unescape decodes a string that the scanner has passed, as encoding/json does;
// half a surrogate pair becomes U+FFFD. It does not use that, which takes ten
// times as long for a token that is nothing but escapes.
func unescape(quoted string) string {
	s := quoted[1 : len(quoted)-1]
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	text := make([]byte, 0, len(s))
	for ; i >= 0; i = strings.IndexByte(s, '\\') {
		text = append(text, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'u':
			r := hex4(s)
			s = s[4:]
			if utf16.IsSurrogate(r) && strings.HasPrefix(s, `\u`) {
				if pair := utf16.DecodeRune(r, hex4(s[2:])); pair != utf8.RuneError {
					r, s = pair, s[6:]
				}
			}
			text = utf8.AppendRune(text, r)
		default:
			text = append(text, c) // it stands for itself: " \ /
		}
	}
	return string(append(text, s...))
}

// hex4 decodes the four digits that a \u has.
func hex4(s string) rune {
	r, _ := strconv.ParseUint(s[:4], 16, 16)
	return rune(r)
}

// eachString calls item for each element of an array of strings, and reports whether
// value is one. Without item nothing is decoded.
func eachString(value string, item func(string)) bool {
	s := scanner{text: value}
	if !s.take('[') {
		return false
	}
	for s.space(); !s.take(']'); s.space() {
		s.take(',')
		s.space()
		quoted, ok := s.string()
		if !ok {
			return false
		}
		if item != nil {
			item(unescape(quoted))
		}
	}
	return true
}

// scanner checks JSON text and finds where its values end.
type scanner struct {
	text string
	pos  int
}

func (s *scanner) fault() error {
	return fmt.Errorf("invalid JSON at byte %d", s.pos)
}

// peek returns the byte at the position, or 0 at the end: no valid JSON has a
// NUL outside a string, so the two need not be told apart.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// value skips one value that stands at the given depth.
func (s *scanner) value(depth int) bool {
	switch s.peek() {
	case '"':
		_, ok := s.string()
		return ok
	case '{':
		return depth <= maxDepth && s.list('{', '}', depth)
	case '[':
		return depth <= maxDepth && s.list('[', ']', depth)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

// list skips an object or an array.
func (s *scanner) list(opening, closing byte, depth int) bool {
	s.take(opening)
	s.space()
	if s.take(closing) {
		return true
	}
	for {
		s.space()
		if opening == '{' {
			if _, ok := s.string(); !ok {
				return false
			}
			s.space()
			if !s.take(':') {
				return false
			}
			s.space()
		}
		if !s.value(depth + 1) {
			return false
		}
		s.space()
		if s.take(closing) {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

func (s *scanner) literal(word string) bool {
	if !strings.HasPrefix(s.text[s.pos:], word) {
		return false
	}
	s.pos += len(word)
	return true
}

// string skips a string and returns it with its quotes.
func (s *scanner) string() (quoted string, ok bool) {
	start := s.pos
	if !s.take('"') {
		return "", false
	}
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch {
		case c == '"':
			return s.text[start:s.pos], true
		case c < ' ':
			return "", false
		case c == '\\' && !s.escape():
			return "", false
		}
	}
	return "", false
}

func (s *scanner) escape() bool {
	c := s.peek()
	s.pos++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			c := s.peek()
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
			s.pos++
		}
		return true
	}
	return false
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}
