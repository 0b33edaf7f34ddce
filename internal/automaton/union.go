package automaton

import "slices"

// Union returns machines of which one matches a text exactly if one of the given
// machines does. There is one for each direction of reading, or more where one
// would be too large.
func Union(machines []*Machine) []*Machine {
	var forward, backward []*Machine
	for _, m := range machines {
		if m.backward {
			backward = append(backward, m)
		} else {
			forward = append(forward, m)
		}
	}
	return append(unionHalves(forward), unionHalves(backward)...)
}

// unionHalves is Union for machines that read in the same direction.
func unionHalves(machines []*Machine) []*Machine {
	if len(machines) < 2 {
		return machines
	}
	middle := len(machines) / 2
	left, right := unionHalves(machines[:middle]), unionHalves(machines[middle:])
	last := len(left) - 1
	if m, ok := union(left[last], right[0]); ok {
		return slices.Concat(left[:last], []*Machine{m}, right[1:])
	}
	return slices.Concat(left, right)
}

// A pair holds a state, or a class, of each of two machines.
type pair struct{ a, b uint16 }

// union runs two machines side by side that read in the same direction. ok is
// false if the result is too large. In theory the numbers of states multiply.
// They seldom do with paths: patterns begin differently, and one is soon dead.
func union(a, b *Machine) (m *Machine, ok bool) {
	alphabet, classes := merge(a.alphabet, b.alphabet)
	d := &dfa{symbols: alphabet.classes + 1}
	var states numbering[pair]
	states.number(pair{a.start, b.start})
	for i := 0; i < len(states.keys); i++ {
		row, ok := d.addState()
		if !ok {
			return nil, false
		}
		s := states.keys[i]
		for class, c := range classes {
			next := states.number(pair{a.columns[c.a][s.a], b.columns[c.b][s.b]})
			row[class] = entry(uint32(next), false)
		}
		row[d.edge()] = entry(0, a.accepting[s.a] || b.accepting[s.b])
	}
	return newMachine(alphabet, d, a.backward), true
}
