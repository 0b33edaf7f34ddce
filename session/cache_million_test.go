package session_test

import (
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

// The race detector makes these too slow. TestForgeriesLeaveNothing and
// TestGenuineFlood do less of the same in make test.

// TestMillionForgeries leaves nothing behind.
func TestMillionForgeries(t *testing.T) {
	longtest.Only(t)
	longtest.WithoutRace(t)
	sendForgeries(t, 1_000_000, 5000)
}

// TestMillionBytes puts twenty thousand genuine pairs into a cache of one MiB.
func TestMillionBytes(t *testing.T) {
	longtest.Only(t)
	longtest.WithoutRace(t)
	sendPairs(t, 2000, 10)
}
