package refresh_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

// hastyStore has a poll interval.
type hastyStore struct {
	*lossyStore
	interval time.Duration
}

// Get ends the wait of a test whose clock stands still.
func (s hastyStore) Get(ctx context.Context, key string) ([]byte, error) {
	if s.gets.Load() == 1000 {
		s.Evict(key)
	}
	return s.lossyStore.Get(ctx, key)
}

func (s hastyStore) PollInterval() time.Duration { return s.interval }

// TestPollIntervalOfZero: a store has no interval of its own. It is not asked without a pause.
func TestPollIntervalOfZero(t *testing.T) {
	for _, interval := range []time.Duration{0, -time.Second} {
		sharedServer()
		synctest.Test(t, func(t *testing.T) {
			e := newSharedEnv(t)
			e.config.Store = hastyStore{e.store, interval}
			e.Engine = refresh.New(e.config)
			e.store.Set(e.key("r1"), append([]byte{'c'}, make([]byte, 16)...), time.Hour)
			e.refresh("r1")
			if n := e.store.gets.Load(); n > 101 {
				t.Errorf("%d polls", n)
			}
		})
	}
}
