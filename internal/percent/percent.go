// Package percent decodes percent-encoding (RFC 3986 §2.1).
package percent

import (
	"strings"
	"unicode/utf8"
)

// Decode decodes s like JavaScript's decodeURIComponent: "+" stands for itself. ok is
// false if an escape is broken or the result is not UTF-8.
func Decode(s string) (decoded string, ok bool) {
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	decoded, broken := decode(s)
	if broken || !utf8.ValidString(decoded) {
		return "", false
	}
	return decoded, true
}

// DecodeLenient decodes the escapes in s that are complete and leaves the others as
// they are, as many servers do. The result may hold any byte.
func DecodeLenient(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	decoded, _ := decode(s)
	return decoded
}

func decode(s string) (decoded string, broken bool) {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			broken = true
			b = append(b, '%')
			continue
		}
		b = append(b, hexValue(s[i+1])<<4|hexValue(s[i+2]))
		i += 2
	}
	return string(b), broken
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
