package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/percent"
)

// maxPath is the longest path that is judged; a longer one is protected.
const maxPath = 8 << 10

// isPlain reports whether every router reads the URL's path in the same way. A plain
// path has no escapes, no characters that need one, no dot segments, no empty
// segments and no segment parameters. Only a plain path can be exempt: a path that
// some router reads as another must not pass for the sign-in page.
func isPlain(u *url.URL) bool {
	p := u.Path
	if u.RawPath != "" && u.RawPath != p || p == "" || p[0] != '/' || len(p) > maxPath {
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

// maxPathForms is how many forms of a path are judged. A path with more is protected:
// each form is as long as the path, and anybody can send such a path.
const maxPathForms = 32

// pathForms collects the forms of a path, each once.
type pathForms struct {
	list     []string
	unjudged bool // a form cannot be judged, or there are too many
}

func (forms *pathForms) add(p string) {
	switch {
	case forms.unjudged || slices.Contains(forms.list, p):
	case len(forms.list) == maxPathForms || !isJudgeable(p):
		forms.unjudged = true
	default:
		forms.list = append(forms.list, p)
	}
}

// addEach adds what derive returns for each form so far.
func (forms *pathForms) addEach(derive func(string) string) {
	for _, p := range forms.list {
		forms.add(derive(p))
	}
}

// isJudgeable reports whether programs agree so far about a form that the matcher can
// judge it:
//   - A form that begins with two slashes names another host to those who resolve it as
//     a URL (RFC 3986 §4.2). Browsers and Node.js take "\" for "/" and skip any number
//     (WHATWG URL §4.4). Dot segments can move two slashes to the beginning.
//   - Some programs drop control characters, others end the path there.
//   - A form that is not UTF-8 has no characters that a pattern could match.
func isJudgeable(p string) bool {
	if len(p) > 1 && isSlash(p[0]) && isSlash(p[1]) {
		return false
	}
	return !strings.ContainsFunc(p, unicode.IsControl) && utf8.ValidString(p) &&
		!(strings.Contains(p, "//") && hasDotSegment(p))
}

func isSlash(c byte) bool { return c == '/' || c == '\\' }

func hasDotSegment(p string) bool {
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
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

// newPathForms returns every form of the paths. ok is false if a form cannot be judged.
func newPathForms(paths []string) (list []string, ok bool) {
	var forms pathForms
	for _, p := range paths {
		if p == "" || p[0] != '/' || len(p) > maxPath {
			return nil, false
		}
		forms.add(p)
	}
	forms.addEach(percent.DecodeLenient) // a server behind the guard may decode once more
	forms.addEach(withoutQuery)
	for _, p := range forms.list {
		forms.addCleaned(p)
	}
	forms.addEach(func(p string) string {
		// Patterns are written for the form in which only the characters that need it
		// are escaped: :path matches no "#" and no "?", because in a request's target
		// neither belongs to the path.
		return (&url.URL{Path: p}).EscapedPath()
	})
	return forms.list, !forms.unjudged
}

// withoutQuery ends a path where a program does that reads it as a part of a URL: before
// a "?" or "#" that was escaped. Blanks at the end of a URL are dropped.
func withoutQuery(p string) string {
	if i := strings.IndexAny(p, "?#"); i >= 0 {
		p = p[:i]
	}
	return strings.TrimRightFunc(p, func(c rune) bool { return unicode.IsSpace(c) || c == '\uFEFF' })
}

// addCleaned adds p as other programs clean it:
//   - with "/" in place of "\", or not;
//   - without the parameters of segments, up to the first parameter, or with them;
//   - without the host that a program sees behind two slashes, if it has taken off what
//     stands before them;
//   - without empty segments, then without dot segments too, because some programs
//     collapse slashes and leave dots;
//   - with and without a slash at the end.
func (forms *pathForms) addCleaned(p string) {
	var variants pathForms
	variants.add(p)
	variants.addEach(func(p string) string { return strings.ReplaceAll(p, `\`, "/") })
	variants.addEach(withoutSegmentParams)
	variants.addEach(func(p string) string { p, _, _ = strings.Cut(p, ";"); return p })
	variants.addEach(withoutInnerHost)
	forms.unjudged = forms.unjudged || variants.unjudged
	for _, variant := range variants.list {
		for strings.Contains(variant, "//") {
			variant = strings.ReplaceAll(variant, "//", "/")
		}
		forms.add(variant)
		cleaned := path.Clean("/" + variant)
		forms.add(cleaned)
		if strings.HasSuffix(variant, "/") && cleaned != "/" {
			forms.add(cleaned + "/")
		}
		if variant != "/" {
			forms.add(strings.TrimSuffix(variant, "/"))
		}
	}
}

// withoutSegmentParams removes the parameters of segments (RFC 3986 §3.3), as servlet
// containers do before they resolve dot segments.
func withoutSegmentParams(p string) string {
	if !strings.Contains(p, ";") {
		return p
	}
	segments := strings.Split(p, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
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
