package matcher_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/matcher"
)

func TestSyntaxErrorsNameThePlaceAndTheMistake(t *testing.T) {
	for _, tt := range []struct {
		source string
		offset int
		msg    string
	}{
		{"", 0, `must start with "/"`},
		{"dashboard", 0, `must start with "/"`},
		{"{/a}", 0, `must start with "/"`},
		{"/" + strings.Repeat("a", 4096), 4096, "longer than 4096 UTF-16 code units"},
		{strings.Repeat("/é", 2049), 4096 + 2048, "longer than 4096 UTF-16 code units"},
		{"/a\xffb", 2, "not valid UTF-8"},
		{`/a\`, 2, `"\" at the end`},

		{"/a?", 2, `unexpected "?"`},
		{"/*", 1, `unexpected "*"`},
		{"/é*", 3, `unexpected "*"`},
		{"/😀/:a**", 9, `unexpected "*"`},
		{"/a}", 2, `unexpected "}"`},
		{"/{a", 3, `unexpected end, expected "}"`},
		{"/{a{b}}", 3, `unexpected "{", expected "}"`},
		{"/{a?}", 3, `unexpected "?", expected "}"`},
		{"/{(a)(b)}", 5, `unexpected "(", expected "}"`},
		{"/{:a:b}", 4, `unexpected ":", expected "}"`},
		{"/:", 1, "missing parameter name"},
		{"/:é", 1, "missing parameter name"},
		{"/:a:b", 3, `must have text between two parameters, missing text after "a"`},
		{"/(a):b", 4, `must have text between two parameters, missing text after "0"`},
		{"/(?:a)", 2, `a pattern cannot start with "?"`},
		{"/((a))", 2, "capturing groups are not allowed"},
		{"/a/(b", 3, "unbalanced pattern"},
		{`/(\)`, 1, "unbalanced pattern"},
		{"/()", 1, "missing pattern"},

		{"/(a**)", 4, "nothing to repeat"},
		{"/(a|*)", 4, "nothing to repeat"},
		{"/(a{2}{3})", 6, "nothing to repeat"},
		{"/((?<=a)*)", 8, "nothing to repeat"},
		{`/(\b+)`, 4, "nothing to repeat"},
		{"/(a{3,2})", 3, "numbers out of order in {} quantifier"},
		{"/(a{1001})", 3, "repeat count over 1000"},
		{"/(a{0,99999999999999999999})", 3, "repeat count over 1000"},
		{"/([z-a])", 3, "range out of order in character class"},
		{"/é([z-a])", 5, "range out of order in character class"},
		{"/([a)", 1, "unterminated group"},
		{"/([(?]))/a", 1, `unmatched ")"`},
		{"/((?i:a))", 2, "invalid group"},
		{"/((?<1>a))", 5, "invalid capture group name"},
		{"/((?<a>b)(?<a>c))", 12, "duplicate capture group name"},
		{"/((?<a>b))*", 5, "duplicate capture group name"},
		{`/((?<a>b)[\k])`, 10, "invalid escape"},
		{"/(" + strings.Repeat("(?:", 250) + strings.Repeat(")", 250) + ")", 746, "groups are nested more than 250 deep"},

		{`/(a|b)(\1)`, 7, "backreferences are not supported"},
		{`/(\2)(a)`, 2, "backreferences are not supported"},
		{`/((?<q>a)\k<q>)`, 9, "named backreferences are not supported"},
		{"/((?:.*a.{20}|.{20}a.*))", 0, "needs too large an automaton"},
	} {
		_, err := matcher.Compile(tt.source)
		var syntax *matcher.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Compile(%.60q) = %v, want a *SyntaxError", tt.source, err)
			continue
		}
		if syntax.Source != tt.source || syntax.Offset != tt.offset || syntax.Msg != tt.msg {
			t.Errorf("Compile(%.60q): %q at %d, want %q at %d", tt.source, syntax.Msg, syntax.Offset, tt.msg, tt.offset)
		}
	}
}

func TestSyntaxErrorsReadWell(t *testing.T) {
	_, err := matcher.Compile("/a/(b")
	if got, want := err.Error(), `invalid pattern "/a/(b": unbalanced pattern at offset 3`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	defer func() {
		if got, want := recover(), `matcher: MustCompile: invalid pattern "/a/(b": unbalanced pattern at offset 3`; got != want {
			t.Errorf("panic: got  %v\nwant %s", got, want)
		}
	}()
	matcher.MustCompile("/a/(b")
}

// unjoin returns the errors that New has joined.
func unjoin(tb testing.TB, err error) []error {
	tb.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		tb.Fatalf("%v joins no errors", err)
	}
	return joined.Unwrap()
}

func TestNewJoinsARuleErrorForEachMistake(t *testing.T) {
	_, err := matcher.New(
		matcher.Rule{Source: "/ok"},
		matcher.Rule{Source: "/a("},
		matcher.Rule{
			Source:  "b",
			Has:     []matcher.Condition{{Type: "header", Key: "a", Value: "é["}},
			Missing: []matcher.Condition{{Type: "host", Value: "("}, {Type: "host"}},
		},
	)
	errs := unjoin(t, err)
	want := []struct {
		index        int
		source       string
		syntaxSource string // of the SyntaxError inside; empty if there is none
		offset       int
	}{
		{1, "/a(", "/a(", 2},
		{2, "b", "b", 0},
		{2, "b", "é[", 2},
		{2, "b", "(", 0},
		{2, "b", "", 0},
	}
	if len(errs) != len(want) {
		t.Fatalf("%d errors, want %d: %v", len(errs), len(want), err)
	}
	for i, w := range want {
		var rule *matcher.RuleError
		if !errors.As(errs[i], &rule) || rule.Index != w.index || rule.Source != w.source {
			t.Errorf("%v: got %+v, want the rule %d, %q", errs[i], rule, w.index, w.source)
		}
		var syntax *matcher.SyntaxError
		if got := errors.As(errs[i], &syntax); got != (w.syntaxSource != "") {
			t.Errorf("%v: wraps a SyntaxError: %v", errs[i], got)
		} else if got && (syntax.Source != w.syntaxSource || syntax.Offset != w.offset) {
			t.Errorf("%v: wraps %+v", errs[i], syntax)
		}
	}
}

func TestRulesJoinARuleErrorForEachMistake(t *testing.T) {
	var rules matcher.Rules
	err := json.Unmarshal([]byte(`["/a", {"source": "/b", "x": 1, "y": 2}, {}]`), &rules)
	var indexes []int
	for _, err := range unjoin(t, err) {
		var rule *matcher.RuleError
		if !errors.As(err, &rule) {
			t.Fatalf("%v is no RuleError", err)
		}
		indexes = append(indexes, rule.Index)
	}
	if !slices.Equal(indexes, []int{1, 1, 2}) {
		t.Errorf("the rules %v have mistakes", indexes)
	}
}
