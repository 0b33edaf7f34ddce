package matcher

// MaxSteps bounds the steps of one construction: those of one direction of
// reading, and of the other where the first is too large. The last step of
// each may exceed the bound by what one position costs.
const MaxSteps = 2 * (maxSteps + 1<<16)

// Size describes the automaton of a pattern: its states, the bytes of its
// tables, and whether it reads from the end of the text.
func (p *Pattern) Size() (states, bytes int, backward bool) {
	d := p.dfa
	return len(d.accepting) - 1, len(d.accepting)*(1+2*len(d.columns)) + 24*(len(d.ascii)+len(d.columns)) + 4*len(d.alphabet.starts), d.backward
}

// Automata returns how many automata answer for the rules without conditions.
func (m *Matcher) Automata() int { return len(m.paths) }

// CompileCounted is Compile that returns the steps of the construction, also of
// one that failed.
func CompileCounted(source string) (p *Pattern, steps int, err error) {
	defer catch(source, &err)
	re, err := parsePath(source)
	if err != nil {
		return nil, 0, err
	}
	var c compiler
	defer func() { steps = c.steps }()
	return &Pattern{source, c.compile(re)}, 0, nil
}

// Oracle returns the answer of the plain simulation for a pattern.
func Oracle(source string) (match func(text string) bool, err error) {
	re, err := parsePath(source)
	if err != nil {
		return nil, err
	}
	return re.simulate, nil
}
