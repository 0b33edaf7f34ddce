package matcher

// A reversal is the subset construction that turns an automaton with
// opposites, if any, into one without that reads in the other direction.
//
// Read against its direction an automaton is nondeterministic: at each
// position one guesses its state there and the answers of all opposites. Its
// transitions confirm the guess about its state one position later; the
// opposites, which now run forwards, confirm the answers. Opposites of
// opposites run like the automaton itself, and so on.
type reversal struct {
	parts        []part
	guides, runs int // states of the parts against, and along, the new direction
}

// A part is the automaton (the first) or one of the opposites under it. The
// answer of part i is bit i-1 of the answers.
type part struct {
	*automaton
	shift   int  // of the answers of its own opposites
	against bool // reads against the new direction
}

// A link is an element of a list of guesses.
type link struct {
	guess int
	next  int32 // index plus one, 0 at the end
}

func newReversal(a *automaton) *reversal {
	r := &reversal{parts: []part{{a, 0, true}}, guides: 1, runs: 1}
	for i := 0; i < len(r.parts); i++ {
		p := &r.parts[i]
		p.shift = len(r.parts) - 1
		if p.against {
			r.guides = min(r.guides*p.states(), maxGuesses+1)
		} else {
			r.runs = min(r.runs*p.states(), maxGuesses+1)
		}
		for _, o := range p.opposites {
			r.parts = append(r.parts, part{o, 0, !r.parts[i].against})
		}
	}
	return r
}

func (r *reversal) answers() int { return len(r.parts) - 1 }

// guesses returns the number of guesses. Each packs the states of the parts
// against, those of the parts along, and the answers of all opposites.
func (r *reversal) guesses() int { return r.guides * r.runs << r.answers() }

// step moves the parts of one direction, unless their answers are not those
// guessed. yes is the answer of the whole.
func (r *reversal) step(against bool, state, symbol, answers int) (next int, yes, ok bool) {
	radix := 1
	for i, p := range r.parts {
		if p.against != against {
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

// reverse returns an automaton without opposites that accepts what a accepts
// and reads the other way; ok is false if it is too large. If a has no
// opposites, the result has as few states as possible (Brzozowski).
func (c *compiler) reverse(a *automaton) (out *automaton, ok bool) {
	r := newReversal(a)
	edge := a.symbols - 1
	if r.answers() > 8 || r.guesses() > maxGuesses || !c.spend(r.guides*a.symbols<<r.answers()) {
		return nil, false
	}
	start := make(bitset, (r.guesses()+63)/64)
	// Lists of the guesses about the position after, by symbol and state
	// before: the index of the first in links, plus one.
	heads := make([]int32, edge*r.guides)
	var links []link
	for state := range r.guides {
		for answers := range 1 << r.answers() {
			guess := state*r.runs<<r.answers() | answers
			for x := range a.symbols {
				before, yes, ok := r.step(true, state, x, answers)
				switch {
				case !ok:
				case x < edge:
					head := &heads[x*r.guides+before]
					links = append(links, link{guess, *head})
					*head = int32(len(links))
				case yes:
					start.add(guess)
				}
			}
		}
	}
	out = &automaton{symbols: a.symbols}
	var states states
	states.intern(start, 0)
	set, next := make(bitset, len(start)), make(bitset, len(start))
	for s := 0; s < len(states.keys); s++ {
		if s == maxStates || len(out.table)+out.symbols > maxTable {
			return nil, false
		}
		states.load(s, set)
		for x := range edge {
			clear(next)
			steps := len(next)
			for guess := range set.all() {
				run, _, ok := r.step(false, guess>>r.answers()%r.runs, x, guess&(1<<r.answers()-1))
				if !ok {
					continue
				}
				before := (guess >> r.answers()) / r.runs
				for i := heads[x*r.guides+before]; i > 0; i = links[i-1].next {
					next.add(links[i-1].guess + run<<r.answers())
					steps++
				}
			}
			out.table = append(out.table, states.intern(next, 0)<<1)
			if !c.spend(steps) {
				return nil, false
			}
		}
		accept := uint32(0)
		for guess := range set.all() {
			_, _, ok := r.step(false, guess>>r.answers()%r.runs, edge, guess&(1<<r.answers()-1))
			if ok && guess>>r.answers() < r.runs {
				accept = 1
			}
		}
		out.table = append(out.table, accept)
	}
	return out, true
}
