//go:build !race

// The race detector makes these too slow, so make test runs them without it. Under it,
// TestForgeriesLeaveNothing and TestGenuineFlood do less of the same.

package session_test

import "testing"

// TestMillionForgeries leaves nothing behind.
func TestMillionForgeries(t *testing.T) { sendForgeries(t, 1_000_000, 5000) }

// TestMillionBytes puts twenty thousand genuine pairs into a cache of one MiB.
func TestMillionBytes(t *testing.T) { sendPairs(t, 2000, 10) }
