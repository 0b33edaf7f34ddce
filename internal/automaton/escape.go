package automaton

// single returns the set of one code unit.
func single(c rune) charset { return charset{{uint16(c), uint16(c)}} }

// escape reads an escape outside of a class: a boundary, a character, or a class
// of characters. It refuses references to groups, which no automaton can follow.
func (p *parser) escape() (n *node, quantifiable bool) {
	pos := p.pos
	p.pos++
	switch c := p.peek(); {
	case c == 'b' || c == 'B':
		p.pos++
		p.boundary = true
		p.char(wordChars) // the alphabet must tell word characters apart
		return &node{op: opBoundary, negative: c == 'B'}, false
	case c >= '1' && c <= '9':
		if group, _ := p.number(); group <= p.groups {
			p.fail(pos, "backreferences are not supported")
		}
		p.pos = pos + 1 // there is no such group: octal, or the digit itself
	case c == 'k' && p.hasNames:
		p.fail(pos, "named backreferences are not supported")
	}
	set, _ := p.classEscape(false)
	return p.char(set), true
}

// class reads a character class. "[]" matches nothing, and "[^]" anything.
func (p *parser) class() charset {
	open := p.pos
	p.pos++
	negative := p.accept('^')
	var spans []span
	for !p.accept(']') {
		pos := p.pos
		low, isUnit := p.classAtom(open)
		spans = append(spans, low...)
		if p.peek() != '-' || p.peekAt(1) == ']' {
			continue
		}
		p.pos++
		high, alsoUnit := p.classAtom(open)
		switch {
		case !isUnit || !alsoUnit:
			// Annex B, NonemptyClassRanges: "\w-z" is three atoms and no range.
			spans = append(append(spans, high...), span{'-', '-'})
		case low[0].lo > high[0].lo:
			p.fail(pos, "range out of order in character class")
		default:
			spans = append(spans, span{low[0].lo, high[0].lo})
		}
	}
	set := newCharset(spans...)
	if negative {
		set = set.negate()
	}
	return set
}

// classAtom reads one member of the class that began at open. Only a single code
// unit may begin or end a range.
func (p *parser) classAtom(open int) (set charset, isUnit bool) {
	c := p.peek()
	if c < 0 {
		p.fail(open, "unterminated character class")
	}
	p.pos++
	if c == '\\' {
		return p.classEscape(true)
	}
	return single(c), true
}

// classes are the escapes that stand for sets.
var classes = map[rune]charset{
	'd': digits, 'D': digits.negate(),
	's': spaces, 'S': spaces.negate(),
	'w': wordChars, 'W': wordChars.negate(),
}

// controls are the escapes that stand for control characters; \b is one only in
// a class.
var controls = map[rune]rune{'t': '\t', 'n': '\n', 'v': '\v', 'f': '\f', 'r': '\r', 'b': '\b'}

// classEscape reads the rest of an escape, after the backslash. Characters that
// make no escape stand for themselves (Annex B, IdentityEscape): \p is p, and \x
// is x unless two digits follow.
func (p *parser) classEscape(inClass bool) (set charset, isUnit bool) {
	c := p.peek()
	if c < 0 {
		p.fail(p.pos-1, `"\" at the end`)
	}
	p.pos++
	if set, ok := classes[c]; ok {
		return set, false
	}
	if control, ok := controls[c]; ok {
		return single(control), true
	}
	switch c {
	case 'c':
		next := p.peek()
		if isLetter := next|0x20 >= 'a' && next|0x20 <= 'z'; isLetter ||
			inClass && next >= 0 && wordChars.contains(uint16(next)) {
			p.pos++
			return single(next & 0x1f), true
		}
		p.pos-- // the backslash stands for itself, and c is read again
		return single('\\'), true
	case 'x':
		c = p.hex(2, c)
	case 'u':
		c = p.hex(4, c)
	case 'k':
		if p.hasNames {
			p.fail(p.pos-2, "invalid escape")
		}
	case '0', '1', '2', '3', '4', '5', '6', '7':
		// Annex B, LegacyOctalEscapeSequence: as many digits as stay below 256.
		c -= '0'
		for range 2 {
			digit := p.peek() - '0'
			if digit < 0 || digit > 7 || c*8+digit > 0o377 {
				break
			}
			c = c*8 + digit
			p.pos++
		}
	}
	return single(c), true
}

// hex reads n hexadecimal digits. If there are fewer it reads nothing and returns
// otherwise.
func (p *parser) hex(n int, otherwise rune) (c rune) {
	for i := range n {
		digit := unhex(p.peekAt(i))
		if digit < 0 {
			return otherwise
		}
		c = c<<4 | digit
	}
	p.pos += n
	return c
}

// unhex returns the value of a hexadecimal digit, or -1.
func unhex(c rune) rune {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return -1
}
