package matcher

// The bounds of one construction. What people write takes a small part of each;
// the bounds are for the exponential rest, which exists in every such engine.
const (
	maxStates    = 4096    // of an automaton
	maxTable     = 1 << 19 // its entries
	maxOpposites = 4       // of an automaton
	maxGuesses   = 1 << 19 // of a reversal
	maxSteps     = 1 << 24 // in all, for one direction of reading
)

// An automaton is deterministic and complete, and its state 0 is the first. It
// reads the text in one direction. At every position, the far edge included, it
// answers yes or no, knowing what comes next; the answer of a whole expression
// is the one at the far edge.
//
// It reads symbols: the classes of the alphabet, and the edge of the text. Where
// an expression looks to both sides the automaton has opposites, which are
// automata that read the other way, and knows their answers at the position.
// Opposites exist only during a construction; reverse removes them.
type automaton struct {
	symbols   int      // classes, and last the edge
	table     []uint32 // next state<<1 | answer, by state, symbol and answers
	opposites []*automaton
}

// width returns the number of entries of a state.
func (a *automaton) width() int { return a.symbols << len(a.opposites) }

func (a *automaton) states() int { return len(a.table) / a.width() }

// edge returns the symbol of the edge.
func (a *automaton) edge() int { return a.symbols - 1 }

func (a *automaton) entry(state, symbol, answers int) (next int, yes bool) {
	e := a.table[state*a.width()+(symbol<<len(a.opposites)|answers)]
	return int(e >> 1), e&1 == 1
}

// grow adds the entries of a state; ok is false if there are too many already.
func (a *automaton) grow() (row []uint32, ok bool) {
	n := len(a.table)
	if a.states() == maxStates || n+a.width() > maxTable {
		return nil, false
	}
	a.table = append(a.table, make([]uint32, a.width())...)
	return a.table[n:], true
}

func entry(next uint32, yes bool) uint32 {
	if yes {
		return next<<1 | 1
	}
	return next << 1
}

// A compiler builds the automata of one expression, over one alphabet.
type compiler struct {
	*regexp
	alphabet *alphabet
	sides    []side // sideOther or sideWord, by class
	steps    int    // so far
	limit    int
}

// spend counts steps, each of some nanoseconds, and returns false when there have
// been too many. States alone do not bound the time: few can be costly.
func (c *compiler) spend(steps int) bool {
	c.steps += steps
	return c.steps <= c.limit
}

// build returns the automaton of an expression or of a lookaround's body, with
// its opposites. It reads from right to left, or if mirrored from left to
// right, so that a program has its answers about the text ahead.
func (c *compiler) build(root *node, mirrored, search bool) (a *automaton, ok bool) {
	p, ok := newProgram(root, mirrored, search)
	if !ok || len(p.opposites) > maxOpposites {
		return nil, false
	}
	a = &automaton{symbols: c.alphabet.classes + 1}
	for _, body := range p.opposites {
		o, ok := c.build(body, !mirrored, false)
		if !ok {
			return nil, false
		}
		a.opposites = append(a.opposites, o)
	}
	return a, c.determinize(p, a)
}

// determinize fills the table of a, by the subset construction. Of the text
// read so far all that matters is which characters of the program are true,
// besides the side that $ and \b look at. What follows from that is computed
// only when the next symbol is known, because ^ and \b look at it too.
func (c *compiler) determinize(p *program, a *automaton) bool {
	// The characters that read each class.
	of := make([]bitset, c.alphabet.classes)
	for class := range of {
		of[class] = newBitset(len(p.sets))
	}
	for n, set := range p.sets {
		for run := range c.alphabet.runs(c.sets[set]) {
			of[c.alphabet.class[run]].add(n)
		}
	}
	sides := []side{sideEdge, sideOther, sideWord}
	if !c.boundary {
		sides = sides[:2]
	}
	e := newEvaluator(p)
	from, to := newBitset(len(p.sets)), newBitset(len(p.sets))
	var states states
	states.state(from, sideEdge)
	for s := 0; s < len(states.keys); s++ {
		row, ok := a.grow()
		if !ok {
			return false
		}
		ahead := states.load(s, from)
		for answers := range 1 << len(a.opposites) {
			for _, behind := range sides {
				if !c.spend(e.evaluate(from, ahead, behind, answers) + len(of)*len(to)) {
					return false
				}
				if behind == sideEdge {
					row[a.edge()<<len(a.opposites)|answers] = entry(0, e.answer)
					continue
				}
				for class, chars := range of {
					if c.sides[class] != behind {
						continue
					}
					for i := range to {
						to[i] = e.ready[i] & chars[i]
					}
					row[class<<len(a.opposites)|answers] = entry(states.state(to, behind), e.answer)
				}
			}
		}
	}
	return true
}
