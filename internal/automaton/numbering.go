package automaton

import "encoding/binary"

// A numbering gives numbers to keys, in the order in which they first come.
type numbering[K comparable] struct {
	numbers map[K]int
	keys    []K // by number
}

func (n *numbering[K]) number(key K) int {
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

// A stateNumbering numbers the states of a subset construction. A state is a set
// and, in determinize, the side that has been read.
type stateNumbering struct {
	numbering[string]
	key []byte
}

func (n *stateNumbering) state(set bitset, read side) uint32 {
	n.key = append(n.key[:0], byte(read))
	for _, word := range set {
		n.key = binary.LittleEndian.AppendUint64(n.key, word)
	}
	if i, ok := n.numbers[string(n.key)]; ok { // the common case allocates nothing
		return uint32(i)
	}
	return uint32(n.number(string(n.key)))
}

// load writes the set of a state to set and returns its side.
func (n *stateNumbering) load(state int, set bitset) side {
	key := []byte(n.keys[state])
	for i := range set {
		set[i] = binary.LittleEndian.Uint64(key[1+8*i:])
	}
	return side(key[0])
}
