// Package automatontest makes random regular expressions and texts, for the tests
// of package automaton and of the languages that are compiled to it.
package automatontest

import (
	"math/rand/v2"
	"strings"
)

// A Generator makes random regular expressions of the whole language. They are so
// small that random texts get both answers.
type Generator struct{ *rand.Rand }

// New returns a Generator. With the same seed it always makes the same.
func New(seed uint64) Generator { return Generator{rand.New(rand.NewPCG(seed, 0))} }

// Pick returns one of the options.
func (g Generator) Pick(options ...string) string { return options[g.IntN(len(options))] }

// Regexp returns a regular expression of at most this depth.
func (g Generator) Regexp(depth int) string {
	if depth == 0 || g.IntN(6) == 0 {
		return g.Pick("a", "b", "c", "/", ".", "-", "é", "😀", `\.`, `\w`, `\W`, `\d`, `\s`, `\S`,
			"[ab]", "[^a]", "[^/]", `[\w-]`, "[b-d]", "[^]", "[]", "^", "$", `\b`, `\B`, `\u00e9`, `\ud83d`, "ab", "(?:)")
	}
	switch g.IntN(12) {
	case 0, 1, 2, 3:
		return g.Regexp(depth-1) + g.Regexp(depth-1)
	case 4, 5:
		return "(?:" + g.Regexp(depth-1) + "|" + g.Regexp(depth-1) + ")"
	case 6, 7:
		return "(?:" + g.Regexp(depth-1) + ")" + g.Pick("*", "+", "?", "{2}", "{0,2}", "{1,}", "*?")
	case 8, 9:
		return g.Pick("(?=", "(?!") + g.Regexp(depth-1) + ")" + g.Pick("", "", ".*", "*")
	default:
		return g.Pick("", ".*", ".+") + g.Pick("(?<=", "(?<!") + g.Regexp(depth-1) + ")"
	}
}

// Path returns a path with characters that the expressions name.
func (g Generator) Path() string {
	var b strings.Builder
	b.WriteString(g.Pick("/", "/", "/", "/", ""))
	for range g.IntN(7) {
		b.WriteString(g.Pick("a", "a", "b", "b", "c", "/", "/", ".", "-", "é", "😀", "_", "1", " ", "\n", "api", "#", "?", "\u2028", "\xff", "\xf0\x9f"))
	}
	return b.String()
}
