package matcher

import (
	"encoding/binary"
	"slices"
)

// unite returns automata that together match what any of the given ones
// matches: one for each direction of reading, or more where one would be too
// large.
func unite(dfas []*dfa) []*dfa {
	var forward, backward []*dfa
	for _, d := range dfas {
		if d.backward {
			backward = append(backward, d)
		} else {
			forward = append(forward, d)
		}
	}
	return append(uniteHalves(forward), uniteHalves(backward)...)
}

func uniteHalves(dfas []*dfa) []*dfa {
	if len(dfas) < 2 {
		return dfas
	}
	left, right := uniteHalves(dfas[:len(dfas)/2]), uniteHalves(dfas[len(dfas)/2:])
	last := len(left) - 1
	if d, ok := union(left[last], right[0]); ok {
		left = append(left[:last:last], d)
		right = right[1:]
	}
	return slices.Concat(left, right)
}

// union runs two automata that read in one direction side by side; ok is
// false if the result is too large.
func union(a, b *dfa) (d *dfa, ok bool) {
	alphabet, inA, inB := merge(a.alphabet, b.alphabet)
	out := &automaton{symbols: alphabet.classes + 1}
	var states states
	var key [4]byte
	intern := func(s, t uint16) uint32 {
		binary.LittleEndian.PutUint16(key[:], s)
		binary.LittleEndian.PutUint16(key[2:], t)
		return states.intern(key[:])
	}
	intern(a.start, b.start)
	for i := 0; i < len(states.keys); i++ {
		if i == maxStates || len(out.table)+out.symbols > maxTable {
			return nil, false
		}
		from := []byte(states.keys[i])
		s, t := binary.LittleEndian.Uint16(from), binary.LittleEndian.Uint16(from[2:])
		for x := range alphabet.classes {
			out.table = append(out.table, intern(a.columns[inA[x]][s], b.columns[inB[x]][t])<<1)
		}
		accept := uint32(0)
		if a.accepting[s] || b.accepting[t] {
			accept = 1
		}
		out.table = append(out.table, accept)
	}
	return newDFA(alphabet, out, a.backward), true
}

// merge returns the coarsest alphabet that is finer than both, and for each of
// its classes those of a and b that it lies in.
func merge(a, b *alphabet) (out *alphabet, inA, inB []uint16) {
	starts := slices.Concat(a.starts, b.starts)
	slices.Sort(starts)
	out = &alphabet{starts: slices.Compact(starts)}
	ids := make(map[[2]uint16]uint16)
	for _, c := range out.starts {
		pair := [2]uint16{a.classOf(c), b.classOf(c)}
		x, ok := ids[pair]
		if !ok {
			x = uint16(len(ids))
			ids[pair] = x
			inA, inB = append(inA, pair[0]), append(inB, pair[1])
		}
		out.class = append(out.class, x)
	}
	out.classes = len(ids)
	return out, inA, inB
}
