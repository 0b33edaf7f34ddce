package automaton

import "errors"

// ErrTooLarge reports that an operation needs an automaton of more states than the
// package allows: 4096, or fewer if the alphabet is large.
var ErrTooLarge = errors.New("needs too large an automaton")

// A pair holds a state, or a class, of each of two machines.
type pair struct{ a, b uint16 }

// Intersection returns a machine that matches the texts that both a and b match.
// The error is [ErrTooLarge].
func Intersection(a, b *Machine) (*Machine, error) {
	return product(a, b, func(p pair) bool { return p.a == 0 || p.b == 0 }, func(a, b bool) bool { return a && b })
}

// Difference returns a machine that matches the texts that a matches and b does not.
// The error is [ErrTooLarge].
func Difference(a, b *Machine) (*Machine, error) {
	return product(a, b, func(p pair) bool { return p.a == 0 }, func(a, b bool) bool { return a && !b })
}

// Complement returns a machine that matches the texts that m does not. The error is
// [ErrTooLarge].
func Complement(m *Machine) (*Machine, error) {
	return Difference(everything, m)
}

var everything, _ = Compile("")

// product makes both machines read from the left and runs them side by side. dead
// reports that no text can match from a pair of states.
func product(a, b *Machine, dead func(pair) bool, accepts func(a, b bool) bool) (*Machine, error) {
	a, err := a.forward()
	if err != nil {
		return nil, err
	}
	if a.start == 0 {
		return a, nil // of nothing, nothing is left
	}
	if b, err = b.forward(); err != nil {
		return nil, err
	}
	return runPairs(a, b, dead, accepts)
}

// runPairs runs two machines side by side that read in the same direction. In theory
// the numbers of states multiply. They seldom do with paths: patterns begin
// differently, and one is soon dead.
func runPairs(a, b *Machine, dead func(pair) bool, accepts func(a, b bool) bool) (*Machine, error) {
	alphabet, classes := merge(a.alphabet, b.alphabet)
	step := func(s pair, class int) pair {
		c := classes[class]
		next := pair{a.columns[c.a][s.a], b.columns[c.b][s.b]}
		if dead(next) {
			return pair{}
		}
		return next
	}
	accept := func(s pair) bool { return accepts(a.accepting[s.a], b.accepting[s.b]) && !dead(s) }
	d, err := build(alphabet, pair{a.start, b.start}, a.states()+b.states(), step, accept)
	if err != nil {
		return nil, err
	}
	return newMachine(alphabet, d, a.backward), nil
}

// build returns the dfa of the states that step reaches from start, about size states.
func build[K comparable](alphabet *alphabet, start K, size int, step func(state K, class int) K, accepts func(K) bool) (*dfa, error) {
	d := &dfa{symbols: alphabet.classes + 1}
	d.table = make([]uint32, 0, min(size*d.width(), maxTable))
	states := newNumbering[K](min(size, maxStates))
	states.number(start)
	for i := 0; i < len(states.keys); i++ {
		row, ok := d.addState()
		if !ok {
			return nil, ErrTooLarge
		}
		s := states.keys[i]
		for class := range alphabet.classes {
			row[class] = entry(uint32(states.number(step(s, class))), false)
		}
		row[d.edge()] = entry(0, accepts(s))
	}
	d.killHopeless()
	return d, nil
}

// killHopeless makes every state dead from which no text matches.
func (d *dfa) killHopeless() {
	before := make([][]int, d.states()) // the states that lead to each
	var hopeful []int
	seen := newBitset(d.states())
	for s := range d.states() {
		for symbol := range d.edge() {
			next, _ := d.entry(s, symbol, 0)
			if list := before[next]; len(list) == 0 || list[len(list)-1] != s {
				before[next] = append(list, s)
			}
		}
		if _, yes := d.entry(s, d.edge(), 0); yes {
			seen.add(s)
			hopeful = append(hopeful, s)
		}
	}
	for len(hopeful) > 0 {
		s := hopeful[len(hopeful)-1]
		hopeful = hopeful[:len(hopeful)-1]
		for _, p := range before[s] {
			if !seen.has(p) {
				seen.add(p)
				hopeful = append(hopeful, p)
			}
		}
	}
	for s := range d.states() {
		if seen.has(s) {
			continue
		}
		for symbol := range d.edge() {
			d.table[s*d.width()+symbol] = entry(uint32(s), false)
		}
	}
}

// forward returns a machine that reads from the left and matches the same texts. The
// error is [ErrTooLarge].
func (m *Machine) forward() (*Machine, error) {
	switch {
	case m == nil:
		return Difference(everything, everything)
	case !m.backward:
		return m, nil
	}
	c := &compiler{buffers: getBuffers(), limit: maxSteps}
	defer c.buffers.release()
	d, ok := c.reverse(m.dfa())
	if !ok {
		return nil, ErrTooLarge
	}
	return newMachine(m.alphabet, d, false), nil
}

// dfa returns the automaton from which newMachine makes m. In a dfa the start is state
// 0, so the two states change places.
func (m *Machine) dfa() *dfa {
	swap := func(state uint16) uint16 {
		switch state {
		case 0:
			return m.start
		case m.start:
			return 0
		}
		return state
	}
	d := &dfa{symbols: len(m.columns) + 1}
	d.table = make([]uint32, len(m.accepting)*d.width())
	for s := range m.accepting {
		row := d.table[int(swap(uint16(s)))*d.width():]
		for class, column := range m.columns {
			row[class] = entry(uint32(swap(column[s])), false)
		}
		row[d.edge()] = entry(0, m.accepting[s])
	}
	return d
}
