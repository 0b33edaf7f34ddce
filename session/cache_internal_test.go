package session

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/cognitogate/cognitogate/tokens"
)

// Cached is how many sessions are cached, and the bytes that are counted for them.
func (m *Manager) Cached() (sessions, bytes int) { return m.cache.count() }

func (c *cache) count() (sessions, bytes int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		sessions += len(s.entries)
		bytes += s.bytes
		s.mu.Unlock()
	}
	return sessions, bytes
}

// synthetic makes a session of an access token that is the text. A million cannot be
// signed here, and package tokens rightly has no way to a Token but a signature, so
// this writes the field that Raw returns.
func synthetic(access string) *Session {
	token := new(tokens.Token)
	raw := reflect.ValueOf(token).Elem().FieldByName("raw")
	*(*string)(raw.Addr().UnsafePointer()) = access
	return &Session{access: token}
}

// HeapInUse is what is left on the heap after a collection.
func HeapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied in two steps
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// FillCache puts so many sessions into a small cache, from several goroutines, while
// they look at its bounds and its order.
func FillCache(t *testing.T, entries int) {
	const limit = 1 << 20
	head := strings.Repeat("head", 200)
	text := func(i int) string { return fmt.Sprintf("%s%064d", head, i) }
	const used = "a session that is used all the time"
	c, favourite := newCache(limit), synthetic(used)
	c.put(favourite, 0)
	before := HeapInUse()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < entries; i += 4 {
				mine := text(i)
				c.put(synthetic(mine), 0)
				// Rarely: among sessions that are all used, the oldest goes.
				if i%32 < 4 {
					if e := c.get(mine, "", ""); e != nil && e.session.access.Raw() != mine {
						t.Error("another session is found")
						return
					}
				}
				// Everybody does, so that no scheduler keeps it from being used.
				if e := c.get(used, "", ""); e == nil || e.session != favourite {
					t.Error("what is used all the time has been evicted")
					return
				}
				if i%1000 < 4 {
					if _, bytes := c.count(); bytes > limit {
						t.Errorf("%d bytes", bytes)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if grown := HeapInUse() - before; grown > limit*3/2 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	sessions, bytes := c.count()
	if bytes > limit || bytes < limit*3/4 {
		t.Errorf("%d sessions, %d bytes", sessions, bytes)
	}
	for i := range c.shards {
		s := &c.shards[i]
		sum := 0
		for index, e := range s.ring {
			sum += e.bytes
			if e.index != index || s.entries[e.hash] != e {
				t.Fatalf("shard %d: the ring and the map differ", i)
			}
		}
		if sum != s.bytes || len(s.ring) != len(s.entries) {
			t.Errorf("shard %d: %d bytes are counted, %d there", i, s.bytes, sum)
		}
		for len(s.ring) > 0 {
			c.drop(s.ring[len(s.ring)/2].access)
		}
	}
	if sessions, bytes := c.count(); sessions != 0 || bytes != 0 {
		t.Errorf("emptied: %d sessions, %d bytes", sessions, bytes)
	}
	if grown := HeapInUse() - before; grown > limit/4 {
		t.Errorf("emptied: the heap has grown by %d bytes", grown)
	}
	runtime.KeepAlive(c)
}

// TestCacheIsBounded is TestMillionSessions under the race detector.
func TestCacheIsBounded(t *testing.T) { FillCache(t, 20_000) }

// TestCacheComparesWholeTexts finds a session by exactly the texts that were verified,
// not by their hash.
func TestCacheComparesWholeTexts(t *testing.T) {
	c := newCache(0)
	access := strings.Repeat("access", 200)
	s := synthetic(access)
	s.id, s.details = synthetic("an ID token").access, "details"
	c.put(s, 0)
	if c.get(access, "an ID token", "details") == nil {
		t.Fatal("not found")
	}
	for name, texts := range map[string][3]string{
		"the same end":     {"x" + access[1:], "an ID token", "details"},
		"another ID token": {access, "another one", "details"},
		"no ID token":      {access, "", "details"},
		"other details":    {access, "an ID token", "another"},
		"shorter":          {access[1:], "an ID token", "details"},
		"only the end":     {access[len(access)-hashedTail:], "an ID token", "details"},
		"empty":            {"", "", ""},
	} {
		if c.get(texts[0], texts[1], texts[2]) != nil {
			t.Errorf("%s: found", name)
		}
	}

	// What a browser can change takes no second place.
	other := *s
	other.details = "other details"
	c.put(&other, 0)
	if n, _ := c.count(); n != 1 || c.get(access, "an ID token", "other details") == nil {
		t.Errorf("%d sessions of one token", n)
	}
	// Two tokens of one hash: the later one is kept, and each is itself.
	twin := synthetic("x" + access[1:])
	c.put(twin, 0)
	if c.get(access, "an ID token", "other details") != nil || c.get("x"+access[1:], "", "").session != twin {
		t.Error("twins of one hash are confused")
	}
	c.drop(access)
	if c.get("x"+access[1:], "", "").session != twin {
		t.Error("a session is dropped for its twin")
	}

	for _, bytes := range []int64{-1, 1, 1000} {
		c := newCache(bytes)
		c.put(s, 0)
		if c.get(access, "an ID token", "details") != nil {
			t.Errorf("a cache of %d bytes keeps something", bytes)
		}
	}
}

// TestShardsDoNotShareCacheLines keeps two cores out of each other's way.
func TestShardsDoNotShareCacheLines(t *testing.T) {
	if size := unsafe.Sizeof(cacheShard{}); size%64 != 0 {
		t.Errorf("a shard has %d bytes", size)
	}
}
