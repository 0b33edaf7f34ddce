package matcher

import (
	"encoding/binary"
	"slices"
)

// unite returns automata that together match what any of the given ones
// matches: one, if they all read in one direction and it is not too large.
func unite(dfas []*dfa) []*dfa {
	if len(dfas) < 2 {
		return dfas
	}
	left, right := unite(dfas[:len(dfas)/2]), unite(dfas[len(dfas)/2:])
	last := len(left) - 1
	if d, ok := union(left[last], right[0]); ok {
		left[last], right = d, right[1:]
	}
	return slices.Concat(left, right)
}

// union runs two automata side by side in one.
func union(a, b *dfa) (d *dfa, ok bool) {
	if a.backward != b.backward {
		return nil, false
	}
	alphabet, inA, inB := merge(a.alphabet, b.alphabet)
	out := &automaton{symbols: alphabet.classes + 1}
	var states states
	var key [8]byte
	intern := func(s, t uint32) uint32 {
		binary.LittleEndian.PutUint32(key[:], s)
		binary.LittleEndian.PutUint32(key[4:], t)
		return states.intern(key[:])
	}
	intern(a.start, b.start)
	for i := 0; i < len(states.keys); i++ {
		if i == maxStates || len(out.table)+out.symbols > maxTable {
			return nil, false
		}
		from := []byte(states.keys[i])
		s, t := binary.LittleEndian.Uint32(from), binary.LittleEndian.Uint32(from[4:])
		for x := range alphabet.classes {
			out.table = append(out.table, intern(a.next[s+inA[x]], b.next[t+inB[x]])<<1)
		}
		out.table = append(out.table, a.next[s+uint32(a.classes)]|b.next[t+uint32(b.classes)])
	}
	return newDFA(alphabet, out, a.backward), true
}

// merge returns the coarsest alphabet that is finer than both, and for each of
// its classes those of a and b that it lies in.
func merge(a, b *alphabet) (out *alphabet, inA, inB []uint32) {
	starts := slices.Concat(a.starts, b.starts)
	slices.Sort(starts)
	out = &alphabet{starts: slices.Compact(starts)}
	ids := make(map[[2]uint16]uint16)
	for _, c := range out.starts {
		pair := [2]uint16{a.search(c), b.search(c)}
		x, ok := ids[pair]
		if !ok {
			x = uint16(len(ids))
			ids[pair] = x
			inA, inB = append(inA, uint32(pair[0])), append(inB, uint32(pair[1]))
		}
		out.class = append(out.class, x)
	}
	out.classes = len(ids)
	out.index()
	return out, inA, inB
}
