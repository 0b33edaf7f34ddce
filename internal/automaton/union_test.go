package automaton_test

import (
	"slices"
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
