package matcher

import "unicode"

// A node is a piece of a parsed JavaScript regular expression. Captures and
// laziness are not kept: they do not change whether there is a match.
type node struct {
	op       op
	sub      []*node
	set      int    // opChar: number of the set
	min, max int    // opRepeat; max is negative if there is none
	behind   bool   // opLook: (?<= and (?<!
	negative bool   // opLook: (?! and (?<!; opBoundary: \B
	text     string // opLook: of the body; equal texts mean equal bodies
}

type op uint8

const (
	opChar op = iota
	opConcat
	opAlternate
	opRepeat
	opStart
	opEnd
	opBoundary
	opLook
)

const (
	maxNesting = 250  // groups in groups
	maxRepeat  = 1000 // in {n,m}
)

// A parser reads the syntax of ECMA-262 with its Annex B and without flags.
type parser struct {
	regexp
	text   []unit
	pos    int
	end    int // offset that faults at the end of the text are reported at
	groups int // capturing groups in the whole text
	named  bool
	names  map[string]bool
	depth  int
	setIDs map[string]int
}

// A regexp is a parsed regular expression.
type regexp struct {
	root            *node
	sets            []charset // what the nodes number
	word            int       // number of \w if \b or \B occurs, else -1
	aheads, behinds int       // lookarounds
}

// anythingID is the number of the set of all code units, which is always there.
const anythingID = 0

func parseRegexp(text []unit, end int) *regexp {
	p := &parser{text: text, end: end, names: make(map[string]bool), setIDs: make(map[string]int)}
	p.word = -1
	p.char(anything)
	p.countGroups()
	p.root = p.disjunction()
	if p.pos < len(text) {
		p.fail(p.pos, `unmatched ")"`)
	}
	return &p.regexp
}

func (p *parser) fail(pos int, format string, args ...any) {
	offset := p.end
	if pos < len(p.text) {
		offset = p.text[pos].offset
	}
	fail(offset, format, args...)
}

// peek returns the code unit ahead, or -1 at the end.
func (p *parser) peek() rune {
	if p.pos == len(p.text) {
		return -1
	}
	return rune(p.text[p.pos].c)
}

func (p *parser) accept(c rune) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

// countGroups runs ahead of the parser, because \2 means the second group even
// before it, and \k is a reference only if any group has a name.
func (p *parser) countGroups() {
	class := false
	for i := 0; i < len(p.text); i++ {
		switch p.text[i].c {
		case '\\':
			i++
		case '[':
			class = true
		case ']':
			class = false
		case '(':
			if class {
				continue
			}
			next := func(k int) uint16 {
				if i+k < len(p.text) {
					return p.text[i+k].c
				}
				return 0
			}
			if next(1) != '?' {
				p.groups++
			} else if next(2) == '<' && next(3) != '=' && next(3) != '!' {
				p.groups++
				p.named = true
			}
		}
	}
}

func (p *parser) disjunction() *node {
	if p.depth++; p.depth > maxNesting {
		p.fail(p.pos, "groups are nested more than %d deep", maxNesting)
	}
	n := &node{op: opAlternate}
	for {
		branch := &node{op: opConcat}
		for c := p.peek(); c != -1 && c != '|' && c != ')'; c = p.peek() {
			branch.sub = append(branch.sub, p.term())
		}
		n.sub = append(n.sub, branch)
		if !p.accept('|') {
			p.depth--
			return n
		}
	}
}

func (p *parser) term() *node {
	n, quantifiable := p.atom()
	pos := p.pos
	lo, hi, ok := p.quantifier()
	switch {
	case !ok:
		return n
	case !quantifiable:
		p.fail(pos, "nothing to repeat")
	case lo > maxRepeat || hi > maxRepeat:
		p.fail(pos, "repeat count over %d", maxRepeat)
	}
	return &node{op: opRepeat, sub: []*node{n}, min: lo, max: hi}
}

