package matcher_test

import (
	"testing"
	"unicode/utf8"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/matcher"
)

// addSeeds adds patterns, each with a path. More are in testdata/fuzz.
func addSeeds(add func(pattern, path string)) {
	for _, source := range twentyPaths {
		add(source, longPath)
	}
	for _, source := range adversarial() {
		if longtest.Enabled() && len(source) < 40 {
			add(source, "/ab")
		}
	}
}

func FuzzCompile(f *testing.F) {
	addSeeds(func(pattern, _ string) { f.Add(pattern) })
	f.Fuzz(func(t *testing.T, source string) {
		p, stats, err := matcher.CompileStats(source)
		if stats.Steps > maxSteps {
			t.Errorf("%d steps", stats.Steps)
		}
		if err != nil {
			syntax, ok := err.(*matcher.SyntaxError)
			if !ok || syntax.Source != source || syntax.Offset < 0 || syntax.Offset > len(source) {
				t.Fatalf("%#v", err)
			}
			if syntax.Offset < len(source) && utf8.ValidString(source) && !utf8.RuneStart(source[syntax.Offset]) {
				t.Errorf("offset %d is inside of a character", syntax.Offset)
			}
			return
		}
		if p.String() != source {
			t.Errorf("String() = %q", p)
		}
		if _, err := matcher.New(matcher.Rule{Source: source}, matcher.Rule{Source: "/a"}); err != nil {
			t.Errorf("New refuses a pattern that Compile accepts: %v", err)
		}
	})
}

func FuzzMatch(f *testing.F) {
	addSeeds(func(pattern, path string) { f.Add(pattern, path) })
	f.Fuzz(func(t *testing.T, source, path string) {
		// The simulation is cubic in the length of the path.
		if len(source) > 200 || len(path) > 40 {
			return
		}
		p, err := matcher.Compile(source)
		if err != nil {
			return
		}
		simulate, err := matcher.Simulate(source)
		if err != nil {
			t.Fatal(err)
		}
		want := simulate(path)
		if got := p.Match(path); got != want {
			t.Errorf("%q matches %q: %v, want %v", source, path, got, want)
		}
		m, err := matcher.New(matcher.Paths("/b/:x", source, "/((?!a).*)c")...)
		if err != nil {
			t.Fatal(err)
		}
		_, want = m.Rule(path, nil)
		if got := m.MatchPath(path, nil); got != want {
			t.Errorf("with others, %q matches %q: %v, want %v", source, path, got, want)
		}
	})
}
