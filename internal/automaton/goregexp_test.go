package automaton_test

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton"
	"github.com/cognitogate/cognitogate/internal/longtest"
)

// translate compiles an expression of Go.
func translate(t *testing.T, expression string) (*automaton.Machine, error) {
	t.Helper()
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	source, err := automaton.GoSyntax{}.Translate(re)
	if err != nil {
		t.Fatal(err)
	}
	js, err := automaton.Parse(automaton.AppendASCII(nil, source, 0)) // which may be long
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return js.Compile()
}

func TestGoExpressionsMatchAsPackageRegexpSays(t *testing.T) {
	expressions := []string{
		"", "a", "^a|b$", `(?i)straße|\x{212a}`, `(?m)^a$`, `(?s).`, ".", `\Aa\z`, `[^a]`, `[^\n]`, `^[[:alpha:]]+$`, `\b`, `a\B`,
		"(?U)a*", "a{2,}", "a{2,3}b", "a{0}", `^(?:a|bc)*$`, `\d+\D`, `[😀-😂]`, `^[^😀]$`, `\x{10ffff}`, `[\x{fff0}-\x{10010}]`, `\Q.+\E`, `[^\x00-\x{10FFFF}]`, "^(a(b)?)+$",
	}
	expressions = append(expressions, longtest.Scale([]string{`\p{Greek}`}, []string{`\p{Greek}`, `\pL`, `^\PL$`})...) // slow to build
	random := rand.New(rand.NewPCG(7, 0))
	pieces := []string{"a", "b", "é", "😀", ".", "[^a]", `\w`, `\W`, "[b-😀]", "^", "$", `\b`, `\B`, "(?m:^)", "(?m:$)", "(?i:k)", "|", "*", "+", "?", "{2}", "(?:", ")", "(?s:.)"}
	for range longtest.Scale(30, 1000) {
		var b strings.Builder
		for range 1 + random.IntN(6) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		if _, err := regexp.Compile(b.String()); err == nil {
			expressions = append(expressions, b.String())
		}
	}
	texts := []string{"", "a", "b", "aa", "ab", "ba", "\n", "a\nb", "\na\n", "é", "😀", "😁", "a😀", "K", "k", "\u212a", "STRASSE", "STRAßE", ".+", "\U0010ffff", "\uffff", "\U00010000", "1x", "x_", "-", "aab", "abc"}
	for _, expression := range expressions {
		m, err := translate(t, expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		want := regexp.MustCompile(expression)
		for _, text := range texts {
			if got := m.Match(text); got != want.MatchString(text) {
				t.Errorf("%s matches %q: %v", expression, text, got)
			}
		}
	}
}

func TestGoExpressionWithinAText(t *testing.T) {
	for _, tt := range []struct {
		expression, text string
		want             bool
	}{
		{"^a+$", "<aa>", true},
		{"^a+$", "<ab>", false},
		{"^a|b$", "<cb>", true},
		{"^a|b$", "<bc>", false},
		{"^.*$", "<a->", false}, // nothing matches "-"
		{"^[^a]$", "<b>", true},
	} {
		re, err := syntax.Parse(tt.expression, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		source, err := automaton.GoSyntax{Begin: "(?<=^<)", End: "(?=>$)", Without: '-'}.Translate(re)
		if err != nil {
			t.Fatal(err)
		}
		if got := compile(t, "^<(?=[^]*"+source+")[^]*>$").Match(tt.text); got != tt.want {
			t.Errorf("%s in %s: %v, want %v", tt.expression, tt.text, got, tt.want)
		}
	}
	re, err := syntax.Parse(`\ba`, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	if source, err := (automaton.GoSyntax{Begin: "^"}).Translate(re); err == nil {
		t.Errorf("a boundary becomes %s", source)
	}
}
