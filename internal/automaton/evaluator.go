package automaton

// A side is what is known of the text on one side of a position.
type side uint8

const (
	sideEdge  side = iota // there is no text
	sideOther             // the text begins with a character
	sideWord              // with one of \w, if the expression has \b or \B
)

// An evaluator computes which instructions of a program match at a position.
// Ahead and behind are meant in the direction of the program. The text ahead has
// been read, and the text behind comes next.
type evaluator struct {
	*program
	predecessors [][]int // instructions that continue with this one and read nothing
	readers      [][]int // numbers of the characters that continue with this one
	charInst     []int   // instruction of each character
	matches      []bool  // by instruction
	stack        []int

	// Results.
	candidates bitset // characters that match if the next code unit is in their set
	answer     bool   // of the whole expression
}

func newEvaluator(p *program) *evaluator {
	e := &evaluator{
		program:      p,
		predecessors: make([][]int, len(p.insts)),
		readers:      make([][]int, len(p.insts)),
		charInst:     make([]int, len(p.sets)),
		matches:      make([]bool, len(p.insts)),
		candidates:   newBitset(len(p.sets)),
	}
	for i, in := range p.insts {
		switch in.op {
		case instMatch:
		case instChar:
			e.readers[in.next] = append(e.readers[in.next], in.arg)
			e.charInst[in.arg] = i
		case instSplit:
			e.predecessors[in.arg] = append(e.predecessors[in.arg], i)
			fallthrough
		default:
			e.predecessors[in.next] = append(e.predecessors[in.next], i)
		}
	}
	return e
}

// evaluate computes the results at a position. It is given the characters that
// match there, the text ahead and behind, and the answers of the opposites. It
// returns the number of its steps.
//
// In each routine it goes backwards, from instructions that match to their
// predecessors. So a loop that reads nothing needs no care. A routine stands
// after the lookarounds that it uses, so that their results are final when they
// are negated.
func (e *evaluator) evaluate(chars bitset, ahead, behind side, answers int) (steps int) {
	clear(e.matches)
	clear(e.candidates)
	for _, r := range e.routines {
		e.push(r.match)
		for _, n := range r.chars {
			if chars.has(n) {
				e.push(e.charInst[n])
			}
		}
		steps += 1 + len(r.chars)/8
		for len(e.stack) > 0 {
			i := e.stack[len(e.stack)-1]
			e.stack = e.stack[:len(e.stack)-1]
			for _, n := range e.readers[i] {
				e.candidates.add(n)
			}
			for _, j := range e.predecessors[i] {
				if !e.matches[j] && e.holds(&e.insts[j], ahead, behind, answers) {
					e.push(j)
				}
			}
			steps += 1 + len(e.readers[i]) + len(e.predecessors[i])
		}
	}
	e.answer = e.matches[e.routines[len(e.routines)-1].first]
	return steps
}

func (e *evaluator) push(i int) {
	e.matches[i] = true
	e.stack = append(e.stack, i)
}

// holds reports whether an instruction matches, given that a successor does.
func (e *evaluator) holds(in *inst, ahead, behind side, answers int) bool {
	switch in.op {
	case instEdgeBehind:
		return behind == sideEdge
	case instEdgeAhead:
		return ahead == sideEdge
	case instBoundary:
		return (ahead == sideWord) != (behind == sideWord) != in.negative
	case instLookaround:
		return e.matches[in.arg] != in.negative
	case instOpposite:
		return (answers>>in.arg&1 == 1) != in.negative
	}
	return true // instSplit
}
