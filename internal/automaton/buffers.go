package automaton

import "sync"

// buffers is the memory of a construction. The next construction uses it again: a program
// with a thousand rules compiles a thousand expressions at its start.
type buffers struct {
	states *stateNumbering
	heads  []int32
	links  []link
	dfas   []*dfa
	tables [][]uint32 // of no dfa now
}

// Few expressions need more memory than is kept.
const (
	maxKeptStates = 512
	maxKeptLinks  = 1 << 16
)

var bufferPool = sync.Pool{New: func() any { return new(buffers) }}

// getBuffers returns buffers for one construction. Release them after it.
func getBuffers() *buffers { return bufferPool.Get().(*buffers) }

// numbering returns an empty stateNumbering. The one before is no longer used.
func (b *buffers) numbering() *stateNumbering {
	if b.states == nil || len(b.states.keys) > maxKeptStates {
		b.states = newStateNumbering()
	}
	b.states.reset()
	return b.states
}

// newDFA returns an empty dfa. Its table is used again after release.
func (b *buffers) newDFA(symbols int) *dfa {
	d := &dfa{symbols: symbols}
	if n := len(b.tables); n > 0 {
		d.table, b.tables = b.tables[n-1][:0], b.tables[:n-1]
	}
	b.dfas = append(b.dfas, d)
	return d
}

// release ends a construction. None of its dfas is used any more.
func (b *buffers) release() {
	for _, d := range b.dfas {
		if d.states() <= maxKeptStates {
			b.tables = append(b.tables, d.table)
		}
	}
	if cap(b.links) > maxKeptLinks {
		b.heads, b.links = nil, nil
	}
	clear(b.dfas)
	b.dfas = b.dfas[:0]
	bufferPool.Put(b)
}
