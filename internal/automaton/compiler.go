package automaton

import "slices"

const (
	maxOpposites = 4       // of a dfa
	maxSteps     = 1 << 24 // of the construction in one direction
)

// Stats describes the construction of a [Machine].
type Stats struct {
	Steps    int  // the work, in steps of some nanoseconds
	States   int  // of the Machine
	Bytes    int  // of its tables
	Backward bool // the Machine reads the text from its end
}

// Compile parses and compiles an expression. Every error is an [*Error].
func Compile(source string) (*Machine, error) {
	text, err := Decode(source)
	if err != nil {
		return nil, err
	}
	re, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return re.Compile()
}

// Compile compiles an expression. The error is an [*Error] and says that the
// expression needs too large an automaton.
func (re *Regexp) Compile() (*Machine, error) {
	m, _, err := re.CompileStats()
	return m, err
}

// CompileStats is like [Regexp.Compile] and describes the construction. After an
// error only Steps is set.
func (re *Regexp) CompileStats() (*Machine, Stats, error) {
	c := newCompiler(re)
	defer c.buffers.release()
	// A lookaround that looks the wrong way is an opposite. The first try is in
	// the direction with fewer opposites. The other direction can be much
	// smaller: read from the right, "/(.{20}a.*)" remembers 20 characters.
	mirrored := re.lookbehinds > re.lookaheads
	for range 2 {
		if m, ok := c.construct(mirrored); ok {
			return m, Stats{c.steps, m.states(), m.bytes(), m.backward}, nil
		}
		mirrored = !mirrored
	}
	return nil, Stats{Steps: c.steps}, &Error{Msg: "needs too large an automaton"}
}

// A compiler builds the automata of one expression, over one alphabet.
type compiler struct {
	*Regexp
	buffers  *buffers
	alphabet *alphabet
	sides    []side // sideOther or sideWord, by class
	steps    int    // so far
	limit    int    // of steps
}

func newCompiler(re *Regexp) *compiler {
	c := &compiler{Regexp: re, buffers: getBuffers(), alphabet: newAlphabet(re.sets)}
	c.sides = slices.Repeat([]side{sideOther}, c.alphabet.classes)
	if re.boundary {
		for run := range c.alphabet.runs(wordChars) {
			c.sides[c.alphabet.class[run]] = sideWord
		}
	}
	return c
}

// spend counts steps and returns false if there have been too many. The number of
// states does not bound the time, because a single state can be costly.
func (c *compiler) spend(steps int) bool {
	c.steps += steps
	return c.steps <= c.limit
}

// construct builds the machine of the expression, beginning with a program that
// is mirrored or not. ok is false if a limit is exceeded.
func (c *compiler) construct(mirrored bool) (m *Machine, ok bool) {
	c.limit = c.steps + maxSteps
	d, ok := c.build(c.root, mirrored, true)
	if !ok {
		return nil, false
	}
	backward := !mirrored
	if len(d.opposites) > 0 {
		if d, ok = c.reverse(d); !ok {
			return nil, false
		}
		backward = !backward
	}
	// Reversing once minimises for the other direction, and twice for the same.
	// A machine that reads from the left ends at the first character that rules
	// out a match. So it is preferred, unless it needs many more states.
	if r, ok := c.reverse(d); ok {
		if backward && r.states() <= 8*d.states()+64 {
			d, backward = r, false
		} else if rr, ok := c.reverse(r); ok {
			d = rr
		}
	}
	return newMachine(c.alphabet, d, backward), true
}

// build returns the dfa of an expression or of a lookaround's body, with its
// opposites. The dfa reads against the direction of its program: from right to
// left, or from left to right if the program is mirrored.
func (c *compiler) build(root *node, mirrored, search bool) (d *dfa, ok bool) {
	p, ok := newProgram(root, mirrored, search)
	if !ok || len(p.opposites) > maxOpposites {
		return nil, false
	}
	d = c.buffers.newDFA(c.alphabet.classes + 1)
	for _, body := range p.opposites {
		o, ok := c.build(body, !mirrored, false)
		if !ok {
			return nil, false
		}
		d.opposites = append(d.opposites, o)
	}
	return d, c.determinize(p, d)
}
