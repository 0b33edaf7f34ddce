package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cognitogate/cognitogate/internal/redistest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/redisstore"
)

// everyCall calls each method once, and returns the errors.
func everyCall(ctx context.Context, store session.Store) map[string]error {
	_, get := store.Get(ctx, "key")
	_, add := store.Add(ctx, "new key", []byte("value"), time.Minute)
	_, swap := store.Swap(ctx, "key", []byte("value"), []byte("new"), time.Minute)
	_, remove := store.Swap(ctx, "key", []byte("value"), nil, 0)
	appendErr := store.Append(ctx, []byte("note"), time.Minute)
	_, _, since := store.Since(ctx, "")
	return map[string]error{"Get": get, "Add": add, "Swap": swap, "Swap to nil": remove, "Append": appendErr, "Since": since}
}

// allNotes reads the log from a cursor to its end.
func allNotes(t *testing.T, store session.Store, cursor string) (notes []string, end string) {
	t.Helper()
	for {
		page, next, err := store.Since(t.Context(), cursor)
		must(t, err)
		for _, note := range page {
			notes = append(notes, string(note))
		}
		if next == cursor {
			return notes, cursor
		}
		cursor = next
	}
}

// TestKilled: a killed server is an error at once, never a wait. After its return the
// notes that it lost hide no new one.
func TestKilled(t *testing.T) {
	server := redistest.Start(t)
	store := redisstore.New(server.Client(), "")
	for i := range 3 {
		must(t, store.Append(t.Context(), fmt.Append(nil, "old ", i), time.Hour))
	}
	_, cursor := allNotes(t, store, "")
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for name, err := range everyCall(ctx, store) {
		if err == nil || ctx.Err() != nil {
			t.Errorf("%s without a server: %v", name, err)
		}
	}
	server.Restart()
	if notes, _ := allNotes(t, store, cursor); notes != nil {
		t.Errorf("an empty server has the notes %q", notes)
	}
	want := []string{"new 0", "new 1", "new 2", "new 3", "new 4"}
	for _, note := range want {
		must(t, store.Append(t.Context(), []byte(note), time.Hour))
	}
	if notes, _ := allNotes(t, store, cursor); !slices.Equal(notes, want) {
		t.Errorf("after the restart: %q", notes)
	}
	for name, err := range everyCall(t.Context(), store) {
		if err != nil {
			t.Errorf("%s after the restart: %v", name, err)
		}
	}
}

// TestPaused: deadlines hold while the server accepts commands and answers none. Redis
// counts all scripts among the writes.
func TestPaused(t *testing.T) {
	server := redistest.Start(t)
	store := redisstore.New(server.Client(), "")
	must(t, store.Append(t.Context(), []byte("note"), time.Hour)) // a connection is open
	for name, pause := range map[string]struct{ begin, end func() }{
		"CLIENT PAUSE": {func() { server.Do("CLIENT", "PAUSE", 600_000, "WRITE") }, func() { server.Do("CLIENT", "UNPAUSE") }},
		"SIGSTOP":      {server.Stop, server.Continue},
	} {
		pause.begin()
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for method, err := range everyCall(ctx, store) {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: %s returns %v", name, method, err)
					}
				}
			})
		}
		wg.Wait()
		cancel()
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s: calls with a deadline of 30 ms take %v", name, took)
		}
		pause.end()
		_, err := store.Get(t.Context(), "key")
		must(t, err)
	}
}

// TestFull: a server that takes no more value still deletes, and the log can be read.
func TestFull(t *testing.T) {
	server := redistest.Start(t, "--maxmemory-policy", "noeviction")
	ctx, store := t.Context(), redisstore.New(server.Client(), "")
	must(t, store.Append(ctx, []byte("note"), time.Hour))
	_, err := store.Add(ctx, "claim", []byte("claim"), time.Hour)
	must(t, err)
	server.Do("CONFIG", "SET", "maxmemory", 1)
	for name, err := range map[string]error{
		"Append": store.Append(ctx, []byte("second"), time.Hour),
		"Swap":   second(store.Swap(ctx, "claim", []byte("claim"), make([]byte, 6000), time.Hour)),
		"Add":    second(store.Add(ctx, "another", make([]byte, 6000), time.Hour)),
	} {
		if !redis.IsOOMError(err) {
			t.Errorf("%s on a full server: %v", name, err)
		}
	}
	if there, err := store.Get(ctx, "claim"); string(there) != "claim" || err != nil {
		t.Errorf("the claim is %q, %v", there, err)
	}
	if there, err := store.Add(ctx, "claim", []byte("another"), time.Hour); string(there) != "claim" || err != nil {
		t.Errorf("Add finds %q, %v", there, err)
	}
	if swapped, err := store.Swap(ctx, "claim", []byte("claim"), nil, 0); !swapped || err != nil {
		t.Errorf("the claim is not deleted: %t, %v", swapped, err)
	}
	if notes, _ := allNotes(t, store, ""); !slices.Equal(notes, []string{"note"}) {
		t.Errorf("notes: %q", notes)
	}
	server.Do("CONFIG", "SET", "maxmemory", 0)
	must(t, store.Append(ctx, []byte("second"), time.Hour))
}

