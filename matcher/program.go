package matcher

// maxInsts bounds the instructions of a program, which counted repetitions
// multiply.
const maxInsts = 4000

// An inst is one instruction of a program. At every position of the text it is
// true or false: can what begins with it match from there on?
type inst struct {
	op       instOp
	next     int
	arg      int  // instChar: its number; instSplit, instLook: the other target; instOpposite: index
	negative bool // instBoundary, instLook, instOpposite
}

type instOp uint8

const (
	instMatch    instOp = iota // is true
	instChar                   // reads a code unit, then next
	instSplit                  // next or arg
	instBehind                 // next, if no text lies behind
	instAhead                  // next, if no text lies ahead
	instBoundary               // next, if \b (\B) holds
	instLook                   // next, and (not) arg
	instOpposite               // next, and (not) a lookaround to the other side
)

// A program is an alternating automaton: the instructions of an expression and
// of those lookarounds in it that look ahead. The others are expressions of
// their own, with programs that are mirrored.
//
// A mirrored program reads from right to left: what is ahead of it is to the
// left, sequences are reversed, and ^ and $, lookaheads and lookbehinds change
// places.
type program struct {
	mirrored  bool
	insts     []inst
	sets      []int     // of each instChar, by its number
	routines  []routine // each after those that it looks up; the last is the whole
	opposites []*node   // lookarounds to the other side

	chars      []int          // of the routine that is being written
	looks      map[string]int // first instructions of lookarounds, by text
	oppositeOf map[string]int // indexes of opposites, by text
	full       bool
}

// A routine is an expression, or the body of a lookaround in it.
type routine struct {
	first, match int   // instructions
	chars        []int // numbers
}

// newProgram returns the program of an expression; ok is false if it is too
// long. A program that searches finds the expression anywhere ahead.
func newProgram(root *node, mirrored, search bool) (p *program, ok bool) {
	p = &program{mirrored: mirrored, looks: make(map[string]int), oppositeOf: make(map[string]int)}
	p.routine(root, search)
	return p, !p.full
}

func (p *program) add(i inst) int {
	if len(p.insts) == maxInsts {
		p.full = true
		return 0
	}
	p.insts = append(p.insts, i)
	return len(p.insts) - 1
}

func (p *program) char(set, next int) int {
	n := len(p.sets)
	p.sets = append(p.sets, set)
	p.chars = append(p.chars, n)
	return p.add(inst{op: instChar, next: next, arg: n})
}

func (p *program) routine(body *node, search bool) (first int) {
	outer := p.chars
	p.chars = nil
	match := p.add(inst{op: instMatch})
	first = p.emit(body, match)
	if search {
		loop := p.add(inst{op: instSplit, next: first})
		p.insts[loop].arg = p.char(0, loop) // set 0 is anything
		first = loop
	}
	p.routines = append(p.routines, routine{first, match, p.chars})
	p.chars = outer
	return first
}

// emit writes the instructions that match n and then go on with next, and
// returns the first of them: next itself, if n needs none.
func (p *program) emit(n *node, next int) int {
	switch n.op {
	case opChar:
		return p.char(n.set, next)
	case opConcat:
		for i := range n.sub {
			if !p.mirrored {
				i = len(n.sub) - 1 - i
			}
			next = p.emit(n.sub[i], next)
		}
		return next
	case opAlternate:
		first := p.emit(n.sub[0], next)
		for _, branch := range n.sub[1:] {
			first = p.add(inst{op: instSplit, next: first, arg: p.emit(branch, next)})
		}
		return first
	case opRepeat:
		return p.repeat(n, next)
	case opLook:
		return p.look(n, next)
	case opBoundary:
		return p.add(inst{op: instBoundary, next: next, negative: n.negative})
	}
	if (n.op == opStart) != p.mirrored {
		return p.add(inst{op: instBehind, next: next})
	}
	return p.add(inst{op: instAhead, next: next})
}

// repeat writes a repetition, from its end: a loop if it is unbounded, and as
// many copies as the counts demand. ECMA-262 (RepeatMatcher) stops a repetition
// that matches the empty string. That only keeps a backtracker from looping:
// without backreferences no match is lost, and none is gained by ignoring it.
func (p *program) repeat(n *node, next int) int {
	body := n.sub[0]
	if n.max < 0 {
		loop := p.add(inst{op: instSplit, next: next})
		if p.full {
			return next
		}
		p.insts[loop].arg = p.emit(body, loop)
		next = loop
	}
	end := next
	for range n.max - n.min {
		first := p.emit(body, next)
		if p.full || first == next { // an empty body would never fill the program
			break
		}
		next = p.add(inst{op: instSplit, next: first, arg: end})
	}
	for range n.min {
		first := p.emit(body, next)
		if p.full || first == next {
			break
		}
		next = first
	}
	return next
}

// look writes a lookaround. Equal lookarounds, of which repetitions and
// path-to-regexp's copies make many, share a routine or an opposite.
func (p *program) look(n *node, next int) int {
	if n.behind == p.mirrored {
		first, ok := p.looks[n.text]
		if !ok {
			first = p.routine(n.sub[0], false)
			p.looks[n.text] = first
		}
		return p.add(inst{op: instLook, next: next, arg: first, negative: n.negative})
	}
	index, ok := p.oppositeOf[n.text]
	if !ok {
		index = len(p.opposites)
		p.oppositeOf[n.text] = index
		p.opposites = append(p.opposites, n.sub[0])
	}
	return p.add(inst{op: instOpposite, next: next, arg: index, negative: n.negative})
}
