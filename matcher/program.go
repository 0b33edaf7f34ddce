package matcher

// maxInsts bounds the instructions of one program; counted repeats multiply.
const maxInsts = 4000

// An inst is one instruction of a program. It has a value at every position of
// the text: can what begins with it match from here on?
type inst struct {
	op       instOp
	next     int32
	arg      int32 // instChar: its number; instSplit, instLook: the other target; instOpposite: which
	negative bool  // instLook, instOpposite, instBoundary
}

type instOp uint8

const (
	instMatch    instOp = iota // is true
	instChar                   // reads one code unit, then next
	instSplit                  // next or arg
	instBehind                 // next, at the edge of the text that lies behind
	instAhead                  // next, at the edge of the text that lies ahead
	instBoundary               // next, where \b (or \B) holds
	instLook                   // next, and arg (or not arg)
	instOpposite               // next, and (or not) a lookaround that looks behind
)

// A program is an alternating automaton: the instructions of a regular
// expression and of those lookarounds in it that look ahead. In a mirrored
// program, which reads from right to left, ahead is left: sequences are
// reversed, and ^ and $ and the two kinds of lookarounds change places.
type program struct {
	mirrored bool
	insts    []inst
	sets     []int32   // set of each instChar, by its number
	routines []routine // what a routine looks up stands before it
	behind   []*node   // what instOpposite numbers

	chars   []int32          // numbers of the characters of the routine being written
	looks   map[string]int32 // first instructions of lookarounds, by text
	behinds map[string]int32
	full    bool
}

// A routine is the expression itself, or the body of a lookaround.
type routine struct {
	first, match int32
	chars        []int32 // by number
}

// newProgram returns the program of an expression; ok is false if it is too
// long. A program that searches finds the expression anywhere ahead.
func newProgram(root *node, mirrored, search bool) (p *program, ok bool) {
	p = &program{mirrored: mirrored, looks: make(map[string]int32), behinds: make(map[string]int32)}
	p.routine(root, search)
	return p, !p.full
}

func (p *program) add(i inst) int32 {
	if len(p.insts) == maxInsts {
		p.full = true
		return 0
	}
	p.insts = append(p.insts, i)
	return int32(len(p.insts) - 1)
}

func (p *program) char(set int, next int32) int32 {
	n := int32(len(p.sets))
	p.sets = append(p.sets, int32(set))
	p.chars = append(p.chars, n)
	return p.add(inst{op: instChar, next: next, arg: n})
}

func (p *program) routine(root *node, search bool) int32 {
	outer := p.chars
	p.chars = nil
	match := p.add(inst{op: instMatch})
	first := p.emit(root, match)
	if search {
		loop := p.add(inst{op: instSplit, next: first})
		p.insts[loop].arg = p.char(anythingID, loop)
		first = loop
	}
	p.routines = append(p.routines, routine{first, match, p.chars})
	p.chars = outer
	return first
}

// emit writes the instructions that match n and go on with next, and returns
// the first of them; it is next if there are none.
func (p *program) emit(n *node, next int32) int32 {
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
		for _, sub := range n.sub[1:] {
			first = p.add(inst{op: instSplit, next: first, arg: p.emit(sub, next)})
		}
		return first
	case opRepeat:
		return p.repeat(n, next)
	case opStart, opEnd:
		if (n.op == opEnd) != p.mirrored {
			return p.add(inst{op: instAhead, next: next})
		}
		return p.add(inst{op: instBehind, next: next})
	case opBoundary:
		return p.add(inst{op: instBoundary, next: next, negative: n.negative})
	default:
		return p.look(n, next)
	}
}

// repeat unrolls counts. ECMA-262 (RepeatMatcher) ends a repetition that has
// matched the empty string; without backreferences that excludes no match.
func (p *program) repeat(n *node, next int32) int32 {
	body := n.sub[0]
	if n.max < 0 {
		loop := p.add(inst{op: instSplit, next: next})
		if p.full {
			return next
		}
		p.insts[loop].arg = p.emit(body, loop)
		next = loop
	}
	skip := next
	for range n.max - n.min {
		first := p.emit(body, next)
		if p.full || first == next {
			break
		}
		next = p.add(inst{op: instSplit, next: first, arg: skip})
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

func (p *program) look(n *node, next int32) int32 {
	if n.behind != p.mirrored {
		which, ok := p.behinds[n.text]
		if !ok {
			which = int32(len(p.behind))
			p.behinds[n.text] = which
			p.behind = append(p.behind, n)
		}
		return p.add(inst{op: instOpposite, next: next, arg: which, negative: n.negative})
	}
	first, ok := p.looks[n.text]
	if !ok {
		first = p.routine(n.sub[0], false)
		p.looks[n.text] = first
	}
	return p.add(inst{op: instLook, next: next, arg: first, negative: n.negative})
}
