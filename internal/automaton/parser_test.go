package automaton_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton"
)

func TestErrorsNameThePlaceAndTheMistake(t *testing.T) {
	for _, tt := range []struct {
		source string
		offset int
		msg    string
	}{
		{"a\xffb", 1, "not valid UTF-8"},
		{strings.Repeat("é", 4097), 2 * 4096, "longer than 4096 UTF-16 code units"},
		{strings.Repeat("😀", 2049), 4 * 2048, "longer than 4096 UTF-16 code units"},

		{`\`, 0, `"\" at the end`},
		{`é\`, 2, `"\" at the end`},
		{`[a\`, 2, `"\" at the end`},
		{"a**", 2, "nothing to repeat"},
		{"a|*", 2, "nothing to repeat"},
		{"a{2}{3}", 4, "nothing to repeat"},
		{"(?<=a)*", 6, "nothing to repeat"},
		{`\b+`, 2, "nothing to repeat"},
		{"^*", 1, "nothing to repeat"},
		{"a{3,2}", 1, "numbers out of order in {} quantifier"},
		{"a{1001}", 1, "repeat count over 1000"},
		{"a{0,99999999999999999999}", 1, "repeat count over 1000"},
		{"[z-a]", 1, "range out of order in character class"},
		{"é[z-a]", 3, "range out of order in character class"},
		{"[a", 0, "unterminated character class"},
		{"(a", 0, "unterminated group"},
		{"a)", 1, `unmatched ")"`},
		{"(?a)", 0, "invalid group"},
		{"(?i:a)", 0, "invalid group"},
		{"(?<1>a)", 3, "invalid capture group name"},
		{"(?<>a)", 3, "invalid capture group name"},
		{"(?<a", 3, "invalid capture group name"},
		{"(?<a>b)(?<a>c)", 10, "duplicate capture group name"},
		{`(?<a>b)[\k]`, 8, "invalid escape"},
		{strings.Repeat("(?:", 250) + strings.Repeat(")", 250), 750, "groups are nested more than 250 deep"},

		{`(a|b)\1`, 5, "backreferences are not supported"},
		{`\2(a)(b)`, 0, "backreferences are not supported"},
		{`(?<q>a)\k<q>`, 7, "named backreferences are not supported"},
	} {
		_, err := automaton.Compile(tt.source)
		var e *automaton.Error
		if !errors.As(err, &e) || e.Offset != tt.offset || e.Msg != tt.msg {
			t.Errorf("Compile(%.60q): %v, want %q at %d", tt.source, err, tt.msg, tt.offset)
		}
	}
}

func TestErrorsHaveTheOffsetsOfTheText(t *testing.T) {
	text := automaton.AppendASCII(nil, "a(", 7)
	_, err := automaton.Parse(text)
	if got, want := err.Error(), "unterminated group at offset 7"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := automaton.Parse(nil); err != nil {
		t.Errorf("the empty expression is refused: %v", err)
	}
}

// Annex B of ECMA-262 gives a meaning to text that has none with the flag u.
func TestAnnexB(t *testing.T) {
	for _, tt := range []struct {
		source, text string
		want         bool
	}{
		{"^a{,3}$", "a{,3}", true},
		{"^a{2$", "a{2", true},
		{"^]}$", "]}", true},
		{"^(?=a)*b$", "b", true},
		{`^\p{L}$`, "p{L}", true},
		{`^\p{L}$`, "é", false},
		{`^\x6\u00e$`, "x6u00e", true},
		{`^\x61\u00e9$`, "aé", true},
		{`^\c$`, `\c`, true},
		{`^\cA$`, "\x01", true},
		{`^[\c1]$`, "\x11", true},
		{`^[\c-]+$`, `\c-`, true},
		{`^[\w-z]+$`, "b-z", true},
		{`^[\b]$`, "\b", true},
		{`^\k<a>$`, "k<a>", true},
		{`^\1$`, "\x01", true},
		{`^\8$`, "8", true},
		{`^\377\400$`, "\u00ff 0", true},
		{`^[]$`, "", false},
		{`^[^]$`, "\n", true},
	} {
		m, err := automaton.Compile(tt.source)
		if err != nil {
			t.Errorf("%s: %v", tt.source, err)
		} else if got := m.Match(tt.text); got != tt.want {
			t.Errorf("%s matches %q: %v, want %v", tt.source, tt.text, got, tt.want)
		}
	}
}
