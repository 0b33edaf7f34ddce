package matcher

import "unicode/utf16"

// A unit is one UTF-16 code unit of a pattern, or of the regular expression
// made of it, with the byte offset in the source of what it comes from. A fault
// in the expression, which nobody but Next.js ever sees, can so be reported as
// one in the pattern.
type unit struct {
	c      uint16
	offset int
}

func appendRune(text []unit, r rune, offset int) []unit {
	if r <= 0xffff {
		return append(text, unit{uint16(r), offset})
	}
	high, low := utf16.EncodeRune(r)
	return append(text, unit{uint16(high), offset}, unit{uint16(low), offset})
}

// appendASCII appends text of ours that stands for what is at offset.
func appendASCII(text []unit, s string, offset int) []unit {
	for _, c := range s {
		text = append(text, unit{uint16(c), offset})
	}
	return text
}

// A cursor walks over code units. The two languages that are parsed, the one of
// path-to-regexp and the one of regular expressions, need one unit ahead, and
// seldom up to three.
type cursor struct {
	text []unit
	pos  int
	end  int // offset in the source at which the text ends
}

// peek returns the code unit ahead, or -1 at the end.
func (c *cursor) peek() rune { return c.peekAt(0) }

func (c *cursor) peekAt(n int) rune {
	if c.pos+n >= len(c.text) {
		return -1
	}
	return rune(c.text[c.pos+n].c)
}

func (c *cursor) accept(r rune) bool {
	if c.peek() != r {
		return false
	}
	c.pos++
	return true
}

// offset returns where in the source the unit at pos comes from.
func (c *cursor) offset(pos int) int {
	if pos < len(c.text) {
		return c.text[pos].offset
	}
	return c.end
}

// fail raises a fault at pos.
func (c *cursor) fail(pos int, format string, args ...any) {
	fail(c.offset(pos), format, args...)
}
