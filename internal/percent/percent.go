// Package percent decodes percent-encoding (RFC 3986 §2.1).
package percent

import (
	"strings"
	"unicode/utf8"
)

// Decode decodes s like JavaScript's decodeURIComponent: "+" remains "+". ok is false
// if an escape is invalid or the result is not UTF-8.
func Decode(s string) (decoded string, ok bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	decoded, invalid := decode(s)
	if invalid || !utf8.ValidString(decoded) {
		return "", false
	}
	return decoded, true
}

// DecodeLenient decodes the valid escapes in s and leaves the others as they are, as
// many servers do. The result may contain any byte.
func DecodeLenient(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	decoded, _ := decode(s)
	return decoded
}

func decode(s string) (decoded string, invalid bool) {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '%':
			b.WriteByte(s[i])
		case i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]):
			invalid = true
			b.WriteByte('%')
		default:
			b.WriteByte(hexValue(s[i+1])<<4 | hexValue(s[i+2]))
			i += 2
		}
	}
	return b.String(), invalid
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
