package automaton

const (
	maxInsts   = 4000 // of a program, which counted repetitions multiply
	usualInsts = 48   // of an expression that people write
)

// An inst is one instruction of a program. It matches at a position of the text
// if the program, begun with it there, can reach instMatch.
type inst struct {
	op       instOp
	next     int
	arg      int  // instChar: its number; instSplit, instLookaround: the other target; instOpposite: index
	negative bool // instBoundary, instLookaround, instOpposite
}

type instOp uint8

const (
	instMatch      instOp = iota // the end of a routine
	instChar                     // reads a code unit, then next
	instSplit                    // next or arg
	instEdgeBehind               // next, if no text is behind
	instEdgeAhead                // next, if no text is ahead
	instBoundary                 // next, if \b (\B) holds
	instLookaround               // next, and (not) arg
	instOpposite                 // next, and (not) an opposite
)

// A program is an alternating automaton. It has the instructions of an expression
// and of its lookarounds that look ahead. Those that look behind are opposites:
// each is an expression of its own, whose program is mirrored.
//
// A mirrored program reads from right to left. The text to the left is ahead of
// it. Sequences are reversed. ^ and $ change places, and so do lookaheads and
// lookbehinds.
type program struct {
	mirrored  bool
	insts     []inst
	sets      []int     // of each instChar, by its number
	routines  []routine // each after those that it uses; the last is the whole
	opposites []*node

	chars           []int          // of the routine that is being written
	lookaroundInsts map[string]int // first instructions, by text
	oppositeIndexes map[string]int // by text
	tooLong         bool
}

// A routine is the whole expression, or the body of a lookaround in it.
type routine struct {
	first, match int   // instructions
	chars        []int // numbers
}

// newProgram returns the program of an expression. ok is false if it is too long.
// With search it finds the expression anywhere ahead.
func newProgram(root *node, mirrored, search bool) (p *program, ok bool) {
	p = &program{mirrored: mirrored, lookaroundInsts: make(map[string]int), oppositeIndexes: make(map[string]int)}
	p.insts, p.sets = make([]inst, 0, usualInsts), make([]int, 0, usualInsts)
	p.addRoutine(root, search)
	return p, !p.tooLong
}

func (p *program) add(i inst) int {
	if len(p.insts) == maxInsts {
		p.tooLong = true
		return 0
	}
	p.insts = append(p.insts, i)
	return len(p.insts) - 1
}

func (p *program) addChar(set, next int) int {
	n := len(p.sets)
	p.sets = append(p.sets, set)
	p.chars = append(p.chars, n)
	return p.add(inst{op: instChar, next: next, arg: n})
}

func (p *program) addRoutine(body *node, search bool) (first int) {
	outer := p.chars
	p.chars = nil
	match := p.add(inst{op: instMatch})
	first = p.emit(body, match)
	if search {
		loop := p.add(inst{op: instSplit, next: first})
		p.insts[loop].arg = p.addChar(0, loop) // set 0 is anything
		first = loop
	}
	p.routines = append(p.routines, routine{first, match, p.chars})
	p.chars = outer
	return first
}

// emit writes the instructions that match n and then continue with next. It
// returns the first of them, or next if n needs none.
func (p *program) emit(n *node, next int) int {
	switch n.op {
	case opChar:
		return p.addChar(n.set, next)
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
		return p.emitRepeat(n, next)
	case opLookaround:
		return p.emitLookaround(n, next)
	case opBoundary:
		return p.add(inst{op: instBoundary, next: next, negative: n.negative})
	}
	if (n.op == opStart) != p.mirrored {
		return p.add(inst{op: instEdgeBehind, next: next})
	}
	return p.add(inst{op: instEdgeAhead, next: next})
}

// emitRepeat writes a repetition, from its end: a loop if it is unbounded, and as
// many copies as the counts demand.
//
// ECMA-262 (RepeatMatcher) ends a repetition that matches the empty string, so
// that a backtracker does not loop. Ignoring this rule changes no answer as long
// as there are no backreferences.
func (p *program) emitRepeat(n *node, next int) int {
	body := n.sub[0]
	if n.max < 0 {
		loop := p.add(inst{op: instSplit, next: next})
		if p.tooLong {
			return next
		}
		p.insts[loop].arg = p.emit(body, loop)
		next = loop
	}
	end := next
	for range n.max - n.min {
		first := p.emit(body, next)
		if p.tooLong || first == next { // an empty body would never fill the program
			break
		}
		next = p.add(inst{op: instSplit, next: first, arg: end})
	}
	for range n.min {
		first := p.emit(body, next)
		if p.tooLong || first == next {
			break
		}
		next = first
	}
	return next
}

// emitLookaround writes a lookaround. Repetitions make many copies of one, and so
// does path-to-regexp. Equal ones share a routine or an opposite.
func (p *program) emitLookaround(n *node, next int) int {
	if n.behind == p.mirrored {
		first, ok := p.lookaroundInsts[n.text]
		if !ok {
			first = p.addRoutine(n.sub[0], false)
			p.lookaroundInsts[n.text] = first
		}
		return p.add(inst{op: instLookaround, next: next, arg: first, negative: n.negative})
	}
	index, ok := p.oppositeIndexes[n.text]
	if !ok {
		index = len(p.opposites)
		p.oppositeIndexes[n.text] = index
		p.opposites = append(p.opposites, n.sub[0])
	}
	return p.add(inst{op: instOpposite, next: next, arg: index, negative: n.negative})
}
