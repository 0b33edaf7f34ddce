// Package longtest separates the tests of make test from those of make test-long.
// The latter sets COGNITOGATE_LONG=1 and builds without the race detector.
package longtest

import (
	"os"
	"testing"
)

// Variable is the variable of the environment that make test-long sets to 1.
const Variable = "COGNITOGATE_LONG"

// Enabled reports whether this is a run of make test-long.
func Enabled() bool { return os.Getenv(Variable) == "1" }

// Only skips a test outside of make test-long.
func Only(t testing.TB) {
	t.Helper()
	if !Enabled() {
		t.Skip("make test-long runs this test")
	}
}

// Scale returns full in make test-long, else short. A test still has to catch a
// fault with the short value.
func Scale[T any](short, full T) T {
	if Enabled() {
		return full
	}
	return short
}

// WithoutRace skips a test under the race detector. Tests of allocations need this:
// under the race detector sync.Pool drops objects at random.
func WithoutRace(t testing.TB) {
	t.Helper()
	if Race {
		t.Skip("this test needs a build without -race: go test and make test-long run it")
	}
}

// CannotRun skips a test that lacks a program of this machine. With CI=true the test
// fails instead, because CI installs everything.
func CannotRun(t testing.TB, notice string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(notice)
	}
	t.Skip(notice)
}
