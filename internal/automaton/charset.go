package automaton

import (
	"cmp"
	"slices"
)

// A charset is a set of UTF-16 code units. Its spans are in order and do not
// touch, so that equal sets are equal slices.
type charset []span

// A span is an inclusive range.
type span struct{ lo, hi uint16 }

func newCharset(spans ...span) (set charset) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	for _, s := range spans {
		if n := len(set); n > 0 && int(s.lo) <= int(set[n-1].hi)+1 {
			set[n-1].hi = max(set[n-1].hi, s.hi)
		} else {
			set = append(set, s)
		}
	}
	return set
}

func (set charset) negate() (out charset) {
	next := 0
	for _, s := range set {
		if int(s.lo) > next {
			out = append(out, span{uint16(next), s.lo - 1})
		}
		next = int(s.hi) + 1
	}
	if next <= 0xffff {
		out = append(out, span{uint16(next), 0xffff})
	}
	return out
}

func (set charset) contains(c uint16) bool {
	return slices.ContainsFunc(set, func(s span) bool { return s.lo <= c && c <= s.hi })
}

// The classes of ECMA-262: CharacterClassEscape, and all but LineTerminator for
// the dot.
var (
	digits    = newCharset(span{'0', '9'})
	wordChars = newCharset(span{'0', '9'}, span{'A', 'Z'}, span{'_', '_'}, span{'a', 'z'})
	spaces    = newCharset(span{'\t', '\r'}, span{' ', ' '}, span{0xa0, 0xa0}, span{0x1680, 0x1680},
		span{0x2000, 0x200a}, span{0x2028, 0x2029}, span{0x202f, 0x202f}, span{0x205f, 0x205f},
		span{0x3000, 0x3000}, span{0xfeff, 0xfeff})
	dot      = newCharset(span{'\n', '\n'}, span{'\r', '\r'}, span{0x2028, 0x2029}).negate()
	anything = newCharset(span{0, 0xffff})
)
