package matcher

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	errNoKey   = errors.New("key is required for header, query and cookie")
	errHostKey = errors.New("host has no key")
	errNoHost  = errors.New("host must have a value")
)

// A condition is a Condition ready to be asked.
type condition struct {
	find  func(r *http.Request) (value string, present bool)
	value *dfa // nil if any value will do
}

func newCondition(c Condition) (condition, error) {
	var out condition
	switch c.Type {
	case "header":
		out.find = findHeader(c.Key)
	case "cookie":
		out.find = func(r *http.Request) (string, bool) { return findCookie(r, c.Key) }
	case "query":
		out.find = func(r *http.Request) (string, bool) { return findQuery(r, c.Key) }
	case "host":
		out.find = findHost
	default:
		return out, fmt.Errorf("type %q is not header, query, cookie or host", c.Type)
	}
	switch {
	case c.Type == "host" && c.Key != "":
		return out, errHostKey
	case c.Type == "host" && c.Value == "":
		return out, errNoHost // Next.js throws at every request
	case c.Key == "" && (c.Type == "header" || c.Type == "cookie"):
		return out, errNoKey
	case c.Value == "":
		return out, nil
	}
	var err error
	if out.value, err = compileValue(c.Value); err != nil {
		return out, fmt.Errorf("value: %w", err)
	}
	return out, nil
}

// holds is hasMatch in Next.js's matchHas.
func (c condition) holds(r *http.Request) bool {
	value, present := c.find(r)
	return present && (c.value == nil || c.value.match(value))
}

// firstOnly are the headers of which Node.js keeps the first when they are
// repeated (IncomingMessage.headers, matchKnownFields). It joins the others.
var firstOnly = []string{
	"Age", "Authorization", "Content-Length", "Content-Type", "Etag",
	"Expires", "From", "If-Modified-Since", "If-Unmodified-Since",
	"Last-Modified", "Location", "Max-Forwards", "Proxy-Authorization",
	"Referer", "Retry-After", "Server", "User-Agent",
}

// findHeader returns the function that reads a header as Node.js gives it.
func findHeader(key string) func(*http.Request) (string, bool) {
	key = textproto.CanonicalMIMEHeaderKey(key)
	first := slices.Contains(firstOnly, key)
	return func(r *http.Request) (string, bool) {
		values := r.Header[key]
		value := ""
		switch {
		case key == "Host":
			value = r.Host
		case len(values) == 0:
		case key == "Set-Cookie":
			// An array in Node.js: there whatever it holds, and its last
			// element counts.
			return latin1(values[len(values)-1]), true
		case key == "Cookie":
			value = strings.Join(values, "; ")
		case first:
			value = values[0]
		default:
			value = strings.Join(values, ", ")
		}
		return latin1(value), value != ""
	}
}

// findHost returns the host name without its port; like Next.js it takes "["
// for the name of [::1].
func findHost(r *http.Request) (string, bool) {
	host, _, _ := strings.Cut(r.Host, ":")
	return strings.ToLower(latin1(host)), host != ""
}

// findCookie parses as the cookie package 0.4 does, which Next.js bundles:
// http.Request.Cookie decodes nothing and drops what it thinks invalid.
func findCookie(r *http.Request, key string) (string, bool) {
	for _, line := range r.Header["Cookie"] {
		line = latin1(line)
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ";")
			line = strings.TrimLeft(line, " ")
			name, value, ok := strings.Cut(item, "=")
			if !ok || trim(name) != key {
				continue
			}
			value = trim(value)
			if strings.HasPrefix(value, `"`) {
				value = value[1:]
				_, size := utf8.DecodeLastRuneInString(value)
				value = value[:len(value)-size]
			}
			if decoded, ok := unescape(value); ok && utf8.ValidString(decoded) {
				value = decoded
			}
			return value, value != "" // the first of a name counts
		}
	}
	return "", false
}

// trim is String.prototype.trim.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= 0xffff && spaces.contains(uint16(r)) })
}

// findQuery parses the query string as a form, as URLSearchParams does, which
// takes anything; net/url refuses semicolons and broken escapes.
func findQuery(r *http.Request, key string) (value string, present bool) {
	if r.URL == nil {
		return "", false
	}
	query, _, _ := strings.Cut(r.URL.RawQuery, "#")
	repeated := false
	for query != "" {
		var item string
		item, query, _ = strings.Cut(query, "&")
		if item == "" {
			continue
		}
		k, v, _ := strings.Cut(item, "=")
		if formDecode(k) == key {
			repeated = present
			value, present = formDecode(v), true
		}
	}
	// A repeated parameter is an array in Next.js: there whatever it holds,
	// and its last element counts.
	return value, value != "" || repeated
}

func formDecode(s string) string {
	s, _ = unescape(latin1(strings.ReplaceAll(s, "+", " ")))
	return s
}

// unescape decodes %XX and leaves other percent signs alone; ok says that
// there were none.
func unescape(s string) (out string, ok bool) {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s, true
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	ok = true
	for ; i < len(s); i++ {
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

// latin1 returns the text of bytes that came over the wire: Node.js reads each
// as one character.
func latin1(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			b := append(make([]byte, 0, 2*len(s)), s[:i]...)
			for ; i < len(s); i++ {
				b = utf8.AppendRune(b, rune(s[i]))
			}
			return string(b)
		}
	}
	return s
}
