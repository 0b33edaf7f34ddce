package refresh

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/outage"
)

const outageInterval = time.Minute // between two warnings

// storeOutage notes whether a store works. It logs a warning once a minute while calls
// fail, and the duration when they work again. An outage.Log has one line for each outage:
// of a store, which fails no request, that line is soon overlooked.
type storeOutage struct {
	logger *slog.Logger

	mu       sync.Mutex
	since    time.Time // when the first failure began; zero while the store works
	failures int       // since then
	logged   bool      // the outage is in the log
	loggedAt time.Time // the last warning
}

// failed notes that a call that began at start has failed now.
func (o *storeOutage) failed(ctx context.Context, start, now time.Time, err error) {
	o.mu.Lock()
	if o.since.IsZero() {
		o.since, o.failures, o.logged = start, 0, false
	}
	o.failures++
	since, failures, log := o.since, o.failures, o.loggedAt.IsZero() || now.Sub(o.loggedAt) >= outageInterval
	if log {
		o.logged, o.loggedAt = true, now
	}
	o.mu.Unlock()
	if log {
		o.logger.LogAttrs(ctx, slog.LevelWarn, "session: calls of the store fail; this process refreshes for itself and hears of no sign-outs",
			slog.Time("since", since), slog.Int("failures", failures), slog.String("error", outage.ErrorText(err.Error())))
	}
}

// worked notes that a call that began at start has worked. If it began before the outage,
// it does not tell that the outage is over.
func (o *storeOutage) worked(ctx context.Context, start, now time.Time) {
	o.mu.Lock()
	over := !o.since.IsZero() && !start.Before(o.since)
	duration, failures, log := now.Sub(o.since), o.failures, over && o.logged
	if over {
		o.since = time.Time{}
	}
	o.mu.Unlock()
	if log {
		o.logger.LogAttrs(ctx, slog.LevelInfo, "session: calls of the store work again",
			slog.Duration("duration", duration), slog.Int("failures", failures))
	}
}
