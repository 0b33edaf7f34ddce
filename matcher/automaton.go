package matcher

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// The bounds of one automaton. Every pattern of Next.js's documentation needs
// less than a hundredth of each.
const (
	maxStates    = 4096
	maxGuesses   = 1 << 19 // of a reversal
	maxTable     = 1 << 19 // entries
	maxOpposites = 4
	maxSteps     = 1 << 24 // elementary steps of one construction
)

// An automaton is deterministic and complete. It reads the text in one
// direction, and at every position, the far edge included, it says yes or no
// knowing the symbol that comes next: for a whole expression the answer is
// what it says at the edge. A symbol is a class of the alphabet, or the edge,
// together with what the opposites say at the position; those are automata
// that read in the other direction.
type automaton struct {
	symbols   int      // classes and the edge, which is the last
	table     []uint32 // for state, symbol, answers of the opposites: next state<<1 | answer
	opposites []*automaton
}

func (a *automaton) width() int { return a.symbols << len(a.opposites) }

func (a *automaton) states() int { return len(a.table) / a.width() }

// entry returns the next state and the answer.
func (a *automaton) entry(state, symbol, answers int) (next int, yes bool) {
	e := a.table[state*a.width()+(symbol<<len(a.opposites)|answers)]
	return int(e >> 1), e&1 == 1
}

// dead reports whether a state says no at the edge and cannot be left.
func (a *automaton) dead(state int) bool {
	if _, yes := a.entry(state, a.symbols-1, 0); yes {
		return false
	}
	for x := range a.symbols - 1 {
		if next, _ := a.entry(state, x, 0); next != state {
			return false
		}
	}
	return true
}

// A side says what is known of one side of a position.
type side uint8

const (
	sideEdge side = iota
	sideOther
	sideWord // only in expressions with \b or \B
)

// A compiler builds the automata of one expression.
type compiler struct {
	alphabet *alphabet
	sets     []charset
	sides    []side // of each class
	steps    int    // spent so far, to bound the time of construction
	limit    int
}

func (c *compiler) spend(n int) bool {
	c.steps += n
	return c.steps <= c.limit
}

// build returns the automaton of an expression, or of the body of a
// lookaround. It reads from right to left, or if mirrored from left to right:
// against the direction in which the program looks ahead.
func (c *compiler) build(root *node, mirrored, search bool) (a *automaton, ok bool) {
	p, ok := newProgram(root, mirrored, search)
	if !ok || len(p.behind) > maxOpposites {
		return nil, false
	}
	a = &automaton{symbols: c.alphabet.classes + 1}
	for _, n := range p.behind {
		o, ok := c.build(n.sub[0], !mirrored, false)
		if !ok {
			return nil, false
		}
		a.opposites = append(a.opposites, o)
	}
	return a, c.determinize(p, a)
}

// determinize fills the table of a. A state is the set of the character
// instructions that are true at a position, which is all one needs to know of
// the text passed so far, except for its last character: evaluation waits for
// the next symbol, because ^, $ and \b look at both sides.
func (c *compiler) determinize(p *program, a *automaton) bool {
	words := (len(p.sets) + 63) / 64
	masks := make(bitset, c.alphabet.classes*words) // characters that read a class
	for n, set := range p.sets {
		for i := range c.alphabet.runs(c.sets[set]) {
			masks.add(int(c.alphabet.class[i])*words*64 + n)
		}
	}
	e := newEvaluator(p)
	var states states
	from, set := make(bitset, words), make(bitset, words)
	states.intern(from, sideEdge)
	for s := 0; s < len(states.keys); s++ {
		row := len(a.table)
		if s == maxStates || row+a.width() > maxTable {
			return false
		}
		a.table = append(a.table, make([]uint32, a.width())...)
		passed := states.load(s, from)
		for answers := range 1 << len(a.opposites) {
			for _, coming := range []side{sideEdge, sideOther, sideWord} {
				if !c.spend(e.evaluate(from, passed, coming, answers)) {
					return false
				}
				for x := range a.symbols {
					next := uint32(0)
					if x < c.alphabet.classes {
						if c.sides[x] != coming {
							continue
						}
						for i := range set {
							set[i] = e.ready[i] & masks[x*words+i]
						}
						next = states.intern(set, coming)
						c.steps += words
					} else if coming != sideEdge {
						continue
					}
					a.table[row+(x<<len(a.opposites)|answers)] = next<<1 | e.answer
				}
			}
		}
	}
	return true
}

