package matcher

import (
	"cmp"
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

// An alphabet divides the code units into classes that no set of a pattern
// tells apart, numbered from 0.
type alphabet struct {
	starts  []uint16 // where runs of one class begin, from 0 on
	class   []uint16 // of each run
	classes int
}

// newAlphabet returns the coarsest alphabet for these sets and, for each set,
// the classes in it.
func newAlphabet(sets []charset) (*alphabet, [][]uint16) {
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
	// Each set splits every class that it cuts in two: the part inside moves
	// to a class of its own, unless the whole class is inside.
	size := []int{len(a.starts)} // runs of each class
	for _, set := range sets {
		runs := a.runs(set)
		inside := make(map[uint16]int)
		for _, i := range runs {
			inside[a.class[i]]++
		}
		moved := make(map[uint16]uint16)
		for _, i := range runs {
			old := a.class[i]
			if inside[old] == size[old] && moved[old] == 0 {
				continue
			}
			if moved[old] == 0 {
				moved[old] = uint16(a.classes)
				a.classes++
				size = append(size, 0)
			}
			a.class[i] = moved[old]
			size[moved[old]]++
		}
		for old := range moved {
			size[old] -= inside[old]
		}
	}
	members := make([][]uint16, len(sets))
	for j, set := range sets {
		for _, i := range a.runs(set) {
			members[j] = append(members[j], a.class[i])
		}
		slices.Sort(members[j])
		members[j] = slices.Compact(members[j])
	}
	return a, members
}

// runs returns the runs that make up a set.
func (a *alphabet) runs(set charset) []int {
	var out []int
	for _, s := range set {
		i, _ := slices.BinarySearch(a.starts, s.lo)
		for ; i < len(a.starts) && a.starts[i] <= s.hi; i++ {
			out = append(out, i)
		}
	}
	return out
}

// search returns the class of a code unit.
func (a *alphabet) search(c uint16) uint16 {
	i, found := slices.BinarySearch(a.starts, c)
	if !found {
		i--
	}
	return a.class[i]
}
