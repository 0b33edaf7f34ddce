package matcher

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/percent"
)

// A property reads a property of a request, as a JavaScript string. In JavaScript
// an empty string is falsy, so it is not found. Node.js or Next.js has some
// properties as arrays. Those are always found, and their last element counts.
type property func(r *http.Request) (value string, found bool)

// singleHeaders are the headers of which Node.js keeps the first if they are
// repeated (IncomingMessage, matchKnownFields). It joins the others.
var singleHeaders = []string{
	"Age", "Authorization", "Content-Length", "Content-Type", "Etag", "Expires",
	"From", "If-Modified-Since", "If-Unmodified-Since", "Last-Modified",
	"Location", "Max-Forwards", "Proxy-Authorization", "Referer", "Retry-After",
	"Server", "User-Agent",
}

func headerProperty(key string) property {
	key = http.CanonicalHeaderKey(key)
	single := slices.Contains(singleHeaders, key)
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
		case single:
			value = values[0]
		default:
			value = strings.Join(values, separator)
		}
		return latin1(value), value != ""
	}
}

// hostProperty returns the host without its port. For Next.js the port begins at
// the first colon, so that of an IPv6 address only "[" is left.
func hostProperty(r *http.Request) (value string, found bool) {
	host, _, _ := strings.Cut(r.Host, ":")
	return strings.ToLower(latin1(host)), host != ""
}

// cookieProperty reads cookies as the package cookie 0.4 does, which Next.js uses.
// http.Request.Cookie drops cookies that it finds invalid, and decodes none.
func cookieProperty(key string) property {
	return func(r *http.Request) (value string, found bool) {
		for _, line := range r.Header["Cookie"] {
			line = latin1(line)
			for line != "" {
				var cookie string
				cookie, line, _ = strings.Cut(line, ";")
				name, value, ok := strings.Cut(cookie, "=")
				if ok && trimLatin1(name) == key {
					value = cookieValue(value)
					return value, value != "" // even if a later one is not empty
				}
			}
		}
		return "", false
	}
}

// cookieValue returns the value of a cookie as the package cookie 0.4 decodes it.
func cookieValue(raw string) string {
	value := trimLatin1(raw)
	if strings.HasPrefix(value, `"`) { // it loses its first and last character
		_, last := utf8.DecodeLastRuneInString(value[1:])
		value = value[1 : len(value)-last]
	}
	if decoded, ok := percent.Decode(value); ok {
		return decoded
	}
	return value
}

// trimLatin1 is String.prototype.trim for text that latin1 returned.
func trimLatin1(s string) string { return strings.Trim(s, "\t\n\v\f\r \u00a0") }

// queryProperty reads the query as URLSearchParams does, which takes anything.
// Package net/url refuses semicolons and broken escapes.
func queryProperty(key string) property {
	return func(r *http.Request) (value string, found bool) {
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
}

func formDecode(s string) string {
	return percent.DecodeLenient(latin1(strings.ReplaceAll(s, "+", " ")))
}

// latin1 returns the text that Node.js reads from bytes, each as a character.
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
