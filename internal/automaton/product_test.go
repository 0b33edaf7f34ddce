package automaton_test

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton"
	"github.com/cognitogate/cognitogate/internal/automaton/automatontest"
	"github.com/cognitogate/cognitogate/internal/longtest"
)

// operands returns two random expressions with their machines.
func operands(t *testing.T, g automatontest.Generator) (a, b *automaton.Regexp, ma, mb *automaton.Machine) {
	t.Helper()
	random := func() (*automaton.Regexp, *automaton.Machine) {
		for {
			re, err := parse(g.Pick("", "^", "^/") + g.Regexp(4) + g.Pick("", "$", ".{9}$"))
			if err != nil {
				t.Fatal(err)
			}
			if m, err := re.Compile(); err == nil {
				return re, m
			}
		}
	}
	a, ma = random()
	b, mb = random()
	return a, b, ma, mb
}

func TestOperationsAgreeWithTheSimulation(t *testing.T) {
	g := automatontest.New(5)
	tooLarge, empty, words := 0, 0, 0
	for range longtest.Scale(60, 1000) {
		a, b, ma, mb := operands(t, g)
		for name, op := range map[string]struct {
			run  func() (*automaton.Machine, error)
			want func(string) bool
		}{
			"intersection":  {func() (*automaton.Machine, error) { return automaton.Intersection(ma, mb) }, func(s string) bool { return a.Simulate(s) && b.Simulate(s) }},
			"difference":    {func() (*automaton.Machine, error) { return automaton.Difference(ma, mb) }, func(s string) bool { return a.Simulate(s) && !b.Simulate(s) }},
			"complement":    {func() (*automaton.Machine, error) { return automaton.Complement(ma) }, func(s string) bool { return !a.Simulate(s) }},
			"final slash":   {ma.WithFinalSlash, func(s string) bool { return a.Simulate(s) || endsInSlash(s) && a.Simulate(s[:len(s)-1]) }},
			"merged slash":  {ma.AfterMergingSlashes, func(s string) bool { return a.Simulate(mergeSlashes(s)) }},
			"itself, twice": {func() (*automaton.Machine, error) { return automaton.Intersection(ma, ma) }, a.Simulate},
		} {
			m, err := op.run()
			if errors.Is(err, automaton.ErrTooLarge) {
				tooLarge++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			texts := []string{"", "/"}
			for range 6 {
				texts = append(texts, g.Path())
			}
			word, found, err := m.ShortestWord()
			if err != nil {
				t.Fatal(err)
			}
			if !found {
				empty++
			} else if !op.want(word) {
				t.Fatalf("%s: the word %q is none", name, word)
			}
			for _, text := range texts {
				got, want := m.Match(text), op.want(text)
				if got != want {
					t.Fatalf("%s: matches %q: %v, want %v", name, text, got, want)
				}
				if want && (!found || len([]rune(text)) < len([]rune(word))) {
					t.Fatalf("%s: %q is shorter than %q", name, text, word)
				}
			}
			before := 0
			n := 0
			for w := range m.Words() {
				if length := len([]rune(w)); !op.want(w) || length < before {
					t.Fatalf("%s: the word %q after one of %d characters", name, w, before)
				} else if n == 0 && length != len([]rune(word)) {
					t.Fatalf("%s: the first word is %q, and the shortest %q", name, w, word)
				} else {
					before = length
				}
				words++
				if n++; n == 5 {
					break
				}
			}
			if found != (n > 0) {
				t.Fatalf("%s: %d words, and the shortest is %q, %v", name, n, word, found)
			}
		}
	}
	t.Logf("%d too large, %d empty, %d words", tooLarge, empty, words)
	if empty < 10 || words < 300 {
		t.Error("the random expressions test too little")
	}
}

func endsInSlash(s string) bool { return len(s) > 1 && strings.HasSuffix(s, "/") }

func mergeSlashes(s string) string {
	for strings.Contains(s, "//") {
		s = strings.ReplaceAll(s, "//", "/")
	}
	return s
}

func TestAfterEscapingMatchesWhatURLEscapes(t *testing.T) {
	g := automatontest.New(6)
	for range longtest.Scale(15, 400) {
		_, _, m, _ := operands(t, g)
		escaping, err := m.AfterEscaping()
		if err != nil {
			continue
		}
		for range 20 {
			text := g.Path() + g.Pick("", " ", "%", "!", "\\", "x", "é?", "~$")
			text = strings.ToValidUTF8(text, "\ufffd")
			ascii := strings.IndexFunc(text, func(r rune) bool { return r > 127 }) < 0
			got, want := escaping.Match(text), m.Match((&url.URL{Path: text}).EscapedPath())
			if got && !want || ascii && got != want {
				t.Fatalf("%q: %v, want %v", text, got, want)
			}
		}
	}
	for c := range byte(128) {
		text := "/" + string(rune(c))
		escaped := (&url.URL{Path: text}).EscapedPath()
		m, err := compile(t, "^"+regexp.QuoteMeta(escaped)+"$").AfterEscaping()
		if err != nil || !m.Match(text) {
			t.Errorf("%q: not matched after it is escaped to %s: %v", text, escaped, err)
		}
	}
	// Escapes beyond ASCII count if the machine does not tell them apart.
	m, err := compile(t, "^/(?!api)[^?#]*$").AfterEscaping()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"/é?": true, "/😀#": true, "/\u2028": true, "/a": true, "/api?": false} {
		if m.Match(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func TestWordsAreReadable(t *testing.T) {
	for source, want := range map[string]string{
		`^\/files\/.*\.jpe?g$`:   "/files/.jpg",
		`^\/[^\/]+\/edit$`:       "/x/edit",
		`^\/[0-9]{3}$`:           "/000",
		`^\/[^ -~]$`:             "/\u0000",
		`^\/[\ud83d][\ude00]$`:   "/😀",
		`^\/[^\ud83d\0-\ud7ff]$`: "/\ue000",
	} {
		if got, found, err := compile(t, source).ShortestWord(); !found || err != nil || got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	for _, source := range []string{"[]", `^\ud83d$`, `^\ude00\ud83d$`} { // lone surrogates are no text
		if empty, err := compile(t, source).Empty(); !empty || err != nil {
			t.Errorf("%s has a word", source)
		}
	}
	var nothing *automaton.Machine
	if empty, err := nothing.Empty(); !empty || err != nil {
		t.Error("the nil machine has a word")
	}
}

func TestOperationsHaveABudget(t *testing.T) {
	a, b := compile(t, "^.*a.{12}$"), compile(t, "^b.*$")
	if _, err := automaton.Intersection(a, b); !errors.Is(err, automaton.ErrTooLarge) {
		t.Errorf("the machine has too many states from the left, and the error is %v", err)
	}
	if _, _, err := a.ShortestWord(); !errors.Is(err, automaton.ErrTooLarge) {
		t.Errorf("the machine has too many states from the left, and the error is %v", err)
	}
}
