package clockcache

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// put caches a text under itself.
func (c *Cache[V]) put(value V, first string, more ...string) {
	key := Key{first}
	copy(key[1:], more)
	c.Put(key, value, len(first)+500)
}

// heapInUse is what is left on the heap after a collection.
func heapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied in two steps
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestBounds puts many values into a small cache, from several goroutines, while they
// look at its bounds and its order.
func TestBounds(t *testing.T) {
	const limit = 1 << 20
	entries := longtest.Scale(20_000, 1_000_000)
	head := strings.Repeat("head", 200)
	text := func(i int) string { return fmt.Sprintf("%s%064d", head, i) }
	const used = "a value that is used all the time"
	c := New[string](limit)
	c.put(used, used)
	before := heapInUse()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := worker; i < entries; i += 4 {
				own := text(i)
				c.put(own, own)
				// Rarely: among values that are all used, the oldest goes.
				if i%32 < 4 {
					if e := c.Get(Key{own}); e != nil && e.Value != own {
						t.Error("another value is found")
						return
					}
				}
				// Every worker does, so that no scheduler keeps it from being used.
				if e := c.Get(Key{used}); e == nil || e.Value != used {
					t.Error("what is used all the time was evicted")
					return
				}
				if i%1000 < 4 {
					if _, bytes := c.Size(); bytes > limit {
						t.Errorf("%d bytes", bytes)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if grown := heapInUse() - before; grown > limit*3/2 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	values, bytes := c.Size()
	if bytes > limit || bytes < limit*3/4 {
		t.Errorf("%d values, %d bytes", values, bytes)
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
			c.Drop(s.ring[len(s.ring)/2].key[0])
		}
	}
	if values, bytes := c.Size(); values != 0 || bytes != 0 {
		t.Errorf("emptied: %d values, %d bytes", values, bytes)
	}
	if grown := heapInUse() - before; grown > limit/4 {
		t.Errorf("emptied: the heap has grown by %d bytes", grown)
	}
	runtime.KeepAlive(c)
}

// TestGetComparesWholeTexts finds a value by exactly its texts, not by their hash.
func TestGetComparesWholeTexts(t *testing.T) {
	c := New[int](1 << 20)
	first := strings.Repeat("first", 200)
	c.put(1, first, "second", "third")
	if e := c.Get(Key{first, "second", "third"}); e == nil || e.Value != 1 {
		t.Fatal("not found")
	}
	for name, key := range map[string]Key{
		"the same end":     {"x" + first[1:], "second", "third"},
		"another second":   {first, "another", "third"},
		"no second":        {first, "", "third"},
		"another third":    {first, "second", "another"},
		"shorter":          {first[1:], "second", "third"},
		"only the end":     {first[len(first)-hashedTail:], "second", "third"},
		"shifted to third": {first, "", "secondthird"},
		"empty":            {},
	} {
		if c.Get(key) != nil {
			t.Errorf("%s: found", name)
		}
	}

	// Two keys with one first text take one slot: a browser can change the others.
	c.put(2, first, "second", "another")
	if n, _ := c.Size(); n != 1 || c.Get(Key{first, "second", "another"}).Value != 2 {
		t.Errorf("%d values of one first text", n)
	}
	// Of two first texts with one hash the later one stays, and each is itself.
	sameHash := "x" + first[1:]
	c.put(3, sameHash)
	if c.Get(Key{first, "second", "another"}) != nil || c.Get(Key{sameHash}).Value != 3 {
		t.Error("two texts of one hash are confused")
	}
	c.Drop(first)
	if c.Get(Key{sameHash}).Value != 3 {
		t.Error("a value is dropped for another text of its hash")
	}
}

// TestTooSmall holds nothing that is larger than a shard, and a nil Cache holds nothing.
func TestTooSmall(t *testing.T) {
	for _, c := range []*Cache[int]{nil, New[int](1), New[int](1000)} {
		c.put(1, "first")
		c.Drop("another")
		if n, bytes := c.Size(); n != 0 || bytes != 0 || c.Get(Key{"first"}) != nil {
			t.Errorf("%d values, %d bytes", n, bytes)
		}
	}
}

// TestValueIsFirst: 32-bit machines align only the first word of an allocation for
// atomic operations.
func TestValueIsFirst(t *testing.T) {
	if offset := unsafe.Offsetof(Entry[uint64]{}.Value); offset != 0 {
		t.Errorf("the value has the offset %d", offset)
	}
}

// TestShardsDoNotShareCacheLines keeps two cores out of each other's way.
func TestShardsDoNotShareCacheLines(t *testing.T) {
	if size := unsafe.Sizeof(shard[int]{}); size%64 != 0 {
		t.Errorf("a shard has %d bytes", size)
	}
}
