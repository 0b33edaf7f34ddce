package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/percent"
)

// maxPath is the longest path that is judged; a longer one is protected.
const maxPath = 8 << 10

func isTooLong(u *url.URL) bool { return len(u.Path) > maxPath || len(u.RawPath) > maxPath }

// isPlain reports whether every router reads the URL's path in the same way. A plain
// path has no escapes, no characters that need one, no dot segments, no empty
// segments and no segment parameters. Only a plain path can be exempt: a path that
// some router reads as another must not pass for the sign-in page.
func isPlain(u *url.URL) bool {
	p := u.Path
	if u.RawPath != "" && u.RawPath != p || p == "" || p[0] != '/' || isTooLong(u) {
		return false
	}
	for i := range len(p) {
		switch c := p[i]; {
		case c == '/':
			if i+1 < len(p) && (p[i+1] == '/' || p[i+1] == '.') {
				return false
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.~$&+,:=@", c) >= 0:
		case u.RawPath == p && strings.IndexByte("!'()*", c) >= 0:
		default:
			return false // EscapedPath escapes it, or another program may
		}
	}
	return true
}

// maxPathForms and maxFormBytes bound the forms that are judged. A path with more is
// protected, because anybody can send it.
const (
	maxPathForms = 32
	maxFormBytes = 64 << 10
)

// pathForms collects the forms of a path, each once.
type pathForms struct {
	list     []string
	bytes    int  // of all forms
	unjudged bool // a form cannot be judged, or there are too many
}

func (forms *pathForms) add(p string) {
	if forms.unjudged || slices.Contains(forms.list, p) {
		return
	}
	forms.bytes += len(p)
	if len(forms.list) == maxPathForms || forms.bytes > maxFormBytes || !isJudgeable(p) {
		forms.unjudged = true
		return
	}
	forms.list = append(forms.list, p)
}

// isJudgeable reports whether programs agree about a form so far that the matcher can
// judge it. They do not in four cases:
//   - A form that begins with two slashes names another host to those who resolve it as
//     a URL (RFC 3986 §4.2). Browsers and Node.js take "\" for "/", and skip any number
//     of slashes (WHATWG URL §4.4).
//   - Programs resolve dot segments before they decode, or after, or never. Browsers
//     send none.
//   - Some programs drop control characters, and others end the path there.
//   - What is not UTF-8 has no characters that a pattern could match.
func isJudgeable(p string) bool {
	if len(p) > 1 && isSlash(p[0]) && isSlash(p[1]) || hasDotSegment(p) || !utf8.ValidString(p) {
		return false
	}
	for i := range len(p) {
		if c := p[i]; c < ' ' || c == 0x7f || c == 0xc2 && p[i+1] < 0xa0 { // U+0080 to U+009F
			return false
		}
	}
	return true
}

func isSlash(c byte) bool { return c == '/' || c == '\\' }

// hasDotSegment reports whether a path has a segment "." or "..".
func hasDotSegment(p string) bool {
	return strings.Contains(p, "/./") || strings.Contains(p, "/../") || strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/..")
}

// requestPathForms returns every form of the request's path that a router, a file
// server, a middleware or a server behind the guard could act on. ok is false if a
// form cannot be judged. routed has the paths by which chi may have routed the request.
func requestPathForms(r *http.Request, routed []string) (list []string, ok bool) {
	escaped, decoded := r.URL.EscapedPath(), r.URL.Path
	received := cmp.Or(r.URL.RawPath, decoded) // chi routes by RawPath, even if Path has been rewritten
	if decoded == "" {
		return nil, false // "*", or a CONNECT without a path: there is nothing to match
	}
	return newPathForms(append(routed, escaped, decoded, received))
}

// escapedAsNeeded returns an escaped path with other escapes only where a character needs
// one. An escaped slash stays what it is: routers such as ServeMux decode one segment
// after the other, and to them "/%75sers/a%2Fb" is the path of "/users/{id}".
func escapedAsNeeded(escaped string) string {
	if strings.IndexByte(escaped, '%') < 0 {
		return escaped
	}
	segments := strings.Split(escaped, "/")
	for i, segment := range segments {
		if decoded, err := url.PathUnescape(segment); err == nil {
			segments[i] = strings.ReplaceAll((&url.URL{Path: decoded}).EscapedPath(), "/", "%2F")
		}
	}
	return strings.Join(segments, "/")
}

// newPathForms returns every form of the paths. ok is false if a form cannot be judged.
func newPathForms(paths []string) (list []string, ok bool) {
	var forms pathForms
	for _, p := range paths {
		if p == "" || p[0] != '/' || len(p) > maxPath {
			return nil, false
		}
		forms.add(p)
	}
	// A program may read a path in several ways, in any order. Each new form is
	// therefore read in every way again.
	for i := 0; i < len(forms.list) && !forms.unjudged; i++ {
		for _, read := range pathReadings {
			forms.add(read(forms.list[i]))
		}
	}
	for _, p := range forms.list {
		// Patterns are written for the form in which only the characters that need it
		// are escaped: :path matches no "#" and no "?", because in a request's target
		// neither belongs to the path.
		forms.add((&url.URL{Path: p}).EscapedPath())
	}
	return forms.list, !forms.unjudged
}

// pathReadings are the ways in which a program behind the guard reads a path as another.
var pathReadings = []func(string) string{
	percent.DecodeLenient,
	escapedAsNeeded,
	withoutQuery,
	func(p string) string { return strings.ReplaceAll(p, `\`, "/") },
	withoutSegmentParams,
	func(p string) string { p, _, _ = strings.Cut(p, ";"); return p },
	withoutEmptySegments,
	withoutInnerHost,
	withoutLastSlash,
}

// withoutQuery ends a path where a program does that reads it as a part of a URL: before
// a "?" or "#" that was escaped. Blanks at the end of a URL are dropped.
func withoutQuery(p string) string {
	if i := strings.IndexAny(p, "?#"); i >= 0 {
		p = p[:i]
	}
	return strings.TrimRightFunc(p, func(c rune) bool { return unicode.IsSpace(c) || c == '\uFEFF' })
}

// withoutSegmentParams removes the parameters of segments (RFC 3986 §3.3), as servlet
// containers do.
func withoutSegmentParams(p string) string {
	if !strings.Contains(p, ";") {
		return p
	}
	var b strings.Builder
	inParam := false
	for i := range len(p) {
		if c := p[i]; c == ';' {
			inParam = true
		} else if inParam = inParam && c != '/'; !inParam {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func withoutEmptySegments(p string) string {
	if !strings.Contains(p, "//") {
		return p
	}
	var b strings.Builder
	for i := range len(p) {
		if p[i] != '/' || i == 0 || p[i-1] != '/' {
			b.WriteByte(p[i])
		}
	}
	return b.String()
}

// withoutInnerHost removes the segment behind the first two slashes. After
// http.StripPrefix("/app", …), "/app//host/admin" is "//host/admin", and whoever
// resolves that as a URL serves /admin.
func withoutInnerHost(p string) string {
	before, rest, ok := strings.Cut(p, "//")
	if !ok {
		return p
	}
	_, after, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	return before + "/" + after
}

func withoutLastSlash(p string) string {
	if p == "/" {
		return p
	}
	return strings.TrimSuffix(p, "/")
}