// A bitset is a set of small numbers.
type bitset []uint64

func (b bitset) add(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i int) bool { return b[i/64]>>(i%64)&1 == 1 }

func (b bitset) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range b {
			for ; word != 0; word &= word - 1 {
				if !yield(64*i + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// states numbers the states of a subset construction. A state is a set and
// what is known of one side; its key holds both.
type states struct {
	ids  map[string]uint32
	keys []string
	buf  []byte
}

// intern returns the number of a state, the next one if it is new.
func (s *states) intern(set bitset, known side) uint32 {
	s.buf = append(s.buf[:0], byte(known))
	for _, w := range set {
		s.buf = binary.LittleEndian.AppendUint64(s.buf, w)
	}
	id, ok := s.ids[string(s.buf)]
	if !ok {
		if s.ids == nil {
			s.ids = make(map[string]uint32)
		}
		id = uint32(len(s.keys))
		s.keys = append(s.keys, string(s.buf))
		s.ids[s.keys[id]] = id
	}
	return id
}

// load returns what intern was given; it writes the set to set.
func (s *states) load(state int, set bitset) side {
	key := []byte(s.keys[state])
	for i := range set {
		set[i] = binary.LittleEndian.Uint64(key[1+8*i:])
	}
	return side(key[0])
}

// An evaluator computes the values of all instructions at a position.
type evaluator struct {
	*program
	before  [][]int32 // instructions that go on to this one without reading
	readers [][]int32 // numbers of the characters that go on to this one
	charAt  []int32   // instruction of each character
	value   []bool
	stack   []int32

	ready  bitset // characters whose next instruction is true
	answer uint32 // the value of the first instruction
}

func newEvaluator(p *program) *evaluator {
	e := &evaluator{
		program: p,
		before:  make([][]int32, len(p.insts)),
		readers: make([][]int32, len(p.insts)),
		charAt:  make([]int32, len(p.sets)),
		value:   make([]bool, len(p.insts)),
		ready:   make(bitset, (len(p.sets)+63)/64),
	}
	for i, in := range p.insts {
		switch in.op {
		case instMatch:
		case instChar:
			e.readers[in.next] = append(e.readers[in.next], in.arg)
			e.charAt[in.arg] = int32(i)
		case instSplit:
			e.before[in.arg] = append(e.before[in.arg], int32(i))
			fallthrough
		default:
			e.before[in.next] = append(e.before[in.next], int32(i))
		}
	}
	return e
}

// evaluate computes the values at a position from the state there, the side
// to come and the answers of the opposites, and returns what that cost. Within a
// routine it follows the instructions backwards from those that are true, so
// that loops over nothing need no care. Routines come after those they look
// up, so that negation has final values to negate.
func (e *evaluator) evaluate(state bitset, passed, coming side, answers int) (steps int) {
	clear(e.value)
	clear(e.ready)
	for _, r := range e.routines {
		e.push(r.match)
		for _, n := range r.chars {
			if state.has(int(n)) {
				e.push(e.charAt[n])
			}
		}
		steps += len(r.chars)/8 + 1
		for len(e.stack) > 0 {
			i := e.stack[len(e.stack)-1]
			e.stack = e.stack[:len(e.stack)-1]
			for _, n := range e.readers[i] {
				e.ready.add(int(n))
			}
			for _, j := range e.before[i] {
				if !e.value[j] && e.holds(&e.insts[j], passed, coming, answers) {
					e.push(j)
				}
			}
			steps += 1 + len(e.readers[i]) + len(e.before[i])
		}
	}
	e.answer = 0
	if e.value[e.routines[len(e.routines)-1].first] {
		e.answer = 1
	}
	return steps
}

func (e *evaluator) push(i int32) {
	e.value[i] = true
	e.stack = append(e.stack, i)
}

// holds reports whether in is true given that an instruction after it is.
func (e *evaluator) holds(in *inst, passed, coming side, answers int) bool {
	switch in.op {
	case instBehind:
		return coming == sideEdge
	case instAhead:
		return passed == sideEdge
	case instBoundary:
		return (passed == sideWord) != (coming == sideWord) != in.negative
	case instLook:
		return e.value[in.arg] != in.negative
	case instOpposite:
		return answers>>in.arg&1 == 1 != in.negative
	}
	return true // instSplit
}
