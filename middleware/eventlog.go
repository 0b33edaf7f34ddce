package middleware

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// eventLogInterval is the least time between two warnings of one kind of event.
const eventLogInterval = time.Minute

// eventLog bounds the warnings of events that a browser can cause. Anybody can begin sign-ins
// and have each of them fail, and a flood of lines would hide what matters. A kind of event
// is a warning once a minute, with the number of those since the last one. All others are at
// level Debug.
type eventLog struct {
	mu    sync.Mutex
	kinds map[string]*eventCount
}

// eventCount counts the events of a kind.
type eventCount struct {
	warnedAt time.Time
	unlogged int // since then
}

// warn returns the level of an event, and how many before it are no warnings. kind comes from
// a list of this program: a browser must not be able to fill the map.
func (l *eventLog) warn(kind string, now time.Time) (level slog.Level, unlogged int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := l.kinds[kind]
	if count == nil {
		if l.kinds == nil {
			l.kinds = make(map[string]*eventCount)
		}
		count = new(eventCount)
		l.kinds[kind] = count
	}
	// After a clock was set back, age is negative.
	if age := now.Sub(count.warnedAt); !count.warnedAt.IsZero() && age >= 0 && age < eventLogInterval {
		count.unlogged++
		return slog.LevelDebug, 0
	}
	unlogged = count.unlogged
	*count = eventCount{warnedAt: now}
	return slog.LevelWarn, unlogged
}

// logEvent logs an event of Routes.
func (a *Auth) logEvent(r *http.Request, kind, message string, attrs ...slog.Attr) {
	level, unlogged := a.routes.events.warn(kind, a.cfg.Now())
	if unlogged > 0 {
		attrs = append(attrs, slog.Int("unlogged", unlogged))
	}
	a.cfg.Logger.LogAttrs(r.Context(), level, "cognitogate: "+message, attrs...)
}
