package session_test

import (
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
)

// The race detector makes these too slow. TestForgeriesLeaveNothing, TestGenuineFlood
// and TestCacheIsBounded do less of the same in make test.

// TestMillionForgeries leaves nothing behind.
func TestMillionForgeries(t *testing.T) {
	onlyLongWithoutRace(t)
	sendForgeries(t, 1_000_000, 5000)
}

// TestMillionSessions puts them into a cache of one MiB.
func TestMillionSessions(t *testing.T) {
	onlyLongWithoutRace(t)
	session.FillCache(t, 1_000_000)
}

// TestMillionBytes puts twenty thousand genuine pairs into a cache of one MiB.
func TestMillionBytes(t *testing.T) {
	onlyLongWithoutRace(t)
	sendPairs(t, 2000, 10)
}

func onlyLongWithoutRace(t *testing.T) {
	t.Helper()
	longtest.Only(t)
	longtest.WithoutRace(t)
}
