package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// logFaults make the log of a store wrong in one way each.
var logFaults = map[string]func(f *faulty, m *Memory){
	"Append drops by its own time": func(f *faulty, m *Memory) {
		f.append = func(ctx context.Context, text []byte, keep time.Duration) error {
			if keep < time.Millisecond {
				m.TruncateLog(1 << 30)
			}
			return m.Append(ctx, text, keep)
		}
	},
	"Append cuts notes": func(f *faulty, m *Memory) {
		f.append = func(ctx context.Context, text []byte, keep time.Duration) error {
			return m.Append(ctx, text[:min(len(text), maxNote-1)], keep)
		}
	},
	"Append keeps the caller's slice": func(f *faulty, m *Memory) {
		f.append = func(ctx context.Context, text []byte, keep time.Duration) error {
			err := m.Append(ctx, text, keep)
			m.mu.Lock()
			defer m.mu.Unlock()
			if err == nil {
				m.notes[len(m.notes)-1].value = text
			}
			return err
		}
	},
	"Append is a value under a key": func(f *faulty, m *Memory) {
		f.append = func(ctx context.Context, text []byte, keep time.Duration) error {
			m.Set(string(text), text, keep)
			return m.Append(ctx, text, keep)
		}
	},
	"notes can be read after later ones": func(f *faulty, m *Memory) {
		// This is how a counter or a clock orders notes that are not yet visible.
		var mu sync.Mutex
		var late []byte
		f.append = func(ctx context.Context, text []byte, keep time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			if late == nil && bytes.HasSuffix(text, []byte(" 17")) {
				late = text
				return nil
			}
			return m.Append(ctx, text, keep)
		}
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			mu.Lock()
			defer mu.Unlock()
			notes, next, err := m.Since(ctx, cursor)
			if late != nil && err == nil && len(notes) > 0 {
				m.mu.Lock()
				m.notes = slices.Insert(m.notes, 0, note{entry{late, m.now().Add(keep)}, rand.Text()})
				m.mu.Unlock()
				_, next, err = m.Since(ctx, next)
				late = []byte{}
			}
			return notes, next, err
		}
	},
	"Since leaves out the last note of a page": func(f *faulty, m *Memory) {
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			notes, next, err := m.Since(ctx, cursor)
			if len(notes) == pageSize {
				notes = notes[:len(notes)-1]
			}
			return notes, next, err
		}
	},
	"Since returns the newest first": func(f *faulty, m *Memory) {
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			notes, next, err := m.Since(ctx, cursor)
			slices.Reverse(notes)
			return notes, next, err
		}
	},
	"Since has one page": func(f *faulty, m *Memory) {
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			notes, next, err := m.Since(ctx, cursor)
			if len(notes) == pageSize {
				next = cursor
			}
			return notes, next, err
		}
	},
	"Since always has another cursor": func(f *faulty, m *Memory) {
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			notes, next, err := m.Since(ctx, strings.TrimRight(cursor, " "))
			if next == cursor {
				next += " "
			}
			return notes, next, err
		}
	},
	"Since returns what is appended later only": func(f *faulty, m *Memory) {
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			notes, next, err := m.Since(ctx, cursor)
			if cursor == "" {
				notes = nil
			}
			return notes, next, err
		}
	},
	"Since takes the cursor of another log": func(f *faulty, m *Memory) {
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			number, _, _ := strings.Cut(cursor, ":")
			if n, err := strconv.Atoi(number); err == nil && n > 0 && n <= len(m.Notes()) {
				cursor = number + ":" + markOf(m, n)
			}
			return m.Since(ctx, cursor)
		}
	},
	"Since refuses the cursor of another log": func(f *faulty, m *Memory) {
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			if isForeign(m, cursor) {
				return nil, "", fmt.Errorf("invalid cursor %q", cursor)
			}
			return m.Since(ctx, cursor)
		}
	},
	"Since skips to the end for the cursor of another log": func(f *faulty, m *Memory) {
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			if n := len(m.Notes()); isForeign(m, cursor) && n > 0 {
				return nil, fmt.Sprintf("%d:%s", n, markOf(m, n)), nil
			}
			return m.Since(ctx, cursor)
		}
	},
	"Since returns a shared slice": func(f *faulty, m *Memory) {
		f.since = func(ctx context.Context, cursor string) ([][]byte, string, error) {
			_, next, err := m.Since(ctx, cursor)
			if cursor != "" || err != nil {
				return nil, next, err
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			var notes [][]byte
			for _, e := range m.notes {
				notes = append(notes, e.value)
			}
			return notes, next, nil
		}
	},
	"the context does not count for the log": func(f *faulty, m *Memory) {
		f.append = func(_ context.Context, text []byte, keep time.Duration) error {
			return m.Append(context.Background(), text, keep)
		}
		f.since = func(_ context.Context, cursor string) ([][]byte, string, error) {
			return m.Since(context.Background(), cursor)
		}
	},
}

// isForeign reports whether no note of the log has the mark of a cursor.
func isForeign(m *Memory, cursor string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, mark, _ := strings.Cut(cursor, ":")
	return cursor != "" && !slices.ContainsFunc(m.notes, func(n note) bool { return n.mark == mark })
}

// markOf returns the mark of the n-th note.
func markOf(m *Memory, n int) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.notes[n-1].mark
}
