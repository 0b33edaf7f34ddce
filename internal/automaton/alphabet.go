package automaton

import (
	"encoding/binary"
	"iter"
	"slices"
)

// An alphabet divides the 65 536 code units into classes. An expression treats
// all code units of a class alike. Automata read classes, of which there are a
// few dozen.
type alphabet struct {
	starts  []uint16 // where runs of one class begin; the first is 0
	class   []uint16 // of each run
	classes int      // how many
}

// newAlphabet returns the coarsest alphabet for these sets. Runs lie between the
// borders of spans. Two runs are of one class if they are in the same sets.
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
		a.class = append(a.class, uint16(classes.number(string(sets))))
	}
	a.classes = len(classes.keys)
	return a
}

// merge returns the coarsest alphabet that is finer than a and b. For each of its
// classes it returns the classes of a and b in which that one lies.
func merge(a, b *alphabet) (out *alphabet, classes []pair) {
	starts := slices.Concat(a.starts, b.starts)
	slices.Sort(starts)
	out = &alphabet{starts: slices.Compact(starts)}
	var pairs numbering[pair]
	for _, c := range out.starts {
		out.class = append(out.class, uint16(pairs.number(pair{a.classOf(c), b.classOf(c)})))
	}
	out.classes = len(pairs.keys)
	return out, pairs.keys
}

// runs returns the runs of which a set consists.
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

// representatives returns a code unit of each class.
func (a *alphabet) representatives() []uint16 {
	units := make([]uint16, a.classes)
	for run := len(a.starts) - 1; run >= 0; run-- {
		units[a.class[run]] = a.starts[run]
	}
	return units
}
