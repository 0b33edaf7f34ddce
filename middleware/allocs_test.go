//go:build unix

package middleware_test

import (
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// TestPublicPathAllocatesNothing: the guard adds no allocation.
func TestPublicPathAllocatesNothing(t *testing.T) {
	longtest.WithoutRace(t)
	env := newBench(t)
	r := env.signedInRequest("/api/1")
	if over := testing.AllocsPerRun(100, serve(env.chi, r)) - testing.AllocsPerRun(100, serve(env.bare, r)); over != 0 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}

// TestSignedInRequestAllocatesTwice: the guard adds a context and a request.
func TestSignedInRequestAllocatesTwice(t *testing.T) {
	longtest.WithoutRace(t)
	env := newBench(t)
	r := env.signedInRequest("/dashboard/1")
	if over := testing.AllocsPerRun(100, serve(env.chi, r)) - testing.AllocsPerRun(100, serve(env.bare, r)); over > 2 {
		t.Errorf("%v allocations over a middleware that does nothing", over)
	}
}
