package middleware_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// conditionOf returns a condition of a type.
func conditionOf(kind string) matcher.Condition {
	if kind == "host" {
		return matcher.Condition{Type: kind, Value: "example.com"}
	}
	return matcher.Condition{Type: kind, Key: "purpose", Value: "prefetch"}
}

// configErrorsOf returns the mistakes that New finds, as lines.
func configErrorsOf(edit func(*cognito.Config)) []string {
	cfg := cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}}
	edit(&cfg)
	_, err := cognito.New(cfg)
	if err == nil {
		return nil
	}
	return strings.Split(errors.Unwrap(err).Error(), "\n")
}

// TestClientConditionsMustBeMeant: a client chooses whether a rule with conditions
// protects.
func TestClientConditionsMustBeMeant(t *testing.T) {
	types := []string{"header", "cookie", "query", "host"}
	for _, kind := range types {
		for name, rule := range map[string]matcher.Rule{
			"has":     {Source: "/:path*", Has: []matcher.Condition{conditionOf(kind)}},
			"missing": {Source: "/:path*", Missing: []matcher.Condition{conditionOf(kind), conditionOf(kind)}},
		} {
			for _, meant := range types {
				found := configErrorsOf(func(cfg *cognito.Config) {
					cfg.Matcher, cfg.Rules = []string{"/admin"}, []matcher.Rule{{Source: "/a"}, rule}
					cfg.ClientConditions = []string{meant}
				})
				switch {
				case meant == kind && found != nil:
					t.Errorf("%s %s: refused although it is meant: %q", name, kind, found)
				case meant != kind && (len(found) != 1 || !strings.HasPrefix(found[0], `Rules[1]: "/:path*": `) || !strings.Contains(found[0], fmt.Sprintf("add %q to ClientConditions", kind))):
					t.Errorf("%s %s: %q", name, kind, found)
				}
			}
		}
	}
	if found := configErrorsOf(func(cfg *cognito.Config) { cfg.ClientConditions = []string{"host", "Header"} }); len(found) != 1 || !strings.HasPrefix(found[0], `ClientConditions[1]: "Header" is not `) {
		t.Errorf("a type that does not exist: %q", found)
	}
	found := configErrorsOf(func(cfg *cognito.Config) {
		cfg.Rules = []matcher.Rule{{Source: "/(", Has: []matcher.Condition{{Type: "query"}, {Type: "header"}}}}
	})
	if len(found) != 4 {
		t.Errorf("want two faults, a header and a query: %q", found)
	}
}

// TestRulesWithConditionsAreFindings, also if they are meant.
func TestRulesWithConditionsAreFindings(t *testing.T) {
	auth := newAuth(t, func(cfg *cognito.Config) {
		cfg.ClientConditions = []string{"header", "host", "cookie"}
		cfg.Matcher = []string{"/admin"}
		cfg.Rules = []matcher.Rule{{
			Source:  "/:path*",
			Has:     []matcher.Condition{conditionOf("host")},
			Missing: []matcher.Condition{conditionOf("header"), conditionOf("header"), conditionOf("cookie")},
		}}
	})
	want := []cognito.Finding{{Source: "/:path*", Msg: "the client chooses whether this rule protects, by its host, header purpose, cookie purpose"}}
	if got := auth.Findings(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestNewRefusesTheSyntaxOfRouters: chi's {id} is mere text in a pattern of Next.js,
// and would protect nothing.
func TestNewRefusesTheSyntaxOfRouters(t *testing.T) {
	for source, want := range map[string]string{
		"/users/{id}":                    "/users/:id",
		"/{a}":                           "/:a",
		"/users/{id:[0-9]+}":             "/users/:id([0-9]+)",
		`/users/{id:^\d{3}$}/x`:          `/users/:id(\d{3})/x`,
		"/users/{id:}":                   "/users/:id",
		"/users/{user-id}/edit":          "/users/:user_id/edit",
		"/files/{path:[^/]+}/{name}":     "/files/:path([^/]+)/:name",
		"/a/{id:(a|b)}":                  "/a/:id", // groups that capture are not allowed
		"/a/{id:(?i:x)}":                 "/a/:id", // not JavaScript's
		"/{größe}/{id}/*":                "/:gr__e/:id/:path*",
		"/*":                             "/:path*",
		"/admin/*":                       "/admin/:path*",
		"/a/*/b":                         "/a/:path*/b",
		"/files/{path...}":               "/files/:path*",
		"/posts/{$}":                     "/posts/",
		"/((?!api).*)/{id}":              "/((?!api).*)/:id",
		"/users/{id}/(":                  "/users/:id/(",
		"/:tenant/{id}":                  "/:tenant/:id",
		"/{lang:[a-z]{2}}/docs/{page}/x": "/:lang([a-z]{2})/docs/:page/x",
	} {
		for field, edit := range map[string]func(*cognito.Config){
			"Matcher[1]": func(cfg *cognito.Config) { cfg.Matcher = []string{"/ok", source} },
			"Rules[0]":   func(cfg *cognito.Config) { cfg.Matcher, cfg.Rules = []string{"/ok"}, []matcher.Rule{{Source: source}} },
		} {
			found := configErrorsOf(edit)
			if len(found) != 1 || !strings.HasPrefix(found[0], fmt.Sprintf("%s: invalid pattern %q: ", field, source)) || !strings.HasSuffix(found[0], fmt.Sprintf(": write %q", want)) {
				t.Errorf("%s %q: %q, want the advice %q", field, source, found, want)
			}
		}
	}
}

// TestNewAcceptsTheGroupsOfNext: only a whole segment is taken for a router's.
func TestNewAcceptsTheGroupsOfNext(t *testing.T) {
	for _, source := range []string{
		"/{a}?", "/:a{b}", "/{v1/}?users", "/a{/:b}?", "/{a}+", "/{:a}", "/{:a}?", "/{(a|b)}", "/a{b}", "/{a}b",
		`/\{id\}`, `/(a/{b}/c)`, "/{-:a}?", "/:path*", "/a/:b*/c", "/(.*)", "/{a/}b",
	} {
		if _, err := matcher.Compile(source); err != nil {
			t.Errorf("%q is not legal: %v", source, err)
		}
		if found := configErrorsOf(func(cfg *cognito.Config) { cfg.Matcher = []string{source} }); found != nil {
			t.Errorf("%q: %q", source, found)
		}
	}
	for _, source := range []string{"/users/{id}", "/{a}"} { // the matcher keeps Next's language
		if _, err := matcher.New(matcher.Rule{Source: source}); err != nil {
			t.Errorf("package matcher: %v", err)
		}
	}
}

// TestRouterSyntaxErrorsKeepTheirType: a program can find the place.
func TestRouterSyntaxErrorsKeepTheirType(t *testing.T) {
	for source, offset := range map[string]int{"/a/{id}": 3, "/a/*": 3} {
		_, err := cognito.New(cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}, Matcher: []string{source}})
		syntaxError, ok := errors.AsType[*matcher.SyntaxError](err)
		if !ok || syntaxError.Source != source || syntaxError.Offset != offset {
			t.Errorf("%q: %v", source, err)
		}
	}
}

