//go:build unix

package clockcache

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/cognitogate/cognitogate/internal/floor"
)

// accessText is a text that is as long and as random as an access token.
func accessText(i int) string {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	var b strings.Builder
	for b.Len() < 1100 {
		fmt.Fprintf(&b, "%016x", r.Uint64())
	}
	return b.String()
}

// BenchmarkCache measures how a hit grows: with the sessions that are there, in units
// of a hit among one; and for two goroutines, in units of as many hits by one.
// Targets: 4 and 1.2.
//
// Any of the sessions comes next, so each hit among many waits for the memory that
// holds its entry and its text. A request's own text has come from memory just before,
// by the network: that is a part of both sides.
func BenchmarkCache(b *testing.B) {
	const sessions = 100_000
	one, many := New[int](1<<30), New[int](1<<30)
	texts := make([]string, sessions)
	for i := range texts {
		texts[i] = accessText(i)
		many.put(i, strings.Clone(texts[i]))
	}
	one.put(0, strings.Clone(texts[0]))
	hits := func(c *Cache[int], among int, seed uint64) func() {
		r, header := rand.New(rand.NewPCG(1, seed)), make([]byte, len(texts[0]))
		arrived := unsafe.String(&header[0], len(header)) // without an allocation
		return func() {
			for range 100 {
				copy(header, texts[r.IntN(sessions)])
				if among == 1 {
					copy(header, texts[0])
				}
				if c.Get(Key{arrived}) == nil {
					b.Error("not found")
				}
			}
		}
	}
	b.Run("100000 sessions over 1", func(b *testing.B) {
		floor.Compare(b, "one", 100, hits(one, 1, 1), hits(many, sessions, 1))
	})
	// Both count the CPU time of all goroutines.
	runs := []func(){hits(many, sessions, 1), hits(many, sessions, 2)}
	turn := func(goroutines int) func() {
		return func() {
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					for range 200 / goroutines {
						runs[g]()
					}
				})
			}
			wg.Wait()
		}
	}
	b.Run("two goroutines over one", func(b *testing.B) {
		floor.Compare(b, "one", 2, turn(1), turn(2))
	})
}
