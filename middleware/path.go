package middleware

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
)

// maxPath is the longest path that is judged; a longer one is protected.
const maxPath = 8 << 10

// protects reports whether Protect guards the request: if the matcher selects any
// view of its path, unless the path is exempt. A path that cannot be judged is
// protected.
func (a *Auth) protects(r *http.Request) bool {
	p, ok := plainPath(r)
	if ok {
		// The usual path has one view, and one pass decides. A router may strip a
		// slash at the end.
		bare := strings.TrimSuffix(p, "/")
		if slices.Contains(a.exempt, bare) {
			return false
		}
		return a.all || a.matcher.MatchPath(p, r) ||
			len(bare) < len(p) && bare != "" && a.matcher.MatchPath(bare, r)
	}
	if a.all {
		return true
	}
	views, ok := pathViews(r)
	if !ok {
		return true
	}
	for _, p := range views {
		if a.matcher.MatchPath(p, r) {
			return true
		}
	}
	return false
}

// plainPath returns the request's path if every router reads it the same way: it
// has no escapes and nothing to be escaped, no dot segments or empty ones, and chi
// has not been given another one. Only such a path can be exempt: what could be read as another
// path must not pass for the sign-in page.
func plainPath(r *http.Request) (string, bool) {
	p := r.URL.Path
	if r.URL.RawPath != "" && r.URL.RawPath != p || p == "" || p[0] != '/' || len(p) > maxPath {
		return "", false
	}
	if rc := chi.RouteContext(r.Context()); rc != nil && rc.RoutePath != "" && rc.RoutePath != p {
		return "", false
	}
	for i := range len(p) {
		switch c := p[i]; {
		case c == '/':
			if i+1 < len(p) && (p[i+1] == '/' || p[i+1] == '.') {
				return "", false
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_.~$&+,:;=@", c) >= 0:
		case r.URL.RawPath == p && strings.IndexByte("!'()*", c) >= 0:
		default:
			return "", false // EscapedPath escapes it, or somebody might
		}
	}
	return p, true
}

// pathViews returns every form of the request's path that a router, a file server
// or a middleware behind the guard could act on. ok is false if there is a form
// that cannot be judged.
func pathViews(r *http.Request) (views []string, ok bool) {
	raw, decoded := r.URL.EscapedPath(), r.URL.Path
	if decoded == "" || decoded[0] != '/' || raw == "" || raw[0] != '/' || len(raw) > maxPath {
		return nil, false // "*" or a CONNECT without a path: there is nothing to match
	}
	v := viewSet{raw}
	v.add(decoded)
	if r.URL.RawPath != "" {
		v.add(r.URL.RawPath) // chi routes by it even when Path was rewritten since
	}
	if rc := chi.RouteContext(r.Context()); rc != nil && rc.RoutePath != "" {
		routed, ok := chiPath(r, rc)
		if !ok {
			return nil, false
		}
		v.add(routed)
	}
	for _, p := range v[:len(v):len(v)] {
		// Somebody behind the guard may decode what has been decoded.
		if again, err := url.PathUnescape(p); err == nil {
			v.add(again)
		}
	}
	for _, p := range v[:len(v):len(v)] {
		// Between raw and decoded are the forms in which only some is escaped. This
		// is the one that patterns are written for: :path does not match a "#" or a
		// "?", because in a target they are no part of the path.
		v.add((&url.URL{Path: p}).EscapedPath())
	}
	for _, p := range v[:len(v):len(v)] {
		v.addCleaned(p)
	}
	for _, p := range v {
		if !utf8.ValidString(p) || strings.ContainsRune(p, 0) {
			return nil, false // no two readers agree on such a path
		}
	}
	return v, true
}

// chiPath is the path that chi routes by, where it differs from the request's.
func chiPath(r *http.Request, rc *chi.Context) (string, bool) {
	if len(rc.RoutePatterns) == 0 {
		return rc.RoutePath, true // set by a middleware like StripSlashes, whole
	}
	// Inside a mounted router it is what the patterns before have left over.
	p := r.URL.RawPath
	if p == "" {
		p = r.URL.Path
	}
	if rc.RoutePath == "/" {
		return strings.TrimSuffix(p, "/") + "/", true
	}
	if strings.HasSuffix(strings.TrimSuffix(p, "/"), rc.RoutePath) {
		return strings.TrimSuffix(p, "/"), true
	}
	return p, strings.HasSuffix(p, rc.RoutePath)
}

type viewSet []string

func (v *viewSet) add(p string) {
	if slices.Contains(*v, p) {
		return
	}
	*v = append(*v, p)
}

// addCleaned adds p without empty segments, then without dot segments too, also as
// a reader sees it that takes "\" for "/", and each with and without a slash at the
// end. Not every reader that collapses slashes resolves dots.
func (v *viewSet) addCleaned(p string) {
	for _, form := range []string{p, strings.ReplaceAll(p, `\`, "/")} {
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
