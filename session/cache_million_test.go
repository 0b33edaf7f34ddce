//go:build !race

// The race detector makes these too slow, so make test runs them without it. Under it,
// TestForgeriesLeaveNothing, TestGenuineFlood and TestCacheIsBounded do less of the
// same.

package session_test

import (
	"testing"

	"github.com/cognitogate/cognitogate/session"
)

// TestMillionForgeries leaves nothing behind.
func TestMillionForgeries(t *testing.T) { sendForgeries(t, 1_000_000, 5000) }

// TestMillionSessions puts them into a cache of one MiB.
func TestMillionSessions(t *testing.T) { session.FillCache(t, 1_000_000) }

// TestMillionBytes puts twenty thousand genuine pairs into a cache of one MiB.
func TestMillionBytes(t *testing.T) { sendPairs(t, 2000, 10) }
