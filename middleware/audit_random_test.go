package middleware_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/automaton/automatontest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// routeGenerator makes random patterns of matchers, of chi and of ServeMux. They share a
// few words, so that they often overlap.
type routeGenerator struct{ automatontest.Generator }

func (g routeGenerator) word() string {
	return g.Pick("a", "b", "ab", "api", "v1", "x.y", "a-b", "é", "_", "A", "%41", "😀")
}

// matcherPattern returns a pattern of a matcher.
func (g routeGenerator) matcherPattern() string {
	var b strings.Builder
	for i := range 1 + g.IntN(3) {
		b.WriteString("/")
		switch g.IntN(8) {
		case 0, 1:
			b.WriteString(g.Pick("a", "b", "ab", "api", "v1", "x.y", "a-b", "é", "_"))
		case 2, 3:
			fmt.Fprintf(&b, ":p%d%s", i, g.Pick("", "", "?", "*", "+"))
		case 4:
			fmt.Fprintf(&b, ":p%d([\\w.-]+)", i)
		case 5:
			fmt.Fprintf(&b, "((?!%s|%s).*)", g.Pick("a", "api", "b$", "v[0-9]/", "_"), g.Pick("a/b", `.*\.`, "x.y", ".*b$", "[^a]"))
		case 6:
			fmt.Fprintf(&b, "(%s)", g.Regexp(3))
		default:
			b.WriteString("(.*)")
		}
	}
	return b.String()
}

// chiPattern returns a pattern of chi. last says that it may end in a wildcard.
func (g routeGenerator) chiPattern(prefix string, last bool) string {
	var b strings.Builder
	for i := range 1 + g.IntN(3) {
		b.WriteString("/")
		param := fmt.Sprintf("%s%d", prefix, i)
		switch g.IntN(9) {
		case 0, 1, 2:
			b.WriteString(g.word())
		case 3, 4:
			fmt.Fprintf(&b, "{%s}", param)
		case 5:
			fmt.Fprintf(&b, "{%s:%s}", param, g.Pick("[0-9]+", "[a-z]+", "a|b", "^a", ".*b", `\w+`, "[^.]*", "(?i)ab", ".+", "", "a{1,2}", "^$", `[^/]*\.y`, "é|a"))
		case 6:
			fmt.Fprintf(&b, "{%s}%s{%sx}", param, g.Pick("-", ".", "b", "x"), param)
		case 7:
			fmt.Fprintf(&b, "%s{%s:%s}%s", g.Pick("", "a"), param, g.Pick("[0-9]+", ".*", "a|b", "[^b]+", "b$"), g.Pick("", "-", "b", ".x"))
		default:
			b.WriteString(g.Pick("", "a", "b"))
		}
	}
	if last && g.IntN(5) == 0 {
		b.WriteString(g.Pick("/*", "*"))
	}
	if strings.HasSuffix(b.String(), "}*") {
		return b.String()[:b.Len()-1]
	}
	return b.String()
}

