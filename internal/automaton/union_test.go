package automaton_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/automaton"
	"github.com/cognitogate/cognitogate/internal/automaton/automatontest"
)

func TestUnionIsOneMachineForEachDirection(t *testing.T) {
	for _, tt := range []struct {
		sources []string
		want    int
	}{
		{nil, 0},
		{[]string{"^a$"}, 1},
		{[]string{"^a$", "^b$", "^a|c$"}, 1},
		{[]string{"^a$", "^.*a.{12}$", "^b$", "^.*b.{12}$"}, 2},
	} {
		var machines []*automaton.Machine
		for _, source := range tt.sources {
			machines = append(machines, compile(t, source))
		}
		if got := len(automaton.Union(machines)); got != tt.want {
			t.Errorf("%q: %d machines, want %d", tt.sources, got, tt.want)
		}
	}
}

func TestUnionMatchesWhatAnyMachineMatches(t *testing.T) {
	g := automatontest.New(3)
	for range 50 {
		var machines []*automaton.Machine
		for range 1 + g.IntN(8) {
			machines = append(machines, compile(t, "^/"+g.Regexp(3)+"$"))
		}
		union := automaton.Union(machines)
		for range 50 {
			path := g.Path()
			matches := func(m *automaton.Machine) bool { return m.Match(path) }
			if got, want := slices.ContainsFunc(union, matches), slices.ContainsFunc(machines, matches); got != want {
				t.Fatalf("%q matches: %v, want %v", path, got, want)
			}
		}
	}
}

// TestUnionOfMany: where one machine would be too large, several match the same texts.
func TestUnionOfMany(t *testing.T) {
	var machines []*automaton.Machine
	var paths []string
	for i := range 300 {
		path := fmt.Sprintf("/%08b/%s", i, strings.Repeat(string(rune('a'+i%26)), 20))
		paths = append(paths, path)
		machines = append(machines, compile(t, "^"+path+"$"))
	}
	union := automaton.Union(machines)
	if len(union) < 2 || len(union) > 4 {
		t.Errorf("%d machines", len(union))
	}
	matches := func(path string) bool {
		return slices.ContainsFunc(union, func(m *automaton.Machine) bool { return m.Match(path) })
	}
	for _, path := range paths {
		if !matches(path) || matches(path+"x") || matches(path[:len(path)-1]) {
			t.Errorf("%q: %t, %t, %t", path, matches(path), matches(path+"x"), matches(path[:len(path)-1]))
		}
	}
}
