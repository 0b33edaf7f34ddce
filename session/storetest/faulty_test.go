package storetest

import (
	"context"
	"maps"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// faulty is a store with a fault: each function replaces a method.
type faulty struct {
	*Memory
	get    func(ctx context.Context, key string) ([]byte, error)
	add    func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error)
	swap   func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error)
	append func(ctx context.Context, note []byte, keep time.Duration) error
	since  func(ctx context.Context, cursor string) ([][]byte, string, error)
}

func (f *faulty) Get(ctx context.Context, key string) ([]byte, error) {
	if f.get != nil {
		return f.get(ctx, key)
	}
	return f.Memory.Get(ctx, key)
}

func (f *faulty) Add(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
	if f.add != nil {
		return f.add(ctx, key, value, keep)
	}
	return f.Memory.Add(ctx, key, value, keep)
}

func (f *faulty) Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
	if f.swap != nil {
		return f.swap(ctx, key, old, value, keep)
	}
	return f.Memory.Swap(ctx, key, old, value, keep)
}

func (f *faulty) Append(ctx context.Context, note []byte, keep time.Duration) error {
	if f.append != nil {
		return f.append(ctx, note, keep)
	}
	return f.Memory.Append(ctx, note, keep)
}

func (f *faulty) Since(ctx context.Context, cursor string) ([][]byte, string, error) {
	if f.since != nil {
		return f.since(ctx, cursor)
	}
	return f.Memory.Since(ctx, cursor)
}

// everywhere changes keys, values and the time to keep in all methods.
func (f *faulty) everywhere(key func(string) string, value func([]byte) []byte, keep func(time.Duration) time.Duration) {
	f.get = func(ctx context.Context, k string) ([]byte, error) { return f.Memory.Get(ctx, key(k)) }
	f.add = func(ctx context.Context, k string, v []byte, d time.Duration) ([]byte, error) {
		return f.Memory.Add(ctx, key(k), value(v), keep(d))
	}
	f.swap = func(ctx context.Context, k string, old, v []byte, d time.Duration) (bool, error) {
		return f.Memory.Swap(ctx, key(k), value(old), value(v), keep(d))
	}
}

func same[T any](v T) T { return v }

// TestFaults runs the contract with stores that break it.
func TestFaults(t *testing.T) {
	needed := make(map[string]bool)
	faults := maps.Clone(valueFaults)
	maps.Copy(faults, logFaults)
	for name, plant := range faults {
		var failed []string
		for _, check := range checks {
			recorder := &recorder{TB: t}
			done := make(chan struct{})
			go func() {
				defer close(done)
				check.run(recorder, func() session.Store {
					m := NewMemory()
					f := &faulty{Memory: m}
					plant(f, m)
					return f
				})
			}()
			<-done
			if recorder.failed {
				failed = append(failed, check.name)
				needed[check.name] = true
			}
		}
		if failed == nil {
			t.Errorf("no check finds that %s", name)
		}
		t.Logf("%s: %s", name, strings.Join(failed, ", "))
	}
	for _, check := range checks {
		if !needed[check.name] {
			t.Errorf("no fault fails the check %q", check.name)
		}
	}
}

// recorder notes that a check fails.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	failed bool
}

func (r *recorder) Error(...any)          { r.fail() }
func (r *recorder) Errorf(string, ...any) { r.fail() }
func (r *recorder) Fatal(...any)          { r.fail(); runtime.Goexit() }
func (r *recorder) Fatalf(string, ...any) { r.fail(); runtime.Goexit() }
func (r *recorder) Log(...any)            {}
func (r *recorder) Logf(string, ...any)   {}

func (r *recorder) fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}
