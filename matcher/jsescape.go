package matcher

import (
	"unicode/utf16"
	"unicode/utf8"
)

// escape parses a backslash and what follows, outside of a class.
func (p *parser) escape() (n *node, quantifiable bool) {
	pos := p.pos
	p.pos++
	switch c := p.peek(); {
	case c == 'b', c == 'B':
		p.pos++
		p.word = p.char(wordChars).set
		return &node{op: opBoundary, negative: c == 'B'}, false
	case c >= '1' && c <= '9':
		start := p.pos
		if ref, _ := p.number(); ref <= p.groups {
			p.fail(pos, "backreferences are not supported")
		}
		p.pos = start
	case c == 'k' && p.named:
		p.fail(pos, "named backreferences are not supported")
	}
	set, _ := p.classEscape(pos, false)
	return p.char(set), true
}

// class parses a character class.
func (p *parser) class() charset {
	open := p.pos
	p.pos++
	negate := p.accept('^')
	var spans []span
	for !p.accept(']') {
		pos := p.pos
		lo, single := p.classAtom(open)
		if p.peek() != '-' || p.pos+1 < len(p.text) && p.text[p.pos+1].c == ']' {
			spans = append(spans, lo...)
			continue
		}
		p.pos++
		hi, alsoSingle := p.classAtom(open)
		if !single || !alsoSingle { // Annex B: [\w-z] is three atoms
			spans = append(append(append(spans, lo...), hi...), span{'-', '-'})
			continue
		}
		if lo[0].lo > hi[0].lo {
			p.fail(pos, "range out of order in character class")
		}
		spans = append(spans, span{lo[0].lo, hi[0].lo})
	}
	set := newCharset(spans...)
	if negate {
		set = set.negate()
	}
	return set
}

// classAtom parses one member of the class that began at open; single says
// that it is one code unit, which may begin or end a range.
func (p *parser) classAtom(open int) (set charset, single bool) {
	c := p.peek()
	if c == -1 {
		p.fail(open, "unterminated character class")
	}
	pos := p.pos
	p.pos++
	if c == '\\' {
		return p.classEscape(pos, true)
	}
	return charset{{uint16(c), uint16(c)}}, true
}

// classEscape parses what follows the backslash at pos, where it means the
// same inside and outside of a class, or nearly.
func (p *parser) classEscape(pos int, inClass bool) (set charset, single bool) {
	c := p.peek()
	if c == -1 {
		p.fail(pos, `"\" at the end`)
	}
	p.pos++
	switch c {
	case 'd':
		return digits, false
	case 'D':
		return digits.negate(), false
	case 's':
		return spaces, false
	case 'S':
		return spaces.negate(), false
	case 'w':
		return wordChars, false
	case 'W':
		return wordChars.negate(), false
	case 't':
		c = '\t'
	case 'n':
		c = '\n'
	case 'v':
		c = '\v'
	case 'f':
		c = '\f'
	case 'r':
		c = '\r'
	case 'b':
		c = '\b' // only in a class
	case 'c':
		next := p.peek()
		switch {
		case next|0x20 >= 'a' && next|0x20 <= 'z', inClass && next != -1 && isWord(uint16(next)):
			c = next & 0x1f
			p.pos++
		default: // Annex B: a backslash, and the c is read again
			c = '\\'
			p.pos--
		}
	case 'x':
		if v, ok := p.hex(2); ok {
			c = v
		}
	case 'u':
		if v, ok := p.hex(4); ok {
			c = v
		}
	case 'k':
		if p.named {
			p.fail(pos, "invalid escape")
		}
	case '0', '1', '2', '3', '4', '5', '6', '7':
		// Annex B: LegacyOctalEscapeSequence, up to \377
		c -= '0'
		for range 2 {
			if d := p.peek(); d >= '0' && d <= '7' && c*8+d-'0' <= 0o377 {
				c = c*8 + d - '0'
				p.pos++
			} else {
				break
			}
		}
	}
	return charset{{uint16(c), uint16(c)}}, true
}

// hex parses exactly n hexadecimal digits, or nothing.
func (p *parser) hex(n int) (v rune, ok bool) {
	start := p.pos
	for range n {
		d := unhex(p.peek())
		if d < 0 {
			p.pos = start
			return 0, false
		}
		v = v<<4 | d
		p.pos++
	}
	return v, true
}

func unhex(c rune) rune {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return -1
}

// nameRune parses one code point of a group name, which may be written as
// \uHHHH, as a pair of those, or as \u{H…}. Anything else is utf8.RuneError,
// which no name may contain.
func (p *parser) nameRune() rune {
	c := p.nameUnit()
	if utf16.IsSurrogate(c) {
		return utf16.DecodeRune(c, p.nameUnit())
	}
	return c
}

func (p *parser) nameUnit() rune {
	c := p.peek()
	if c == -1 {
		return utf8.RuneError
	}
	p.pos++
	if c != '\\' {
		return c
	}
	if !p.accept('u') {
		return utf8.RuneError
	}
	if !p.accept('{') {
		if v, ok := p.hex(4); ok {
			return v
		}
		return utf8.RuneError
	}
	v := rune(0)
	for !p.accept('}') {
		d := unhex(p.peek())
		if d < 0 || v > utf8.MaxRune {
			return utf8.RuneError
		}
		v = v<<4 | d
		p.pos++
	}
	return v
}
