package matcher

import "slices"

// unite returns automata that together match what any of the given ones
// matches: one for each direction of reading, or more where that would be too
// large.
func unite(dfas []*dfa) []*dfa {
	var forward, backward []*dfa
	for _, d := range dfas {
		if d.backward {
			backward = append(backward, d)
		} else {
			forward = append(forward, d)
		}
	}
	return append(uniteHalves(forward), uniteHalves(backward)...)
}

func uniteHalves(dfas []*dfa) []*dfa {
	if len(dfas) < 2 {
		return dfas
	}
	middle := len(dfas) / 2
	left, right := uniteHalves(dfas[:middle]), uniteHalves(dfas[middle:])
	last := len(left) - 1
	if d, ok := union(left[last], right[0]); ok {
		return slices.Concat(left[:last], []*dfa{d}, right[1:])
	}
	return slices.Concat(left, right)
}

// A pair holds a state, or a class, of each of two automata.
type pair struct{ a, b uint16 }

// union runs two automata that read in the same direction side by side; ok is
// false if the result is too large. Paths seldom keep both busy: where patterns
// begin unlike one is soon dead, so that states add up and do not multiply.
func union(a, b *dfa) (d *dfa, ok bool) {
	alphabet, classes := merge(a.alphabet, b.alphabet)
	out := &automaton{symbols: alphabet.classes + 1}
	var states numbering[pair]
	states.of(pair{a.start, b.start})
	for i := 0; i < len(states.keys); i++ {
		row, ok := out.grow()
		if !ok {
			return nil, false
		}
		s := states.keys[i]
		for class, c := range classes {
			next := states.of(pair{a.columns[c.a][s.a], b.columns[c.b][s.b]})
			row[class] = entry(uint32(next), false)
		}
		row[out.edge()] = entry(0, a.accepting[s.a] || b.accepting[s.b])
	}
	return newDFA(alphabet, out, a.backward), true
}

// merge returns the coarsest alphabet that is finer than both, and for each of
// its classes those in which it lies.
func merge(a, b *alphabet) (out *alphabet, classes []pair) {
	starts := slices.Concat(a.starts, b.starts)
	slices.Sort(starts)
	out = &alphabet{starts: slices.Compact(starts)}
	var pairs numbering[pair]
	for _, c := range out.starts {
		out.class = append(out.class, uint16(pairs.of(pair{a.classOf(c), b.classOf(c)})))
	}
	out.classes = len(pairs.keys)
	return out, pairs.keys
}
