package refresh

import (
	"sync"
	"time"
)

const (
	breakerTimeouts = 3 // in a row, which open the breaker
	breakerPause    = 5 * time.Second
)

// breaker says whether a store is called. Three timeouts in a row open it for a while, so
// that not every request waits for a store that hangs. A single one may be a loaded
// machine's. Calls that fail at once cost nothing and do not open it.
type breaker struct {
	mu        sync.Mutex
	timeouts  int // in a row
	openUntil time.Time
}

func (b *breaker) isOpen(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Before(b.openUntil)
}

// answered notes a call that the store has answered, if only with an error.
func (b *breaker) answered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timeouts = 0
}

func (b *breaker) timedOut(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timeouts++; b.timeouts >= breakerTimeouts {
		b.timeouts, b.openUntil = 0, now.Add(breakerPause)
	}
}
