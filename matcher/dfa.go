package matcher

import (
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// A dfa is an automaton ready to run. It is immutable. In state 0 nothing
// matches any more.
type dfa struct {
	ascii     [utf8.RuneSelf][]uint16 // next states by character and state
	columns   [][]uint16              // the same by class
	alphabet  *alphabet
	accepting []bool
	start     uint16
	backward  bool // reads the text from its end
}

// compile builds the automaton of an expression. It raises a fault if that is
// too large.
func (c *compiler) compile(re *regexp) *dfa {
	c.sets = re.sets
	c.alphabet = newAlphabet(re.sets)
	c.sides = slices.Repeat([]side{sideOther}, c.alphabet.classes)
	if re.word >= 0 {
		for i := range c.alphabet.runs(wordChars) {
			c.sides[c.alphabet.class[i]] = sideWord
		}
	}
	// The direction with fewer lookarounds against it comes first.
	mirrored := re.behinds > re.aheads
	for range 2 {
		if d, ok := c.construct(re, mirrored); ok {
			return d
		}
		mirrored = !mirrored
	}
	fail(0, "needs too large an automaton")
	return nil
}

func (c *compiler) construct(re *regexp, mirrored bool) (d *dfa, ok bool) {
	c.limit = c.steps + maxSteps
	a, ok := c.build(re.root, mirrored, true)
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
	// The reverse of a deterministic automaton has as few states as possible
	// (Brzozowski). One that reads from the left stops at the first character
	// that rules out a match, so it is preferred unless it is much larger.
	if r, ok := c.reverse(a); ok {
		if backward && r.states() <= 8*a.states()+64 {
			a, backward = r, false
		} else if m, ok := c.reverse(r); ok {
			a = m
		}
	}
	return newDFA(c.alphabet, a, backward), true
}

// newDFA lays out an automaton without opposites. Columns make the address of
// an entry depend on the state by a single addition, which is what the speed
// of a match depends on.
func newDFA(alphabet *alphabet, a *automaton, backward bool) *dfa {
	d := &dfa{alphabet: alphabet, columns: make([][]uint16, alphabet.classes), accepting: []bool{false}, backward: backward}
	ids := make([]uint16, a.states())
	for s := range ids {
		if !a.dead(s) {
			ids[s] = uint16(len(d.accepting))
			_, yes := a.entry(s, alphabet.classes, 0)
			d.accepting = append(d.accepting, yes)
		}
	}
	d.start = ids[0]
	entries := make([]uint16, len(d.columns)*len(d.accepting))
	for x := range d.columns {
		d.columns[x], entries = entries[:len(d.accepting)], entries[len(d.accepting):]
		for s, id := range ids {
			if id != 0 {
				next, _ := a.entry(s, x, 0)
				d.columns[x][id] = ids[next]
			}
		}
	}
	for c := range d.ascii {
		d.ascii[c] = d.columns[alphabet.classOf(uint16(c))]
	}
	return d
}

// match runs the automaton over the whole text.
func (d *dfa) match(text string) bool {
	switch {
	case d == nil:
		return false
	case d.backward:
		return d.matchBackward(text)
	}
	s := d.start
	for i := range len(text) {
		c := text[i]
		if c >= utf8.RuneSelf {
			return d.matchRunes(s, text[i:])
		}
		// Most characters of a text leave the state as it is; the branch lets
		// the processor guess so and not wait for the load.
		if t := d.ascii[c][s]; t != s {
			if t == 0 {
				return false
			}
			s = t
		}
	}
	return d.accepting[s]
}

// matchRunes is match for the rest of a text that is not all ASCII, from a
// state.
func (d *dfa) matchRunes(s uint16, text string) bool {
	for _, r := range text {
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			s = d.read(s, high)
			r = low
		}
		if s = d.read(s, r); s == 0 {
			return false
		}
	}
	return d.accepting[s]
}

func (d *dfa) matchBackward(text string) bool {
	s := d.start
	for i := len(text); i > 0 && s != 0; {
		if c := text[i-1]; c < utf8.RuneSelf {
			s = d.ascii[c][s]
			i--
			continue
		}
		r, size := utf8.DecodeLastRuneInString(text[:i])
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			s = d.read(s, low)
			r = high
		}
		s = d.read(s, r)
		i -= size
	}
	return d.accepting[s]
}

// read returns the state after one code unit.
func (d *dfa) read(s uint16, unit rune) uint16 {
	if unit < utf8.RuneSelf {
		return d.ascii[unit][s]
	}
	return d.columns[d.alphabet.classOf(uint16(unit))][s]
}
