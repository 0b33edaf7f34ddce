package refresh_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

// getStore is a store whose Get is the test's.
type getStore struct {
	refresh.Store
	calls atomic.Int64

	mu  sync.Mutex
	get func(ctx context.Context) ([]byte, error)
}

func (s *getStore) setGet(get func(ctx context.Context) ([]byte, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.get = get
}

func (s *getStore) Get(ctx context.Context, _ string) ([]byte, error) {
	s.calls.Add(1)
	s.mu.Lock()
	get := s.get
	s.mu.Unlock()
	return get(ctx)
}

// boundedTest is a bounded store with its log and what its hook was told.
type boundedTest struct {
	refresh.Store
	behind *getStore
	logs   bytes.Buffer

	mu   sync.Mutex
	told []string
}

func newBounded(get func(ctx context.Context) ([]byte, error)) *boundedTest {
	b := &boundedTest{behind: &getStore{get: get}}
	b.Store = refresh.NewBoundedStore(b.behind, slog.New(slog.NewTextHandler(&b.logs, nil)), func(_ context.Context, op refresh.StoreOperation, elapsed time.Duration, err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.told = append(b.told, fmt.Sprint(op, " ", elapsed, " ", err))
	})
	return b
}

func (b *boundedTest) get() error {
	_, err := b.Get(context.Background(), "key")
	return err
}

// hang ignores its context for a long time.
func hang(context.Context) ([]byte, error) {
	time.Sleep(time.Hour)
	return []byte("late"), nil
}

// obey waits for the end of its context.
func obey(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func refuse(context.Context) ([]byte, error) {
	return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
}

func answer(context.Context) ([]byte, error) { return []byte("value"), nil }

func TestStoreCallsEndInTime(t *testing.T) {
	t.Parallel()
	for name, get := range map[string]func(context.Context) ([]byte, error){"hangs": hang, "obeys": obey} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBounded(get)
				start := time.Now()
				if err := b.get(); err == nil || time.Since(start) != time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
				defer cancel()
				if _, err := b.Get(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 1300*time.Millisecond {
					t.Errorf("the caller's deadline: %v after %v", err, time.Since(start))
				}
				synctest.Wait()
				if len(b.told) != 2 || !strings.HasPrefix(b.told[0], "get 1s ") || !strings.HasPrefix(b.told[1], "get 300ms ") {
					t.Errorf("the hook is told %q", b.told)
				}
				time.Sleep(2 * time.Hour) // the calls return
			})
		})
	}
}

