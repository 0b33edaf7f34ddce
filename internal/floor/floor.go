//go:build unix

// Package floor measures in benchmarks what something costs in units of something
// else. Machines differ and are busy, so an absolute time says little; the ratio to
// a floor that is measured in turns with it, in the same run, says what it is.
package floor

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Compare reports the cost of run in units of floor: the median over turns of the
// ratio of the process's CPU time, the garbage collector's included. It reports run's
// own cost, and its allocations less those of floor.
func Compare(b *testing.B, unit string, perTurn int, floor, run func()) {
	b.Helper()
	turn := func(f func()) float64 {
		start := cpuTime()
		for range perTurn {
			f()
		}
		return float64(cpuTime()-start) / float64(perTurn)
	}
	var ratios, costs []float64
	for b.Loop() {
		unit, cost := turn(floor), turn(run)
		if unit > 0 { // a clock too coarse for the turn says nothing
			ratios, costs = append(ratios, cost/unit), append(costs, cost)
		}
	}
	if len(ratios) == 0 {
		b.Skip("the CPU clock is too coarse")
	}
	b.ReportMetric(median(costs), "ns/op")
	b.ReportMetric(median(ratios), unit+"/op")
	b.ReportMetric(testing.AllocsPerRun(100, run)-testing.AllocsPerRun(100, floor), "allocs-over-"+unit)
}

// A is the unit of signatures: one check of an RSA-2048 signature by crypto/rsa.
var A = sync.OnceValue(func() func() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	digest := sha256.Sum256([]byte("A"))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return func() {
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature); err != nil {
			panic(err)
		}
	}
})

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}
