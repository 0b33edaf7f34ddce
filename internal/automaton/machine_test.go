package automaton_test

import (
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

func compile(tb testing.TB, source string) *automaton.Machine {
	tb.Helper()
	m, err := automaton.Compile(source)
	if err != nil {
		tb.Fatalf("%s: %v", source, err)
	}
	return m
}

func TestTheNilMachineMatchesNothing(t *testing.T) {
	var m *automaton.Machine
	if m.Match("") || m.Match("a") {
		t.Error("it matches")
	}
}

func TestMatchSearchesTheText(t *testing.T) {
	for _, tt := range []struct {
		source, text string
		want         bool
	}{
		{"", "", true},
		{"b", "abc", true},
		{"^b", "abc", false},
		{"b$", "abc", false},
		{"^a|c$", "bc", true},
		{"^$", "\n", false}, // $ is the end of the text only
		{"^.$", "\n", false},
		{`\bb`, "a b", true},
		{`\Bb`, "a b", false},
		{"b(?!c)", "abc", false},
		{"b(?!c)", "abcb", true},
		{"(?<=a)b(?=c)", "abc", true},
		{"(?<!a)b", "ab", false},
		{"(?<=(?=ab)a)b(?<!bb)", "ab", true},
		{"^(?:(?:a|aa)*)*b", strings.Repeat("a", 10_000), false}, // nothing backtracks
	} {
		if got := compile(t, tt.source).Match(tt.text); got != tt.want {
			t.Errorf("%s matches %.20q: %v, want %v", tt.source, tt.text, got, tt.want)
		}
	}
}

// The text is read as UTF-16, in both directions. Bytes that are not UTF-8 are
// U+FFFD.
func TestMatchReadsUTF16(t *testing.T) {
	const far = ".{12}$" // makes the machine read from the end
	for _, tt := range []struct {
		source, text string
		want         bool
	}{
		{"^.$", "é", true},
		{"^.$", "😀", false},
		{"^..$", "😀", true},
		{`\ud83d`, "😀", true},
		{`.(?<=\ud83d).`, "😀", true},
		{"^[😀]$", "😀", false},
		{"^.$", "\xff", true},
		{"^\ufffd\ufffd$", "\xf0\x9f", true},
		{`\ufffd` + far, "/ab\xe2cdefghijklm", false},
		{`\ufffd` + far, "/ab\xe2\x82cdefghijklm", true},
		{`\ufffd` + far, "/ab\xe2\x82bcdefghijklm", true},
		{`\ude00` + far, "/é😀bcdefghijklm", true},
		{`\ud83d` + far, "/é😀cdefghijklm", true},
	} {
		if got := compile(t, tt.source).Match(tt.text); got != tt.want {
			t.Errorf("%s matches %q: %v, want %v", tt.source, tt.text, got, tt.want)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	text := strings.Repeat("dashboard/é😀/\xff", 1000)
	for _, source := range []string{"", "^[^]*$", "(?<!b)$", "^[^]*a[^]{12}$"} {
		m := compile(t, source)
		if n := testing.AllocsPerRun(10, func() { m.Match(text) }); n != 0 {
			t.Errorf("%q: %v allocations", source, n)
		}
	}
}