// TestStoreCallsThatHangAreBounded: callers that give up leave their calls behind.
func TestStoreCallsThatHangAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBounded(hang)
		for range 400 {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Millisecond, cancel)
			if _, err := b.Get(ctx, "key"); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := b.behind.calls.Load(); n != 256 {
			t.Errorf("%d calls hang", n)
		}
		time.Sleep(2 * time.Hour) // the calls return
		b.behind.setGet(answer)
		if err := b.get(); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	timeout := func(context.Context) ([]byte, error) { return nil, fmt.Errorf("read: %w", context.DeadlineExceeded) }
	canceled := func(b *boundedTest) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		b.behind.setGet(obey)
		b.Get(ctx, "key")
	}
	calls := func(get func(context.Context) ([]byte, error)) func(*boundedTest) {
		return func(b *boundedTest) {
			b.behind.setGet(get)
			b.get()
		}
	}
	failAfter := func(delay time.Duration) func(*boundedTest) {
		return calls(func(context.Context) ([]byte, error) { time.Sleep(delay); return nil, errors.New("no connection") })
	}
	for name, test := range map[string]struct {
		calls []func(*boundedTest)
		open  bool
	}{
		"one timeout":            {calls: []func(*boundedTest){calls(hang)}},
		"two timeouts":           {calls: []func(*boundedTest){calls(hang), calls(obey)}},
		"three timeouts":         {calls: []func(*boundedTest){calls(hang), calls(obey), calls(timeout)}, open: true},
		"an answer between":      {calls: []func(*boundedTest){calls(hang), calls(hang), calls(answer), calls(hang), calls(hang)}},
		"errors that take long":  {calls: slices.Repeat([]func(*boundedTest){failAfter(500 * time.Millisecond)}, 3), open: true},
		"errors that take less":  {calls: slices.Repeat([]func(*boundedTest){failAfter(499 * time.Millisecond)}, 9)},
		"refused connections":    {calls: slices.Repeat([]func(*boundedTest){calls(refuse)}, 50)},
		"the caller's own end":   {calls: slices.Repeat([]func(*boundedTest){canceled}, 10)},
		"the caller's between":   {calls: []func(*boundedTest){calls(hang), canceled, calls(hang), canceled, calls(hang)}, open: true},
		"a panic of the adapter": {calls: slices.Repeat([]func(*boundedTest){calls(func(context.Context) ([]byte, error) { panic("adapter") })}, 3)},
		"an exit of the adapter": {calls: slices.Repeat([]func(*boundedTest){calls(func(context.Context) ([]byte, error) { runtime.Goexit(); return nil, nil })}, 3)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBounded(nil)
				for _, call := range test.calls {
					call(b)
				}
				b.behind.setGet(answer)
				before := b.behind.calls.Load()
				err := b.get()
				if open := b.behind.calls.Load() == before; open != test.open || open != (err != nil) {
					t.Fatalf("open: %t, %v", open, err)
				}
				if test.open {
					time.Sleep(5*time.Second - time.Millisecond)
					if b.get() == nil {
						t.Error("the breaker closes too early")
					}
					time.Sleep(time.Millisecond)
					if err := b.get(); err != nil {
						t.Errorf("the breaker does not close: %v", err)
					}
				}
				time.Sleep(2 * time.Hour) // the calls return
			})
		})
	}
}

// TestStoreOutageInTheLog: a warning once a minute, and an info when it is over.
func TestStoreOutageInTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBounded(refuse)
		for range 150 { // seconds
			b.get()
			time.Sleep(time.Second)
		}
		b.behind.setGet(answer)
		b.get()
		b.get()
		text := b.logs.String()
		if n := strings.Count(text, "level=WARN"); n != 3 {
			t.Errorf("%d warnings", n)
		}
		if n := strings.Count(text, "level=INFO"); n != 1 || !strings.Contains(text, "work again\" duration=2m30s failures=150") {
			t.Errorf("%d infos:\n%s", n, text)
		}
		b.behind.setGet(refuse)
		b.get() // within the minute
		b.behind.setGet(answer)
		b.get()
		if b.logs.String() != text {
			t.Errorf("a second outage in a minute is logged:\n%s", b.logs.String())
		}
	})
}

// TestStoreHookMayFail: a hook of the user's code loses no answer of the store.
func TestStoreHookMayFail(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panic": func() { panic("hook") }, "exit": runtime.Goexit} {
		store := refresh.NewBoundedStore(&getStore{get: answer}, slog.New(slog.NewTextHandler(io.Discard, nil)),
			func(context.Context, refresh.StoreOperation, time.Duration, error) { fail() })
		if value, err := store.Get(context.Background(), "key"); err != nil || string(value) != "value" {
			t.Errorf("%s: %q, %v", name, value, err)
		}
	}
}

func TestStoreKeysAreUnambiguous(t *testing.T) {
	seen := make(map[string]bool)
	for _, parts := range [][3]string{{"ab", "c", "d"}, {"a", "bc", "d"}, {"a", "b", "cd"}, {"", "ab", "cd"}, {"abc", "", "d"}, {"ab", "c", "e"}} {
		key := refresh.StoreKey(parts[0], parts[1], parts[2])
		if seen[key] || !strings.HasPrefix(key, "cg1:r:") || len(key) != 6+43 {
			t.Errorf("the key of %q is %q", parts, key)
		}
		seen[key] = true
	}
}
