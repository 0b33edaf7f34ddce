package automaton_test

import (
	"flag"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton"
	"github.com/cognitogate/cognitogate/internal/automaton/automatontest"
)

var pairs = flag.Int("pairs", 10_000, "random pairs of expression and text to compare")

// parse parses an expression.
func parse(source string) (*automaton.Regexp, error) {
	text, err := automaton.Decode(source)
	if err != nil {
		return nil, err
	}
	return automaton.Parse(text)
}

func TestRandomExpressionsMatchLikeTheSimulation(t *testing.T) {
	const texts = 25
	g := automatontest.New(4)
	matches, refused := 0, 0
	for range *pairs / texts {
		source := g.Pick("", "^", "^/") + g.Regexp(5) + g.Pick("", "$")
		re, err := parse(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		m, err := re.Compile()
		if err != nil {
			refused++
			continue
		}
		for range texts {
			text := g.Path()
			want := re.Simulate(text)
			if got := m.Match(text); got != want {
				t.Fatalf("%s matches %q: %v, want %v", source, text, got, want)
			}
			if want {
				matches++
			}
		}
	}
	t.Logf("%d of %d matched, %d expressions too large", matches, *pairs, refused)
	if matches < *pairs/50 || matches > *pairs*49/50 || refused > *pairs/texts/100 {
		t.Error("the random expressions test too little")
	}
}

func FuzzMatch(f *testing.F) {
	for _, source := range []string{"a|b", "^(?!a|b).*$", `(?<=\.a{2,3})\b`, "^[^a-c]*?(?:b+|é)$", `\ud83d(?<!a)[\w-]`} {
		f.Add(source, "/a.aab-é")
		f.Add(source, "😀\xff")
	}
	f.Fuzz(func(t *testing.T, source, text string) {
		// The simulation is cubic in the length of the text.
		if len(source) > 200 || len(text) > 40 {
			return
		}
		re, err := parse(source)
		if err != nil {
			return
		}
		m, err := re.Compile()
		if err != nil {
			return
		}
		want := re.Simulate(text)
		if got := m.Match(text); got != want {
			t.Errorf("%q matches %q: %v, want %v", source, text, got, want)
		}
	})
}
