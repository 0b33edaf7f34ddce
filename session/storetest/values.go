package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

func withoutValue(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	s.expectValue("key", nil)
	for _, old := range [][]byte{nil, {}, []byte("old")} {
		if s.swap("key", old, []byte("new")) {
			t.Errorf("Swap from %q succeeds without a value", old)
		}
		if s.swap("key", old, nil) {
			t.Errorf("Swap from %q to nil succeeds without a value", old)
		}
		s.expectValue("key", nil)
	}
	expectBytes(t, "Add", s.add("key", []byte("value")), nil)
	s.expectValue("key", []byte("value"))
	s.expectValue("key2", nil)
	s.expectValue("ke", nil)
}

func addKeeps(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	expectBytes(t, "Add", s.add("key", []byte("first")), nil)
	expectBytes(t, "Add again", s.add("key", []byte("second")), []byte("first"))
	expectBytes(t, "Add of the same value", s.add("key", []byte("first")), []byte("first"))
	s.expectValue("key", []byte("first"))
}

// inParallel runs f in n goroutines that begin together.
func inParallel(n int, f func(i int)) {
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { <-begin; f(i) })
	}
	close(begin)
	wg.Wait()
}

func addIsAtomic(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	for round := range 5 {
		key := fmt.Sprint("key ", round)
		var put atomic.Int32
		var there [8][]byte
		inParallel(len(there), func(i int) {
			value := fmt.Append(nil, "value ", i)
			got, err := s.Add(t.Context(), key, value, keep)
			if err != nil {
				t.Error("Add: ", err)
			}
			if got == nil {
				put.Add(1)
				got = value
			}
			there[i] = got
		})
		if n := put.Load(); n != 1 {
			t.Errorf("%d of %d Adds put their value", n, len(there))
		}
		for i := range there {
			expectBytes(t, "the value that all Adds know", there[i], s.get(key))
		}
	}
}

func swapCompares(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	s.add("key", []byte("first"))
	s.add("other", []byte("second"))
	for _, old := range []string{"", "f", "firs", "first ", "first\x00", "FIRST", "second", "key"} {
		if s.swap("key", []byte(old), []byte("new")) {
			t.Errorf("Swap from %q succeeds, though the value is another", old)
		}
		if s.swap("key", []byte(old), nil) {
			t.Errorf("Swap from %q to nil succeeds, though the value is another", old)
		}
	}
	if s.swap("key", nil, []byte("new")) || s.swap("key", nil, nil) {
		t.Error("Swap from nil succeeds, though there is a value")
	}
	s.expectValue("key", []byte("first"))
	if !s.swap("key", []byte("first"), []byte("second")) {
		t.Error("Swap from the value fails")
	}
	s.expectValue("key", []byte("second"))
	if s.swap("key", []byte("first"), []byte("third")) {
		t.Error("Swap from a former value succeeds")
	}
	if !s.swap("key", []byte("second"), []byte("second")) {
		t.Error("Swap to the same value fails")
	}
	s.expectValue("key", []byte("second"))
	s.expectValue("other", []byte("second"))
}

func swapDeletes(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	s.add("key", []byte("first"))
	s.add("other", []byte("first"))
	if !s.swap("key", []byte("first"), nil) {
		t.Error("Swap to nil fails")
	}
	s.expectValue("key", nil)
	if s.swap("key", []byte("first"), nil) {
		t.Error("Swap to nil succeeds again")
	}
	expectBytes(t, "Add after deletion", s.add("key", []byte("second")), nil)
	s.expectValue("key", []byte("second"))
	s.expectValue("other", []byte("first"))
}

func swapIsAtomic(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	for round := range 5 {
		key := fmt.Sprint("key ", round)
		s.add(key, []byte("old"))
		var swaps atomic.Int32
		var winner atomic.Value
		inParallel(8, func(i int) {
			value := fmt.Sprint("value ", i)
			swapped, err := s.Swap(t.Context(), key, []byte("old"), []byte(value), keep)
			if err != nil {
				t.Error("Swap: ", err)
			}
			if swapped {
				swaps.Add(1)
				winner.Store(value)
			}
		})
		if n := swaps.Load(); n != 1 {
			t.Errorf("%d of 8 Swaps succeed", n)
			continue
		}
		s.expectValue(key, []byte(winner.Load().(string)))
	}
}

func emptyValues(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	for key, value := range map[string][]byte{"empty": {}, "nil": nil} {
		expectBytes(t, "Add", s.add(key, value), nil)
		s.expectValue(key, []byte{})
		expectBytes(t, "Add over an empty value", s.add(key, []byte("new")), []byte{})
		if s.swap(key, []byte("old"), []byte("new")) {
			t.Error("Swap succeeds, though the value is empty")
		}
		if !s.swap(key, []byte{}, []byte("new")) {
			t.Error("Swap from an empty value fails")
		}
		if !s.swap(key, []byte("new"), []byte{}) {
			t.Error("Swap to an empty value fails")
		}
		s.expectValue(key, []byte{})
		if !s.swap(key, []byte{}, nil) {
			t.Error("Swap from an empty value to nil fails")
		}
		s.expectValue(key, nil)
	}
}

