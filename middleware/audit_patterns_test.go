package middleware_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton/automatontest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// protectedMux returns a ServeMux with these patterns behind Protect. Handlers put their
// pattern into ran.
func protectedMux(auth *cognito.Auth, ran *string, patterns ...string) http.Handler {
	mux := http.NewServeMux()
	for _, p := range patterns {
		mux.HandleFunc(p, func(http.ResponseWriter, *http.Request) { *ran = p })
	}
	return auth.Protect(mux)
}

// serveOn sends a request to a host and returns which pattern's handler ran.
func serveOn(t *testing.T, h http.Handler, ran *string, method, host, target string) string {
	t.Helper()
	r, ok := parseRequest(method, target)
	if !ok {
		t.Fatalf("%s %q is no request", method, target)
	}
	r.Host = host
	*ran = ""
	h.ServeHTTP(&nullWriter{http.Header{}}, r)
	return *ran
}

func TestAuditPatterns(t *testing.T) {
	for _, c := range []struct {
		matcher  string
		patterns map[string]string // with the public path
	}{
		{"/users/:id", map[string]string{"GET /users/{id}": "", "POST /users/{id}": "", "GET /users/{$}": "/users/", "/users/{id}/x": "/users/x/x"}},
		{"/users/:path*", map[string]string{"GET /users/{id}": "", "/users/": "", "/users": "", "/{$}": "/", "/users/{id}/{rest...}": ""}},
		{"/((?!api).*)", map[string]string{"/{page}": "/api", "/": "/api/", "GET /api/{id}": "/api/x", "GET /b/{id}": ""}},
		{"/((?!api).*)", map[string]string{"/{page}": "/apix", "/api": "/api", "/b/": ""}},
		{"/((?!api).*)", map[string]string{"/{page}": "/api", "GET /api": "/api"}}, // of other methods
		{"/((?!api/x$).*)", map[string]string{"GET /{a}/{b}": "", "GET /api/x": "/api/x"}},
		{"/((?!api/x$).*)", map[string]string{"GET /{a}/{b}": "/api/x", "GET app.example/api/x": "/api/x"}}, // on other hosts
		{"/((?!api/x$).*)", map[string]string{"GET app.example/{a}/{b}": "", "GET app.example/api/x": "/api/x"}},
		{"/((?!.*%2F).*)", map[string]string{"GET /a/{b}": ""}}, // decoded the path is selected
		{"/a/:b([^/]*)", map[string]string{"GET /a/{b}": "", "GET /a/{b}/": "/a/x/x"}},
		{"/a/([a-z]*)", map[string]string{"GET /a/{b}": "/a/0"}},
		{"/a/([^%/]*)", map[string]string{"GET /a/{b}": "/a/%25"}},
		{"/a/([^ ]*)", map[string]string{"GET /a/b%20c": "", "GET /a/{b}": ""}},
		{"/a/:b/c", map[string]string{"GET /a/{b}/c": "", "/a/{b}/{c}": "/a/x/x"}},
		{"/a/:b/c", map[string]string{"/a/{b}/c": "/a//c"}},                              // of a CONNECT request
		{"/é/([^/]*)", map[string]string{"GET /é/{x}": "/%C3%A9/x%2Fx", "GET /é/x": ""}}, // of which no form has é and %2F
		{"/(.*)", map[string]string{"/{page}": "/sign-in", "GET /sign-in/{$}": ""}},
	} {
		auth := newMatcherAuth(t, c.matcher)
		var patterns []string
		for p := range c.patterns {
			patterns = append(patterns, p)
		}
		slices.Sort(patterns)
		var ran string
		mux := protectedMux(auth, &ran, patterns...)
		for i, g := range auth.AuditPatterns(patterns...) {
			want := c.patterns[patterns[i]]
			if g.Public != want || (g.By == "") != (want != "") || g.Reason != "" {
				t.Errorf("%s behind %s: %+v, want %q", patterns[i], c.matcher, g, want)
			}
			if g.Public != "" && g.Reason == "" {
				host, _, _ := strings.Cut(g.Route, "/")
				method := g.Method
				if method == "" {
					method = "BREW"
				}
				if got := serveOn(t, mux, &ran, method, host, g.Public); got != patterns[i] {
					t.Errorf("%s behind %s: %s reaches %q", patterns[i], c.matcher, g.Public, got)
				}
			}
		}
	}
}

func TestAuditPatternsThatCannotBe(t *testing.T) {
	auth := newMatcherAuth(t, "/:path*")
	report := auth.AuditPatterns("/a", "/a", "GET a", "/b{x}", "", "/c")
	for i, g := range report {
		if fine := i == 5; fine != (g.Reason == "") || fine != (g.By != "") || fine == (g.Public != "") {
			t.Errorf("%+v", g)
		}
	}
}

// TestEscapedSlashInAWildcard: ServeMux decodes segment by segment.
func TestEscapedSlashInAWildcard(t *testing.T) {
	var ran string
	mux := protectedMux(newMatcherAuth(t, "/users/:id"), &ran, "/users/{id}")
	for _, target := range []string{"/users/a%2Fb", "/%75sers/a%2Fb", "/%75sers/a%2fb", "/users/%61%2fb", "/%75s%65rs/%2F"} {
		if got := serveOn(t, mux, &ran, "GET", "app.example", target); got != "" {
			t.Errorf("%s reaches the handler", target)
		}
	}
}

