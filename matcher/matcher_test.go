package matcher_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
)

func newMatcher(tb testing.TB, rules ...matcher.Rule) *matcher.Matcher {
	tb.Helper()
	m, err := matcher.New(rules...)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestMatchersWithoutRulesMatchNothing(t *testing.T) {
	var none *matcher.Matcher
	r := httptest.NewRequest("GET", "/", nil)
	for _, m := range []*matcher.Matcher{none, new(matcher.Matcher), newMatcher(t)} {
		if _, ok := m.Rule("/", r); ok || m.Match(r) || m.MatchPath("/", r) || m.MatchPath("", nil) {
			t.Errorf("%#v matches", m)
		}
	}
}

func TestNewReportsEveryMistake(t *testing.T) {
	_, err := matcher.New(
		matcher.Rule{Source: "/ok"},
		matcher.Rule{Source: "/a("},
		matcher.Rule{Source: "b", Has: []matcher.Condition{{Type: "header", Key: "a", Value: "é["}, {Type: "host"}}},
		matcher.Rule{Source: "/c", Missing: []matcher.Condition{
			{Type: "method", Key: "GET"},
			{Type: "host", Key: "k", Value: "v"},
			{Type: "header", Value: "v"},
			{Type: "cookie"},
			{Type: "query"},
		}},
	)
	want := strings.Join([]string{
		`rule 2 ("/a("): unbalanced pattern at offset 2`,
		`rule 3 ("b"): must start with "/" at offset 0`,
		`rule 3 ("b"): has[0]: value: invalid pattern "é[": unterminated character class at offset 2`,
		`rule 3 ("b"): has[1]: host must have a value`,
		`rule 4 ("/c"): missing[0]: type "method" is not header, query, cookie or host`,
		`rule 4 ("/c"): missing[1]: host has no key`,
		`rule 4 ("/c"): missing[2]: key is required for header, query and cookie`,
		`rule 4 ("/c"): missing[3]: key is required for header, query and cookie`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var syntax *matcher.SyntaxError
	if !errors.As(err, &syntax) || syntax.Source != "/a(" || syntax.Offset != 2 {
		t.Errorf("the first syntax error is %+v", syntax)
	}
}

func TestPatternIsTheCompiledPatternOfARule(t *testing.T) {
	sources := []string{"/a/:x", "/b", "/(.*a.{12})"}
	rules := matcher.Paths(sources...)
	rules[1].Has = []matcher.Condition{{Type: "cookie", Key: "c"}}
	m := newMatcher(t, rules...)
	for i, source := range sources {
		p := m.Pattern(i)
		if p.String() != source {
			t.Errorf("Pattern(%d) is %q, want %q", i, p, source)
		}
		for _, path := range []string{"/a/1", "/b", "/abcdefghijklm", "/c"} {
			if got, want := p.Match(path), matcher.MustCompile(source).Match(path); got != want {
				t.Errorf("Pattern(%d) matches %q: %v, want %v", i, path, got, want)
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Pattern takes an index that no rule has")
		}
	}()
	m.Pattern(len(sources))
}

func TestMatchTakesThePathAsReceivedOrDecodedOnce(t *testing.T) {
	for _, tt := range []struct {
		source, target string
		want           bool
	}{
		{"/dashboard/:path*", "/dashboard", true},
		{"/dashboard/:path*", "/%64ashboard", true}, // decoded
		{"/((?!api).*)", "/api/x", false},
		{"/((?!api).*)", "/%61pi/x", true}, // as received
		{"/((?!api).*)", "/x%0Ay", true},   // as received: . takes no newline
		{"/a/:x", "/a/b%2Fc", true},        // as received
		{"/a/:x/c", "/a/b%2Fc", true},      // decoded
		{"/%2564", "/%2564", true},         // as received
		{"/%64", "/%2564", true},           // decoded once
		{"/d", "/%2564", false},            // not twice
		{"/caf%C3%A9", "/caf%C3%A9", true}, // as received
		{"/café", "/caf%C3%A9", true},      // decoded
		{"/caf\ufffd", "/caf%E9", true},    // decoded, not UTF-8
		{"/a", "/a?b=/c", true},            // never the query
		{"/c", "/a?b=/c", false},
		{"/a", "/a%3Fb", false},
		{"/a", "/a%23b", false},
		{"/a", "/a%3F", true}, // Next.js takes one / # or ? more
		{"/admin", "/public%23/../admin", false},
		{"/", "http://example.com", true}, // an empty path is /
		{"/:path*", "*", true},
		{"/x", "//x", false}, // spellings are the caller's
	} {
		r := receive(t, "GET", tt.target, nil)
		if got := newMatcher(t, matcher.Rule{Source: tt.source}).Match(r); got != tt.want {
			t.Errorf("%q matches %s: %v, want %v", tt.source, tt.target, got, tt.want)
		}
	}
}

func TestMatchPathTakesThePathAsItIs(t *testing.T) {
	m := newMatcher(t, matcher.Paths("/dashboard/:path*")...)
	if m.MatchPath("/%64ashboard", nil) || !m.MatchPath("/dashboard", nil) {
		t.Error("the path was changed")
	}
}

func TestRuleNamesTheFirstThatMatches(t *testing.T) {
	m := newMatcher(t,
		matcher.Rule{Source: "/a", Has: []matcher.Condition{{Type: "query", Key: "q"}}},
		matcher.Rule{Source: "/b"},
		matcher.Rule{Source: "/:x"},
	)
	for _, tt := range []struct {
		path, target string
		index        int
		ok           bool
	}{
		{"/a", "/a?q=1", 0, true},
		{"/a", "/a", 2, true},
		{"/b", "/", 1, true},
		{"/c/d", "/", 0, false},
	} {
		index, ok := m.Rule(tt.path, httptest.NewRequest("GET", tt.target, nil))
		if index != tt.index || ok != tt.ok {
			t.Errorf("Rule(%q) for %s = %d, %v, want %d, %v", tt.path, tt.target, index, ok, tt.index, tt.ok)
		}
	}
}

// A set of rules costs as much as one rule.
func TestRulesWithoutConditionsShareOneMachine(t *testing.T) {
	vectors, _ := compiledVectors()
	var sources []string
	for i, v := range vectors {
		if i%longtest.Scale(27, 3) == 0 {
			sources = append(sources, v.Source)
		}
	}
	for name, tt := range map[string]struct {
		sources  []string
		machines int
	}{
		"an application":          {twentyPaths, 1},
		"both directions":         {[]string{"/a", "/(.*a.{12})", "/b", "/(.*b.{12})"}, 2},
		"vectors, too many for 1": {sources, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMatcher(t, matcher.Paths(tt.sources...)...)
			if n := m.Machines(); tt.machines > 0 && n != tt.machines || n > len(tt.sources)/4 && n > 2 {
				t.Errorf("%d machines for %d rules", n, len(tt.sources))
			}
			g := newGenerator(2)
			for range longtest.Scale(300, 2000) {
				path := g.Path()
				_, want := m.Rule(path, nil) // asks one after the other
				if got := m.MatchPath(path, nil); got != want {
					t.Fatalf("%q matches: %v, want %v", path, got, want)
				}
			}
		})
	}
}

func TestMatchersServeManyGoroutines(t *testing.T) {
	m := newMatcher(t,
		matcher.Rule{Source: "/a/:x*"},
		matcher.Rule{Source: "/b", Has: []matcher.Condition{{Type: "cookie", Key: "c", Value: "d|é"}}},
	)
	r := receive(t, "GET", "/b", map[string][]string{"Cookie": {"c=%C3%A9"}})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				if !m.Match(r) || !m.MatchPath("/a/é", r) {
					t.Error("no match")
				}
			}
		})
	}
	group.Wait()
}

func TestMatchPathAllocatesNothing(t *testing.T) {
	m := newMatcher(t, matcher.Paths(twentyPaths...)...)
	r := httptest.NewRequest("GET", longPath, nil)
	if n := testing.AllocsPerRun(100, func() {
		m.MatchPath(longPath, r)
		m.MatchPath("/public", r)
		m.Match(r)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
