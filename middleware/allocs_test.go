//go:build unix

package middleware_test

import (
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// TestPublicPathAllocatesNothing is a promise.
func TestPublicPathAllocatesNothing(t *testing.T) {
	longtest.WithoutRace(t)
	x := newBench(t)
	r := x.signedIn("/api/1")
	if over := testing.AllocsPerRun(100, serve(x.chi, r)) - testing.AllocsPerRun(100, serve(x.bare, r)); over != 0 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}

// TestSignedInRequestAllocatesTwice is a promise: a context and a request.
func TestSignedInRequestAllocatesTwice(t *testing.T) {
	longtest.WithoutRace(t)
	x := newBench(t)
	r := x.signedIn("/dashboard/1")
	if over := testing.AllocsPerRun(100, serve(x.chi, r)) - testing.AllocsPerRun(100, serve(x.bare, r)); over > 2 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}
