package matcher

import (
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// A dfa is an automaton ready to run. It is immutable.
type dfa struct {
	*alphabet
	next     []uint32 // by state and class; a state is the index of its row
	start    uint32
	backward bool // reads the text from its end
}

// compile builds the automaton of an expression. It raises a fault if that is
// too large.
func (c *compiler) compile(re *regexp) *dfa {
	c.alphabet, c.members = newAlphabet(re.sets)
	c.sides = slices.Repeat([]side{sideOther}, c.alphabet.classes)
	if re.word >= 0 {
		for _, x := range c.members[re.word] {
			c.sides[x] = sideWord
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
	fail(0, "is too large: its automaton exceeds %d states or %d entries", maxStates, maxTable)
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

// newDFA lays out an automaton without opposites. Row 0 is for the states from
// which nothing matches any more.
func newDFA(alphabet *alphabet, a *automaton, backward bool) *dfa {
	rows := make([]uint32, a.states())
	n := uint32(1)
	for s := range rows {
		if !a.dead(s) {
			rows[s] = n * uint32(a.symbols)
			n++
		}
	}
	d := &dfa{alphabet: alphabet, next: make([]uint32, int(n)*a.symbols), start: rows[0], backward: backward}
	for s, row := range rows {
		if row == 0 {
			continue
		}
		for x := range a.symbols - 1 {
			next, _ := a.entry(s, x, 0)
			d.next[int(row)+x] = rows[next]
		}
		if _, yes := a.entry(s, a.symbols-1, 0); yes {
			d.next[int(row)+a.symbols-1] = 1
		}
	}
	return d
}

// match runs the automaton over the whole text. The column of the edge, after
// those of the classes, says whether to accept.
func (d *dfa) match(text string) bool {
	if d == nil {
		return false
	}
	if d.backward {
		return d.matchBackward(text)
	}
	s := d.start
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			i += size
			if r > 0xffff {
				high, low := utf16.EncodeRune(r)
				s = d.next[s+uint32(d.search(uint16(high)))]
				r = low
			}
			s = d.next[s+uint32(d.search(uint16(r)))]
			continue
		}
		i++
		// The processor predicts that a state goes to itself, as most do in
		// long texts, and need not wait for the load.
		if t := d.next[s+uint32(d.ascii[c])]; t != s {
			if t == 0 {
				return false
			}
			s = t
		}
	}
	return d.next[s+uint32(d.classes)] != 0
}

func (d *dfa) matchBackward(text string) bool {
	s := d.start
	for i := len(text); i > 0; {
		c := text[i-1]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeLastRuneInString(text[:i])
			i -= size
			if r > 0xffff {
				high, low := utf16.EncodeRune(r)
				s = d.next[s+uint32(d.search(uint16(low)))]
				r = high
			}
			s = d.next[s+uint32(d.search(uint16(r)))]
			continue
		}
		i--
		if t := d.next[s+uint32(d.ascii[c])]; t != s {
			if t == 0 {
				return false
			}
			s = t
		}
	}
	return d.next[s+uint32(d.classes)] != 0
}
