package matcher_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
)

func TestSyntaxErrorsNameThePlaceAndTheFault(t *testing.T) {
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

func TestZeroPatternsMatchNothing(t *testing.T) {
	var none *matcher.Pattern
	for _, p := range []*matcher.Pattern{none, new(matcher.Pattern)} {
		if p.Match("") || p.Match("/") || p.String() != "" {
			t.Errorf("%#v matches, or has a source", p)
		}
	}
}

func TestStringIsTheSource(t *testing.T) {
	const source = "/blog/:slug(\\d+)*"
	if got := matcher.MustCompile(source).String(); got != source {
		t.Errorf("got %q", got)
	}
}

// Next.js drops path-to-regexp's i flag.
func TestMatchIsCaseSensitive(t *testing.T) {
	p := matcher.MustCompile("/admin/:path*")
	if !p.Match("/admin/x") || p.Match("/Admin/x") {
		t.Error("case is ignored")
	}
}

// The language counts UTF-16 code units, and what is no text is U+FFFD.
func TestMatchReadsUTF16(t *testing.T) {
	for _, tt := range []struct {
		source, path string
		want         bool
	}{
		{"/(.)", "/é", true},
		{"/(.)", "/😀", false},
		{"/(..)", "/😀", true},
		{`/(\ud83d.)`, "/😀", true},
		{`/(.(?<=\ud83d).)`, "/😀", true},
		{"/([😀])", "/😀", false},
		{"/(.)", "/\xff", true},
		{"/(\ufffd\ufffd)", "/\xf0\x9f", true},
		{`/(\ufffd)`, "/\xff", true},
		{`/(.*\ufffd.{12})`, "/ab\xe2cdefghijklm", false},
		{`/(.*\ufffd.{12})`, "/ab\xe2\x82cdefghijklm", true},
		{`/(.*\ufffd.{12})`, "/ab\xe2\x82bcdefghijklm", true},
		{`/(.*\ude00.{12})`, "/é😀bcdefghijklm", true},
		{`/(.*\ud83d.{12})`, "/é😀cdefghijklm", true},
		{`/(.{12}\ude00.*)`, "/bcdefghijkl😀", true},
		{`/(.{12}\ude00.*)`, "/bcdefghijkl\xf0\x9f\x98", false},
	} {
		if got := matcher.MustCompile(tt.source).Match(tt.path); got != tt.want {
			t.Errorf("%q matches %q: %v, want %v", tt.source, tt.path, got, tt.want)
		}
	}
}

// Answers of Next.js 16.4.6 where the vectors are silent.
func TestCornersOfTheLanguage(t *testing.T) {
	for _, tt := range []struct {
		source, path string
		want         bool
	}{
		{`/(\400)`, "/ 0", true},           // an octal escape ends at \377
		{`/((?<=/)\k)`, "/k", true},        // a lookbehind is no named group
		{`/((?<=/)a\2)`, "/a\x02", true},   // and does not count as a group
		{`/:a-#:b`, "/q-#b-#", true},       // "#" in the text is a delimiter
		{`/a(b)-(c)*`, "/ab-", true},       // a prefix only for what repeats
		{`/a(b)-(c)*`, "/a/b-", false},     //
		{`/a(b)-(c)*`, "/ab-/c/c", true},   //
		{`/(a)-{}*`, "/a-//", false},       // no error, no second try
		{`/(a)*-{}*x(b)*`, "-//x", true},   // the second try is for all tokens
		{`/a([(?])|(?:[)])`, "x)", true},   // a branch outside of ^ and $
		{`/a([(?])|(?:[)])`, "/a?y", true}, //
	} {
		if got := matcher.MustCompile(tt.source).Match(tt.path); got != tt.want {
			t.Errorf("%q matches %q: %v, want %v", tt.source, tt.path, got, tt.want)
		}
	}
}

func TestPatternsReadFromTheLeftUnlessThatIsMuchLarger(t *testing.T) {
	for _, tt := range []struct {
		source    string
		maxStates int
		backward  bool
	}{
		{"/dashboard/:path*", 14, false},
		{"/((?!api|_next).*)", 20, false},
		{`/(.*(?<!\.png))`, 8, false},
		{`/((?!api).*(?<!\.png))`, 12, false},
		{"/(.{20}a.*)", 30, false},
		{"/(.*a.{8})", 19, true},
		{"/(.*a.{20})", 50, true},
	} {
		states, _, backward := matcher.MustCompile(tt.source).Size()
		if states > tt.maxStates || backward != tt.backward {
			t.Errorf("%q: %d states, backward %v", tt.source, states, backward)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	long := "/" + strings.Repeat("dashboard/é😀/\xff", longtest.Scale(10, 1000))
	vectors, _ := compiledVectors()
	for _, v := range vectors {
		paths := []string{long}
		for _, c := range v.Cases[:min(3, len(v.Cases))] {
			paths = append(paths, c.Path)
		}
		if n := testing.AllocsPerRun(1, func() {
			for _, path := range paths {
				v.Match(path)
			}
		}); n != 0 {
			t.Errorf("%q: %v allocations", v, n)
		}
	}
}
