package refresh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/background"
)

const (
	storeTimeout  = time.Second      // of one call
	slowFailure   = storeTimeout / 2 // an error that comes so late counts as a timeout
	maxStoreCalls = 256              // that have not returned
)

// Store is session.Store, which has the contract.
type Store interface {
	Get(ctx context.Context, key string) (value []byte, err error)
	Add(ctx context.Context, key string, value []byte, keep time.Duration) (there []byte, err error)
	Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (swapped bool, err error)
	Append(ctx context.Context, note []byte, keep time.Duration) error
	Since(ctx context.Context, cursor string) (notes [][]byte, next string, err error)
}

// StoreOperation is a method of a Store.
type StoreOperation string

// The operations.
const (
	StoreGet    StoreOperation = "get"
	StoreAdd    StoreOperation = "add"
	StoreSwap   StoreOperation = "swap"
	StoreAppend StoreOperation = "append"
	StoreSince  StoreOperation = "since"
)

var (
	errStorePaused  = errors.New("the store is not called for a while, because it did not answer in time")
	errStoreTimeout = fmt.Errorf("the store did not answer in time: %w", context.DeadlineExceeded)
)

// boundedStore is a Store whose calls end within storeTimeout, even if the Store behind it
// ignores its context. It is not called for a while when it does not answer in time.
//
// It may be used by many goroutines at once. No value that is handed to it may change later:
// a call that has timed out may still read it.
type boundedStore struct {
	store  Store
	logger *slog.Logger
	called func(ctx context.Context, op StoreOperation, elapsed time.Duration, err error) // may be nil

	running chan struct{} // has an element for each call that has not returned
	breaker breaker
	outage  storeOutage
}

func newBoundedStore(store Store, logger *slog.Logger, called func(context.Context, StoreOperation, time.Duration, error)) *boundedStore {
	return &boundedStore{store: store, logger: logger, called: called, running: make(chan struct{}, maxStoreCalls), outage: storeOutage{logger: logger}}
}

// isPaused reports whether calls fail at once.
func (s *boundedStore) isPaused() bool { return s.breaker.isOpen(time.Now()) }

func (s *boundedStore) Get(ctx context.Context, key string) (value []byte, err error) {
	return callStore(ctx, s, StoreGet, func(ctx context.Context) ([]byte, error) { return s.store.Get(ctx, key) })
}

func (s *boundedStore) Add(ctx context.Context, key string, value []byte, keep time.Duration) (there []byte, err error) {
	return callStore(ctx, s, StoreAdd, func(ctx context.Context) ([]byte, error) { return s.store.Add(ctx, key, value, keep) })
}

func (s *boundedStore) Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (swapped bool, err error) {
	return callStore(ctx, s, StoreSwap, func(ctx context.Context) (bool, error) { return s.store.Swap(ctx, key, old, value, keep) })
}

func (s *boundedStore) Append(ctx context.Context, note []byte, keep time.Duration) error {
	_, err := callStore(ctx, s, StoreAppend, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.store.Append(ctx, note, keep)
	})
	return err
}

func (s *boundedStore) Since(ctx context.Context, cursor string) (notes [][]byte, next string, err error) {
	type page struct {
		notes [][]byte
		next  string
	}
	got, err := callStore(ctx, s, StoreSince, func(ctx context.Context) (got page, err error) {
		got.notes, got.next, err = s.store.Since(ctx, cursor)
		return got, err
	})
	return got.notes, got.next, err
}

// callStore makes one call in a goroutine of its own and waits for it until ctx ends or
// storeTimeout has passed.
func callStore[T any](ctx context.Context, s *boundedStore, op StoreOperation, do func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	start := time.Now()
	if s.breaker.isOpen(start) {
		return none, errStorePaused
	}
	limited, cancel := context.WithTimeoutCause(ctx, storeTimeout, errStoreTimeout)
	defer cancel()
	select {
	case s.running <- struct{}{}:
	case <-limited.Done():
		s.judge(ctx, start, context.Cause(limited))
		return none, context.Cause(limited)
	}
	var tell sync.Once // the hook
	tellOf := func(err error) {
		if s.called != nil {
			tell.Do(func() { s.called(context.WithoutCancel(ctx), op, time.Since(start), err) })
		}
	}
	done := make(chan result, 1)
	var got result
	task := background.Task{Name: "session: a call of the store", Logger: s.logger}
	task.Go(func() (err error) {
		got.value, err = do(limited)
		return err
	}, func(err error) {
		got.err = err
		<-s.running
	}, func(err error) {
		tellOf(err)
	}, func(error) { done <- got })
	select {
	case got := <-done:
		s.judge(ctx, start, got.err)
		return got.value, got.err
	case <-limited.Done():
	}
	err := context.Cause(limited)
	s.judge(ctx, start, err)
	task.Go(func() error { tellOf(err); return nil })
	return none, err
}

// judge notes how a call has ended that began at start. The end of the caller's context
// says nothing about the store.
func (s *boundedStore) judge(ctx context.Context, start time.Time, err error) {
	now := time.Now()
	switch {
	case err == nil:
		s.breaker.answered()
		s.outage.worked(ctx, start, now)
	case ctx.Err() != nil:
	case isTimeout(err), now.Sub(start) >= slowFailure: // requests have waited as long
		s.breaker.timedOut(now)
		s.outage.failed(ctx, start, now, err)
	default:
		s.breaker.answered()
		s.outage.failed(ctx, start, now, err)
	}
}

// isTimeout reports whether a call has failed because it took too long. The client of a
// store may have a shorter timeout of its own.
func isTimeout(err error) bool {
	var timeout net.Error // also context.DeadlineExceeded
	return errors.As(err, &timeout) && timeout.Timeout()
}
