package automaton

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A Unit is one UTF-16 code unit of an expression. Without its flag u, a
// JavaScript regular expression consists of code units and matches code units.
//
// A program may write an expression from a source in another language. Offset
// then is the place in that source from which the unit comes.
type Unit struct {
	Code   uint16
	Offset int
}

// MaxUnits is the length of the longest source that [Decode] accepts, in code
// units. It is the limit of Next.js too ("exceeds max built length of 4096").
const MaxUnits = 4096

// Decode returns the code units of source, each with its offset in bytes. Every
// error is an [*Error].
func Decode(source string) ([]Unit, error) {
	text := make([]Unit, 0, min(len(source), MaxUnits))
	for i, r := range source {
		if r == utf8.RuneError && !strings.HasPrefix(source[i:], "\ufffd") {
			return nil, &Error{i, "not valid UTF-8"}
		}
		if r <= 0xffff {
			text = append(text, Unit{uint16(r), i})
		} else {
			high, low := utf16.EncodeRune(r)
			text = append(text, Unit{uint16(high), i}, Unit{uint16(low), i})
		}
		if len(text) > MaxUnits {
			return nil, &Error{i, "longer than 4096 UTF-16 code units"}
		}
	}
	return text, nil
}

// AppendASCII appends s to text. All its units get the same offset.
func AppendASCII(text []Unit, s string, offset int) []Unit {
	for _, c := range s {
		text = append(text, Unit{uint16(c), offset})
	}
	return text
}

// A cursor walks over code units. The parser looks one unit ahead, and seldom up
// to three.
type cursor struct {
	text []Unit
	pos  int
}

// peek returns the code unit ahead, or -1 at the end.
func (c *cursor) peek() rune { return c.peekAt(0) }

func (c *cursor) peekAt(n int) rune {
	if c.pos+n >= len(c.text) {
		return -1
	}
	return rune(c.text[c.pos+n].Code)
}

func (c *cursor) accept(r rune) bool {
	if c.peek() != r {
		return false
	}
	c.pos++
	return true
}

// fail reports an error at the unit at pos, or at the last one if pos is the end.
func (c *cursor) fail(pos int, format string, args ...any) {
	offset := 0
	if len(c.text) > 0 {
		offset = c.text[min(pos, len(c.text)-1)].Offset
	}
	fail(offset, format, args...)
}
