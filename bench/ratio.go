//go:build unix

package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// A turn runs some work for a while and returns what one operation cost.
type turn func() float64

// turnTime is the CPU time of a turn: long enough for several garbage collections,
// so that each turn pays for the garbage that it makes.
const turnTime = 10 * time.Millisecond

// repeated returns a turn that runs work as often as fills turnTime. Its costs are
// nanoseconds of the process's CPU time, the garbage collector's included.
func repeated(work func()) turn {
	work() // what only the first run does
	n := 1
	run := func() float64 { return cpuNanoseconds(func() { repeat(n, work) }) / float64(n) }
	for run()*float64(n) < float64(turnTime) {
		n *= 2
	}
	return run
}

func repeat(n int, work func()) {
	for range n {
		work()
	}
}

func cpuNanoseconds(work func()) float64 {
	start := cpuTime()
	work()
	return float64(cpuTime() - start)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// costs holds what the turns of an interleaved measurement cost: a line for each
// round, with a number for each turn.
type costs [][]float64

// interleave runs the turns for d or longer, forward and then backward in each round
// (ABBA), so that a machine that gets slower slows all of them alike. It forces no
// garbage collection: that would relieve a turn of the garbage of the one before.
func interleave(d time.Duration, turns ...turn) costs {
	var all costs
	for start := time.Now(); len(all) == 0 || time.Since(start) < d; {
		round := make([]float64, len(turns))
		for i, t := range turns {
			round[i] = t() / 2
		}
		for i, t := range slices.Backward(turns) {
			round[i] += t() / 2
		}
		all = append(all, round)
	}
	return all
}

// spread is a median with the quartiles around it.
type spread struct{ low, median, high float64 }

// of returns the median over the rounds of what f makes of a round's costs.
func (c costs) of(f func(cost []float64) float64) spread {
	values := make([]float64, len(c))
	for i, round := range c {
		values[i] = f(round)
	}
	return medianOf(values)
}

func medianOf(values []float64) spread {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return spread{values[n/4], values[n/2], values[3*n/4]}
}

// ratio returns what turn i costs in units of turn j.
func (c costs) ratio(i, j int) spread {
	return c.of(func(cost []float64) float64 { return cost[i] / cost[j] })
}

// median returns what turn i costs.
func (c costs) median(i int) spread {
	return c.of(func(cost []float64) float64 { return cost[i] })
}

// allocations returns how many objects, and how many bytes, a run of work allocates.
func allocations(runs int, work func()) (objects, bytes float64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	repeat(runs, work)
	runtime.ReadMemStats(&after)
	// Other goroutines may allocate something meanwhile: a fraction of an object a run.
	return float64((after.Mallocs - before.Mallocs) / uint64(runs)), float64((after.TotalAlloc - before.TotalAlloc) / uint64(runs))
}

// newSignatureCheck returns A, the unit of this table: one check of an RSA-2048
// signature by crypto/rsa.
func newSignatureCheck() func() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	digest := sha256.Sum256([]byte("A"))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	check(err)
	return func() { check(rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature)) }
}

// check panics with an error of the measurement itself.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
