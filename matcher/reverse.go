package matcher

import (
	"encoding/binary"
	"slices"
)

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

// A guess packs: states of the parts against, states of the parts along,
// answers of all opposites.
type guess = uint32

// A link is an element of a list of guesses.
type link struct {
	guess
	next int32 // index plus one, 0 at the end
}

func newReversal(a *automaton) *reversal {
	r := &reversal{parts: []part{{a, 0, true}}, guides: 1, runs: 1}
	for i := 0; i < len(r.parts); i++ {
		p := &r.parts[i]
		p.shift = len(r.parts) - 1
		if p.against {
			r.guides = min(r.guides*p.states(), maxTable+1)
		} else {
			r.runs = min(r.runs*p.states(), maxTable+1)
		}
		for _, o := range p.opposites {
			r.parts = append(r.parts, part{o, 0, !r.parts[i].against})
		}
	}
	return r
}

func (r *reversal) answers() int { return len(r.parts) - 1 }

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
// and reads the other way; ok is false if it is too large. If a has
// no opposites, the result has as few states as possible (Brzozowski).
func (c *compiler) reverse(a *automaton) (out *automaton, ok bool) {
	r := newReversal(a)
	edge := a.symbols - 1
	if r.answers() > 8 || r.guides*r.runs<<r.answers() > maxTable || !c.spend(r.guides*a.symbols<<r.answers()) {
		return nil, false
	}
	// The guesses about the position after, by symbol and state before: the
	// index of the first in links, less one.
	heads := make([]int32, edge*r.guides)
	var links []link
	var start []guess
	for state := range r.guides {
		for answers := range 1 << r.answers() {
			g := guess(state*r.runs<<r.answers() | answers)
			for x := range a.symbols {
				before, yes, ok := r.step(true, state, x, answers)
				switch {
				case !ok:
				case x < edge:
					head := &heads[x*r.guides+before]
					links = append(links, link{g, *head})
					*head = int32(len(links))
				case yes:
					start = append(start, g)
				}
			}
		}
	}
	out = &automaton{symbols: a.symbols}
	var states states
	var key []byte
	intern := func(set []guess) uint32 {
		key = key[:0]
		for _, g := range set {
			key = binary.LittleEndian.AppendUint32(key, g)
		}
		return states.intern(key)
	}
	intern(start)
	var set, next []guess
	for s := 0; s < len(states.keys); s++ {
		if s == maxStates || len(out.table)+out.symbols > maxTable {
			return nil, false
		}
		set = set[:0]
		for k := states.keys[s]; k != ""; k = k[4:] {
			set = append(set, binary.LittleEndian.Uint32([]byte(k[:4])))
		}
		for x := range edge {
			next = next[:0]
			for _, g := range set {
				state := int(g >> r.answers())
				run, _, ok := r.step(false, state%r.runs, x, int(g)&(1<<r.answers()-1))
				if !ok {
					continue
				}
				for i := heads[x*r.guides+state/r.runs]; i > 0; i = links[i-1].next {
					next = append(next, links[i-1].guess+guess(run<<r.answers()))
				}
			}
			slices.Sort(next)
			next = slices.Compact(next)
			out.table = append(out.table, intern(next)<<1)
			if !c.spend(len(set) + len(next)) {
				return nil, false
			}
		}
		accept := uint32(0)
		for _, g := range set {
			state := int(g >> r.answers())
			_, _, ok := r.step(false, state%r.runs, edge, int(g)&(1<<r.answers()-1))
			if ok && state/r.runs == 0 {
				accept = 1
			}
		}
		out.table = append(out.table, accept)
	}
	return out, true
}
