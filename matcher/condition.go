package matcher

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	errNoKey   = errors.New("key is required for header, query and cookie")
	errHostKey = errors.New("host has no key")
	errNoValue = errors.New("host must have a value")
)

// A condition is a Condition that has been compiled.
type condition struct {
	find  finder
	value *dfa // nil if any value will do
}

// A finder finds a property of a request, as text of JavaScript. A string that
// is empty is not found, as it is falsy there; a property that Node.js or
// Next.js has as an array always is, and its last element counts.
type finder func(r *http.Request) (value string, found bool)

func newCondition(c Condition) (out condition, err error) {
	switch c.Type {
	case "header":
		out.find = headerFinder(c.Key)
	case "cookie":
		out.find = func(r *http.Request) (string, bool) { return findCookie(r, c.Key) }
	case "query":
		out.find = func(r *http.Request) (string, bool) { return findParameter(r, c.Key) }
	case "host":
		out.find = findHost
	default:
		return out, fmt.Errorf("type %q is not header, query, cookie or host", c.Type)
	}
	switch {
	case c.Type == "host" && c.Key != "":
		return out, errHostKey
	case c.Type == "host" && c.Value == "":
		return out, errNoValue // Next.js accepts it, and throws at every request
	case c.Key == "" && (c.Type == "header" || c.Type == "cookie"):
		return out, errNoKey // but a parameter without a name can be sent
	case c.Value != "":
		if out.value, err = compileValue(c.Value); err != nil {
			return out, fmt.Errorf("value: %w", err)
		}
	}
	return out, nil
}

// holds is hasMatch in Next.js's matchHas.
func (c *condition) holds(r *http.Request) bool {
	value, found := c.find(r)
	return found && (c.value == nil || c.value.match(value))
}

// firstOnly are the headers of which Node.js takes the first if they are
// repeated (IncomingMessage, matchKnownFields). It joins the others.
var firstOnly = []string{
	"Age", "Authorization", "Content-Length", "Content-Type", "Etag", "Expires",
	"From", "If-Modified-Since", "If-Unmodified-Since", "Last-Modified",
	"Location", "Max-Forwards", "Proxy-Authorization", "Referer", "Retry-After",
	"Server", "User-Agent",
}

func headerFinder(key string) finder {
	key = http.CanonicalHeaderKey(key)
	first := slices.Contains(firstOnly, key)
	separator := ", "
	if key == "Cookie" {
		separator = "; "
	}
	return func(r *http.Request) (value string, found bool) {
		values := r.Header[key]
		switch {
		case key == "Host": // net/http moves it
			value = r.Host
		case len(values) == 0:
			return "", false
		case key == "Set-Cookie": // an array
			return latin1(values[len(values)-1]), true
		case first:
			value = values[0]
		default:
			value = strings.Join(values, separator)
		}
		return latin1(value), value != ""
	}
}

// findHost returns the host without its port. What Next.js takes for the port
// begins at the first colon, so that of an IPv6 address "[" is left.
func findHost(r *http.Request) (value string, found bool) {
	host, _, _ := strings.Cut(r.Host, ":")
	return strings.ToLower(latin1(host)), host != ""
}

// findCookie reads cookies as the package cookie 0.4 does, which Next.js uses.
// http.Request.Cookie drops those that it finds invalid, and decodes none.
func findCookie(r *http.Request, key string) (value string, found bool) {
	for _, line := range r.Header["Cookie"] {
		line = latin1(line)
		for line != "" {
			var cookie string
			cookie, line, _ = strings.Cut(line, ";")
			name, value, ok := strings.Cut(cookie, "=")
			if !ok || trim(name) != key {
				continue
			}
			value = trim(value)
			if strings.HasPrefix(value, `"`) { // loses its first and last character
				_, last := utf8.DecodeLastRuneInString(value[1:])
				value = value[1 : len(value)-last]
			}
			if decoded, ok := unescape(value); ok && utf8.ValidString(decoded) {
				value = decoded // decodeURIComponent
			}
			return value, value != "" // the first of its name, whatever it is
		}
	}
	return "", false
}

// trim is String.prototype.trim.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= 0xffff && spaces.contains(uint16(r)) })
}

// findParameter reads the query as URLSearchParams does, which takes anything;
// net/url refuses semicolons and broken escapes.
func findParameter(r *http.Request, key string) (value string, found bool) {
	if r.URL == nil {
		return "", false
	}
	query, _, _ := strings.Cut(r.URL.RawQuery, "#")
	count := 0
	for query != "" {
		var parameter string
		parameter, query, _ = strings.Cut(query, "&")
		k, v, _ := strings.Cut(parameter, "=")
		if parameter != "" && formDecode(k) == key {
			value = formDecode(v)
			count++
		}
	}
	return value, value != "" || count > 1 // several are an array
}

func formDecode(s string) string {
	s, _ = unescape(latin1(strings.ReplaceAll(s, "+", " ")))
	return s
}

// unescape decodes %XX. Other percent signs stay; ok says that there were none.
func unescape(s string) (out string, ok bool) {
	first := strings.IndexByte(s, '%')
	if first < 0 {
		return s, true
	}
	b := append(make([]byte, 0, len(s)), s[:first]...)
	ok = true
	for i := first; i < len(s); i++ {
		if s[i] == '%' {
			if i+2 < len(s) && unhex(rune(s[i+1])) >= 0 && unhex(rune(s[i+2])) >= 0 {
				b = append(b, byte(unhex(rune(s[i+1]))<<4|unhex(rune(s[i+2]))))
				i += 2
				continue
			}
			ok = false
		}
		b = append(b, s[i])
	}
	return string(b), ok
}

// latin1 returns the text that Node.js reads from bytes: each is a character.
func latin1(s string) string {
	first := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
	if first < 0 {
		return s
	}
	b := append(make([]byte, 0, 2*len(s)), s[:first]...)
	for i := first; i < len(s); i++ {
		b = utf8.AppendRune(b, rune(s[i]))
	}
	return string(b)
}
