package matcher

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// A bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) add(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i int) bool { return b[i/64]>>(i%64)&1 == 1 }

func (b bitset) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range b {
			for ; word != 0; word &= word - 1 {
				if !yield(64*i + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// states numbers the states of a subset construction. A state is a set and, in
// one of the two constructions, what is on the side that has been read.
type states struct {
	numbering[string]
	key []byte
}

// state returns the number of a state, the next one if it is new.
func (s *states) state(set bitset, known side) uint32 {
	s.key = append(s.key[:0], byte(known))
	for _, word := range set {
		s.key = binary.LittleEndian.AppendUint64(s.key, word)
	}
	if i, ok := s.numbers[string(s.key)]; ok { // the common case allocates nothing
		return uint32(i)
	}
	return uint32(s.of(string(s.key)))
}

// load writes the set of a state to set and returns the rest.
func (s *states) load(state int, set bitset) side {
	key := []byte(s.keys[state])
	for i := range set {
		set[i] = binary.LittleEndian.Uint64(key[1+8*i:])
	}
	return side(key[0])
}