// everyByte returns all 256 bytes, n times.
func everyByte(n int) []byte {
	value := make([]byte, 256*n)
	for i := range value {
		value[i] = byte(i)
	}
	return value
}

func anyBytes(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	keys := []string{string(everyByte(1)), "a:b", "a b", "{a}", "{", "a\x00b", "a\x00", "a\r\nb", "ä", "\xff", "*", "a*", strings.Repeat("k", 256)}
	for i, key := range keys {
		long := everyByte(1)
		if i == 0 {
			long = everyByte(256) // 64 KiB
		}
		changed := append([]byte{}, long...)
		changed[len(changed)-1]++
		expectBytes(t, "Add", s.add(key, long), nil)
		expectBytes(t, "Add again", s.add(key, []byte(key)), long)
		if s.swap(key, changed, []byte(key)) {
			t.Error("Swap succeeds, though the last byte is another")
		}
		if !s.swap(key, long, []byte(key)) {
			t.Error("Swap from a long value fails")
		}
	}
	for _, key := range keys {
		s.expectValue(key, []byte(key))
	}
	long := everyByte(64)
	if !s.swap("ä", []byte("ä"), long) {
		t.Error("Swap to a long value fails")
	}
	s.expectValue("ä", long)
}

func valuesAreCopies(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	value, note := []byte("value"), []byte("note")
	s.add("added", value)
	s.add("swapped", nil)
	s.swap("swapped", nil, value)
	if err := s.Append(t.Context(), note, keep); err != nil {
		t.Fatal("Append: ", err)
	}
	value[0], note[0] = 'X', 'X'
	for _, key := range []string{"added", "swapped"} {
		s.expectValue(key, []byte("value"))
		copy(s.get(key), "X")
		copy(s.add(key, nil), "X")
		s.expectValue(key, []byte("value"))
	}
	notes, _, err := s.Since(t.Context(), "")
	if err != nil || len(notes) != 1 {
		t.Fatalf("Since: %q, %v", notes, err)
	}
	copy(notes[0], "Y")
	again, _, _ := s.drain("")
	expectNotes(t, again, []string{"note"})
}

// anyKeep cannot wait until a minute is over. A store that takes a second for a
// millisecond, or counts in too small a type, is caught.
func anyKeep(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	for _, keep := range []time.Duration{1500 * time.Millisecond, 8 * time.Second, 2 * time.Minute, 24 * time.Hour, 90 * 24 * time.Hour, 3650 * 24 * time.Hour} {
		added, swapped := fmt.Sprint("added ", keep), fmt.Sprint("swapped ", keep)
		if _, err := s.Add(t.Context(), added, []byte("value"), keep); err != nil {
			t.Errorf("Add for %v: %v", keep, err)
		}
		if _, err := s.Add(t.Context(), swapped, []byte("old"), time.Nanosecond); err != nil {
			t.Errorf("Add for a nanosecond: %v", err)
		}
		// The old value may be gone by now. Then Swap says so.
		ok, err := s.Swap(t.Context(), swapped, []byte("old"), []byte("value"), keep)
		if err != nil {
			t.Errorf("Swap for %v: %v", keep, err)
		}
		s.expectValue(added, []byte("value"))
		if ok {
			s.expectValue(swapped, []byte("value"))
		}
		if err := s.Append(t.Context(), fmt.Append(nil, keep), keep); err != nil {
			t.Errorf("Append for %v: %v", keep, err)
		}
	}
	if err := s.Append(t.Context(), []byte("short"), time.Nanosecond); err != nil {
		t.Errorf("Append for a nanosecond: %v", err)
	}
	if _, err := s.Swap(t.Context(), "added 8s", []byte("value"), nil, 0); err != nil {
		t.Errorf("Swap to nil with a keep of 0: %v", err)
	}
}

func endedContext(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	s.add("key", []byte("value"))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for want, ctx := range map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: expired} {
		_, get := s.Get(ctx, "key")
		_, add := s.Add(ctx, "new", []byte("value"), keep)
		_, swap := s.Swap(ctx, "key", []byte("value"), []byte("new"), keep)
		_, _, since := s.Since(ctx, "")
		for name, err := range map[string]error{"Get": get, "Add": add, "Swap": swap, "Append": s.Append(ctx, []byte("note"), keep), "Since": since} {
			if !errors.Is(err, want) {
				t.Errorf("%s returns %v, want %v", name, err, want)
			}
		}
	}
	s.expectValue("key", []byte("value"))
	s.expectValue("new", nil)
	notes, _, _ := s.drain("")
	expectNotes(t, notes, nil)
}
