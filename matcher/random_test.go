package matcher_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton/automatontest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
)

var pairs = flag.Int("pairs", longtest.Scale(2500, 10_000), "random pattern-path pairs to compare; 'go test ./matcher -run Random -args -pairs=1000000' for a long run")

// A generator makes random patterns of the whole language. They are so small that
// random paths get both answers.
type generator struct{ automatontest.Generator }

func newGenerator(seed uint64) generator { return generator{automatontest.New(seed)} }

// pattern returns a pattern of a few tokens.
func (g generator) pattern() string {
	var b strings.Builder
	for i := range 1 + g.IntN(3) {
		if i == 0 {
			b.WriteString(g.Pick("/", "/", "/", "/a", "/api/", "/."))
		} else {
			b.WriteString(g.Pick("/", "/", "/", "/a", "/api/", ".", "-"))
		}
		switch g.IntN(6) {
		case 0:
			b.WriteString(g.Pick("a", "ab", "é", "b.", `\.`, ""))
		case 1:
			fmt.Fprintf(&b, ":p%d%s", i, g.Pick("", "?", "*", "+"))
		case 2:
			fmt.Fprintf(&b, "{%s(%s)%s}%s", g.Pick("", "/", "a", "-"), g.Regexp(2), g.Pick("", "b"), g.Pick("", "?", "*", "+"))
		case 3:
			fmt.Fprintf(&b, ":p%d(%s)%s", i, g.Regexp(3), g.Pick("", "?", "*", "+"))
		default:
			fmt.Fprintf(&b, "(%s)%s", g.Regexp(4), g.Pick("", "", "?", "*", "+"))
		}
	}
	return b.String()
}

func TestRandomPatternsMatchLikeTheSimulation(t *testing.T) {
	const paths = 25
	g := newGenerator(1)
	matches, refused := 0, 0
	for range *pairs / paths {
		source := g.pattern()
		simulate, err := matcher.Simulate(source)
		if err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		p, err := matcher.Compile(source)
		if err != nil {
			refused++
			continue
		}
		for range paths {
			path := g.Path()
			want := simulate(path)
			if got := p.Match(path); got != want {
				t.Fatalf("%q matches %q: %v, want %v", source, path, got, want)
			}
			if want {
				matches++
			}
		}
	}
	t.Logf("%d of %d matched, %d patterns too large", matches, *pairs, refused)
	if matches < *pairs/50 || refused > *pairs/paths/100 {
		t.Error("the random patterns test too little")
	}
}
