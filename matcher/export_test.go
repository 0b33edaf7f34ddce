package matcher

// MaxSteps bounds the steps of one construction: those of one direction of
// reading, and of the other where the first is too large.
const MaxSteps = 2 * maxSteps

// Size describes the automaton of a pattern: its states, the bytes of its
// tables, and whether it reads from the end of the text.
func (p *Pattern) Size() (states, bytes int, backward bool) {
	d := p.dfa
	return len(d.accepting) - 1, len(d.accepting)*(1+2*len(d.columns)) + 24*(len(d.ascii)+len(d.columns)) + 4*len(d.alphabet.starts), d.backward
}

// Automata returns how many automata answer for the rules without conditions.
func (m *Matcher) Automata() int { return len(m.paths) }

// Steps returns the steps that the construction of a pattern takes.
func Steps(source string) (steps int, err error) {
	defer catch(source, &err)
	c := compiler{}
	defer func() { steps = c.steps }()
	re, err := parsePath(source)
	if err != nil {
		return 0, err
	}
	c.compile(re)
	return 0, nil
}

// Oracle returns the answer of the plain simulation for a pattern.
func Oracle(source string) (match func(text string) bool, err error) {
	re, err := parsePath(source)
	if err != nil {
		return nil, err
	}
	return re.simulate, nil
}
