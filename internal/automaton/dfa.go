package automaton

import "slices"

// The size of a dfa is bounded. Some expressions need exponentially many states.
// The expressions that people write need a small part of these bounds.
const (
	maxStates = 4096
	maxTable  = 1 << 19 // entries

	usualStates = 32 // of an expression that people write
)

// A dfa is a deterministic automaton under construction. It is complete, and
// state 0 is its start. It reads the text in one direction. At each position,
// the far edge included, it answers yes or no once it knows the next symbol. The
// answer for a whole expression is the one at the far edge.
//
// A symbol is a class of the alphabet, or the edge of the text.
//
// The opposites of a dfa read in the other direction. They stand for lookarounds
// that look the other way. The dfa knows their answers at each position.
// Opposites exist only during a construction: reverse removes them.
type dfa struct {
	symbols   int      // the classes, and last the edge
	table     []uint32 // next state<<1 | answer, by state, symbol and answers of opposites
	opposites []*dfa
}

// width returns the number of entries of a state.
func (d *dfa) width() int { return d.symbols << len(d.opposites) }

func (d *dfa) states() int { return len(d.table) / d.width() }

// edge returns the symbol of the edge.
func (d *dfa) edge() int { return d.symbols - 1 }

func (d *dfa) entry(state, symbol, answers int) (next int, yes bool) {
	e := d.table[state*d.width()+(symbol<<len(d.opposites)|answers)]
	return int(e >> 1), e&1 == 1
}

// addState adds a state and returns its entries. ok is false if the dfa would
// become too large.
func (d *dfa) addState() (row []uint32, ok bool) {
	n := len(d.table)
	if d.states() == maxStates || n+d.width() > maxTable {
		return nil, false
	}
	if d.table == nil {
		d.table = make([]uint32, 0, usualStates*d.width())
	}
	d.table = slices.Grow(d.table, d.width())[:n+d.width()]
	row = d.table[n:]
	clear(row) // the memory may have been another dfa's
	return row, true
}

// isDead reports whether a state answers no at the edge and is never left.
func (d *dfa) isDead(state int) bool {
	for symbol := range d.edge() {
		if next, _ := d.entry(state, symbol, 0); next != state {
			return false
		}
	}
	_, yes := d.entry(state, d.edge(), 0)
	return !yes
}

// entry returns an entry of a table.
func entry(next uint32, yes bool) uint32 {
	if yes {
		return next<<1 | 1
	}
	return next << 1
}
