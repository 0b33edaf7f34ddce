package matcher

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/percent"
)

// A property is what a condition asks for: a header, a cookie, a parameter of the
// query, or the host.
type property struct {
	kind string // Type of the Condition
	key  string // of a header, in its canonical form
}

// A propertySet has the properties that conditions ask for, each once.
type propertySet struct {
	list             []property
	cookies, queries map[string]int // numbers of the properties in list, by name
}

// add adds a property, unless the set has it, and returns its number.
func (set *propertySet) add(p property) int {
	if n := slices.Index(set.list, p); n >= 0 {
		return n
	}
	n := len(set.list)
	set.list = append(set.list, p)
	switch p.kind {
	case "cookie":
		if name, ok := latin1Bytes(p.key); ok { // else no client can send it
			set.cookies = withEntry(set.cookies, name, n)
		}
	case "query":
		set.queries = withEntry(set.queries, p.key, n)
	}
	return n
}

func withEntry(m map[string]int, key string, value int) map[string]int {
	if m == nil {
		m = make(map[string]int)
	}
	m[key] = value
	return m
}

// A propertyValue is a property of a request, as a JavaScript string. In JavaScript
// an empty string is falsy, so it is absent. Node.js or Next.js has some properties
// as arrays. Those are never absent, and their last element counts.
type propertyValue struct {
	state propertyState
	text  string
}

type propertyState uint8

const (
	unread propertyState = iota
	absent
	present
	unreadable // too long
)

func textValue(text string) propertyValue {
	if text == "" {
		return propertyValue{state: absent}
	}
	return propertyValue{present, text}
}

// propertyValues reads the properties in a set of one request, each once. It reads
// all cookies of the set in one pass, and all parameters.
type propertyValues struct {
	set    *propertySet
	r      *http.Request
	left   int             // bytes that may still be read
	values []propertyValue // by number of the property; nil until the first is read
}

// get returns the value of a property, which is not unread.
func (v *propertyValues) get(n int) propertyValue {
	if v.values == nil {
		v.values = make([]propertyValue, len(v.set.list))
	}
	if v.values[n].state == unread {
		switch p := v.set.list[n]; p.kind {
		case "header":
			v.values[n] = v.header(p.key)
		case "host":
			v.values[n] = v.host()
		case "cookie":
			v.readCookies()
		case "query":
			v.readQuery()
		}
	}
	return v.values[n]
}

// take reports whether n more bytes may be read, and counts them if so.
func (v *propertyValues) take(n int) bool {
	if n > v.left {
		return false
	}
	v.left -= n
	return true
}

// setAll sets the state of every property of a kind.
func (v *propertyValues) setAll(kind string, state propertyState) {
	for n, p := range v.set.list {
		if p.kind == kind {
			v.values[n].state = state
		}
	}
}

// singleHeaders are the headers of which Node.js keeps the first if they are
// repeated (IncomingMessage, matchKnownFields). It joins the others.
var singleHeaders = []string{
	"Age", "Authorization", "Content-Length", "Content-Type", "Etag", "Expires",
	"From", "If-Modified-Since", "If-Unmodified-Since", "Last-Modified",
	"Location", "Max-Forwards", "Proxy-Authorization", "Referer", "Retry-After",
	"Server", "User-Agent",
}

func (v *propertyValues) header(key string) propertyValue {
	lines := v.r.Header[key]
	separator := ", "
	switch {
	case key == "Host": // net/http moves it
		lines = []string{v.r.Host}
	case len(lines) == 0:
		return propertyValue{state: absent}
	case key == "Set-Cookie": // an array
		lines = lines[len(lines)-1:]
	case slices.Contains(singleHeaders, key):
		lines = lines[:1]
	case key == "Cookie":
		separator = "; "
	}
	if !v.take(lengthOf(lines)) {
		return propertyValue{state: unreadable}
	}
	value := textValue(latin1(strings.Join(lines, separator)))
	if key == "Set-Cookie" {
		value.state = present
	}
	return value
}

// lengthOf returns the length of a header's lines when they are joined.
func lengthOf(lines []string) int {
	n := 0
	for _, line := range lines {
		n += len(line) + len(", ")
	}
	return n
}

// host returns the host without its port. For Next.js the port begins at the first
// colon, so that of an IPv6 address only "[" is left.
func (v *propertyValues) host() propertyValue {
	if !v.take(len(v.r.Host)) {
		return propertyValue{state: unreadable}
	}
	host, _, _ := strings.Cut(v.r.Host, ":")
	return textValue(strings.ToLower(latin1(host)))
}

// readCookies reads cookies as the package cookie 0.4 does, which Next.js uses.
// http.Request.Cookie drops cookies that it finds invalid, and decodes none.
func (v *propertyValues) readCookies() {
	lines := v.r.Header["Cookie"]
	if !v.take(lengthOf(lines)) {
		v.setAll("cookie", unreadable)
		return
	}
	v.setAll("cookie", absent)
	unseen := len(v.set.cookies)
	seen := make([]bool, len(v.values))
	for _, line := range lines {
		for line != "" && unseen > 0 {
			var cookie string
			cookie, line, _ = strings.Cut(line, ";")
			name, value, ok := strings.Cut(cookie, "=")
			if !ok {
				continue
			}
			n, ok := v.set.cookies[trimLatin1(name)]
			if ok && !seen[n] { // the first counts, even if it is empty
				seen[n] = true
				unseen--
				v.values[n] = textValue(cookieValue(value))
			}
		}
	}
}

// cookieValue returns the value of a cookie as the package cookie 0.4 decodes it.
func cookieValue(raw string) string {
	value := latin1(trimLatin1(raw))
	if strings.HasPrefix(value, `"`) { // it loses its first and last character
		_, last := utf8.DecodeLastRuneInString(value[1:])
		value = value[1 : len(value)-last]
	}
	if decoded, ok := percent.Decode(value); ok {
		return decoded
	}
	return value
}

// readQuery reads the query as URLSearchParams does, which takes anything. Package
// net/url refuses semicolons and broken escapes.
func (v *propertyValues) readQuery() {
	var query string
	if v.r.URL != nil {
		query, _, _ = strings.Cut(v.r.URL.RawQuery, "#")
	}
	if !v.take(len(query)) {
		v.setAll("query", unreadable)
		return
	}
	type parameter struct {
		value string // the last one
		count int
	}
	found := make([]parameter, len(v.values))
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if n, ok := v.set.queries[formDecode(name)]; ok {
			found[n] = parameter{value, found[n].count + 1}
		}
	}
	for _, n := range v.set.queries {
		v.values[n] = textValue(formDecode(found[n].value))
		if found[n].count > 1 { // an array
			v.values[n].state = present
		}
	}
}

func formDecode(s string) string {
	return percent.DecodeLenient(latin1(strings.ReplaceAll(s, "+", " ")))
}

// trimLatin1 is String.prototype.trim for bytes that are a character each.
func trimLatin1(s string) string {
	isSpace := func(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0xa0 }
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// latin1 returns the text that Node.js reads from bytes, each as a character.
func latin1(s string) string {
	first := 0
	for first < len(s) && s[first] < utf8.RuneSelf {
		first++
	}
	if first == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(2 * len(s))
	b.WriteString(s[:first])
	for i := first; i < len(s); i++ {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// latin1Bytes returns the bytes that latin1 makes text of. ok is false if there are
// none.
func latin1Bytes(text string) (s string, ok bool) {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return "", false
		}
		b = append(b, byte(r))
	}
	return string(b), true
}
