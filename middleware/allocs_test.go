//go:build unix && !race

// The race detector makes sync.Pool forget at random, chi's among them, so these
// promises are tested without it: make test runs them twice.

package middleware_test

import "testing"

// TestPublicPathAllocatesNothing is a promise.
func TestPublicPathAllocatesNothing(t *testing.T) {
	x := newBench(t)
	r := x.signedInRequest("/api/1")
	if over := testing.AllocsPerRun(100, serve(x.chi, r)) - testing.AllocsPerRun(100, serve(x.bare, r)); over != 0 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}

// TestSignedInRequestAllocatesTwice is a promise: a context and a request.
func TestSignedInRequestAllocatesTwice(t *testing.T) {
	x := newBench(t)
	r := x.signedInRequest("/dashboard/1")
	if over := testing.AllocsPerRun(100, serve(x.chi, r)) - testing.AllocsPerRun(100, serve(x.bare, r)); over > 2 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}
