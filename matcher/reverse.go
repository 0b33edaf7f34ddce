package matcher

// A reversal turns an automaton around: the result has no opposites and reads
// in the other direction.
//
// Read against its direction an automaton is nondeterministic. At every
// position one guesses the state in which it would be there, and the answers of
// its opposites; the guess is right if from the next guess, by the symbol
// between the two, the automaton does come to that state. The opposites of the
// automaton read in the new direction: their states are known, and refute wrong
// guesses about their answers. Their own opposites are guessed again, and so on.
// The subset construction then makes a set of guesses one state.
type reversal struct {
	parts   []part
	guessed int // states of all parts that are guessed, together
	known   int // states of all parts that are known
	bits    int // of the answers
}

// A part is the automaton, or one of the opposites under it. Of the answers
// that a guess holds, bit i is that of part i+1.
type part struct {
	*automaton
	shift   int // to the answers of its own opposites
	guessed bool
}

func newReversal(a *automaton) *reversal {
	r := &reversal{parts: []part{{automaton: a, guessed: true}}, guessed: 1, known: 1}
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
			*n = maxGuesses + 1 // in any case too many
		}
		for _, o := range p.opposites {
			r.parts = append(r.parts, part{automaton: o, guessed: !p.guessed})
		}
	}
	r.bits = len(r.parts) - 1
	return r
}

// A guess is a number: the state of the parts that are guessed, the state of
// those that are known, and the answers of all opposites.
func (r *reversal) guess(guessed, known, answers int) int {
	return (guessed*r.known+known)<<r.bits | answers
}

func (r *reversal) split(guess int) (guessed, known, answers int) {
	states := guess >> r.bits
	return states / r.known, states % r.known, guess & (1<<r.bits - 1)
}

// step returns the state to which the parts of one kind come by a symbol, and
// the answer of the automaton if it is among them. It is not ok if an opposite
// among them refutes an answer.
func (r *reversal) step(guessed bool, state, symbol, answers int) (next int, yes, ok bool) {
	radix := 1
	for i, p := range r.parts {
		if p.guessed != guessed {
			continue
		}
		n := p.states()
		to, said := p.entry(state%n, symbol, answers>>p.shift&(1<<len(p.opposites)-1))
		if i == 0 {
			yes = said
		} else if said != (answers>>(i-1)&1 == 1) {
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
	guess int
	next  int // index plus one, or 0
}

// reverse returns an automaton without opposites that reads the other way and
// accepts what a accepts; ok is false if it is too large. If a has no opposites
// the result has as few states as possible (Brzozowski).
func (c *compiler) reverse(a *automaton) (out *automaton, ok bool) {
	r := newReversal(a)
	if r.bits > 2*maxOpposites || r.guessed > maxGuesses>>r.bits/r.known || !c.spend(r.guessed*a.symbols<<r.bits) {
		return nil, false
	}
	guesses := r.guess(r.guessed, 0, 0)
	from, to := newBitset(guesses), newBitset(guesses)
	// For each symbol and guessed state, the guesses about the next position
	// that lead to it; only the states that are known are still to be added.
	heads := make([]int, a.symbols*r.guessed)
	var links []link
	for guessed := range r.guessed {
		for answers := range 1 << r.bits {
			for symbol := range a.symbols {
				before, yes, ok := r.step(true, guessed, symbol, answers)
				switch g := r.guess(guessed, 0, answers); {
				case !ok:
				case symbol == a.edge():
					if yes {
						from.add(g)
					}
				default:
					head := &heads[symbol*r.guessed+before]
					links = append(links, link{g, *head})
					*head = len(links)
				}
			}
		}
	}
	out = &automaton{symbols: a.symbols}
	var states states
	states.state(from, 0)
	for s := 0; s < len(states.keys); s++ {
		row, ok := out.grow()
		if !ok {
			return nil, false
		}
		states.load(s, from)
		for symbol := range a.symbols {
			clear(to)
			steps := len(to)
			for g := range from.all() {
				guessed, known, answers := r.split(g)
				known, _, ok := r.step(false, known, symbol, answers)
				if !ok {
					continue
				}
				if symbol == a.edge() && guessed == 0 { // where the automaton begins
					row[symbol] = entry(0, true)
				}
				for i := heads[symbol*r.guessed+guessed]; i > 0; i = links[i-1].next {
					to.add(links[i-1].guess + known<<r.bits)
					steps++
				}
			}
			if !c.spend(steps) {
				return nil, false
			}
			if symbol != a.edge() {
				row[symbol] = entry(states.state(to, 0), false)
			}
		}
	}
	return out, true
}
