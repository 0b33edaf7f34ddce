package matcher

// A side is what is known of the text on one side of a position.
type side uint8

const (
	sideEdge  side = iota // there is none
	sideOther             // it begins with a character
	sideWord              // that is of \w, if the expression asks for that
)

// An evaluator computes which instructions of a program are true at a position.
// The text ahead, in the sense of the program, has been read by then; the text
// behind comes next.
type evaluator struct {
	*program
	before  [][]int // instructions that go on to this one without reading
	readers [][]int // numbers of the characters that go on to this one
	charAt  []int   // instruction of each character
	value   []bool
	stack   []int

	// Results.
	ready  bitset // characters that are true if the next code unit is of their set
	answer bool   // the value of the whole
}

func newEvaluator(p *program) *evaluator {
	e := &evaluator{
		program: p,
		before:  make([][]int, len(p.insts)),
		readers: make([][]int, len(p.insts)),
		charAt:  make([]int, len(p.sets)),
		value:   make([]bool, len(p.insts)),
		ready:   newBitset(len(p.sets)),
	}
	for i, in := range p.insts {
		switch in.op {
		case instMatch:
		case instChar:
			e.readers[in.next] = append(e.readers[in.next], in.arg)
			e.charAt[in.arg] = i
		case instSplit:
			e.before[in.arg] = append(e.before[in.arg], i)
			fallthrough
		default:
			e.before[in.next] = append(e.before[in.next], i)
		}
	}
	return e
}

// evaluate computes the values at a position from the characters that are true
// there, what is ahead and behind, and the answers of the opposites. It returns
// the number of its steps.
//
// Within a routine it goes backwards from the instructions known to be true to
// those that go on to them, so that a loop over nothing needs no care. Routines
// stand after those that they look up, so that what is negated is final.
func (e *evaluator) evaluate(chars bitset, ahead, behind side, answers int) (steps int) {
	clear(e.value)
	clear(e.ready)
	for _, r := range e.routines {
		e.push(r.match)
		for _, n := range r.chars {
			if chars.has(n) {
				e.push(e.charAt[n])
			}
		}
		steps += 1 + len(r.chars)/8
		for len(e.stack) > 0 {
			i := e.stack[len(e.stack)-1]
			e.stack = e.stack[:len(e.stack)-1]
			for _, n := range e.readers[i] {
				e.ready.add(n)
			}
			for _, j := range e.before[i] {
				if !e.value[j] && e.holds(&e.insts[j], ahead, behind, answers) {
					e.push(j)
				}
			}
			steps += 1 + len(e.readers[i]) + len(e.before[i])
		}
	}
	e.answer = e.value[e.routines[len(e.routines)-1].first]
	return steps
}

func (e *evaluator) push(i int) {
	e.value[i] = true
	e.stack = append(e.stack, i)
}

// holds reports whether an instruction is true, given that one after it is.
func (e *evaluator) holds(in *inst, ahead, behind side, answers int) bool {
	switch in.op {
	case instBehind:
		return behind == sideEdge
	case instAhead:
		return ahead == sideEdge
	case instBoundary:
		return (ahead == sideWord) != (behind == sideWord) != in.negative
	case instLook:
		return e.value[in.arg] != in.negative
	case instOpposite:
		return (answers>>in.arg&1 == 1) != in.negative
	}
	return true // instSplit
}
