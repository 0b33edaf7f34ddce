package middleware_test

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// A pathReader is how a server behind the guard finds the path of a request. It returns
// "" if it refuses the request.
type pathReader func(*http.Request) string

// backend is the server to which proxies in these tests send requests.
const backend = "http://backend.example"

// pathReaders have let others be fooled.
var pathReaders = map[string]pathReader{
	"decodes": func(r *http.Request) string { return r.URL.Path },
	"decodes twice": func(r *http.Request) string {
		if again, err := url.PathUnescape(r.URL.Path); err == nil {
			return again
		}
		return r.URL.Path
	},
	"decodes twice what it can": func(r *http.Request) string { return decodeLenient(r.URL.Path) },
	"takes backslashes for slashes": func(r *http.Request) string {
		return strings.ReplaceAll(r.URL.Path, `\`, "/")
	},
	"drops segment parameters":    func(r *http.Request) string { return segmentParams.ReplaceAllString(r.URL.Path, "") },
	"ends at a semicolon":         func(r *http.Request) string { return cutAny(r.URL.Path, ";") },
	"parses the target as a URL":  func(r *http.Request) string { return pathOf(url.Parse(r.RequestURI)) },
	"resolves the target":         func(r *http.Request) string { return pathOf(mustParse(backend).Parse(r.RequestURI)) },
	"resolves the path":           func(r *http.Request) string { return pathOf(mustParse(backend).Parse(r.URL.Path)) },
	"resolves the escaped path":   func(r *http.Request) string { return pathOf(mustParse(backend).Parse(r.URL.EscapedPath())) },
	"appends to a base":           func(r *http.Request) string { return pathOf(url.Parse(backend + r.URL.Path)) },
	"decodes, appends to a base":  func(r *http.Request) string { return pathOf(url.Parse(backend + decodeLenient(r.URL.Path))) },
	"decodes, then resolves":      func(r *http.Request) string { return pathOf(mustParse(backend).Parse(decodeLenient(r.URL.Path))) },
	"sets Opaque":                 opaquePath,
	"strips, then resolves":       func(r *http.Request) string { return resolveBelow(r.URL.Path) },
	"decodes, strips, resolves":   func(r *http.Request) string { return resolveBelow(decodeLenient(r.URL.Path)) },
	"resolves twice":              func(r *http.Request) string { return resolveTwice(r.RequestURI) },
	"decodes, resolves twice":     func(r *http.Request) string { return resolveTwice(r.URL.Path) },
	"resolves as browsers do":     func(r *http.Request) string { return browserPath(r.RequestURI) },
	"decodes, then as browsers":   func(r *http.Request) string { return browserPath(r.URL.Path) },
	"as browsers, decodes before": func(r *http.Request) string { return browserPath(decodeLenient(r.URL.Path)) },
	"trims": func(r *http.Request) string {
		return strings.TrimSpace(cutAny(r.URL.Path, "?#"))
	},
}

func pathOf(u *url.URL, err error) string {
	if err != nil {
		return ""
	}
	return u.Path
}

func cutAny(s, chars string) string {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i]
	}
	return s
}

func decodeLenient(s string) string {
	return escape.ReplaceAllStringFunc(s, func(e string) string {
		decoded, _ := url.PathUnescape(e)
		return decoded
	})
}

// opaquePath is the path that a server gets from a ReverseProxy whose Director sets
// URL.Opaque.
func opaquePath(r *http.Request) string {
	out := url.URL{Scheme: "http", Host: "backend.example", Opaque: r.URL.EscapedPath()}
	return pathOf(url.ParseRequestURI(out.RequestURI()))
}

// resolveBelow strips /app, resolves the rest, and puts /app in front again.
func resolveBelow(p string) string {
	rest, ok := strings.CutPrefix(p, "/app")
	if !ok || !strings.HasPrefix(rest, "/") {
		return ""
	}
	return "/app" + pathOf(mustParse(backend).Parse(rest))
}

// resolveTwice is a proxy that resolves the target, in front of a server that does.
func resolveTwice(target string) string {
	p := pathOf(mustParse(backend).Parse(target))
	return pathOf(mustParse(backend).Parse(p))
}

// browserPath returns the decoded path of a reference as browsers and Node.js resolve it
// (WHATWG URL §4.4).
func browserPath(reference string) string {
	reference = strings.TrimFunc(reference, func(c rune) bool { return c <= ' ' })
	reference = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(reference)
	p := strings.ReplaceAll(cutAny(reference, "?#"), `\`, "/")
	p = strings.TrimPrefix(p, "http:")
	if rest := strings.TrimLeft(p, "/"); len(p)-len(rest) > 1 {
		_, p, _ = strings.Cut(rest, "/")
		p = "/" + p
	}
	return path.Clean("/" + decodeLenient(p))
}

// backendRouter is the application behind the guard.
func backendRouter() http.Handler {
	return router(func(r chi.Router) {
		addFormRoutes(r)
		r.Mount("/app", formRouter())
	})
}

// readingServer routes every path that a pathReader finds, as it is and cleaned. Its
// header "Reader" names the first reader that has led to the private handler.
func readingServer() http.Handler {
	router := backendRouter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var routed []string // most readers find the same
		for name, read := range pathReaders {
			p := read(r)
			for _, p := range []string{p, path.Clean("/" + p)} {
				if p == "" || slices.Contains(routed, p) {
					continue // the reader refuses the request, or another one has found this
				}
				routed = append(routed, p)
				read, u := *r, *r.URL
				read.URL, u.Path, u.RawPath = &u, p, ""
				if router.ServeHTTP(w, &read); w.Header().Get("Ran") == "private" {
					w.Header().Set("Reader", name)
					return
				}
			}
		}
	})
}

// routeSegments routes as [http.ServeMux] matches wildcards: it decodes every segment of
// the escaped path on its own, so that a segment may contain a slash. It serves what
// formRouter does, "/users/{id}" and "/files/{id}/raw", at the root, below /app and
// below /app/v1. Unlike ServeMux, it redirects no path to a cleaned one.
func routeSegments(w http.ResponseWriter, r *http.Request) {
	segments := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i, segment := range segments {
		var err error
		if segments[i], err = url.PathUnescape(segment); err != nil {
			return
		}
	}
	for _, prefix := range []string{"app", "v1"} {
		if segments[0] != prefix || len(segments) == 1 {
			break
		}
		segments = segments[1:]
	}
	name, rest := segments[0], segments[1:]
	switch {
	case name == "admin",
		name == "sign-in" && len(rest) > 0,
		name == "users" && len(rest) == 1 && rest[0] != "",
		name == "files" && len(rest) == 2 && rest[0] != "" && rest[1] == "raw":
		privateHandler(w, r)
	case name == "public", name == "sign-in":
		publicHandler(w, r)
	}
}
