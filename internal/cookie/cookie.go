// Package cookie reads and writes cookies as Amplify's clients do.
//
// It is used instead of net/http's reader, which silently drops names that are
// not tokens (a raw "@" of an older adapter) and values with a quote, and every
// cookie past the three thousandth; and instead of its writer, which writes
// nothing for such a name, so that the cookie could never be deleted.
package cookie

import (
	"strings"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/percent"
)

// Prefix is what the names of an app client's cookies begin with.
func Prefix(clientID string) string {
	return "CognitoIdentityServiceProvider." + clientID + "."
}

// Next splits the first pair off a Cookie header (RFC 6265bis §5.8.3): names and
// values as the browser sent them, without surrounding white space. A pair
// without "=" has an empty value. At the end, name and rest are empty; a pair
// without a name is passed over.
func Next(header string) (name, value, rest string) {
	for header != "" {
		var pair string
		pair, header, _ = strings.Cut(header, ";")
		name, value, _ = strings.Cut(pair, "=")
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
const (
	rawInNames  = "-_.!~*'#$&+^`|"
	rawInValues = "-_.!~*'()#$&+/:<=>?@[]^`{|}"
)

// EncodeName encodes a cookie's name as js-cookie does.
func EncodeName(name string) string { return encode(name, rawInNames) }

// EncodeValue encodes a cookie's value as js-cookie does. The result holds
// nothing that could end the value: no semicolon, white space or control.
func EncodeValue(value string) string { return encode(value, rawInValues) }

func encode(s, raw string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c < utf8.RuneSelf && strings.IndexByte(raw, c) >= 0
	}
	n := 0
	for i := range len(s) {
		if !plain(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// Forward returns the Cookie header that a browser would send after it has seen
// the given Set-Cookie lines whose names begin with prefix. The other cookies
// stay as they are. Pairs are compared by their decoded names, because a server
// downstream must not find an old cookie in another spelling.
func Forward(header []string, lines []string, prefix string) string {
	fresh := make(map[string]string) // by decoded name: the pair, "" if deleted
	var order []string
	for _, line := range lines {
		name, pair, deleted := parseLine(line)
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		key := decodedName(name)
		if _, seen := fresh[key]; !seen {
			order = append(order, key)
			fresh[key] = ""
		}
		if !deleted { // a deletion beside it only takes the name's other scope away
			fresh[key] = pair
		}
	}
	var pairs []string
	for _, h := range header {
		for pair := range strings.SplitSeq(h, ";") {
			name, _, _ := Next(pair)
			if _, seen := fresh[decodedName(name)]; !seen && trim(pair) != "" {
				pairs = append(pairs, trim(pair))
			}
		}
	}
	for _, key := range order {
		if fresh[key] != "" {
			pairs = append(pairs, fresh[key])
		}
	}
	return strings.Join(pairs, "; ")
}

func decodedName(name string) string {
	if d, ok := percent.Decode(name); ok {
		return d
	}
	return name
}

// parseLine reads a Set-Cookie line as package session writes it.
func parseLine(line string) (name, pair string, deleted bool) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, _ := strings.Cut(pair, "=")
	return name, pair, value == "" && strings.Contains(attributes, "Max-Age=0")
}
