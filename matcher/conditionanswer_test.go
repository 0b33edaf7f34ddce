package matcher_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
)

// TestTooLongToReadMatches: a client cannot switch a rule off with a long text.
func TestTooLongToReadMatches(t *testing.T) {
	long := strings.Repeat("a", matcher.MaxRead)
	lines := slices.Repeat([]string{""}, matcher.MaxRead)
	for name, edit := range map[string]func(*http.Request){
		"header":  func(r *http.Request) { r.Header["X"] = []string{long, "v"} },
		"lines":   func(r *http.Request) { r.Header["X"] = lines },
		"cookie":  func(r *http.Request) { r.Header["Cookie"] = []string{"k=v; other=" + long} },
		"cookies": func(r *http.Request) { r.Header["Cookie"] = append([]string{"k=v"}, lines...) },
		"query":   func(r *http.Request) { r.URL.RawQuery = "k=v&" + long },
		"host":    func(r *http.Request) { r.Host = "v:" + long },
	} {
		c := matcher.Condition{Type: "header", Key: "X", Value: "v"}
		switch name {
		case "cookie", "cookies":
			c = matcher.Condition{Type: "cookie", Key: "k", Value: "v"}
		case "query":
			c = matcher.Condition{Type: "query", Key: "k", Value: "v"}
		case "host":
			c = matcher.Condition{Type: "host", Value: "v"}
		}
		one := []matcher.Condition{c}
		unmet := append([]matcher.Condition{{Type: "header", Key: "Unmet"}}, one...)
		r := httptest.NewRequest("GET", "/", nil)
		edit(r)
		for _, rule := range []matcher.Rule{
			{Source: "/", Has: one}, {Source: "/", Missing: one}, {Source: "/", Has: unmet},
			{Source: "/", Has: one, Missing: one},
		} {
			m := newMatcher(t, rule)
			if !m.Match(r) {
				t.Errorf("%s: %+v does not match", name, rule)
			}
			if i, ok := m.Rule("/", r); i != 0 || !ok {
				t.Errorf("%s: Rule says that %+v does not match", name, rule)
			}
			if m.MatchPath("/other", r) {
				t.Errorf("%s: %+v matches another path", name, rule)
			}
		}
	}
}

// TestLongTextsOfOneKindHideNoOthers: a header that is too long is not read, and
// takes nothing from what others may have.
func TestLongTextsOfOneKindHideNoOthers(t *testing.T) {
	r := httptest.NewRequest("GET", "/a", nil)
	r.Header.Set("X", strings.Repeat("a", 2*matcher.MaxRead))
	r.Header.Set("Y", "y")
	m := newMatcher(t,
		matcher.Rule{Source: "/b", Has: []matcher.Condition{{Type: "header", Key: "X"}}},
		matcher.Rule{Source: "/:path*", Has: []matcher.Condition{{Type: "header", Key: "Y", Value: "n"}}},
	)
	if m.MatchPaths([]string{"/a", "/c"}, r) {
		t.Error("a rule matches whose condition was read and does not hold")
	}
	if !m.MatchPaths([]string{"/a", "/b"}, r) {
		t.Error("a rule does not match although its header is too long")
	}
}

// TestConditionsAreReadOnce counts what is read of a request, over many rules and
// many forms of a path.
func TestConditionsAreReadOnce(t *testing.T) {
	r := httptest.NewRequest("GET", "/?q=%41&p=1", nil)
	r.Header.Set("X", "a\xe9")
	r.Header["Cookie"] = []string{"k=v; l=%41"}
	r.Host = "example.com"
	all := []matcher.Condition{
		{Type: "header", Key: "X", Value: "no"}, {Type: "header", Key: "cookie", Value: "no"},
		{Type: "cookie", Key: "k", Value: "no"}, {Type: "cookie", Key: "l", Value: "no"},
		{Type: "query", Key: "q", Value: "no"}, {Type: "host", Value: "no"},
	}
	var rules []matcher.Rule
	for i := range 200 {
		rules = append(rules, matcher.Rule{Source: fmt.Sprintf("/:path*/:n%d", i), Has: []matcher.Condition{all[i%len(all)], all[i/6%len(all)]}})
	}
	paths := make([]string, 100)
	for i := range paths {
		paths[i] = fmt.Sprintf("/a/%d", i)
	}
	one := newMatcher(t, matcher.Rule{Source: "/:path*", Has: all}).BytesRead(paths[:1], r)
	many := newMatcher(t, rules...).BytesRead(paths, r)
	if one == 0 || many != one {
		t.Errorf("200 rules and 100 paths read %d bytes, one of each %d", many, one)
	}
}

