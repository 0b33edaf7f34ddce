package middleware

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// routedPath is the path by which chi has routed a request so far. Middlewares such as
// StripSlashes give chi another path than the URL's, and a mounted router gets only
// the rest of it. The path is rebuilt from the patterns that have matched and from the
// values of their parameters, never guessed from the URL.
type routedPath struct {
	whole  []byte
	starts []int  // where the part of each router begins in whole
	other  string // the whole path if the guard stands in the other possible place
}

// newRoutedPath rebuilds the path. It appends to whole and starts, so that a caller
// can lend memory. ok is false if the path cannot be rebuilt.
func newRoutedPath(rc *chi.Context, r *http.Request, whole []byte, starts []int) (routed routedPath, ok bool) {
	if len(rc.RoutePatterns) == 0 { // nothing has been routed
		whole = append(whole, cmp.Or(rc.RoutePath, r.URL.RawPath, r.URL.Path)...)
		return routedPath{whole: whole, starts: append(starts, 0)}, true
	}
	// A guard of With, or one around a handler, runs after the last pattern has
	// matched: the guard is at an endpoint. A guard of Use in a mounted router runs
	// before that router matches RoutePath.
	endpoint, ok := rebuildPath(rc, whole, starts, false)
	if !ok {
		return routedPath{}, false
	}
	if rest, isWildcard := lastWildcard(rc); isWildcard && rest != "" {
		return endpoint, true
	} else if isWildcard && r.PathValue("*") != "" {
		// A mount has emptied the wildcard, and the copy in the request shows that it
		// had a value. With an empty RoutePath, the mounted router would route the
		// whole path of the URL.
		mounted, ok := rebuildPath(rc, whole, starts, true)
		return mounted, ok && rc.RoutePath != ""
	}
	switch rc.RoutePath {
	case "", string(endpoint.lastPart()):
		return endpoint, true
	case "/": // a router that is mounted exactly here: the whole path is the same
		return rebuildPath(rc, whole, starts, true)
	}
	// Either the router is mounted exactly here and a middleware has changed RoutePath,
	// or a middleware of With has changed it at an endpoint.
	mounted, ok := rebuildPath(rc, nil, nil, true)
	if string(mounted.whole) != string(endpoint.whole) {
		mounted.other = string(endpoint.whole)
	}
	return mounted, ok
}

// withoutBasePath takes BasePath off the whole path if http.StripPrefix has done so with
// the URL's, in a mount of exactly BasePath. The matcher knows paths without it.
func (routed routedPath) withoutBasePath(base string, r *http.Request) routedPath {
	n := len(base)
	rest, ok := bytes.CutPrefix(routed.whole, []byte(base))
	if n == 0 || !ok || !slices.Contains(routed.starts, n) {
		return routed
	}
	if len(rest) == 0 {
		rest = rootPath
	}
	if string(rest) != cmp.Or(r.URL.RawPath, r.URL.Path) {
		return routed
	}
	starts := make([]int, len(routed.starts))
	for i, start := range routed.starts {
		starts[i] = max(start-n, 0)
	}
	return routedPath{whole: rest, starts: starts, other: routed.other}
}

// lastPart returns the part of the path on which the last router acts.
func (routed *routedPath) lastPart() []byte {
	if part := routed.whole[routed.starts[len(routed.starts)-1]:]; len(part) > 0 {
		return part
	}
	return rootPath
}

var rootPath = []byte("/")

// partOf returns the part of a whole path on which the router acts whose part begins
// at start. A router that is mounted exactly at the path acts on "/".
func partOf(whole string, start int) string { return cmp.Or(whole[start:], "/") }

// wholes returns copies of the whole paths that are possible.
func (routed *routedPath) wholes() (paths []string) {
	if routed.whole != nil {
		paths = append(paths, string(routed.whole))
	}
	if routed.other != "" {
		paths = append(paths, strings.Clone(routed.other))
	}
	return paths
}

// parts returns copies of the paths on which mounted routers act.
func (routed *routedPath) parts() (paths []string) {
	for _, start := range routed.starts {
		if start > 0 {
			paths = append(paths, partOf(string(routed.whole), start))
		}
	}
	return paths
}

// lastWildcard returns the value of the wildcard at the end of the last pattern.
func lastWildcard(rc *chi.Context) (value string, ok bool) {
	n := len(rc.URLParams.Values)
	if n == 0 || !strings.HasSuffix(rc.RoutePatterns[len(rc.RoutePatterns)-1], "*") {
		return "", false
	}
	return rc.URLParams.Values[n-1], true
}

// rebuildPath fills the parameters of all patterns. If the guard is in a mounted
// router, RoutePath follows, and the last pattern is the mount's.
func rebuildPath(rc *chi.Context, whole []byte, starts []int, mounted bool) (routed routedPath, ok bool) {
	if len(rc.URLParams.Keys) != len(rc.URLParams.Values) {
		return routedPath{}, false
	}
	params := rc.URLParams
	exactMount := -1 // the end of a mount's path that has no slash at its end
	for i, pattern := range rc.RoutePatterns {
		start := len(whole)
		starts = append(starts, start)
		if whole, params, ok = appendFilled(whole, pattern, params); !ok {
			return routedPath{}, false
		}
		if i == len(rc.RoutePatterns)-1 && !mounted {
			break // an endpoint's pattern
		}
		rest := ""
		if strings.HasSuffix(pattern, "*") {
			rest = rc.URLParams.Values[len(rc.URLParams.Values)-len(params.Values)-1]
		}
		switch {
		case rest != "":
			whole = whole[:start] // no mount's pattern: the next router routes this path again
		case strings.HasSuffix(pattern, "/"), strings.HasSuffix(pattern, "/*"):
			whole = whole[:len(whole)-1] // the path of the next router begins with this slash
		default:
			exactMount = len(whole)
		}
	}
	if len(params.Keys) > 0 {
		return routedPath{}, false
	}
	if mounted {
		starts = append(starts, len(whole))
		whole = append(whole, rc.RoutePath...)
	}
	if exactMount >= 0 && string(whole[exactMount:]) == "/" {
		whole = whole[:exactMount] // the routers below route "/", which the path does not have
	}
	return routedPath{whole: whole, starts: starts}, true
}

// appendFilled appends a pattern of chi, with the first values of params in place of
// its parameters. It returns the other params.
func appendFilled(dst []byte, pattern string, params chi.RouteParams) ([]byte, chi.RouteParams, bool) {
	for {
		i := strings.IndexAny(pattern, "{*")
		if i < 0 {
			return append(dst, pattern...), params, true
		}
		dst = append(dst, pattern[:i]...)
		name, end := "*", i+1
		if pattern[i] == '{' {
			if end = closingBrace(pattern, i) + 1; end == 0 {
				return nil, params, false
			}
			name, _, _ = strings.Cut(pattern[i+1:end-1], ":")
		}
		if len(params.Keys) == 0 || params.Keys[0] != name {
			return nil, params, false // a middleware has changed the parameters
		}
		dst = append(dst, params.Values[0]...)
		params.Keys, params.Values = params.Keys[1:], params.Values[1:]
		pattern = pattern[end:]
	}
}

// closingBrace returns the index of the brace that closes the one at start, or -1.
// Regular expressions in patterns may have braces too: {id:[0-9]{3}}.
func closingBrace(pattern string, start int) int {
	depth := 0
	for i := start; i < len(pattern); i++ {
		switch pattern[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
