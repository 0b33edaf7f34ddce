//go:build unix

package clockcache

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
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

// BenchmarkCache measures two ratios for the table of make bench: a hit among many
// sessions over a hit among one, and the hits of two goroutines over as many of one.
//
// Hits among many wait for the memory that holds an entry and its text, because any
// session may come next. The text of the request itself has just come from the
// network: both sides pay for it.
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
			for range 10_000 {
				copy(header, texts[r.IntN(sessions)])
				if among == 1 {
					copy(header, texts[0])
				}
				if c.Get(keyOf(arrived)) == nil {
					b.Error("not found")
				}
			}
		}
	}
	b.Run("100000 sessions over 1", func(b *testing.B) {
		compare(b, hits(one, 1, 1), hits(many, sessions, 1))
	})
	runs := []func(){hits(many, sessions, 1), hits(many, sessions, 2)}
	turn := func(goroutines int) func() {
		return func() {
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					for range 4 / goroutines {
						runs[g]()
					}
				})
			}
			wg.Wait()
		}
	}
	b.Run("two goroutines over one", func(b *testing.B) { compare(b, turn(1), turn(2)) })
}

// compare reports the median of what run costs in units of floor: CPU time of the
// process, in turns that go forward and backward so that a busy machine slows both.
func compare(b *testing.B, floor, run func()) {
	var ratios []float64
	for b.Loop() {
		first, second := cpuCost(floor), cpuCost(run)
		second += cpuCost(run)
		first += cpuCost(floor)
		ratios = append(ratios, float64(second)/float64(first))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "one/op")
}

func cpuCost(work func()) time.Duration {
	start := cpuTime()
	work()
	return cpuTime() - start
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
