package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// pageSize is how many notes Memory.Since returns at most.
const pageSize = 50

// Memory is a session.Store in this process, for tests. Several Managers can share one,
// as replicas share a server. Its other methods look inside, or cause the losses that a
// server may suffer.
type Memory struct {
	mu     sync.Mutex
	now    func() time.Time
	values map[string]entry
	notes  []note
	begin  int // how many notes were dropped before notes[0]
}

var _ session.Store = (*Memory)(nil)

type entry struct {
	value []byte
	until time.Time
}

// note is an entry of the log. Its mark is random, so that a cursor can name it.
type note struct {
	entry
	mark string
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{now: time.Now, values: make(map[string]entry)}
}

// SetNow replaces the clock, which is time.Now. Values and notes are dropped by this
// clock when their time is over.
func (m *Memory) SetNow(now func() time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now
}

// Get implements session.Store.
func (m *Memory) Get(ctx context.Context, key string) (value []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(key), nil
}

// get returns a copy of a value that is still kept, nil if there is none.
func (m *Memory) get(key string) []byte {
	e, ok := m.values[key]
	if !ok {
		return nil
	}
	if !m.now().Before(e.until) {
		delete(m.values, key)
		return nil
	}
	return copyOf(e.value)
}

// put stores a copy of a value.
func (m *Memory) put(key string, value []byte, keep time.Duration) {
	m.values[key] = entry{copyOf(value), m.now().Add(keep)}
}

// copyOf returns a copy that is never nil.
func copyOf(value []byte) []byte { return append([]byte{}, value...) }

// Add implements session.Store.
func (m *Memory) Add(ctx context.Context, key string, value []byte, keep time.Duration) (there []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if there := m.get(key); there != nil {
		return there, nil
	}
	m.put(key, value, keep)
	return nil, nil
}

// Swap implements session.Store.
func (m *Memory) Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (swapped bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	there := m.get(key)
	if there == nil || !bytes.Equal(there, old) {
		return false, nil
	}
	if value == nil {
		delete(m.values, key)
	} else {
		m.put(key, value, keep)
	}
	return true, nil
}

// Append implements session.Store.
func (m *Memory) Append(ctx context.Context, text []byte, keep time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(text) > maxNote {
		return fmt.Errorf("a note of %d bytes; at most %d are allowed", len(text), maxNote)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = append(m.notes, note{entry{copyOf(text), m.now().Add(keep)}, rand.Text()})
	return nil
}

// dropOldNotes drops the notes at the beginning of the log whose time is over. One that
// stands behind a note with a longer time stays.
func (m *Memory) dropOldNotes() {
	now, old := m.now(), 0
	for old < len(m.notes) && !now.Before(m.notes[old].until) {
		old++
	}
	m.notes = m.notes[old:]
	m.begin += old
}

// Since implements session.Store. A cursor is the number and the mark of the last note
// that was read. If the log no longer has this note, Since reads from the beginning.
func (m *Memory) Since(ctx context.Context, cursor string) (notes [][]byte, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropOldNotes()
	read := 0 // of m.notes
	number, mark, _ := strings.Cut(cursor, ":")
	if n, err := strconv.Atoi(number); err == nil {
		if n -= m.begin; n > 0 && n <= len(m.notes) && m.notes[n-1].mark == mark {
			read = n
		}
	}
	for _, n := range m.notes[read:min(read+pageSize, len(m.notes))] {
		notes = append(notes, copyOf(n.value))
		read++
	}
	if read == 0 {
		return nil, "", nil
	}
	return notes, strconv.Itoa(m.begin+read) + ":" + m.notes[read-1].mark, nil
}

// Values returns a copy of all values that are still kept.
func (m *Memory) Values() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make(map[string][]byte)
	for _, key := range slices.Collect(maps.Keys(m.values)) {
		if value := m.get(key); value != nil {
			values[key] = value
		}
	}
	return values
}

// Notes returns a copy of all notes that are still kept, oldest first.
func (m *Memory) Notes() [][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropOldNotes()
	var notes [][]byte
	for _, n := range m.notes {
		notes = append(notes, copyOf(n.value))
	}
	return notes
}

// Set puts a value under a key, whatever is there.
func (m *Memory) Set(key string, value []byte, keep time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, value, keep)
}

// Evict drops the value of a key, as a server does whose memory is full.
func (m *Memory) Evict(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
}

// ClearLog drops all notes.
func (m *Memory) ClearLog() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes, m.begin = nil, 0
}

// TruncateLog drops the newest n notes, as a failover does to a copy that lags.
func (m *Memory) TruncateLog(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notes = m.notes[:max(0, len(m.notes)-n)]
}

// Flush drops all values, and clears the log.
func (m *Memory) Flush() {
	m.ClearLog()
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.values)
}
