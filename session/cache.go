package session

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	defaultCacheBytes = 48 << 20 // about 10 000 sessions
	cacheShards       = 16
	hashedTail        = 64 // of the access token's signature
	// entryOverhead is what an entry takes beside the texts that are counted: two
	// tokens, the session, the entry, its slots in the map and the ring.
	entryOverhead = 1200
)

// cache holds verified sessions, so that the next request with the same cookies needs no
// signature check. It is bounded in bytes. It evicts approximately the least recently
// used session (CLOCK).
//
// Only verified sessions go in, so a forger cannot fill it. A session is found only by
// the whole texts that were verified, so two users can never meet in it. The index is a
// seeded hash of the end of the access token. That end is random, so the hash needs no
// cryptographic strength.
type cache struct {
	seed   maphash.Seed
	limit  int // of a shard, in bytes
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu      sync.Mutex
	entries map[uint64]*cacheEntry
	ring    []*cacheEntry
	hand    int
	bytes   int
	_       [8]byte // keeps the shards on cache lines of their own
}

type cacheEntry struct {
	hash    uint64
	access  string // these three are the key
	id      string
	details string
	session *Session
	bytes   int
	index   int // in the ring
	used    atomic.Bool
	// signOutCount is how many sign-ins had been ended when this one was last found
	// not to be among them.
	signOutCount atomic.Uint64
}

// newCache returns a cache of at most so many bytes; 0 means the default. For a negative
// number it returns nil, which is a cache that holds nothing.
func newCache(bytes int64) *cache {
	if bytes < 0 {
		return nil
	}
	if bytes == 0 {
		bytes = defaultCacheBytes
	}
	c := &cache{seed: maphash.MakeSeed(), limit: int(bytes / cacheShards)}
	for i := range c.shards {
		c.shards[i].entries = make(map[uint64]*cacheEntry)
	}
	return c
}

func (c *cache) hash(access string) uint64 {
	return maphash.String(c.seed, access[max(0, len(access)-hashedTail):])
}

func (c *cache) shard(hash uint64) *cacheShard { return &c.shards[hash%cacheShards] }

// get returns the entry of exactly these texts.
func (c *cache) get(access, id, details string) *cacheEntry {
	if c == nil {
		return nil
	}
	hash := c.hash(access)
	s := c.shard(hash)
	s.mu.Lock()
	e := s.entries[hash]
	s.mu.Unlock()
	if e == nil || e.access != access || e.id != id || e.details != details {
		return nil
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e
}

// put caches a session that was verified when signOutCount sign-ins had been ended. Its
// tokens must be texts of their own: parts of a request's header would keep the whole
// header in memory.
func (c *cache) put(session *Session, signOutCount uint64) {
	if c == nil {
		return
	}
	access := session.access.Raw()
	if session.details != "" {
		copied := *session
		copied.details = strings.Clone(session.details)
		session = &copied
	}
	e := &cacheEntry{hash: c.hash(access), access: access, details: session.details, session: session, bytes: session.size()}
	if session.id != nil {
		e.id = session.id.Raw()
	}
	e.signOutCount.Store(signOutCount)
	if e.bytes > c.limit {
		return
	}
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
}

// drop forgets the session of an access token that has expired, is not trusted any more,
// or is superseded.
func (c *cache) drop(access string) {
	if c == nil {
		return
	}
	hash := c.hash(access)
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[hash]; e != nil && e.access == access {
		s.remove(e)
	}
}

// evict removes the next entry that was not used since the hand last passed it. The
// mutex is held, and the ring is not empty.
func (s *cacheShard) evict() {
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

// remove takes an entry out; the last of the ring takes its place.
func (s *cacheShard) remove(e *cacheEntry) {
	last := len(s.ring) - 1
	s.ring[e.index] = s.ring[last]
	s.ring[e.index].index = e.index
	s.ring[last] = nil
	s.ring = s.ring[:last]
	s.bytes -= e.bytes
	delete(s.entries, e.hash)
}

// size is about what a session takes in memory, in bytes.
func (s *Session) size() int {
	n := entryOverhead + len(s.details) + len(s.access.Raw())
	if s.id != nil {
		n += len(s.id.Raw())
	}
	for _, list := range [][]string{s.groups, s.access.Scopes()} {
		for _, item := range list {
			n += 2*len(item) + 48 // in the token too, and in the ID token
		}
	}
	return n
}
