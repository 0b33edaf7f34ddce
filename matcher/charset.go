package matcher

import (
	"cmp"
	"iter"
	"slices"
)

// A span is an inclusive range of UTF-16 code units.
type span struct{ lo, hi uint16 }

// A charset is a set of code units: spans in order that do not touch.
type charset []span

func newCharset(spans ...span) charset {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	var set charset
	for _, s := range spans {
		if n := len(set); n > 0 && int(s.lo) <= int(set[n-1].hi)+1 {
			set[n-1].hi = max(set[n-1].hi, s.hi)
		} else {
			set = append(set, s)
		}
	}
	return set
}

func (set charset) negate() charset {
	var out charset
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
	_, ok := slices.BinarySearchFunc(set, c, func(s span, c uint16) int {
		switch {
		case s.hi < c:
			return -1
		case s.lo > c:
			return 1
		}
		return 0
	})
	return ok
}

// The classes of ECMA-262, CharacterClassEscape, and of the dot.
var (
	digits    = newCharset(span{'0', '9'})
	wordChars = newCharset(span{'0', '9'}, span{'A', 'Z'}, span{'_', '_'}, span{'a', 'z'})
	spaces    = newCharset(span{'\t', '\r'}, span{' ', ' '}, span{0xa0, 0xa0}, span{0x1680, 0x1680},
		span{0x2000, 0x200a}, span{0x2028, 0x2029}, span{0x202f, 0x202f}, span{0x205f, 0x205f},
		span{0x3000, 0x3000}, span{0xfeff, 0xfeff})
	notNewline = newCharset(span{'\n', '\n'}, span{'\r', '\r'}, span{0x2028, 0x2029}).negate()
	anything   = newCharset(span{0, 0xffff})
)

func isWord(c uint16) bool { return wordChars.contains(c) }

// An alphabet divides the code units into classes that no set of an expression
// tells apart, numbered from 0.
type alphabet struct {
	starts  []uint16 // where runs of one class begin, the first at 0
	class   []uint16 // of each run
	classes int
}

// newAlphabet returns the coarsest alphabet for these sets.
func newAlphabet(sets []charset) *alphabet {
	starts := []uint16{0}
	for _, set := range sets {
		for _, s := range set {
			starts = append(starts, s.lo)
			if s.hi < 0xffff {
				starts = append(starts, s.hi+1)
			}
		}
	}
	slices.Sort(starts)
	a := &alphabet{starts: slices.Compact(starts), classes: 1}
	a.class = make([]uint16, len(a.starts))
	size := []int{len(a.starts)} // runs of each class
	for _, set := range sets {
		a.split(set, &size)
	}
	return a
}

// split moves the runs of a set out of every class that the set cuts in two,
// into a class of their own.
func (a *alphabet) split(set charset, size *[]int) {
	inside := make(map[uint16]int)
	for i := range a.runs(set) {
		inside[a.class[i]]++
	}
	moved := make(map[uint16]uint16)
	for i := range a.runs(set) {
		old := a.class[i]
		if inside[old] == (*size)[old] {
			continue
		}
		to, ok := moved[old]
		if !ok {
			to = uint16(a.classes)
			moved[old] = to
			a.classes++
			*size = append(*size, inside[old])
		}
		a.class[i] = to
	}
	for old := range moved {
		(*size)[old] -= inside[old]
	}
}

// runs returns the runs that make up a set.
func (a *alphabet) runs(set charset) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, s := range set {
			i, _ := slices.BinarySearch(a.starts, s.lo)
			for ; i < len(a.starts) && a.starts[i] <= s.hi; i++ {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// classOf returns the class of a code unit.
func (a *alphabet) classOf(c uint16) uint16 {
	i, found := slices.BinarySearch(a.starts, c)
	if !found {
		i--
	}
	return a.class[i]
}