// TestBracesWithinASegmentAreFindings: New accepts them, since they are legal, but
// nobody can have meant them.
func TestBracesWithinASegmentAreFindings(t *testing.T) {
	auth := newMatcherAuth(t, "/{year}-{month}", "/files/{name}.json", "/{v1/}?users")
	var paths []string
	for _, f := range auth.Findings() {
		paths = append(paths, f.Path)
	}
	if want := []string{"/x-x", "/files/x.json"}; !slices.Equal(paths, want) {
		t.Errorf("findings about %q, want %q", paths, want)
	}
}

// TestAClientCannotSwitchAGuardOff with a text that is too long to read.
func TestAClientCannotSwitchAGuardOff(t *testing.T) {
	const megabyte = 1 << 20
	for _, kind := range []string{"header", "cookie", "query", "host"} {
		auth := newAuth(t, func(cfg *cognito.Config) {
			cfg.ClientConditions = []string{kind}
			cfg.Matcher, cfg.Rules = nil, []matcher.Rule{{Source: "/:path*", Missing: []matcher.Condition{conditionOf(kind)}}}
		})
		r := httptest.NewRequest("GET", "/private?purpose=prefetch", nil)
		r.Host = "example.com"
		r.Header.Set("Purpose", "prefetch")
		r.Header.Set("Cookie", "purpose=prefetch")
		if !protectPasses(auth, r) {
			t.Errorf("%s: the condition does not leave the path out", kind)
		}
		long := strings.Repeat("x", megabyte)
		r.Host = "example.com:" + long
		r.Header.Add("Purpose", long)
		r.Header.Add("Cookie", long)
		r.URL.RawQuery += "&" + long
		if protectPasses(auth, r) {
			t.Errorf("%s: a long text opens a path", kind)
		}
	}
}

// protectPasses reports whether Protect lets a request without a session through.
func protectPasses(auth *cognito.Auth, r *http.Request) (passed bool) {
	h := auth.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true }))
	h.ServeHTTP(httptest.NewRecorder(), r)
	return passed
}

// TestConditionsCostTheSameWhateverThePath: the forms of an odd path, and the rules
// that ask, do not multiply what is read of a request. The allocations count it.
func TestConditionsCostTheSameWhateverThePath(t *testing.T) {
	longtest.WithoutRace(t)
	rules := func(n int) (rules []matcher.Rule) {
		for i := range n {
			rules = append(rules, matcher.Rule{Source: "/:path*", Has: []matcher.Condition{{Type: "header", Key: "x", Value: fmt.Sprint(i)}}})
		}
		return rules
	}
	// No condition holds, so that every path is public. The conditions then make the
	// only difference.
	allocations := func(path string, rules []matcher.Rule) float64 {
		auth := newAuth(t, func(cfg *cognito.Config) {
			cfg.ClientConditions = []string{"header"}
			cfg.Matcher, cfg.Rules = []string{"/other"}, rules
		})
		h := auth.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r := httptest.NewRequest("GET", path, nil)
		r.Header["X"] = slices.Repeat([]string{"caf\xe9"}, 200)
		return testing.AllocsPerRun(20, func() { h.ServeHTTP(httptest.NewRecorder(), r) })
	}
	const plain, odd = "/a/b", "/a;b/%2e/c//%2561/d/../e%2F;f/%5C"
	one := allocations(plain, rules(1)) - allocations(plain, nil)
	if many := allocations(odd, rules(12)) - allocations(odd, nil); one == 0 || many > one {
		t.Errorf("conditions of 12 rules on an odd path cost %v allocations, of one on a plain path %v", many, one)
	}
}
