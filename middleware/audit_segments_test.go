package middleware_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton/automatontest"
)

// TestAuditPatternsOfSegments: ServeMux takes a segment that decodes to "/" for the slash
// at the end of a path, and an empty segment inside a pattern for a wildcard.
func TestAuditPatternsOfSegments(t *testing.T) {
	for _, c := range []struct {
		matcher, pattern, target string
		others                   []string
	}{
		{`/((?!files(?:/?|/+xyzzy|/[^/]*/xyzzy|/a[^/]*/x)$).*)`, "GET /files/{rest...}", "/files/%2F/xyzzy", []string{"GET /files/{name}/{kind}", "GET /files/{$}", "GET /files/xyzzy"}},
		{`/((?!files(?:/?|/+xyzzy|/[^/]*/xyzzy|/a[^/]*/x)$).*)`, "GET /files/{rest...}", "/files/%2f/xyzzy", []string{"GET /files/{name}/{kind}", "GET /files/{$}", "GET /files/xyzzy"}},
		{"/files/:name", "GET /files/%2F", "/files/", nil},
		{"/files/:name", "GET /files/%2F", "/files/%2F", nil},
		{"/:dir([^%]*)/", "GET /files/{$}", "/files/%2F", nil},
		{"/:a/:b/", "CONNECT /{a}/{b}/c", "/a//c", nil},
		{"/a/b", "/a//b", "/a/x/b", nil},
		{"/a/b", "/a//b", "/a/%2Fx/b", nil},
		{"/a/:b", "/a/%zz%2F", "/a/%25zz%252F", nil},
		{"/b/:b", "/a/%zz%2F", "/a/%25zz%252F", nil},
	} {
		auth := newMatcherAuth(t, c.matcher)
		patterns := append([]string{c.pattern}, c.others...)
		var ran string
		mux := protectedMux(auth, &ran, patterns...)
		report := auth.AuditPatterns(patterns...)
		reached := slices.ContainsFunc([]string{"GET", "CONNECT"}, func(method string) bool {
			return serveOn(t, mux, &ran, method, "app.example", c.target) == c.pattern
		})
		if g := report[0]; reached && g.By != "" {
			t.Errorf("behind %s: %+v, and %s reaches it", c.matcher, g, c.target)
		} else if g.Public != "" && g.Reason == "" {
			method := g.Method
			if method == "" {
				method = "BREW"
			}
			if got := serveOn(t, mux, &ran, method, "app.example", g.Public); got != c.pattern {
				t.Errorf("behind %s: %+v, and its path reaches %q", c.matcher, g, got)
			}
		}
	}
}

// TestGuardOfASegmentThatIsASlash: the audit of ServeMux assumes that Protect guards
// "/x/%2F" if it guards "/x/", and every path that begins with "/%2F".
func TestGuardOfASegmentThatIsASlash(t *testing.T) {
	g := routeGenerator{automatontest.New(15)}
	guarded := 0
	for range 200 {
		auth := g.randomAuth(t)
		for range 20 {
			escaped := (&url.URL{Path: g.path()}).EscapedPath()
			if escaped[len(escaped)-1] != '/' {
				escaped += "/"
			}
			if auth.GuardOf("GET", escaped).By != "" {
				guarded++
				for _, slash := range []string{"%2F", "%2f"} {
					if g := auth.GuardOf("GET", escaped+slash); g.By == "" {
						t.Errorf("%+v: %+v", g, auth.Rules())
					}
				}
			}
			for _, slash := range []string{"/%2F", "/%2f", "/%5C"} {
				if g := auth.GuardOf("GET", slash+escaped); g.By == "" {
					t.Errorf("%+v: %+v", g, auth.Rules())
				}
			}
		}
	}
	if guarded < 1000 {
		t.Errorf("only %d paths are guarded", guarded)
	}
}
