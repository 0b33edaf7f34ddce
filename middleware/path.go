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

// protects reports whether Protect guards the request: if the matcher selects any
// view of its path, unless the path is exempt. A path that cannot be judged is
// protected.
func (a *Auth) protects(r *http.Request) bool {
	if p := r.URL.Path; plain(r.URL) && chiPath(r, p) == p {
		// The usual path has one view, and one pass decides. A router may strip a
		// slash at the end.
		bare := strings.TrimSuffix(p, "/")
		if slices.Contains(a.exempt, bare) {
			return false
		}
		return a.selects(p, r) || len(bare) < len(p) && bare != "" && a.selects(bare, r)
	}
	if a.matcher == nil {
		return true
	}
	views, ok := pathViews(r)
	return !ok || slices.ContainsFunc(views, func(p string) bool { return a.selects(p, r) })
}

// selects reports whether a path is one to protect, as it is.
func (a *Auth) selects(p string, r *http.Request) bool {
	return a.matcher == nil || a.matcher.MatchPath(p, r)
}

// plain reports whether every router reads the URL's path the same way: it has no
// escapes and nothing to be escaped, no dot segments or empty ones, and no
// parameters. Only such a path can be exempt: what could be read as another path
// must not pass for the sign-in page.
func plain(u *url.URL) bool {
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
			return false // EscapedPath escapes it, or somebody might
		}
	}
	return true
}

// pathViews returns every form of the request's path that a router, a file server,
// a middleware or a server behind the guard could act on. ok is false if there is a
// form that cannot be judged.
func pathViews(r *http.Request) (views []string, ok bool) {
	raw, decoded := r.URL.EscapedPath(), r.URL.Path
	if decoded == "" || decoded[0] != '/' || raw == "" || raw[0] != '/' || len(raw) > maxPath {
		return nil, false // "*" or a CONNECT without a path: there is nothing to match
	}
	received := cmp.Or(r.URL.RawPath, decoded) // chi routes by it even when Path was rewritten since
	routed := chiPath(r, received)
	if routed == "" {
		return nil, false
	}
	v := viewSet{raw}
	v.add(decoded)
	v.add(received)
	v.add(routed)
	for _, p := range v[:len(v):len(v)] {
		v.add(percent.DecodeLenient(p)) // somebody behind the guard may decode what has been decoded
	}
	for _, p := range v[:len(v):len(v)] {
		v.addCleaned(p)
	}
	for _, p := range v[:len(v):len(v)] {
		// Between raw and decoded are the forms in which only some is escaped. This
		// is the one that patterns are written for: :path does not match a "#" or a
		// "?", because in a target they are no part of the path.
		v.add((&url.URL{Path: p}).EscapedPath())
	}
	for _, p := range v {
		if !utf8.ValidString(p) || strings.ContainsRune(p, 0) {
			return nil, false // no two readers agree on such a path
		}
	}
	return v, true
}

// chiPath is the path that chi routes by, whole: p, which the request was received
// with, unless a middleware like StripSlashes has set another. It is empty if that
// cannot be told.
func chiPath(r *http.Request, p string) string {
	rc := chi.RouteContext(r.Context())
	switch {
	case rc == nil || rc.RoutePath == "":
		return p
	case !mounted(rc):
		return rc.RoutePath
	case rc.RoutePath == "/", strings.HasSuffix(p, rc.RoutePath), strings.HasSuffix(strings.TrimSuffix(p, "/"), rc.RoutePath):
		return p // less what the patterns before have consumed
	}
	return ""
}

// mounted reports whether a mounted router has the request, in which RoutePath is
// what is left of the path. chi empties the wildcard of a mount, and routes "/" where
// nothing is left.
func mounted(rc *chi.Context) bool {
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

type viewSet []string

func (v *viewSet) add(p string) {
	if !slices.Contains(*v, p) {
		*v = append(*v, p)
	}
}

// withoutParams leaves out the parameters of segments (RFC 3986 §3.3), as servlet
// containers do before they resolve dots.
func withoutParams(p string) string {
	if !strings.Contains(p, ";") {
		return p
	}
	segments := strings.Split(p, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
}

// addCleaned adds p without empty segments, then without dot segments too, also as
// a reader sees it that takes "\" for "/" or leaves out the parameters of segments,
// and each with and without a slash at the end. Not every reader that collapses
// slashes resolves dots.
func (v *viewSet) addCleaned(p string) {
	forms := viewSet{p}
	forms.add(strings.ReplaceAll(p, `\`, "/"))
	for _, form := range forms[:len(forms):len(forms)] {
		forms.add(withoutParams(form))
	}
	for _, form := range forms {
		for strings.Contains(form, "//") {
			form = strings.ReplaceAll(form, "//", "/")
		}
		v.add(form)
		cleaned := path.Clean("/" + form)
		v.add(cleaned)
		if strings.HasSuffix(form, "/") && cleaned != "/" {
			v.add(cleaned + "/")
		}
		if form != "/" {
			v.add(strings.TrimSuffix(form, "/"))
		}
	}
}
