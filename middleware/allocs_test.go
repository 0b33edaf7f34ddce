//go:build unix && !race

// The race detector makes sync.Pool drop values at random, chi's among them. These
// promises are tested without it.

package middleware_test

import "testing"

// TestPublicPathAllocatesNothing: the guard adds no allocation.
func TestPublicPathAllocatesNothing(t *testing.T) {
	env := newBench(t)
	r := env.signedInRequest("/api/1")
	if over := testing.AllocsPerRun(100, serve(env.chi, r)) - testing.AllocsPerRun(100, serve(env.bare, r)); over != 0 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}

// TestSignedInRequestAllocatesTwice: the guard adds a context and a request.
func TestSignedInRequestAllocatesTwice(t *testing.T) {
	env := newBench(t)
	r := env.signedInRequest("/dashboard/1")
	if over := testing.AllocsPerRun(100, serve(env.chi, r)) - testing.AllocsPerRun(100, serve(env.bare, r)); over > 2 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}
