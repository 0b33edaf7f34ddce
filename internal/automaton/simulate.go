package automaton

import (
	"slices"
	"unicode/utf16"
)

// Simulate answers as the Match of the compiled expression does. It walks the
// syntax tree with sets of positions and shares no code with the compiler. It is
// slow: tests compare its answers with those of machines.
func (re *Regexp) Simulate(text string) bool {
	s := simulation{re, utf16.Encode([]rune(text)), make(map[lookaroundAt]bool)}
	everywhere := make([]bool, len(s.text)+1)
	for i := range everywhere {
		everywhere[i] = true
	}
	return slices.Contains(s.match(re.root, everywhere, false), true)
}

type simulation struct {
	re          *Regexp
	text        []uint16
	lookarounds map[lookaroundAt]bool // answers so far
}

// A lookaroundAt is a lookaround at a position.
type lookaroundAt struct {
	n *node
	i int
}

// match returns where n can end if it begins at one of the given positions. With
// back it returns where n can begin if it ends there.
func (s *simulation) match(n *node, at []bool, back bool) []bool {
	out := make([]bool, len(at))
	switch n.op {
	case opConcat:
		out = at
		for i := range n.sub {
			if back {
				i = len(n.sub) - 1 - i
			}
			out = s.match(n.sub[i], out, back)
		}
	case opAlternate:
		for _, sub := range n.sub {
			out = either(out, s.match(sub, at, back))
		}
	case opRepeat:
		out = at
		for range n.min {
			next := s.match(n.sub[0], out, back)
			if slices.Equal(next, out) { // further repetitions change nothing
				break
			}
			out = next
		}
		for i := n.min; i != n.max; i++ {
			next := either(out, s.match(n.sub[0], out, back))
			if slices.Equal(next, out) {
				break
			}
			out = next
		}
	default:
		for i := range at {
			if at[i] && n.op != opChar {
				out[i] = s.holds(n, i)
			} else if at[i] && !back && i < len(s.text) && s.re.sets[n.set].contains(s.text[i]) {
				out[i+1] = true
			} else if at[i] && back && i > 0 && s.re.sets[n.set].contains(s.text[i-1]) {
				out[i-1] = true
			}
		}
	}
	return out
}

// holds reports whether an assertion holds at a position.
func (s *simulation) holds(n *node, i int) bool {
	switch n.op {
	case opStart:
		return i == 0
	case opEnd:
		return i == len(s.text)
	case opBoundary:
		before := i > 0 && wordChars.contains(s.text[i-1])
		after := i < len(s.text) && wordChars.contains(s.text[i])
		return before != after != n.negative
	}
	found, ok := s.lookarounds[lookaroundAt{n, i}]
	if !ok {
		here := make([]bool, len(s.text)+1)
		here[i] = true
		found = slices.Contains(s.match(n.sub[0], here, n.behind), true)
		s.lookarounds[lookaroundAt{n, i}] = found
	}
	return found != n.negative
}

func either(a, b []bool) []bool {
	out := slices.Clone(a)
	for i := range b {
		out[i] = out[i] || b[i]
	}
	return out
}