func TestGuardOf(t *testing.T) {
	auth := newMatcherAuth(t, "/admin/:path*", "/users/:id")
	for path, by := range map[string]string{
		"/admin": "/admin/:path*", "/admin/x?y": "/admin/:path*", "/public/../admin": "a path that no pattern can judge", "/%61dmin": "/admin/:path*", "/users/7/": "/users/:id",
		"/users/7/x": "", "/sign-in": "", "/": "", "/admin%00": "a path that no pattern can judge",
	} {
		g := auth.GuardOf("GET", path)
		if g.By != by || (g.Public == path) != (by == "") || g.Method != "GET" || g.Route != path || g.Reason != "" {
			t.Errorf("%s: %+v", path, g)
		}
	}
	if g := auth.GuardOf("GET", "admin"); g.By != "" || g.Public == "" || g.Reason == "" {
		t.Errorf("no path: %+v", g)
	}
	// EscapedPath escapes parentheses that were escaped, and keeps others.
	escapedOnly := newMatcherAuth(t, `/([\w%]*)`)
	if g := escapedOnly.GuardOf("GET", "/a%28b"); g.By == "" {
		t.Errorf("an escaped parenthesis: %+v", g)
	}
	if g := escapedOnly.GuardOf("GET", "/a(b"); g.By != "" {
		t.Errorf("a parenthesis: %+v", g)
	}
	if g := newAuth(t).GuardOf("GET", "/x"); g.By != "every path" {
		t.Errorf("without a matcher: %+v", g)
	}
}

// muxPattern returns a pattern of ServeMux.
func (g routeGenerator) muxPattern() string {
	var b strings.Builder
	b.WriteString(g.Pick("", "", "GET ", "POST ", "CONNECT "))
	if g.IntN(8) == 0 {
		b.WriteString("app.example")
	}
	n := 1 + g.IntN(3)
	for i := range n {
		b.WriteString("/")
		switch g.IntN(6) {
		case 0, 1:
			b.WriteString(g.word())
		case 2:
			if i == n-1 {
				b.WriteString(g.Pick("", "{$}", "{rest...}"))
				break
			}
			b.WriteString(g.Pick("a%2Fb", "%2F", "", "a", "b"))
		default:
			fmt.Fprintf(&b, "{p%d}", i)
		}
	}
	return b.String()
}

// TestAuditPatternsCertifiesNoReachableHandler is TestAuditCertifiesNoReachableRoute for
// ServeMux.
func TestAuditPatternsCertifiesNoReachableHandler(t *testing.T) {
	const routes, attacks = 8, 100
	g := routeGenerator{automatontest.New(13)}
	guarded, public, undecided := 0, 0, 0
	for range longtest.Scale(240, 20_000) / routes {
		auth := g.randomAuth(t)
		var patterns []string
		check := http.NewServeMux()
		for range routes {
			p := g.muxPattern()
			func() {
				defer func() { _ = recover() }() // conflicts with another pattern
				check.HandleFunc(p, emptyHandler)
				patterns = append(patterns, p)
			}()
		}
		var ran string
		mux := protectedMux(auth, &ran, patterns...)
		certified := make(map[string]bool)
		var paths []string
		for i, entry := range auth.AuditPatterns(patterns...) {
			switch {
			case entry.By != "":
				guarded++
				certified[patterns[i]] = true
				own, unselected := auth.MuxPaths(patterns[i], attacks/10)
				paths = append(append(paths, own...), unselected...)
				for _, p := range slices.Concat(own, unselected) {
					paths = append(paths, g.mutate(p), g.mutate(g.mutate(p)))
				}
			case entry.Reason != "":
				undecided++
			default:
				public++
				method := entry.Method
				if method == "" {
					method = "BREW"
				}
				host, _, _ := strings.Cut(entry.Route, "/")
				if got := serveOn(t, mux, &ran, method, host, entry.Public); got != patterns[i] {
					t.Fatalf("%+v: its path reaches %q: %q, %+v", entry, got, patterns, auth.Rules())
				}
			}
		}
		for len(paths) < attacks*len(certified) {
			paths = append(paths, g.path())
		}
		for _, p := range paths {
			for _, raw := range []bool{false, true} {
				if r := requestOf(g.Pick("GET", "POST", "CONNECT", "HEAD"), p, raw); r != nil {
					r.Host = g.Pick("app.example", "other.example")
					ran = ""
					mux.ServeHTTP(&nullWriter{http.Header{}}, r)
					if certified[ran] {
						t.Fatalf("%s is certified, and %s %q (raw: %v) reaches it: %+v", ran, r.Method, p, raw, auth.Rules())
					}
				}
			}
		}
	}
	t.Logf("%d guarded, %d public, %d undecided", guarded, public, undecided)
	if guarded < 25 || public < 50 || undecided > guarded/5 {
		t.Error("the random patterns test too little")
	}
}