// TestReadingIsLinearAndBounded: what is read grows with the request, up to a bound
// that no number of rules moves.
func TestReadingIsLinearAndBounded(t *testing.T) {
	rules := make([]matcher.Rule, longtest.Scale(100, 1000))
	for i := range rules {
		// The value always matches, so that every rule has to be asked.
		every := matcher.Condition{Type: "header", Key: "X", Value: fmt.Sprintf("%d|", i)}
		rules[i] = matcher.Rule{
			Source:  "/:path*",
			Has:     []matcher.Condition{{Type: "cookie", Key: "none"}},
			Missing: []matcher.Condition{every},
		}
	}
	m, single := newMatcher(t, rules...), newMatcher(t, rules[0])
	for size := 1 << 10; size <= 4<<20; size *= 4 {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X", strings.Repeat("x", size))
		r.Header.Set("Cookie", strings.Repeat("c=1;", size/4))
		if n := single.BytesRead([]string{"/"}, r); n > 3*size+100 {
			t.Errorf("one rule reads %d bytes of headers of %d each", n, size)
		}
		if n := m.BytesRead([]string{"/"}, r); n > matcher.MaxRead {
			t.Errorf("%d bytes are read, more than the bound", n)
		}
	}
}

// TestConditionsAllocateLittle: the paths and rules that ask change nothing, and what
// is too long is not even copied.
func TestConditionsAllocateLittle(t *testing.T) {
	longtest.WithoutRace(t)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["X"] = slices.Repeat([]string{"a\xe9"}, 1000)
	r.Header["Cookie"] = slices.Repeat([]string{strings.Repeat("c=1;", 10_000) + "k=\xe9"}, 25) // 1 MB
	paths := slices.Repeat([]string{"/a/b"}, 111)
	allocations := func(paths []string, rules ...matcher.Rule) float64 {
		m := newMatcher(t, rules...)
		return testing.AllocsPerRun(10, func() { m.MatchPaths(paths, r) })
	}
	header := func(value string) matcher.Rule {
		return matcher.Rule{Source: "/:path*", Has: []matcher.Condition{{Type: "header", Key: "X", Value: value}}}
	}
	cookie := matcher.Rule{Source: "/:path*", Has: []matcher.Condition{{Type: "cookie", Key: "k", Value: "v"}}}
	one := allocations(paths[:1], header("a"))
	if many := allocations(paths, header("a"), header("b"), header("c"), header("d")); many != one {
		t.Errorf("%v allocations for four rules and %d paths, %v for one of each", many, len(paths), one)
	}
	if n := allocations(paths, cookie); n > 2 {
		t.Errorf("%v allocations for cookies that are too long", n)
	}
	if n := allocations([]string{"/a"}, matcher.Rule{Source: "/b", Has: cookie.Has}); n != 0 {
		t.Errorf("%v allocations for a path that no rule has", n)
	}
}

// TestRulesWithTheSameConditionsAreOne: the order and the repetition of conditions, and
// the case of a header, make no other condition.
func TestRulesWithTheSameConditionsAreOne(t *testing.T) {
	purpose := matcher.Condition{Type: "header", Key: "purpose", Value: "prefetch"}
	router := matcher.Condition{Type: "header", Key: "next-router-prefetch"}
	upper := matcher.Condition{Type: "header", Key: "PURPOSE", Value: "prefetch"}
	m := newMatcher(t,
		matcher.Rule{Source: "/a", Missing: []matcher.Condition{purpose, router}},
		matcher.Rule{Source: "/b", Missing: []matcher.Condition{router, upper, purpose}},
		matcher.Rule{Source: "/c", Missing: []matcher.Condition{router}, Has: []matcher.Condition{purpose}},
	)
	if conditions, groups := m.Conditions(); conditions != 2 || groups != 2 {
		t.Errorf("%d conditions of %d groups of rules, want 2 of 2", conditions, groups)
	}
	prefetch := httptest.NewRequest("GET", "/", nil)
	prefetch.Header.Set("Purpose", "prefetch")
	for path, want := range map[string][2]bool{"/a": {true, false}, "/b": {true, false}, "/c": {false, true}, "/d": {false, false}} {
		got := [2]bool{m.MatchPath(path, httptest.NewRequest("GET", "/", nil)), m.MatchPath(path, prefetch)}
		if got != want {
			t.Errorf("%s matches a page and a prefetch: %v, want %v", path, got, want)
		}
	}
}
