package matcher

import "slices"

// unite returns automata that together match what any of the given ones
// matches: one for each direction of reading, or more where one would be too
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
	left, right := uniteHalves(dfas[:len(dfas)/2]), uniteHalves(dfas[len(dfas)/2:])
	last := len(left) - 1
	if d, ok := union(left[last], right[0]); ok {
		left = append(left[:last:last], d)
		right = right[1:]
	}
	return slices.Concat(left, right)
}

// A pair holds a state, or a class, of each of two automata.
type pair struct{ a, b uint16 }

// union runs two automata that read in one direction side by side; ok is
// false if the result is too large.
func union(a, b *dfa) (d *dfa, ok bool) {
	alphabet, classes := merge(a.alphabet, b.alphabet)
	out := &automaton{symbols: alphabet.classes + 1}
	ids := make(map[pair]uint32)
	var pairs []pair // of states
	intern := func(p pair) uint32 {
		id, ok := ids[p]
		if !ok {
			id = uint32(len(pairs))
			ids[p] = id
			pairs = append(pairs, p)
		}
		return id << 1
	}
	intern(pair{a.start, b.start})
	for i := 0; i < len(pairs); i++ {
		if i == maxStates || len(out.table)+out.symbols > maxTable {
			return nil, false
		}
		p := pairs[i]
		for _, x := range classes {
			out.table = append(out.table, intern(pair{a.columns[x.a][p.a], b.columns[x.b][p.b]}))
		}
		accept := uint32(0)
		if a.accepting[p.a] || b.accepting[p.b] {
			accept = 1
		}
		out.table = append(out.table, accept)
	}
	return newDFA(alphabet, out, a.backward), true
}

// merge returns the coarsest alphabet that is finer than both, and for each of
// its classes those that it lies in.
func merge(a, b *alphabet) (out *alphabet, classes []pair) {
	starts := slices.Concat(a.starts, b.starts)
	slices.Sort(starts)
	out = &alphabet{starts: slices.Compact(starts)}
	ids := make(map[pair]uint16)
	for _, c := range out.starts {
		p := pair{a.classOf(c), b.classOf(c)}
		id, ok := ids[p]
		if !ok {
			id = uint16(len(classes))
			ids[p] = id
			classes = append(classes, p)
		}
		out.class = append(out.class, id)
	}
	out.classes = len(classes)
	return out, classes
}
