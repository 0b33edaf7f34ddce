package matcher

import (
	"slices"
	"unicode/utf16"
)

// An oracle answers by walking the syntax tree with sets of positions: no
// program, no automaton, no choice of direction. It is slow and plain.
type oracle struct {
	re    *regexp
	text  []uint16
	looks map[look]bool // answers known
}

// A look is a lookaround at a position.
type look struct {
	n *node
	i int
}

func (re *regexp) simulate(text string) bool {
	o := oracle{re, utf16.Encode([]rune(text)), make(map[look]bool)}
	everywhere := make([]bool, len(o.text)+1)
	for i := range everywhere {
		everywhere[i] = true
	}
	return slices.Contains(o.match(re.root, everywhere, false), true)
}

// match returns where n can end that begins at one of the given positions; if
// back, where it can begin that ends there.
func (o *oracle) match(n *node, at []bool, back bool) []bool {
	out := make([]bool, len(at))
	switch n.op {
	case opConcat:
		out = at
		for i := range n.sub {
			if back {
				i = len(n.sub) - 1 - i
			}
			out = o.match(n.sub[i], out, back)
		}
	case opAlternate:
		for _, sub := range n.sub {
			out = either(out, o.match(sub, at, back))
		}
	case opRepeat:
		out = at
		for range n.min {
			next := o.match(n.sub[0], out, back)
			if slices.Equal(next, out) { // and so for ever
				break
			}
			out = next
		}
		for i := n.min; i != n.max; i++ {
			next := either(out, o.match(n.sub[0], out, back))
			if slices.Equal(next, out) {
				break
			}
			out = next
		}
	default:
		for i := range at {
			if at[i] && n.op != opChar {
				out[i] = o.holds(n, i)
			} else if at[i] && !back && i < len(o.text) && o.re.sets[n.set].contains(o.text[i]) {
				out[i+1] = true
			} else if at[i] && back && i > 0 && o.re.sets[n.set].contains(o.text[i-1]) {
				out[i-1] = true
			}
		}
	}
	return out
}

// holds reports whether an assertion does.
func (o *oracle) holds(n *node, i int) bool {
	switch n.op {
	case opStart:
		return i == 0
	case opEnd:
		return i == len(o.text)
	case opBoundary:
		before := i > 0 && wordChars.contains(o.text[i-1])
		after := i < len(o.text) && wordChars.contains(o.text[i])
		return before != after != n.negative
	}
	found, ok := o.looks[look{n, i}]
	if !ok {
		here := make([]bool, len(o.text)+1)
		here[i] = true
		found = slices.Contains(o.match(n.sub[0], here, n.behind), true)
		o.looks[look{n, i}] = found
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
