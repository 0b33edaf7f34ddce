package matcher_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/matcher"
)

var pairs = flag.Int("pairs", 10_000, "random pattern-path pairs to compare; 'go test ./matcher -run Random -args -pairs=1000000' for a long run")

// A generator makes random patterns of the whole language, small enough that
// random paths hit both answers.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 0))} }

func (g generator) pick(options ...string) string { return options[g.IntN(len(options))] }

// pattern returns a pattern of a few tokens.
func (g generator) pattern() string {
	var b strings.Builder
	for i := range 1 + g.IntN(3) {
		if i == 0 {
			b.WriteString(g.pick("/", "/", "/", "/a", "/api/", "/."))
		} else {
			b.WriteString(g.pick("/", "/", "/", "/a", "/api/", ".", "-"))
		}
		switch g.IntN(6) {
		case 0:
			b.WriteString(g.pick("a", "ab", "é", "b.", `\.`, ""))
		case 1:
			fmt.Fprintf(&b, ":p%d%s", i, g.pick("", "?", "*", "+"))
		case 2:
			fmt.Fprintf(&b, "{%s(%s)%s}%s", g.pick("", "/", "a", "-"), g.regexp(2), g.pick("", "b"), g.pick("", "?", "*", "+"))
		case 3:
			fmt.Fprintf(&b, ":p%d(%s)%s", i, g.regexp(3), g.pick("", "?", "*", "+"))
		default:
			fmt.Fprintf(&b, "(%s)%s", g.regexp(4), g.pick("", "", "?", "*", "+"))
		}
	}
	return b.String()
}

// regexp returns a regular expression of at most this depth.
func (g generator) regexp(depth int) string {
	if depth == 0 || g.IntN(6) == 0 {
		return g.pick("a", "b", "c", "/", ".", "-", "é", "😀", `\.`, `\w`, `\W`, `\d`, `\s`, `\S`,
			"[ab]", "[^a]", "[^/]", `[\w-]`, "[b-d]", "[^]", "[]", "^", "$", `\b`, `\B`, `\u00e9`, `\ud83d`, "ab", "(?:)")
	}
	switch g.IntN(12) {
	case 0, 1, 2, 3:
		return g.regexp(depth-1) + g.regexp(depth-1)
	case 4, 5:
		return "(?:" + g.regexp(depth-1) + "|" + g.regexp(depth-1) + ")"
	case 6, 7:
		return "(?:" + g.regexp(depth-1) + ")" + g.pick("*", "+", "?", "{2}", "{0,2}", "{1,}", "*?")
	case 8, 9:
		return g.pick("(?=", "(?!") + g.regexp(depth-1) + ")" + g.pick("", "", ".*", "*")
	default:
		return g.pick("", ".*", ".+") + g.pick("(?<=", "(?<!") + g.regexp(depth-1) + ")"
	}
}

// path returns a path that is likely to touch what patterns speak of.
func (g generator) path() string {
	var b strings.Builder
	b.WriteString(g.pick("/", "/", "/", "/", ""))
	for range g.IntN(7) {
		b.WriteString(g.pick("a", "a", "b", "b", "c", "/", "/", ".", "-", "é", "😀", "_", "1", " ", "\n", "api", "#", "?", "\u2028", "\xff", "\xf0\x9f"))
	}
	return b.String()
}

func TestRandomPatternsMatchLikeTheSimulation(t *testing.T) {
	const paths = 25
	g := newGenerator(1)
	matches, refused := 0, 0
	for range *pairs / paths {
		source := g.pattern()
		oracle, err := matcher.Oracle(source)
		if err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		p, err := matcher.Compile(source)
		if err != nil {
			refused++
			continue
		}
		for range paths {
			path := g.path()
			want := oracle(path)
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
