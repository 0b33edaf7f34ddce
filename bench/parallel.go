//go:build unix

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// inParallel calls do for 0 to n-1 on all processors.
func inParallel(n int, do func(i int)) { concurrently(runtime.GOMAXPROCS(0), n, do) }

// concurrently calls do for 0 to n-1, so many at a time.
func concurrently(goroutines, n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
