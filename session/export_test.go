package session

import (
	"context"
	"net/http"
	"runtime"
	"time"
)

// CookieName returns the name that a user's cookie is written with.
func (m *Manager) CookieName(user, slotName string) string {
	return m.names.name(user, slot(slotName))
}

// Read parses the Cookie header. It returns how many cookies of our app client there are,
// and the access tokens of each user.
func (m *Manager) Read(h http.Header) (cookies int, access map[string][]string) {
	parsed := m.names.parse(h, nil)
	access = make(map[string][]string)
	users, _ := parsed.users()
	for _, u := range users {
		access[u.user] = u.access
	}
	return len(parsed), access
}

// ReadOnly is Read without results, for benchmarks.
func (m *Manager) ReadOnly(h http.Header) { m.names.parse(h, nil).users() }

// Cached returns how many sessions are cached, and the bytes that are counted for them.
func (m *Manager) Cached() (sessions, bytes int) { return m.cache.Size() }

// RunningRefreshes returns how many refreshes run.
func (m *Manager) RunningRefreshes() int {
	running, _, _ := m.refresher.Size()
	return running
}

// HeapInUse returns the size of the heap after a collection.
func HeapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied in two steps
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// NewDeadlineContext returns the context of a request that is not cached, and its stop.
func NewDeadlineContext(ctx context.Context, timeout time.Duration) (context.Context, func()) {
	c := newDeadlineContext(ctx, timeout)
	return c, c.stop
}
