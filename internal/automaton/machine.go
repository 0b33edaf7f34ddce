package automaton

import (
	"unicode/utf16"
	"unicode/utf8"
)

// A Machine is a compiled expression, ready to run. It is immutable and safe for
// concurrent use. The nil Machine matches nothing.
type Machine struct {
	// State 0 is dead: no text that follows can match. Tables are by column, so
	// that only one addition depends on the state. The time of a match is the
	// time until the next state is known.
	ascii     [utf8.RuneSelf][]uint16 // next state, by character and state
	columns   [][]uint16              // next state, by class and state
	accepting []bool                  // by state
	alphabet  *alphabet
	start     uint16
	backward  bool // reads the text from its end
}

// newMachine lays out a dfa without opposites.
func newMachine(alphabet *alphabet, d *dfa, backward bool) *Machine {
	m := &Machine{
		columns:   make([][]uint16, alphabet.classes),
		alphabet:  alphabet,
		accepting: []bool{false},
		backward:  backward,
	}
	states := make([]uint16, d.states())
	for s := range states {
		if !d.isDead(s) {
			states[s] = uint16(len(m.accepting))
			_, yes := d.entry(s, d.edge(), 0)
			m.accepting = append(m.accepting, yes)
		}
	}
	m.start = states[0]
	n := len(m.accepting)
	all := make([]uint16, n*len(m.columns))
	for class := range m.columns {
		column := all[class*n : (class+1)*n : (class+1)*n]
		for s, state := range states {
			if state > 0 {
				next, _ := d.entry(s, class, 0)
				column[state] = states[next]
			}
		}
		m.columns[class] = column
	}
	for c := range m.ascii {
		m.ascii[c] = m.columns[alphabet.classOf(uint16(c))]
	}
	return m
}

// states returns the number of states, without the dead one.
func (m *Machine) states() int { return len(m.accepting) - 1 }

// bytes returns the size of the tables.
func (m *Machine) bytes() int {
	return len(m.accepting)*(1+2*len(m.columns)) + 24*(len(m.ascii)+len(m.columns)) + 4*len(m.alphabet.starts)
}

// Match reports whether the expression matches text, as RegExp.prototype.test
// does: without ^ and $ it may match anywhere. Characters beyond U+FFFF count as
// two. Bytes that are not UTF-8 count as U+FFFD each. Match takes time linear in
// the length of text and allocates nothing.
func (m *Machine) Match(text string) bool {
	switch {
	case m == nil:
		return false
	case m.backward:
		return m.matchBackward(text)
	}
	state := m.start
	for i := range len(text) {
		c := text[i]
		if c >= utf8.RuneSelf {
			return m.matchRunes(state, text[i:])
		}
		// Most characters of a long text leave the state as it is. With this
		// branch the processor predicts that, and does not wait for the load.
		if next := m.ascii[c][state]; next != state {
			if next == 0 {
				return false
			}
			state = next
		}
	}
	return m.accepting[state]
}

// matchRunes is Match for the rest of a text that is not all ASCII.
func (m *Machine) matchRunes(state uint16, text string) bool {
	for _, r := range text {
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			state = m.next(state, high)
			r = low
		}
		if state = m.next(state, r); state == 0 {
			return false
		}
	}
	return m.accepting[state]
}

func (m *Machine) matchBackward(text string) bool {
	state := m.start
	for i := len(text); i > 0 && state > 0; {
		if c := text[i-1]; c < utf8.RuneSelf {
			state = m.ascii[c][state]
			i--
			continue
		}
		r, size := utf8.DecodeLastRuneInString(text[:i])
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			state = m.next(state, low)
			r = high
		}
		state = m.next(state, r)
		i -= size
	}
	return m.accepting[state]
}

// next returns the state after one code unit.
func (m *Machine) next(state uint16, c rune) uint16 {
	if c < utf8.RuneSelf {
		return m.ascii[c][state]
	}
	return m.columns[m.alphabet.classOf(uint16(c))][state]
}
