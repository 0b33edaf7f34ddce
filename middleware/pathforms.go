package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

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

// pathForms are the forms of one path, each once.
type pathForms []string

func (forms *pathForms) add(p string) {
	if !slices.Contains(*forms, p) {
		*forms = append(*forms, p)
	}
}

// requestPathForms returns every form of the request's path that a router, a file
// server, a middleware or a server behind the guard could act on. ok is false if a
// form cannot be judged.
func requestPathForms(r *http.Request) (forms pathForms, ok bool) {
	escaped, decoded := r.URL.EscapedPath(), r.URL.Path
	if decoded == "" || decoded[0] != '/' || escaped == "" || escaped[0] != '/' || len(escaped) > maxPath {
		return nil, false // "*", or a CONNECT without a path: there is nothing to match
	}
	received := cmp.Or(r.URL.RawPath, decoded) // chi routes by RawPath, even if Path has been rewritten
	routed := chiRoutePath(r, received)
	if routed == "" {
		return nil, false
	}
	forms = pathForms{escaped}
	forms.add(decoded)
	forms.add(escapedAsNeeded(escaped))
	forms.add(received)
	forms.add(routed)
	for _, p := range forms[:len(forms):len(forms)] {
		forms.add(percent.DecodeLenient(p)) // a server behind the guard may decode once more
	}
	for _, p := range forms[:len(forms):len(forms)] {
		forms.addCleaned(p)
	}
	for _, p := range forms[:len(forms):len(forms)] {
		// Patterns are written for the form in which only the characters that need it
		// are escaped: :path matches no "#" and no "?", because in a request's target
		// neither belongs to the path.
		forms.add((&url.URL{Path: p}).EscapedPath())
	}
	for _, p := range forms {
		if !utf8.ValidString(p) || strings.ContainsRune(p, 0) {
			return nil, false // no two programs agree on such a path
		}
	}
	return forms, true
}

// escapedAsNeeded returns an escaped path with other escapes only where a character needs
// one. An escaped slash stays what it is: routers such as ServeMux decode one segment
// after the other, and to them "/%75sers/a%2Fb" is the path of "/users/{id}".
func escapedAsNeeded(escaped string) string {
	segments := strings.Split(escaped, "/")
	for i, segment := range segments {
		if decoded, err := url.PathUnescape(segment); err == nil {
			segments[i] = strings.ReplaceAll((&url.URL{Path: decoded}).EscapedPath(), "/", "%2F")
		}
	}
	return strings.Join(segments, "/")
}

// addCleaned adds p as other programs clean it:
//   - with "/" in place of "\", or not;
//   - without the parameters of segments, or with them;
//   - without empty segments, then without dot segments too, because some programs
//     collapse slashes and leave dots;
//   - with and without a slash at the end.
func (forms *pathForms) addCleaned(p string) {
	variants := pathForms{p}
	variants.add(strings.ReplaceAll(p, `\`, "/"))
	for _, variant := range variants[:len(variants):len(variants)] {
		variants.add(withoutSegmentParams(variant))
	}
	for _, variant := range variants {
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

// chiRoutePath returns the whole path that chi routes by. That is p, the path that
// was received, unless a middleware such as StripSlashes has set another. The result
// is empty if the whole path cannot be told.
func chiRoutePath(r *http.Request, p string) string {
	rc := chi.RouteContext(r.Context())
	switch {
	case rc == nil || rc.RoutePath == "":
		return p
	case !inMountedRouter(rc):
		return rc.RoutePath
	case rc.RoutePath == "/", strings.HasSuffix(p, rc.RoutePath), strings.HasSuffix(strings.TrimSuffix(p, "/"), rc.RoutePath):
		return p // RoutePath is p without what outer routers have consumed
	}
	return ""
}

// inMountedRouter reports whether a mounted router has the request. RoutePath is then
// the rest of the path, below the mount. chi empties the wildcard of a mount, and
// routes "/" where nothing is left.
func inMountedRouter(rc *chi.Context) bool {
	if len(rc.RoutePatterns) == 0 {
		return false
	}
	if rc.RoutePath == "/" {
		return rc.RoutePatterns[0] != "/"
	}
	for i, key := range rc.URLParams.Keys {
		if key == "*" && rc.URLParams.Values[i] == "" {
			return true
		}
	}
	return false
}
