package storetest

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// valueFaults make the values of a store wrong in one way each.
var valueFaults = map[string]func(f *faulty, m *Memory){
	"Get reads a copy that lags": func(f *faulty, m *Memory) {
		lagging := NewMemory()
		f.get = func(ctx context.Context, key string) ([]byte, error) {
			defer func() {
				for key, value := range m.Values() {
					lagging.Set(key, value, keep)
				}
			}()
			return lagging.Get(ctx, key)
		}
	},
	"Get returns an empty value for none": func(f *faulty, m *Memory) {
		f.get = func(ctx context.Context, key string) ([]byte, error) {
			value, err := m.Get(ctx, key)
			return copyOf(value), err
		}
	},
	"Get returns nil for an empty value": func(f *faulty, m *Memory) {
		f.get = func(ctx context.Context, key string) ([]byte, error) {
			value, err := m.Get(ctx, key)
			return append([]byte(nil), value...), err
		}
	},
	"Add overwrites": func(f *faulty, m *Memory) {
		f.add = func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			there, err := m.Get(ctx, key)
			if err == nil {
				m.Set(key, value, keep)
			}
			return there, err
		}
	},
	"Add is not atomic": func(f *faulty, m *Memory) {
		f.add = func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			there, err := m.Get(ctx, key)
			if there == nil && err == nil {
				runtime.Gosched()
				m.Set(key, value, keep)
			}
			return there, err
		}
	},
	"Add returns the value that it put": func(f *faulty, m *Memory) {
		f.add = func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			there, err := m.Add(ctx, key, value, keep)
			if there == nil && err == nil {
				there = value
			}
			return there, err
		}
	},
	"Add does not say what is there": func(f *faulty, m *Memory) {
		f.add = func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			_, err := m.Add(ctx, key, value, keep)
			return nil, err
		}
	},
	"Add of the same value puts it again": func(f *faulty, m *Memory) {
		f.add = func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			there, err := m.Add(ctx, key, value, keep)
			if bytes.Equal(there, value) {
				there = nil
			}
			return there, err
		}
	},
	"Add returns a shared slice": func(f *faulty, m *Memory) {
		f.add = func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			if _, err := m.Add(ctx, key, value, keep); err != nil {
				return nil, err
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			there := m.values[key].value
			if bytes.Equal(there, value) {
				there = nil
			}
			return there, nil
		}
	},
	"Add keeps the caller's slice": func(f *faulty, m *Memory) {
		f.add = func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			there, err := m.Add(ctx, key, value, keep)
			if there == nil && err == nil && value != nil {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.values[key] = entry{value, m.now().Add(keep)}
			}
			return there, err
		}
	},
	"Swap does not compare": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, _, value []byte, keep time.Duration) (bool, error) {
			old, err := m.Get(ctx, key)
			if old == nil || err != nil {
				return false, err
			}
			return m.Swap(ctx, key, old, value, keep)
		}
	},
	"Swap compares lengths": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			there, err := m.Get(ctx, key)
			if there == nil || err != nil || len(there) != len(old) {
				return false, err
			}
			return m.Swap(ctx, key, there, value, keep)
		}
	},
	"Swap compares the beginning": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			there, err := m.Get(ctx, key)
			if there == nil || err != nil || !bytes.HasPrefix(old, there) {
				return false, err
			}
			return m.Swap(ctx, key, there, value, keep)
		}
	},
	"Swap compares only what it replaces, not what it deletes": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			if value == nil {
				there, err := m.Get(ctx, key)
				m.Evict(key)
				return there != nil, err
			}
			return m.Swap(ctx, key, old, value, keep)
		}
	},
	"Swap from nil adds": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			if old == nil && value != nil {
				there, err := m.Add(ctx, key, value, keep)
				return there == nil, err
			}
			return m.Swap(ctx, key, old, value, keep)
		}
	},
	"Swap is not atomic": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			there, err := m.Get(ctx, key)
			if there == nil || !bytes.Equal(there, old) || err != nil {
				return false, err
			}
			runtime.Gosched()
			if value == nil {
				m.Evict(key)
			} else {
				m.Set(key, value, keep)
			}
			return true, nil
		}
	},
	"Swap to nil puts an empty value": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			return m.Swap(ctx, key, old, copyOf(value), keep)
		}
	},
	"Swap to an empty value deletes": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			if len(value) == 0 {
				value = nil
			}
			return m.Swap(ctx, key, old, value, keep)
		}
	},
	"Swap always reports true": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			_, err := m.Swap(ctx, key, old, value, keep)
			return true, err
		}
	},
	"Swap always reports false": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			_, err := m.Swap(ctx, key, old, value, keep)
			return false, err
		}
	},
	"Swap keeps for a millisecond": func(f *faulty, m *Memory) {
		f.swap = func(ctx context.Context, key string, old, value []byte, _ time.Duration) (bool, error) {
			return m.Swap(ctx, key, old, value, 0)
		}
	},
	"keys end at a zero byte": func(f *faulty, _ *Memory) {
		f.everywhere(func(key string) string { key, _, _ = strings.Cut(key, "\x00"); return key }, same, same)
	},
	"keys are valid UTF-8": func(f *faulty, _ *Memory) {
		f.everywhere(func(key string) string { return strings.ToValidUTF8(key, "�") }, same, same)
		add := f.add
		f.add = func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			if strings.ToValidUTF8(key, "") != key {
				return nil, fmt.Errorf("invalid key %q", key)
			}
			return add(ctx, key, value, keep)
		}
	},
	"all keys are one": func(f *faulty, _ *Memory) {
		f.everywhere(func(string) string { return "key" }, same, same)
	},
	"values end at a zero byte": func(f *faulty, _ *Memory) {
		f.everywhere(same, func(value []byte) []byte { value, _, _ = bytes.Cut(value, []byte{0}); return value }, same)
	},
	"values have at most 8 KiB": func(f *faulty, _ *Memory) {
		f.everywhere(same, func(value []byte) []byte { return value[:min(len(value), 8<<10)] }, same)
	},
	"times are milliseconds that are taken for nanoseconds": func(f *faulty, _ *Memory) {
		f.everywhere(same, same, func(keep time.Duration) time.Duration { return keep / 1e6 })
	},
	"times are 32 bits of milliseconds": func(f *faulty, _ *Memory) {
		f.everywhere(same, same, func(keep time.Duration) time.Duration {
			return time.Duration(int32(keep/time.Millisecond)) * time.Millisecond
		})
	},
	"a time below a millisecond is an error": func(f *faulty, m *Memory) {
		f.add = func(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			if keep < time.Millisecond {
				return nil, fmt.Errorf("invalid expire time")
			}
			return m.Add(ctx, key, value, keep)
		}
	},
	"the context does not count": func(f *faulty, m *Memory) {
		f.everywhere(same, same, same)
		get, add, swap := f.get, f.add, f.swap
		f.get = func(_ context.Context, key string) ([]byte, error) { return get(context.Background(), key) }
		f.add = func(_ context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
			return add(context.Background(), key, value, keep)
		}
		f.swap = func(_ context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
			return swap(context.Background(), key, old, value, keep)
		}
	},
}
