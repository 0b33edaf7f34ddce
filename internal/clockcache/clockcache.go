// Package clockcache is a cache that is bounded in bytes and evicts approximately the
// least recently used entry (the CLOCK algorithm).
package clockcache

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	shards     = 16
	hashedTail = 64 // bytes of the first text
)

// Key is what a value is found by.
type Key struct {
	Kind  byte      // values of different kinds never meet
	Texts [3]string // the end of the first one must be random, like the signature of a token
}

// Cache holds values by their whole keys, so two keys never meet. The index is a seeded
// hash of the end of the first text. That end is random, so the hash needs no
// cryptographic strength. A nil Cache holds nothing.
type Cache[V any] struct {
	seed   maphash.Seed
	limit  int // of a shard, in bytes
	shards [shards]shard[V]
}

type shard[V any] struct {
	mu      sync.Mutex
	entries map[uint64]*Entry[V]
	ring    []*Entry[V]
	hand    int
	bytes   int
	_       [8]byte // keeps the shards on cache lines of their own
}

// Entry is a cached value.
type Entry[V any] struct {
	Value V // first, so that its first word is aligned for atomic operations

	key   Key
	hash  uint64
	bytes int
	index int // in the ring
	used  atomic.Bool
}

// New returns a cache of at most so many bytes, as they are given to Put.
func New[V any](bytes int64) *Cache[V] {
	c := &Cache[V]{seed: maphash.MakeSeed(), limit: int(bytes / shards)}
	for i := range c.shards {
		c.shards[i].entries = make(map[uint64]*Entry[V])
	}
	return c
}

func (c *Cache[V]) hash(kind byte, text string) uint64 {
	return maphash.String(c.seed, text[max(0, len(text)-hashedTail):]) ^ uint64(kind)
}

func (c *Cache[V]) shard(hash uint64) *shard[V] { return &c.shards[hash%shards] }

// Get returns the entry of exactly this key, or nil.
func (c *Cache[V]) Get(key Key) *Entry[V] {
	if c == nil {
		return nil
	}
	hash := c.hash(key.Kind, key.Texts[0])
	s := c.shard(hash)
	s.mu.Lock()
	e := s.entries[hash]
	s.mu.Unlock()
	if e == nil || e.key != key {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e
}

// Find returns the entry of a kind whose first text this is, whatever the other texts
// are, or nil.
func (c *Cache[V]) Find(kind byte, text string) *Entry[V] {
	if c == nil {
		return nil
	}
	hash := c.hash(kind, text)
	s := c.shard(hash)
	s.mu.Lock()
	e := s.entries[hash]
	s.mu.Unlock()
	if e == nil || e.key.Kind != kind || e.key.Texts[0] != text {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e
}

// Put caches a value that takes so many bytes, and returns its entry, or nil if the value
// is too large. The key's texts must be strings of their own: parts of a longer string
// would keep all of it in memory.
func (c *Cache[V]) Put(key Key, value V, bytes int) *Entry[V] {
	if c == nil || bytes > c.limit {
		return nil
	}
	e := &Entry[V]{Value: value, key: key, hash: c.hash(key.Kind, key.Texts[0]), bytes: bytes}
	s := c.shard(e.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.entries[e.hash]; old != nil {
		s.remove(old)
	}
	for s.bytes+e.bytes > c.limit {
		s.evict()
	}
	e.index = len(s.ring)
	s.ring = append(s.ring, e)
	s.entries[e.hash] = e
	s.bytes += e.bytes
	return e
}

// Drop forgets the value of a kind whose first text this is.
func (c *Cache[V]) Drop(kind byte, text string) {
	if c == nil {
		return
	}
	hash := c.hash(kind, text)
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[hash]; e != nil && e.key.Kind == kind && e.key.Texts[0] == text {
		s.remove(e)
	}
}

// Size returns how many values are cached, and their bytes.
func (c *Cache[V]) Size() (values, bytes int) {
	if c == nil {
		return 0, 0
	}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		values += len(s.entries)
		bytes += s.bytes
		s.mu.Unlock()
	}
	return values, bytes
}

// evict removes the next entry that was not used since the hand last passed it. The
// mutex is held, and the ring is not empty.
func (s *shard[V]) evict() {
	for {
		if s.hand >= len(s.ring) {
			s.hand = 0
		}
		e := s.ring[s.hand]
		if !e.used.Swap(false) {
			s.remove(e)
			return
		}
		s.hand++
	}
}

// remove takes an entry out; the last of the ring takes its slot.
func (s *shard[V]) remove(e *Entry[V]) {
	last := len(s.ring) - 1
	s.ring[e.index] = s.ring[last]
	s.ring[e.index].index = e.index
	s.ring[last] = nil
	s.ring = s.ring[:last]
	s.bytes -= e.bytes
	delete(s.entries, e.hash)
}
