package refresh_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

// TestLatestTimeOfCognito has Cognito's clock differ from this process's by all kinds of
// offsets, and exchanges take all kinds of times. The result is never before the second
// that Cognito writes into a token now, and as near to it as an exchange can tell.
func TestLatestTimeOfCognito(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		ahead := time.Duration(random.Int64N(int64(20*time.Second))) - 10*time.Second
		if random.IntN(4) == 0 {
			ahead = time.Duration(random.Int64N(int64(2*time.Second))) - time.Second
		}
		now := time.Date(2026, 9, 1, 12, 0, 0, random.IntN(1e9), time.UTC)
		var offset refresh.ClockOffset
		latency := time.Duration(0)
		for range 1 + random.IntN(3) {
			before := now
			issued := before.Add(time.Duration(random.Int64N(int64(time.Second))))
			now = issued.Add(time.Duration(random.Int64N(int64(time.Second))))
			offset.Note(before, now, issued.Add(ahead).Truncate(time.Second))
			latency = max(latency, now.Sub(before))
			now = now.Add(time.Duration(random.Int64N(int64(time.Minute))))
		}
		cognitos, got := now.Add(ahead), offset.Latest(now)
		if got.Before(cognitos.Truncate(time.Second)) || got.Sub(cognitos) > latency+time.Second || got.Nanosecond() != 0 {
			t.Errorf("ahead by %v: %v at %v", ahead, got, cognitos)
		}
	}
}

// TestOffsetOfClockThatIsSet sets this process's clock. Exchanges before say nothing then.
func TestOffsetOfClockThatIsSet(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	var offset refresh.ClockOffset
	if got := offset.Latest(now.Add(time.Millisecond)); !got.Equal(now.Add(time.Second)) {
		t.Errorf("without an exchange: %v", got)
	}
	offset.Note(now, now, now.Add(time.Hour))
	if got := offset.Latest(now); !got.Equal(now.Add(time.Hour)) {
		t.Errorf("an hour ahead: %v", got)
	}
	now = now.Add(time.Minute)
	offset.Note(now, now, now) // the clock was set
	if got := offset.Latest(now); !got.Equal(now) {
		t.Errorf("after it was set: %v", got)
	}
	offset.Note(now, now, now.Add(time.Hour))
	for _, later := range []time.Duration{time.Hour, -time.Hour} {
		if got := offset.Latest(now.Add(later)); !got.Equal(now.Add(later)) {
			t.Errorf("%v later: %v", later, got)
		}
	}
	offset.Note(now, now, time.Time{})
	if got := offset.Latest(now); !got.Equal(now.Add(time.Hour)) {
		t.Errorf("a token without a time: %v", got)
	}
}
