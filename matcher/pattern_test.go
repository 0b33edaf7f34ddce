package matcher_test

import (
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
)

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

// The language counts UTF-16 code units. Bytes that are not UTF-8 are U+FFFD.
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
		_, stats, err := matcher.CompileStats(tt.source)
		if err != nil || stats.States > tt.maxStates || stats.Backward != tt.backward {
			t.Errorf("%q: %+v, %v", tt.source, stats, err)
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
