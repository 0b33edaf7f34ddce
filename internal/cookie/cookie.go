// Package cookie reads and writes cookies as Amplify's clients do.
//
// It is used instead of net/http's reader, which silently drops names that are
// not tokens (a raw "@" of an older adapter) and values with a quote, and every
// cookie past the three thousandth; and instead of its writer, which writes
// nothing for such a name, so that the cookie could never be deleted.
package cookie

import "strings"

// Next splits the first pair off a Cookie header (RFC 6265bis §5.8.3): names and
// values as the browser sent them, without surrounding white space. A pair
// without "=" has an empty value. At the end, name and rest are empty; a pair
// without a name is passed over.
func Next(header string) (name, value, rest string) {
	for header != "" {
		var pair string
		pair, header = cut(header, ';')
		name, value = cut(pair, '=')
		if name = trim(name); name != "" {
			return name, trim(value), header
		}
	}
	return "", "", ""
}

// NextOf is Next for the first pair whose name begins with prefix. It costs little
// more for the others than finding where they end.
func NextOf(header, prefix string) (name, value, rest string) {
	for {
		for header != "" && (header[0] == ' ' || header[0] == '\t') {
			header = header[1:]
		}
		if strings.HasPrefix(header, prefix) {
			return Next(header)
		}
		end := strings.IndexByte(header, ';')
		if end < 0 {
			return "", "", ""
		}
		header = header[end+1:]
	}
}

// cut is strings.Cut for one byte, at half its price.
func cut(s string, separator byte) (before, after string) {
	if i := strings.IndexByte(s, separator); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// trim removes white space at both ends. Nearly always there is one space in
// front, which a general trim would pay more for.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// The characters that js-cookie 3 leaves as they are. encodeURIComponent keeps
// letters, digits and -_.!~*'(); js-cookie turns some escapes back, different
// ones in names and in values, and escapes the parentheses of names.
var (
	rawInNames  = newCharacters("-_.!~*'#$&+^`|")
	rawInValues = newCharacters("-_.!~*'()#$&+/:<=>?@[]^`{|}")
)

// characters are a set of ASCII characters.
type characters [256]bool

// newCharacters returns letters, digits and these.
func newCharacters(others string) *characters {
	var set characters
	const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, c := range []byte(alphanumeric + others) {
		set[c] = true
	}
	return &set
}

// EncodeName encodes a cookie's name as js-cookie does.
func EncodeName(name string) string { return encode(name, rawInNames) }

// EncodeValue encodes a cookie's value as js-cookie does. The result holds
// nothing that could end the value: no semicolon, white space or control.
func EncodeValue(value string) string { return encode(value, rawInValues) }

func encode(s string, raw *characters) string {
	const hex = "0123456789ABCDEF"
	n := 0
	for i := range len(s) {
		if !raw[s[i]] {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; raw[c] {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