func second[T any](_ T, err error) error { return err }

// TestEvicting: with volatile-ttl the server takes everything, and the log outlives the
// values, which have less time to live.
func TestEvicting(t *testing.T) {
	server := redistest.Start(t, "--maxmemory", "3mb", "--maxmemory-policy", "volatile-ttl", "--maxmemory-samples", "10")
	ctx, store := t.Context(), redisstore.New(server.Client(), "")
	const n = 300
	for i := range n {
		must(t, second(store.Add(ctx, fmt.Sprint(i), make([]byte, 16<<10), 2*time.Minute)))
		must(t, store.Append(ctx, fmt.Append(nil, i), 24*time.Hour))
	}
	if notes, _ := allNotes(t, store, ""); len(notes) != n {
		t.Errorf("%d of %d notes are kept", len(notes), n)
	}
	if left := server.Do("DBSIZE").(int64) - 1; left == 0 || left > n/2 {
		t.Errorf("%d of %d values are kept, which shows nothing", left, n)
	}
}

// TestLostNotes loses the note of a cursor in every way. Since then reads all notes.
func TestLostNotes(t *testing.T) {
	server := redistest.Start(t)
	for name, lose := range map[string]func(log, id string){
		"failover to a copy that lags": func(log, id string) { server.Do("XDEL", log, id) },
		"flush":                        func(log, _ string) { server.Do("DEL", log) },
		"another note with its id": func(log, id string) {
			server.Do("DEL", log)
			server.Do("XADD", log, id, "note", "another", "mark", rand.Text(), "keep", 3_600_000)
		},
		"trimming": func(log, _ string) { server.Do("XTRIM", log, "MAXLEN", 0) },
	} {
		for appended := range 3 {
			store := redisstore.New(server.Client(), name+fmt.Sprint(appended))
			for i := range 3 {
				must(t, store.Append(t.Context(), fmt.Append(nil, "old ", i), time.Hour))
			}
			_, cursor := allNotes(t, store, "")
			id, _, _ := strings.Cut(cursor, ":")
			lose(name+fmt.Sprint(appended)+"log", id)
			for i := range appended {
				must(t, store.Append(t.Context(), fmt.Append(nil, "new ", i), time.Hour))
			}
			want, _ := allNotes(t, store, "")
			if got, _ := allNotes(t, store, cursor); !slices.Equal(got, want) {
				t.Errorf("%s: %q after the cursor, want %q", name, got, want)
			}
		}
	}
}

// TestOthersValues: keys that somebody else wrote are errors, never a crash.
func TestOthersValues(t *testing.T) {
	server := redistest.Start(t)
	store := redisstore.New(server.Client(), "")
	for _, write := range [][]any{
		{"SADD", "log", "member"},
		{"XADD", "log", "*", "note", "text"},
		{"XADD", "log", "*", "a", "b", "c", "d", "e", "f"},
		{"SADD", "value:key", "member"},
	} {
		server.Do("FLUSHALL")
		server.Do(write...)
		errs := everyCall(t.Context(), store)
		broken := []string{"Get", "Swap", "Swap to nil"}
		if write[1] == "log" {
			broken = []string{"Append", "Since"}
		}
		for name, err := range errs {
			if want := slices.Contains(broken, name); (err != nil) != want {
				t.Errorf("%v: %s returns %v", write, name, err)
			}
		}
	}
	server.Do("FLUSHALL")
	server.Do("SCRIPT", "FLUSH")
	for name, err := range everyCall(t.Context(), store) {
		if err != nil {
			t.Errorf("%s without scripts in the server: %v", name, err)
		}
	}
}
