package session

import (
	"context"
	"time"
)

// Store is a small map and a log that replicas share. It sees hashes and sealed values,
// never a token. It may forget anything (except records of the handle layout) at any time.
// Then replicas refresh for themselves, as without one. Its errors fail no request, with the
// same exception.
//
// A record of LayoutHandle is a session. A Store that forgets it signs the user out. So give
// it persistence, and no eviction. A Store that brings back what was deleted, such as after
// a failover, brings back no session that was signed out within 24 hours, as long as the
// log is there or the process runs that has heard of it.
//
// Calls carry a deadline. Nobody waits for a call any longer, whether it obeys or not.
// Methods are called by many goroutines at once. Package session/storetest tests the
// contract.
//
// A refresh that waits for another replica's calls Get every 50 ms. A Store that is slow, or
// paid by the call, may have a method PollInterval() time.Duration with another interval.
type Store interface {
	// Get returns the value of key, nil if there is none. It is strongly consistent:
	// never from a lagging copy.
	Get(ctx context.Context, key string) (value []byte, err error)

	// Add puts value under key unless the key has a value, and returns the one that is
	// there; nil if value was put. It is atomic. The value is kept for at least keep
	// unless memory runs out. It may stay longer.
	Add(ctx context.Context, key string, value []byte, keep time.Duration) (there []byte, err error)

	// Swap replaces the value of key if it is exactly old, and reports whether it was. A
	// nil value deletes. It is atomic.
	Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (swapped bool, err error)

	// Append adds a note of at most 64 bytes to the log, for at least keep.
	Append(ctx context.Context, note []byte, keep time.Duration) error

	// Since returns the notes appended after cursor, oldest first, a page at a time. ""
	// means all that are kept. It does not wait. An unchanged next says that there are no
	// more. A note may come twice. None may be left out.
	Since(ctx context.Context, cursor string) (notes [][]byte, next string, err error)
}
