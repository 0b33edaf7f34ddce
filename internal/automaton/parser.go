package automaton

import (
	"slices"
	"unicode"
)

// A node is a piece of a parsed expression. It keeps neither captures nor
// laziness, which do not change whether there is a match.
type node struct {
	op       op
	sub      []*node
	set      int    // opChar: index of the set
	min, max int    // opRepeat; max is negative if there is none
	behind   bool   // opLookaround: (?<= and (?<!
	negative bool   // opLookaround: (?! and (?<!; opBoundary: \B
	text     string // opLookaround: the body; equal texts have equal meanings
}

type op uint8

const (
	opChar      op = iota // one code unit out of a set
	opConcat              // sub one after the other
	opAlternate           // one of sub
	opRepeat
	opStart
	opEnd
	opBoundary
	opLookaround // a lookahead or lookbehind
)

// A Regexp is a parsed JavaScript regular expression.
type Regexp struct {
	root        *node
	sets        []charset // of the nodes; set 0 is anything
	boundary    bool      // \b or \B occurs
	lookaheads  int       // how many
	lookbehinds int       // how many
}

const (
	maxNesting = 250  // of groups
	maxRepeat  = 1000 // in {n,m}
)

// A parser reads a Pattern of ECMA-262 with Annex B, without any flag. Where a
// rule is not obvious, the comment names the production.
type parser struct {
	cursor
	*Regexp
	groups   int  // capturing groups in the whole text
	hasNames bool // some of them have names
	names    []string
	depth    int
}

// Parse parses an expression. It refuses expressions that are a SyntaxError in
// JavaScript, contain a backreference, or exceed a limit. Every error is an
// [*Error].
func Parse(text []Unit) (re *Regexp, err error) {
	defer recoverError(&err)
	p := &parser{cursor: cursor{text: text}, Regexp: new(Regexp)}
	p.char(anything)
	p.countGroups()
	p.root = p.disjunction()
	if p.pos < len(text) {
		p.fail(p.pos, `unmatched ")"`)
	}
	return p.Regexp, nil
}

// countGroups runs before the parser. \2 is a reference even where the second
// group comes later. \k is one only if some group has a name.
func (p *parser) countGroups() {
	inClass := false
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.peek(); {
		case c == '\\':
			p.pos++
		case c == '[':
			inClass = true
		case c == ']':
			inClass = false
		case c != '(' || inClass:
		case p.peekAt(1) != '?':
			p.groups++
		case p.peekAt(2) == '<' && p.peekAt(3) != '=' && p.peekAt(3) != '!':
			p.groups++
			p.hasNames = true
		}
	}
	p.pos = 0
}

// disjunction reads alternatives up to a closing parenthesis or the end.
func (p *parser) disjunction() *node {
	if p.depth++; p.depth > maxNesting {
		p.fail(p.pos, "groups are nested more than %d deep", maxNesting)
	}
	defer func() { p.depth-- }()
	n := &node{op: opAlternate}
	for {
		branch := &node{op: opConcat}
		for c := p.peek(); c >= 0 && c != '|' && c != ')'; c = p.peek() {
			branch.sub = append(branch.sub, p.term())
		}
		n.sub = append(n.sub, branch)
		if !p.accept('|') {
			return n
		}
	}
}

// term reads an atom or an assertion, with its quantifier. Of the assertions only
// lookaheads can have one (Annex B, QuantifiableAssertion).
func (p *parser) term() *node {
	n, quantifiable := p.atom()
	pos := p.pos
	low, high, ok := p.quantifier()
	switch {
	case !ok:
		return n
	case !quantifiable:
		p.fail(pos, "nothing to repeat")
	case low > maxRepeat || high > maxRepeat:
		p.fail(pos, "repeat count over %d", maxRepeat)
	}
	return &node{op: opRepeat, sub: []*node{n}, min: low, max: high}
}

// quantifier reads a quantifier if one is ahead. Any other brace stands for
// itself (Annex B, ExtendedAtom): "{,3}" is four characters.
func (p *parser) quantifier() (low, high int, ok bool) {
	pos := p.pos
	switch {
	case p.accept('*'):
		low, high = 0, -1
	case p.accept('+'):
		low, high = 1, -1
	case p.accept('?'):
		low, high = 0, 1
	case p.accept('{'):
		low, ok = p.number()
		high = low
		if ok && p.accept(',') {
			if n, bounded := p.number(); bounded {
				high = n
			} else {
				high = -1
			}
		}
		if !ok || !p.accept('}') {
			p.pos = pos
			return 0, 0, false
		}
		if high >= 0 && low > high {
			p.fail(pos, "numbers out of order in {} quantifier")
		}
	default:
		return 0, 0, false
	}
	p.accept('?') // lazy
	return low, high, true
}

// number reads a decimal number. It returns a million for a larger one, which is
// far over every limit.
func (p *parser) number() (n int, ok bool) {
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		n = min(n*10+int(c-'0'), 1e6)
		ok = true
		p.pos++
	}
	return n, ok
}

// atom reads an atom or an assertion. A quantifier may follow every atom.
func (p *parser) atom() (n *node, quantifiable bool) {
	switch c := p.peek(); c {
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
		return p.char(dot), true
	case '\\':
		return p.escape()
	case '*', '+', '?', '{':
		pos := p.pos
		if _, _, ok := p.quantifier(); ok {
			p.fail(pos, "nothing to repeat")
		}
		fallthrough
	default:
		p.pos++
		return p.char(single(c)), true
	}
}

// char returns the node of a set. Equal sets have one index.
func (p *parser) char(set charset) *node {
	i := slices.IndexFunc(p.sets, func(s charset) bool { return slices.Equal(s, set) })
	if i < 0 {
		i = len(p.sets)
		p.sets = append(p.sets, set)
	}
	return &node{op: opChar, set: i}
}

// group reads a group or a lookaround. A lookaround keeps the text of its body,
// by which the program finds equal ones.
func (p *parser) group() (n *node, quantifiable bool) {
	open := p.pos
	p.pos++
	look := &node{op: opLookaround}
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
	if !p.accept(')') {
		p.fail(open, "unterminated group")
	}
	if !isLook {
		return n, true
	}
	var text []byte
	for _, u := range p.text[start : p.pos-1] {
		text = append(text, byte(u.Code>>8), byte(u.Code))
	}
	look.sub, look.text = []*node{n}, string(text)
	if look.behind {
		p.lookbehinds++
		return look, false
	}
	p.lookaheads++
	return look, true
}

// groupName reads the rest of (?<name>. ECMA-262 also allows escapes in names,
// and characters beyond U+FFFF. Both are errors here.
func (p *parser) groupName() {
	start := p.pos
	name := ""
	for !p.accept('>') {
		c := p.peek()
		first := c == '$' || c == '_' || unicode.IsLetter(c) || unicode.In(c, unicode.Nl, unicode.Other_ID_Start)
		later := unicode.In(c, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue, unicode.Join_Control)
		if !first && (!later || name == "") {
			p.fail(p.pos, "invalid capture group name")
		}
		name += string(c)
		p.pos++
	}
	if name == "" {
		p.fail(start, "invalid capture group name")
	}
	if slices.Contains(p.names, name) {
		p.fail(start, "duplicate capture group name")
	}
	p.names = append(p.names, name)
}