// quantifier parses a quantifier if there is one. A brace that begins none is
// a literal.
func (p *parser) quantifier() (lo, hi int, ok bool) {
	pos := p.pos
	switch {
	case p.accept('*'):
		lo, hi = 0, -1
	case p.accept('+'):
		lo, hi = 1, -1
	case p.accept('?'):
		lo, hi = 0, 1
	case p.accept('{'):
		if lo, ok = p.number(); !ok {
			p.pos = pos
			return 0, 0, false
		}
		hi = lo
		if p.accept(',') {
			if hi, ok = p.number(); !ok {
				hi = -1
			}
		}
		if !p.accept('}') {
			p.pos = pos
			return 0, 0, false
		}
		if hi >= 0 && lo > hi {
			p.fail(pos, "numbers out of order in {} quantifier")
		}
	default:
		return 0, 0, false
	}
	p.accept('?')
	return lo, hi, true
}

// number parses a decimal number, which it limits to a million.
func (p *parser) number() (n int, ok bool) {
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		n = min(n*10+int(c-'0'), 1e6)
		ok = true
		p.pos++
	}
	return n, ok
}

// atom parses what a quantifier may follow, and the assertions.
func (p *parser) atom() (n *node, quantifiable bool) {
	pos := p.pos
	switch p.peek() {
	case '^':
		p.pos++
		return &node{op: opStart}, false
	case '$':
		p.pos++
		return &node{op: opEnd}, false
	case '(':
		return p.group()
	case '[':
		return p.char(p.class()), true
	case '.':
		p.pos++
		return p.char(notNewline), true
	case '\\':
		return p.escape()
	case '*', '+', '?', '{':
		if _, _, ok := p.quantifier(); ok {
			p.fail(pos, "nothing to repeat")
		}
	}
	c := p.text[p.pos].c
	p.pos++
	return p.char(charset{{c, c}}), true
}

// char returns the node of a set, equal sets sharing one number.
func (p *parser) char(set charset) *node {
	key := make([]byte, 0, 4*len(set))
	for _, s := range set {
		key = append(key, byte(s.lo>>8), byte(s.lo), byte(s.hi>>8), byte(s.hi))
	}
	id, ok := p.setIDs[string(key)]
	if !ok {
		id = len(p.sets)
		p.sets = append(p.sets, set)
		p.setIDs[string(key)] = id
	}
	return &node{op: opChar, set: id}
}

func (p *parser) group() (n *node, quantifiable bool) {
	open := p.pos
	p.pos++
	look := node{op: opLook}
	isLook := false
	if p.accept('?') {
		look.behind = p.accept('<')
		switch {
		case p.accept('='):
			isLook = true
		case p.accept('!'):
			isLook, look.negative = true, true
		case look.behind:
			p.groupName()
		case !p.accept(':'):
			p.fail(open, "invalid group")
		}
	}
	start := p.pos
	n = p.disjunction()
	end := p.pos
	if !p.accept(')') {
		p.fail(open, "unterminated group")
	}
	if !isLook {
		return n, true
	}
	if look.behind {
		p.behinds++
	} else {
		p.aheads++
	}
	text := make([]byte, 0, 2*(end-start))
	for _, u := range p.text[start:end] {
		text = append(text, byte(u.c>>8), byte(u.c))
	}
	look.sub, look.text = []*node{n}, string(text)
	return &look, !look.behind // Annex B: QuantifiableAssertion
}

// groupName parses the rest of (?<name>.
func (p *parser) groupName() {
	start := p.pos
	var name []rune
	for !p.accept('>') {
		pos := p.pos
		c := p.nameRune()
		first := c == '$' || c == '_' || unicode.IsLetter(c) || unicode.In(c, unicode.Nl, unicode.Other_ID_Start)
		later := c == 0x200c || c == 0x200d || unicode.In(c, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue)
		if !first && (!later || len(name) == 0) || unicode.Is(unicode.Pattern_Syntax, c) && c != '$' {
			p.fail(pos, "invalid capture group name")
		}
		name = append(name, c)
	}
	if len(name) == 0 {
		p.fail(start, "invalid capture group name")
	}
	if p.names[string(name)] {
		p.fail(start, "duplicate capture group name")
	}
	p.names[string(name)] = true
}
