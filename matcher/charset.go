package matcher

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
)

// A charset is a set of UTF-16 code units: spans in order, none of which touches
// another, so that equal sets are equal slices.
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

// The classes of ECMA-262 (CharacterClassEscape, and the LineTerminator that
// the dot leaves out).
var (
	digits    = newCharset(span{'0', '9'})
	wordChars = newCharset(span{'0', '9'}, span{'A', 'Z'}, span{'_', '_'}, span{'a', 'z'})
	spaces    = newCharset(span{'\t', '\r'}, span{' ', ' '}, span{0xa0, 0xa0}, span{0x1680, 0x1680},
		span{0x2000, 0x200a}, span{0x2028, 0x2029}, span{0x202f, 0x202f}, span{0x205f, 0x205f},
		span{0x3000, 0x3000}, span{0xfeff, 0xfeff})
	dot      = newCharset(span{'\n', '\n'}, span{'\r', '\r'}, span{0x2028, 0x2029}).negate()
	anything = newCharset(span{0, 0xffff})
)

// A numbering gives numbers to keys in the order in which they come.
type numbering[K comparable] struct {
	numbers map[K]int
	keys    []K
}

func (n *numbering[K]) of(key K) int {
	i, ok := n.numbers[key]
	if !ok {
		if n.numbers == nil {
			n.numbers = make(map[K]int)
		}
		i = len(n.keys)
		n.numbers[key] = i
		n.keys = append(n.keys, key)
	}
	return i
}

// An alphabet divides the code units into classes that nothing in an expression
// tells apart. Automata read classes: there are a few dozen where there are
// 65 536 code units.
type alphabet struct {
	starts  []uint16 // where runs of one class begin, the first at 0
	class   []uint16 // of each run
	classes int
}

// newAlphabet returns the coarsest alphabet for these sets: the borders of their
// spans make runs, and runs are of one class if they are in the same sets.
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
	a := &alphabet{starts: slices.Compact(starts)}
	in := make([][]byte, len(a.starts))
	for i, set := range sets {
		for run := range a.runs(set) {
			in[run] = binary.AppendUvarint(in[run], uint64(i))
		}
	}
	var classes numbering[string]
	for _, sets := range in {
		a.class = append(a.class, uint16(classes.of(string(sets))))
	}
	a.classes = len(classes.keys)
	return a
}

// runs returns the runs that a set is made of.
func (a *alphabet) runs(set charset) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, s := range set {
			run, _ := slices.BinarySearch(a.starts, s.lo)
			for ; run < len(a.starts) && a.starts[run] <= s.hi; run++ {
				if !yield(run) {
					return
				}
			}
		}
	}
}

// classOf returns the class of a code unit.
func (a *alphabet) classOf(c uint16) uint16 {
	run, found := slices.BinarySearch(a.starts, c)
	if !found {
		run--
	}
	return a.class[run]
}
