package automaton

import (
	"bytes"
	"encoding/binary"
)

// A numbering gives numbers to keys, in the order in which they first come.
type numbering[K comparable] struct {
	numbers map[K]int
	keys    []K // by number
}

func newNumbering[K comparable](size int) numbering[K] {
	return numbering[K]{make(map[K]int, size), make([]K, 0, size)}
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
	key     []byte
	lastKey []byte
	last    uint32 // its number
}

func newStateNumbering() *stateNumbering {
	return &stateNumbering{numbering: newNumbering[string](usualStates)}
}

// reset forgets all states.
func (n *stateNumbering) reset() {
	clear(n.numbers)
	clear(n.keys)
	n.keys, n.lastKey = n.keys[:0], n.lastKey[:0]
}

func (n *stateNumbering) state(set bitset, read side) uint32 {
	n.key = append(n.key[:0], byte(read))
	for _, word := range set {
		n.key = binary.LittleEndian.AppendUint64(n.key, word)
	}
	if bytes.Equal(n.key, n.lastKey) { // as for most symbols
		return n.last
	}
	n.key, n.lastKey = n.lastKey, n.key
	i, ok := n.numbers[string(n.lastKey)]
	if !ok { // the common case allocates nothing
		i = n.number(string(n.lastKey))
	}
	n.last = uint32(i)
	return n.last
}

// load writes the set of a state to set and returns its side.
func (n *stateNumbering) load(state int, set bitset) side {
	key := []byte(n.keys[state])
	for i := range set {
		set[i] = binary.LittleEndian.Uint64(key[1+8*i:])
	}
	return side(key[0])
}
