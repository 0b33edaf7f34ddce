package matcher_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
)

// maxSteps bounds the steps of a construction in both directions. In each, the
// last step may exceed the bound by the cost of one position.
const maxSteps = 2 * (1<<24 + 1<<16)

// adversarial returns patterns that make a construction large, each with a name
// that says how.
func adversarial() map[string]string {
	rnd := rand.New(rand.NewPCG(1, 1))
	// fill repeats what next returns up to the longest source.
	fill := func(before string, next func(i int) string, after string) string {
		var b strings.Builder
		length := len(before) + len(after)
		for i := 0; ; i++ {
			s := next(i)
			if length += len([]rune(s)); length > 4096 {
				return before + strings.TrimSuffix(b.String(), "|") + after
			}
			b.WriteString(s)
		}
	}
	letter := func(i int) string { return string(rune('a' + i%26)) }
	word := func(int) string {
		var w strings.Builder
		for range 3 + rnd.IntN(9) {
			w.WriteString(letter(rnd.IntN(26)))
		}
		return w.String() + "|"
	}
	han := func(i int) string { return string(rune(0x4e00 + 2*i)) }
	all := func(n int, one func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(one(i))
		}
		return b.String()
	}
	return map[string]string{
		"words":               fill("/(", word, ")"),
		"words anywhere":      fill("/(.*(?:", word, ").*)"),
		"no words":            fill("/((?!", word, ").*)"),
		"no words anywhere":   fill("/((?!.*(?:", word, ")).*)"),
		"segments":            fill("", func(int) string { return "/:a" }, ""),
		"repeated segments":   fill("", func(int) string { return "/:a*" }, ""),
		"dashes":              fill("/", func(int) string { return ":a-" }, ""),
		"optional groups":     fill("/", func(int) string { return "{/a}?" }, ""),
		"stars":               fill("/(", func(int) string { return "(?:ab|c)*" }, ")"),
		"stars in a star":     fill("/((?:", func(int) string { return "(?:ab|c)*" }, ")*)+"),
		"dots":                fill("/(", func(i int) string { return ".*" + letter(i) }, ")"),
		"optional dots":       fill("/(", func(i int) string { return ".?" + letter(i%3) + "?" }, ")"),
		"branches of dots":    fill("/(", func(i int) string { return ".*" + letter(i) + letter(i/26) + ".*|" }, ")"),
		"boundaries":          fill("/(", func(int) string { return `\b.*` }, ")"),
		"boundaries, classes": fill("/(", func(int) string { return `\b[^a]\B.?` }, ")"),
		"many characters":     fill("/(", func(i int) string { return han(i) + "|" }, ")"),
		"many classes":        fill("/(", func(i int) string { return "[^" + han(i) + "]" }, ")"),
		"a large class":       fill("/([", han, "]+)"),
		"nested counts":       "/((?:(?:(?:a{10}){10}){10}){10})",
		"nested ranges":       "/((?:a{1,50}){1,50})",
		"counts of unlike":    "/((?:(?:a{1,9}b?){1,9}c?){1,9})",
		"counts of nothing":   "/((?:(?:(?:(?:){1000}){1000}){1000}){1000})",
		"counts of stars":     "/((?:(?:(?:(?:)*){1000}){1000}){1000})",
		"counts of looks":     "/((?:(?:(?:(?=a)){1000}){1000}){1000})",
		"counted looks":       "/((?:(?=.*a.{6})(?<=b.{6}).){1,200})",
		"long counts":         "/([ab]{1000}|[bc]{900}|[cd]{800})",
		"optional counts":     "/((?:a?){500}a{500})",
		"up to 999":           "/(.{0,999})",
		"nested stars":        "/(" + strings.Repeat("(?:a", 240) + strings.Repeat(")*", 240) + ")",
		"nested groups":       "/(" + strings.Repeat("(?:", 2000) + strings.Repeat(")", 2000) + ")",
		"nested looks":        "/(" + strings.Repeat("(?!.*a", 240) + strings.Repeat(")", 240) + ".*)",
		"looks both ways":     "/(" + strings.Repeat("(?=a*(?<=b*", 100) + strings.Repeat("))", 100) + ".*)",
		"all letters":         "/(" + all(26, func(i int) string { return "(?=.*" + letter(i) + ")" }) + ".*)",
		"eleven letters":      "/(" + all(11, func(i int) string { return "(?=.*" + letter(i) + ")" }) + ".*)",
		"all letters behind":  "/(.*" + all(26, func(i int) string { return "(?<=" + letter(i) + ".*)" }) + ")",
		"far from the left":   "/(.{20}a.*)",
		"far from the right":  "/(.*a.{20})",
		"far from both":       "/(.*a.{20}|.{20}a.*)",
		"far looks":           "/((?=.*a.{9}).*(?<=b.{9}))",
		"far looks, more":     "/((?=.*a.{7}).*(?<=b.{7})(?!.*c.{7})(?<!d.{7}))",
	}
}

// large are the adversarial patterns that only make test-long compiles, because they
// take long. The others reach every bound, too.
var large = []string{"counts of unlike", "far looks", "long counts", "optional counts", "optional groups", "up to 999"}

func TestConstructionIsBounded(t *testing.T) {
	for name, source := range adversarial() {
		if !longtest.Enabled() && slices.Contains(large, name) {
			continue
		}
		if longtest.Race && name == "many classes" {
			continue // it takes every step that is allowed, seconds under the race detector
		}
		_, stats, err := matcher.CompileStats(source)
		if stats.Steps > maxSteps {
			t.Errorf("%s: %d steps", name, stats.Steps)
		}
		if err == nil && (stats.States > 4096 || stats.Bytes > 2<<20) {
			t.Errorf("%s: %+v", name, stats)
		}
	}
}

// The patterns of the vectors are cheap. This test shows a change for the worse.
func TestVectorsNeedSmallAutomata(t *testing.T) {
	vectors, _ := compiledVectors()
	for _, v := range vectors {
		if v.stats.Steps > 2_000_000 || v.stats.States > 200 || v.stats.Bytes > 12_000 {
			t.Errorf("%q: %+v", v, v.stats)
		}
	}
}