// path returns a path that often fits such patterns.
func (g routeGenerator) path() string {
	var b strings.Builder
	for range 1 + g.IntN(4) {
		b.WriteString(g.Pick("/", "/", "/", "/", "//", "/./", "/../"))
		for range g.IntN(3) {
			b.WriteString(g.Pick(g.word(), "a", "b", "-", ".", "1", " ", "?", "#", ";x", "%2f", "%", `\`, "\n", "!"))
		}
	}
	return b.String() + g.Pick("", "", "", "/")
}

// mutate changes a path in one place.
func (g routeGenerator) mutate(p string) string {
	at := g.IntN(len(p) + 1)
	for at < len(p) && !utf8.RuneStart(p[at]) {
		at++
	}
	if at < len(p) && g.IntN(2) == 0 {
		return p[:at] + fmt.Sprintf("%%%02x", p[at]) + p[at+1:]
	}
	return p[:at] + g.Pick("/", "//", "-", ".", "/../", "%2F", "x", "\n", "?", "a", ";", `\`) + p[at:]
}

// requestOf returns a request whose path a router reads as p, or nil if there is none. With
// raw there is one for paths with escapes alone: for others it would be the same.
func requestOf(method, p string, raw bool) *http.Request {
	u := &url.URL{Path: p}
	if raw {
		decoded, err := url.PathUnescape(p)
		if err != nil || decoded == p {
			return nil
		}
		u = &url.URL{Path: decoded, RawPath: p}
		if u.EscapedPath() != p {
			return nil // no server makes it
		}
	}
	return &http.Request{Method: method, URL: u, Host: "app.example", Header: http.Header{}, RequestURI: u.EscapedPath(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

// randomAuth returns an Auth with a random matcher. It answers refused requests with
// nothing: an answer costs more than the decision.
func (g routeGenerator) randomAuth(t *testing.T) *cognito.Auth {
	for {
		var patterns []string
		for range 1 + g.IntN(2) {
			patterns = append(patterns, g.matcherPattern())
		}
		if m, err := matcher.New(matcher.Paths(patterns...)...); err == nil && selectsSomething(m, len(patterns)) {
			return newMatcherAuthWith(t, patterns, func(http.ResponseWriter, *http.Request, error) {})
		}
	}
}

// selectsSomething reports whether New accepts the n patterns of a matcher.
func selectsSomething(m *matcher.Matcher, n int) bool {
	for i := range n {
		if empty, err := m.Pattern(i).Machine().Empty(); err != nil || !empty {
			return true
		}
	}
	return false
}

// TestAuditCertifiesNoReachableRoute attacks every route that the audit calls guarded, and
// tries every path that it calls public.
func TestAuditCertifiesNoReachableRoute(t *testing.T) {
	t.Parallel()
	const workers = 2
	var counts [workers]auditCounts
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() { counts[worker] = attackAudits(t, 12+uint64(worker), longtest.Scale(200, 100_000)/workers) })
	}
	wg.Wait()
	n := auditCounts{}
	for _, c := range counts {
		n.guarded, n.public, n.undecided, n.served = n.guarded+c.guarded, n.public+c.public, n.undecided+c.undecided, n.served+c.served
	}
	t.Logf("%+v", n)
	if n.guarded < 60 || n.public < 60 || n.undecided > n.guarded/3 {
		t.Error("the random routes test too little")
	}
}

// auditCounts are what the audits have said of the routes, and the requests that a route has
// served.
type auditCounts struct{ guarded, public, undecided, served int }

// attackAudits attacks the audits of routers with so many routes in all.
func attackAudits(t *testing.T, seed uint64, pairs int) (n auditCounts) {
	const routes, attacks = 10, 100
	g := routeGenerator{automatontest.New(seed)}
	var ran string
	for range pairs / routes {
		auth := g.randomAuth(t)
		router := routerGenerator{g, auth, &ran}.router(routes)
		certified := make(map[string]bool) // two routes may have one name
		var paths []string
		send := func(method, p string, raw bool) {
			r := requestOf(method, p, raw)
			if r == nil {
				return
			}
			ran = ""
			router.ServeHTTP(&nullWriter{http.Header{}}, r)
			if ran != "" {
				n.served++
			}
			if certified[ran] {
				t.Errorf("%s is certified, and %s %q (raw: %v) reaches it: %+v", ran, method, p, raw, auth.Rules())
			}
		}
		report := auth.Audit(router)
		for _, entry := range report {
			route := entry.Method + " " + nameless(entry.Route)
			isCertified, twice := certified[route]
			certified[route] = entry.By != "" && (isCertified || !twice)
			switch {
			case entry.By != "":
				n.guarded++
				if entry.Method != "GET" && entry.Method != "POST" {
					continue // the requests have no other method
				}
				own, unselected := auth.RoutePaths(entry.Route, attacks/4)
				paths = append(append(paths, own...), unselected...)
				for _, p := range slices.Concat(own, unselected) {
					paths = append(paths, g.mutate(p))
				}
				if mount, ok := strings.CutSuffix(entry.Route, "/"); ok {
					bare, unselected := auth.RoutePaths(mount, attacks/20)
					paths = append(append(paths, bare...), unselected...)
				}
			case entry.Reason != "":
				n.undecided++
			default:
				n.public++
			}
		}
		for _, entry := range report {
			route := entry.Method + " " + nameless(entry.Route)
			if entry.Public != "" && entry.Reason == "" {
				r, ok := parseRequest(entry.Method, entry.Public)
				if !ok {
					t.Errorf("%+v: the path is none", entry)
					continue
				}
				ran = ""
				router.ServeHTTP(&nullWriter{http.Header{}}, r)
				if ran != route {
					t.Errorf("%+v: its path reaches %q: %+v", entry, ran, auth.Rules())
				}
			}
		}
		for len(paths) < attacks*routes {
			paths = append(paths, g.path())
		}
		for _, p := range paths {
			method := g.Pick("GET", "GET", "POST")
			send(method, p, false)
			send(method, p, true)
		}
	}
	return n
}

func TestAuditKnowsTheGuardsForms(t *testing.T) {
	g := routeGenerator{automatontest.New(14)}
	var paths []string
	for c := range rune(0x200) {
		paths = append(paths, "/"+string(c), "/x"+string(c)+"y", "/"+string(c)+string(c))
	}
	for range 2000 {
		paths = append(paths, g.path(), g.mutate(g.path()))
	}
	for _, p := range paths {
		if !cognito.AuditKnows(p) {
			t.Errorf("the audit judges %q as the guard does not", p)
		}
	}
}
