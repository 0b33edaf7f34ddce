// Package percent decodes percent-encoding (RFC 3986 §2.1).
package percent

import (
	"strings"
	"unicode/utf8"
)

// Decode decodes s like JavaScript's decodeURIComponent: "+" stands for itself. ok is
// false if an escape is incomplete or the result is not UTF-8.
func Decode(s string) (decoded string, ok bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	var buffer [256]byte
	b, valid := appendDecoded(buffer[:0], s)
	if !valid || !utf8.Valid(b) {
		return "", false
	}
	return string(b), true
}

// Valid reports whether Decode can decode s. It allocates nothing, unless escapes stand
// for characters beyond ASCII: every request with Amplify's signInDetails comes by here.
func Valid(s string) bool {
	rest := s
	for at := strings.IndexByte(rest, '%'); at >= 0; at = strings.IndexByte(rest, '%') {
		if at+2 >= len(rest) || !isHex(rest[at+1]) || !isHex(rest[at+2]) {
			return false
		}
		if rest[at+1] >= '8' { // not ASCII, so the neighbours decide too
			_, ok := Decode(s)
			return ok
		}
		rest = rest[at+3:]
	}
	return len(rest) == len(s) || utf8.ValidString(s)
}

// DecodeLenient decodes the escapes in s that are complete and leaves the others as
// they are, as many servers do. The result may hold any byte.
func DecodeLenient(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var buffer [256]byte
	b, _ := appendDecoded(buffer[:0], s)
	return string(b)
}

// appendDecoded appends s, decoded. valid is false if an escape is incomplete.
func appendDecoded(b []byte, s string) (_ []byte, valid bool) {
	valid = true
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '%':
			b = append(b, s[i])
		case i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]):
			valid = false
			b = append(b, '%')
		default:
			b = append(b, hexValue(s[i+1])<<4|hexValue(s[i+2]))
			i += 2
		}
	}
	return b, valid
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func hexValue(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
