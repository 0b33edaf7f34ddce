package tokens

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth bounds the nesting of a token's JSON. Cognito's tokens have two
// levels, and customised claims a few more.
const maxJSONDepth = 16

// jsonMember is a top-level member of a JSON object.
type jsonMember struct {
	name  string // unescaped
	value string // its JSON text
}

// appendJSONMembers appends the top-level members of a JSON object (RFC 8259) to
// members. It compares names exactly, after unescaping. Errors are: a name that
// comes twice, invalid UTF-8, and nesting past maxJSONDepth.
//
// It stands in for encoding/json, which matches "Cognito:Groups" to
// "cognito:groups", and lets the last of two equal names win. Other parsers take the
// first (RFC 8725 §2.4). Two readers of one token must read the same claims.
func appendJSONMembers(members []jsonMember, text string) ([]jsonMember, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("invalid UTF-8")
	}
	s := jsonScanner{text: text}
	s.skipSpace()
	if !s.accept('{') {
		return nil, errors.New("not a JSON object")
	}
	for s.skipSpace(); !s.accept('}'); s.skipSpace() {
		if len(members) > 0 && !s.accept(',') {
			return nil, s.syntaxError()
		}
		s.skipSpace()
		name, ok := s.scanString()
		if !ok {
			return nil, s.syntaxError()
		}
		s.skipSpace()
		if !s.accept(':') {
			return nil, s.syntaxError()
		}
		s.skipSpace()
		start := s.pos
		if !s.skipValue(2) {
			return nil, s.syntaxError()
		}
		members = append(members, jsonMember{unescape(name), text[start:s.pos]})
	}
	s.skipSpace()
	if s.pos != len(text) {
		return nil, s.syntaxError()
	}
	if name, found := duplicateName(members); found {
		return nil, errDetail{"duplicate member", name}
	}
	return members, nil
}

// duplicateName finds a name that comes twice. It compares a few names with each
// other, and uses a map for more: an attacker can send two thousand, which would be
// two million comparisons.
func duplicateName(members []jsonMember) (name string, found bool) {
	if len(members) > 32 {
		seen := make(map[string]struct{}, len(members))
		for _, m := range members {
			if _, found := seen[m.name]; found {
				return m.name, true
			}
			seen[m.name] = struct{}{}
		}
		return "", false
	}
	for i, m := range members {
		for _, earlier := range members[:i] {
			if m.name == earlier.name {
				return m.name, true
			}
		}
	}
	return "", false
}

// unquote decodes a member's value if it is a string.
func unquote(value string) (string, bool) {
	if value[0] != '"' {
		return "", false
	}
	return unescape(value), true
}

// unescape decodes a string that the scanner has accepted, as encoding/json does.
// Half a surrogate pair becomes U+FFFD. For a token full of escapes, encoding/json
// takes ten times as long.
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
			r := decodeHex4(s)
			s = s[4:]
			if utf16.IsSurrogate(r) && strings.HasPrefix(s, `\u`) {
				if pair := utf16.DecodeRune(r, decodeHex4(s[2:])); pair != utf8.RuneError {
					r, s = pair, s[6:]
				}
			}
			text = utf8.AppendRune(text, r)
		default: // " \ /
			text = append(text, c)
		}
	}
	return string(append(text, s...))
}

// decodeHex4 decodes the four digits after \u.
func decodeHex4(s string) rune {
	r, _ := strconv.ParseUint(s[:4], 16, 16)
	return rune(r)
}

// eachString calls yield for each element of an array of strings, and reports
// whether value is such an array. With a nil yield it decodes nothing.
func eachString(value string, yield func(string)) bool {
	s := jsonScanner{text: value}
	if !s.accept('[') {
		return false
	}
	for s.skipSpace(); !s.accept(']'); s.skipSpace() {
		s.accept(',')
		s.skipSpace()
		quoted, ok := s.scanString()
		if !ok {
			return false
		}
		if yield != nil {
			yield(unescape(quoted))
		}
	}
	return true
}

// jsonScanner checks JSON text and finds where its values end.
type jsonScanner struct {
	text string
	pos  int
}

func (s *jsonScanner) syntaxError() error {
	return fmt.Errorf("invalid JSON at byte %d", s.pos)
}

// peek returns the byte at the position, or 0 at the end. Valid JSON has no NUL
// outside of a string, so both may look alike.
func (s *jsonScanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// accept moves past c if it is the next byte.
func (s *jsonScanner) accept(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *jsonScanner) skipSpace() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// skipValue moves past one value at the given depth.
func (s *jsonScanner) skipValue(depth int) bool {
	switch s.peek() {
	case '"':
		_, ok := s.scanString()
		return ok
	case '{':
		return depth <= maxJSONDepth && s.skipContainer('{', '}', depth)
	case '[':
		return depth <= maxJSONDepth && s.skipContainer('[', ']', depth)
	case 't':
		return s.skipLiteral("true")
	case 'f':
		return s.skipLiteral("false")
	case 'n':
		return s.skipLiteral("null")
	}
	return s.skipNumber()
}

// skipContainer moves past an object or an array.
func (s *jsonScanner) skipContainer(opening, closing byte, depth int) bool {
	s.accept(opening)
	s.skipSpace()
	if s.accept(closing) {
		return true
	}
	for {
		s.skipSpace()
		if opening == '{' {
			if _, ok := s.scanString(); !ok {
				return false
			}
			s.skipSpace()
			if !s.accept(':') {
				return false
			}
			s.skipSpace()
		}
		if !s.skipValue(depth + 1) {
			return false
		}
		s.skipSpace()
		if s.accept(closing) {
			return true
		}
		if !s.accept(',') {
			return false
		}
	}
}

func (s *jsonScanner) skipLiteral(word string) bool {
	if !strings.HasPrefix(s.text[s.pos:], word) {
		return false
	}
	s.pos += len(word)
	return true
}

// scanString moves past a string and returns it with its quotes.
func (s *jsonScanner) scanString() (quoted string, ok bool) {
	start := s.pos
	if !s.accept('"') {
		return "", false
	}
	for i := s.pos; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return s.text[start:s.pos], true
		case c < ' ':
			return "", false
		case c == '\\':
			if s.pos = i + 1; !s.skipEscape() {
				return "", false
			}
			i = s.pos - 1
		}
	}
	return "", false
}

// skipEscape moves past an escape whose backslash has been read.
func (s *jsonScanner) skipEscape() bool {
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

func (s *jsonScanner) skipNumber() bool {
	s.accept('-')
	if !s.accept('0') && !s.skipDigits() {
		return false
	}
	if s.accept('.') && !s.skipDigits() {
		return false
	}
	if s.accept('e') || s.accept('E') {
		if !s.accept('+') {
			s.accept('-')
		}
		return s.skipDigits()
	}
	return true
}

func (s *jsonScanner) skipDigits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}
