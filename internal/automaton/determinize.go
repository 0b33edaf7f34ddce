package automaton

// determinize fills the table of d by the subset construction. A state holds all
// that matters of the text read so far: which characters of the program match,
// and the side at which $ and \b look. Other instructions are computed once the
// next symbol is known, because ^ and \b look at that one too.
func (c *compiler) determinize(p *program, d *dfa) bool {
	readers := make([]bitset, c.alphabet.classes) // characters that read each class
	for class := range readers {
		readers[class] = newBitset(len(p.sets))
	}
	for n, set := range p.sets {
		for run := range c.alphabet.runs(c.sets[set]) {
			readers[c.alphabet.class[run]].add(n)
		}
	}
	sides := []side{sideEdge, sideOther, sideWord}
	if !c.boundary {
		sides = sides[:2]
	}
	e := newEvaluator(p)
	from, to := newBitset(len(p.sets)), newBitset(len(p.sets))
	states := c.buffers.numbering()
	states.state(from, sideEdge)
	for s := 0; s < len(states.keys); s++ {
		row, ok := d.addState()
		if !ok {
			return false
		}
		ahead := states.load(s, from)
		for answers := range 1 << len(d.opposites) {
			for _, behind := range sides {
				if !c.spend(e.evaluate(from, ahead, behind, answers) + len(readers)*len(to)) {
					return false
				}
				if behind == sideEdge {
					row[d.edge()<<len(d.opposites)|answers] = entry(0, e.answer)
					continue
				}
				for class, chars := range readers {
					if c.sides[class] != behind {
						continue
					}
					for i := range to {
						to[i] = e.candidates[i] & chars[i]
					}
					row[class<<len(d.opposites)|answers] = entry(states.state(to, behind), e.answer)
				}
			}
		}
	}
	return true
}
