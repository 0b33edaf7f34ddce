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
	if m, err := union(left[last], right[0]); err == nil {
		return slices.Concat(left[:last], []*Machine{m}, right[1:])
	}
	return slices.Concat(left, right)
}

func union(a, b *Machine) (*Machine, error) {
	return runPairs(a, b, func(p pair) bool { return p == pair{} }, func(a, b bool) bool { return a || b })
}
