package matcher

import (
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// A dfa is an automaton ready to run. It is immutable. State 0 is the one in
// which nothing can match any more.
type dfa struct {
	ascii     [utf8.RuneSelf][]uint16 // next state, by character and state
	columns   [][]uint16              // next state, by class and state
	alphabet  *alphabet
	accepting []bool // by state
	start     uint16
	backward  bool // reads the text from its end
}

// compile returns the automaton of an expression. It raises a fault if that is
// too large.
//
// Lookarounds are what makes it hard. An expression becomes a program, in which
// a lookahead is a conjunction (or its negation) and not a thing to try out.
// Whether the program matches at a position follows from what matches one
// position to the right, so an automaton that reads from right to left can tell
// for all instructions at once: its state is the set of those that match.
// Lookbehinds want the other direction, mirrored. An expression with both is
// built in the direction of one kind, with automata for the other kind beside
// it, and reversed into a single automaton.
func (c *compiler) compile(re *regexp) *dfa {
	c.regexp = re
	c.alphabet = newAlphabet(re.sets)
	c.sides = slices.Repeat([]side{sideOther}, c.alphabet.classes)
	if re.boundary {
		for run := range c.alphabet.runs(wordChars) {
			c.sides[c.alphabet.class[run]] = sideWord
		}
	}
	// Begin in the direction with fewer opposites. The other one can be much
	// smaller: "/(.{20}a.*)" read from the right remembers 20 characters.
	mirrored := re.behinds > re.aheads
	for range 2 {
		if d, ok := c.construct(mirrored); ok {
			return d
		}
		mirrored = !mirrored
	}
	fail(0, "needs too large an automaton")
	return nil
}

func (c *compiler) construct(mirrored bool) (d *dfa, ok bool) {
	c.limit = c.steps + maxSteps
	a, ok := c.build(c.root, mirrored, true)
	if !ok {
		return nil, false
	}
	backward := !mirrored
	if len(a.opposites) > 0 {
		if a, ok = c.reverse(a); !ok {
			return nil, false
		}
		backward = !backward
	}
	// Reversing makes small: once for the other direction, twice for the same.
	// Reading from the left is preferred unless it takes many more states,
	// because it ends at the first character that rules out a match.
	if r, ok := c.reverse(a); ok {
		if backward && r.states() <= 8*a.states()+64 {
			a, backward = r, false
		} else if rr, ok := c.reverse(r); ok {
			a = rr
		}
	}
	return newDFA(c.alphabet, a, backward), true
}

// newDFA lays out an automaton without opposites. It does so by columns: then
// only one addition depends on the state, and how soon the next state is known
// is what a match takes.
func newDFA(alphabet *alphabet, a *automaton, backward bool) *dfa {
	d := &dfa{
		columns:   make([][]uint16, alphabet.classes),
		alphabet:  alphabet,
		accepting: []bool{false},
		backward:  backward,
	}
	states := make([]uint16, a.states())
	for s := range states {
		if !a.dead(s) {
			states[s] = uint16(len(d.accepting))
			_, yes := a.entry(s, a.edge(), 0)
			d.accepting = append(d.accepting, yes)
		}
	}
	d.start = states[0]
	for class := range d.columns {
		column := make([]uint16, len(d.accepting))
		for s, state := range states {
			if state > 0 {
				next, _ := a.entry(s, class, 0)
				column[state] = states[next]
			}
		}
		d.columns[class] = column
	}
	for c := range d.ascii {
		d.ascii[c] = d.columns[alphabet.classOf(uint16(c))]
	}
	return d
}

// dead reports whether a state answers no at the edge and is never left.
func (a *automaton) dead(state int) bool {
	for symbol := range a.edge() {
		if next, _ := a.entry(state, symbol, 0); next != state {
			return false
		}
	}
	_, yes := a.entry(state, a.edge(), 0)
	return !yes
}

// match runs the automaton over the whole text.
func (d *dfa) match(text string) bool {
	switch {
	case d == nil:
		return false
	case d.backward:
		return d.matchBackward(text)
	}
	state := d.start
	for i := range len(text) {
		c := text[i]
		if c >= utf8.RuneSelf {
			return d.matchRunes(state, text[i:])
		}
		// Most characters of a long text leave the state as it is. The branch
		// lets the processor guess so and not wait for the load.
		if next := d.ascii[c][state]; next != state {
			if next == 0 {
				return false
			}
			state = next
		}
	}
	return d.accepting[state]
}

// matchRunes is match for the rest of a text that is not all ASCII.
func (d *dfa) matchRunes(state uint16, text string) bool {
	for _, r := range text {
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			state = d.read(state, high)
			r = low
		}
		if state = d.read(state, r); state == 0 {
			return false
		}
	}
	return d.accepting[state]
}

func (d *dfa) matchBackward(text string) bool {
	state := d.start
	for i := len(text); i > 0 && state > 0; {
		if c := text[i-1]; c < utf8.RuneSelf {
			state = d.ascii[c][state]
			i--
			continue
		}
		r, size := utf8.DecodeLastRuneInString(text[:i])
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			state = d.read(state, low)
			r = high
		}
		state = d.read(state, r)
		i -= size
	}
	return d.accepting[state]
}

// read returns the state after one code unit.
func (d *dfa) read(state uint16, c rune) uint16 {
	if c < utf8.RuneSelf {
		return d.ascii[c][state]
	}
	return d.columns[d.alphabet.classOf(uint16(c))][state]
}
