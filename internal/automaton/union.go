package automaton

import "slices"

// maxMachines is how many machines can run side by side: their numbers have 16 bits.
const maxMachines = 1 << 16

// Union returns machines of which one matches a text exactly if one of the given
// machines does. There is one for each direction of reading, or more where one
// would be too large.
func Union(machines []*Machine) []*Machine {
	if len(machines) > maxMachines {
		return slices.Concat(Union(machines[:maxMachines]), Union(machines[maxMachines:]))
	}
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
	if m, err := union(machines); err == nil {
		return []*Machine{m}
	}
	middle := len(machines) / 2
	return slices.Concat(unionHalves(machines[:middle]), unionHalves(machines[middle:]))
}

// union runs all machines side by side. A state is the list of the machines that can
// still match, each with its state. There are few: patterns begin differently.
func union(machines []*Machine) (*Machine, error) {
	alphabet, classes := mergeAll(machines)
	d := &dfa{symbols: alphabet.classes + 1}
	states := newNumbering[string](usualStates)
	var list []byte
	for i, m := range machines {
		list = appendRunning(list, i, m.start)
	}
	states.number(string(list))
	steps := 0
	for s := 0; s < len(states.keys); s++ {
		row, ok := d.addState()
		running := states.keys[s]
		if steps += len(running) / runningSize * d.symbols; !ok || steps > maxSteps {
			return nil, ErrTooLarge
		}
		for class, of := range classes {
			list = list[:0]
			for at := 0; at < len(running); at += runningSize {
				i, state := runningAt(running, at)
				list = appendRunning(list, i, machines[i].columns[of[i]][state])
			}
			next, ok := states.numbers[string(list)] // the common case allocates nothing
			if !ok {
				next = states.number(string(list))
			}
			row[class] = entry(uint32(next), false)
		}
		row[d.edge()] = entry(0, false)
		for at := 0; at < len(running); at += runningSize {
			if i, state := runningAt(running, at); machines[i].accepting[state] {
				row[d.edge()] = entry(0, true)
			}
		}
	}
	return newMachine(alphabet, d, machines[0].backward), nil
}

const runningSize = 4 // bytes

// appendRunning appends a machine's number and state, unless the state is dead.
func appendRunning(list []byte, i int, state uint16) []byte {
	if state == 0 {
		return list
	}
	return append(list, byte(i), byte(i>>8), byte(state), byte(state>>8))
}

func runningAt(list string, at int) (i int, state uint16) {
	return int(list[at]) | int(list[at+1])<<8, uint16(list[at+2]) | uint16(list[at+3])<<8
}

// mergeAll returns the coarsest alphabet that is finer than those of all machines. For
// each of its classes it returns the machines' classes in which that one lies.
func mergeAll(machines []*Machine) (out *alphabet, classes [][]uint16) {
	var starts []uint16
	for _, m := range machines {
		starts = append(starts, m.alphabet.starts...)
	}
	slices.Sort(starts)
	out = &alphabet{starts: slices.Compact(starts)}
	var keys numbering[string]
	of, key := make([]uint16, len(machines)), make([]byte, 0, 2*len(machines))
	for _, c := range out.starts {
		key = key[:0]
		for i, m := range machines {
			of[i] = m.alphabet.classOf(c)
			key = append(key, byte(of[i]), byte(of[i]>>8))
		}
		class := keys.number(string(key))
		if class == len(classes) {
			classes = append(classes, slices.Clone(of))
		}
		out.class = append(out.class, uint16(class))
	}
	out.classes = len(classes)
	return out, classes
}
