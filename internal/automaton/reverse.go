package automaton

import "slices"

// maxGuesses bounds the guesses of a reversal.
const maxGuesses = 1 << 19

// A reversal turns a dfa around. The result reads in the other direction and has
// no opposites.
//
// Read against its direction, a dfa is nondeterministic. At each position a guess
// names the state in which the dfa would be there, and the answers of its
// opposites. A guess is right if the dfa comes to its state from the guess at the
// next position, by the symbol between the two. The opposites read in the new
// direction, so their states are known and refute wrong guesses of their answers.
// Their own opposites are guessed again, and so on. The subset construction then
// makes each set of guesses one state.
type reversal struct {
	parts   []part
	guessed int // states of all guessed parts, together
	known   int // states of all known parts, together
	bits    int // of the answers
}

// A part is the dfa itself, or one of the opposites below it. Bit i of the
// answers in a guess is the answer of part i+1.
type part struct {
	*dfa
	shift   int  // to the answers of the part's own opposites
	guessed bool // or else known
}

func newReversal(d *dfa) *reversal {
	r := &reversal{parts: []part{{dfa: d, guessed: true}}, guessed: 1, known: 1}
	for i := 0; i < len(r.parts); i++ {
		r.parts[i].shift = len(r.parts) - 1
		p := r.parts[i]
		n := &r.known
		if p.guessed {
			n = &r.guessed
		}
		if *n <= maxGuesses/p.states() {
			*n *= p.states()
		} else {
			*n = maxGuesses + 1 // too many, however many they are
		}
		for _, o := range p.opposites {
			r.parts = append(r.parts, part{dfa: o, guessed: !p.guessed})
		}
	}
	r.bits = len(r.parts) - 1
	return r
}

// guess returns the number of a guess. It is made of the states of the guessed
// parts, the states of the known parts, and the answers of all opposites.
func (r *reversal) guess(guessed, known, answers int) int {
	return (guessed*r.known+known)<<r.bits | answers
}

// guessParts are the parts of which guess makes a number.
type guessParts struct{ guessed, known, answers int }

func (r *reversal) split(guess int) guessParts {
	states := guess >> r.bits
	return guessParts{states / r.known, states % r.known, guess & (1<<r.bits - 1)}
}

// step moves all guessed parts, or all known ones, by a symbol. It returns their
// states and, if the dfa itself is among them, its answer. ok is false if an
// opposite among them refutes an answer.
func (r *reversal) step(guessed bool, state, symbol, answers int) (next int, yes, ok bool) {
	radix := 1
	for i, p := range r.parts {
		if p.guessed != guessed {
			continue
		}
		n := p.states()
		to, answer := p.entry(state%n, symbol, answers>>p.shift&(1<<len(p.opposites)-1))
		if i == 0 {
			yes = answer
		} else if answer != (answers>>(i-1)&1 == 1) {
			return 0, false, false
		}
		next += to * radix
		state /= n
		radix *= n
	}
	return next, yes, true
}

// A link is an element of a list of guesses.
type link struct {
	guess int32 // less than maxGuesses
	next  int32 // index plus one, or 0
}

// predecessors returns the guesses from which a dfa ends with yes. For each symbol
// and guessed state it returns a list of the guesses at the next position that
// lead to it. In these lists the states of the known parts are still zero.
func (r *reversal) predecessors(d *dfa, b *buffers) (last bitset, heads []int32, links []link) {
	last = newBitset(r.guess(r.guessed, 0, 0))
	n := d.symbols * r.guessed
	heads, links = slices.Grow(b.heads[:0], n)[:n], slices.Grow(b.links[:0], min(n<<r.bits, maxGuesses))
	clear(heads)
	for guessed := range r.guessed {
		for answers := range 1 << r.bits {
			for symbol := range d.symbols {
				before, yes, ok := r.step(true, guessed, symbol, answers)
				switch g := r.guess(guessed, 0, answers); {
				case !ok:
				case symbol == d.edge():
					if yes {
						last.add(g)
					}
				default:
					head := &heads[symbol*r.guessed+before]
					links = append(links, link{int32(g), *head})
					*head = int32(len(links))
				}
			}
		}
	}
	b.heads, b.links = heads, links
	return last, heads, links
}

// reverse returns a dfa without opposites that reads the other way and accepts
// the same texts. ok is false if it is too large. If d has no opposites, the
// result has as few states as possible (Brzozowski).
func (c *compiler) reverse(d *dfa) (out *dfa, ok bool) {
	r := newReversal(d)
	if r.bits > 2*maxOpposites || r.guessed > maxGuesses>>r.bits/r.known || !c.spend(r.guessed*d.symbols<<r.bits) {
		return nil, false
	}
	from, heads, links := r.predecessors(d, c.buffers)
	to := newBitset(r.guess(r.guessed, 0, 0))
	out = c.buffers.newDFA(d.symbols)
	states := c.buffers.numbering()
	states.state(from, 0)
	var guesses []guessParts
	for s := 0; s < len(states.keys); s++ {
		row, ok := out.addState()
		if !ok {
			return nil, false
		}
		states.load(s, from)
		guesses = guesses[:0]
		for g := range from.all() {
			guesses = append(guesses, r.split(g))
		}
		for symbol := range d.symbols {
			clear(to)
			steps := len(to)
			for _, g := range guesses {
				known := 0
				if r.bits > 0 { // there are opposites
					var ok bool
					if known, _, ok = r.step(false, g.known, symbol, g.answers); !ok {
						continue
					}
				}
				if symbol == d.edge() && g.guessed == 0 { // the start of d
					row[symbol] = entry(0, true)
				}
				for i := heads[symbol*r.guessed+g.guessed]; i > 0; i = links[i-1].next {
					to.add(int(links[i-1].guess) + known<<r.bits)
					steps++
				}
			}
			if !c.spend(steps) {
				return nil, false
			}
			if symbol != d.edge() {
				row[symbol] = entry(states.state(to, 0), false)
			}
		}
	}
	return out, true
}
