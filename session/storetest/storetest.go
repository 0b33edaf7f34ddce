// Package storetest tests stores that replicas share, and has one for tests.
//
// For most uses NewMemory is enough: it is the session.Store of a test with several
// Managers. A store of one's own is tested with one call:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) session.Store { return newEmptyStore(t) })
//	}
//
// # Contract
//
// The comments of session.Store are the contract. These are its finer points:
//
//   - An empty value is a value. Get and Add return it as an empty slice that is not nil.
//     Add and Append store nil as an empty value. Only Swap treats nil otherwise: it
//     deletes.
//   - Swap of a key without a value reports false, whatever old is.
//   - A value that Swap puts is kept for the keep of that call.
//   - A short keep of one value or note shortens no other.
//   - Keys, values and notes are any bytes. Keys have up to 256 bytes, values up to 16 KiB.
//   - A cursor that the log has not issued reads from the beginning, as "" does.
//   - A call whose context has ended returns an error.
package storetest

import (
	"bytes"
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

const (
	maxNote = 64 // bytes
	keep    = time.Minute
)

// Run tests the contract of session.Store. open returns an empty store each time. The
// stores may be one server with a name space for each.
func Run(t *testing.T, open func(t *testing.T) session.Store) {
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) {
			check.run(t, func() session.Store { return open(t) })
		})
	}
}

// check is a part of the contract.
type check struct {
	name string
	run  func(t testing.TB, open func() session.Store)
}

var checks = []check{
	{"a key without a value", withoutValue},
	{"Add keeps what is there", addKeeps},
	{"one of many Adds puts its value", addIsAtomic},
	{"Swap compares", swapCompares},
	{"Swap deletes", swapDeletes},
	{"one of many Swaps succeeds", swapIsAtomic},
	{"empty values", emptyValues},
	{"any bytes", anyBytes},
	{"values are copies", valuesAreCopies},
	{"any time to keep", anyKeep},
	{"an empty log", emptyLog},
	{"notes in order", notesInOrder},
	{"any notes", anyNotes},
	{"many notes", manyNotes},
	{"a short keep shortens no other", shortKeep},
	{"appending while reading", appendWhileReading},
	{"a cursor of another log", foreignCursor},
	{"a context that has ended", endedContext},
}

// storeUnderTest fails the test on errors.
type storeUnderTest struct {
	testing.TB
	session.Store
}

func (s storeUnderTest) get(key string) []byte {
	s.Helper()
	value, err := s.Get(s.Context(), key)
	if err != nil {
		s.Fatalf("Get(%q): %v", key, err)
	}
	return value
}

func (s storeUnderTest) add(key string, value []byte) (there []byte) {
	s.Helper()
	there, err := s.Add(s.Context(), key, value, keep)
	if err != nil {
		s.Fatalf("Add(%q): %v", key, err)
	}
	return there
}

func (s storeUnderTest) swap(key string, old, value []byte) bool {
	s.Helper()
	swapped, err := s.Swap(s.Context(), key, old, value, keep)
	if err != nil {
		s.Fatalf("Swap(%q): %v", key, err)
	}
	return swapped
}

func (s storeUnderTest) append(note string) {
	s.Helper()
	if err := s.Append(s.Context(), []byte(note), keep); err != nil {
		s.Fatalf("Append(%q): %v", note, err)
	}
}

// drain reads the log from a cursor to its end. It returns each note once, in the order
// in which they first came, and the number of pages that had notes.
func (s storeUnderTest) drain(cursor string) (notes []string, end string, pages int) {
	s.Helper()
	seen := make(map[string]bool)
	for range 10_000 {
		page, next, err := s.Since(s.Context(), cursor)
		if err != nil {
			s.Fatalf("Since(%q): %v", cursor, err)
		}
		if len(page) > 0 {
			pages++
		}
		for _, note := range page {
			if !seen[string(note)] {
				seen[string(note)] = true
				notes = append(notes, string(note))
			}
		}
		if next == cursor {
			return notes, cursor, pages
		}
		cursor = next
	}
	s.Fatal("Since never returns its cursor unchanged")
	return nil, "", 0
}

func (s storeUnderTest) expectValue(key string, want []byte) {
	s.Helper()
	expectBytes(s, fmt.Sprintf("Get(%.20q)", key), s.get(key), want)
}

// expectBytes fails the test if got is not want. Nil is not an empty slice.
func expectBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		t.Errorf("%s: %.40q (nil: %t), want %.40q (nil: %t)", what, got, got == nil, want, want == nil)
	}
}

func expectNotes(t testing.TB, got, want []string) {
	t.Helper()
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%d notes %.200q\nwant %d notes %.200q", len(got), got, len(want), want)
	}
}

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
	for round := range 10 {
		key := fmt.Sprint("key ", round)
		var put atomic.Int32
		var there [8][]byte
		inParallel(len(there), func(i int) {
			value := []byte(fmt.Sprint("value ", i))
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
	for round := range 10 {
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
	long := everyByte(64) // 16 KiB
	changed := append([]byte{}, long...)
	changed[len(changed)-1]++
	keys := []string{string(everyByte(1)), "a:b", "a b", "{a}", "{", "a\x00b", "a\x00", "a\r\nb", "ä", "\xff", "*", "a*", strings.Repeat("k", 256)}
	for _, key := range keys {
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
		if !s.swap(key, []byte(key), long) {
			t.Error("Swap to a long value fails")
		}
		s.expectValue(key, long)
	}
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
		s.get(key)[0] = 'X'
		s.add(key, nil)[0] = 'X'
		s.expectValue(key, []byte("value"))
	}
	notes, _, err := s.Since(t.Context(), "")
	if err != nil || len(notes) != 1 {
		t.Fatalf("Since: %q, %v", notes, err)
	}
	notes[0][0] = 'Y'
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
		if err := s.Append(t.Context(), []byte(fmt.Sprint(keep)), keep); err != nil {
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

func emptyLog(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	notes, end, _ := s.drain("")
	expectNotes(t, notes, nil)
	s.append("first")
	notes, _, _ = s.drain(end)
	expectNotes(t, notes, []string{"first"})
	s.expectValue("first", nil)
}

func notesInOrder(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	var want []string
	cursor := ""
	read := make(map[string]bool)
	for i := range 12 {
		note := fmt.Sprintf("note %02d", i)
		s.append(note)
		want = append(want, note)
		if i%3 > 0 {
			continue // Since has several new notes, or one
		}
		notes, end, _ := s.drain(cursor)
		for _, n := range notes {
			read[n] = true
		}
		if !read[note] {
			t.Errorf("the newest note is missing in %q", notes)
		}
		cursor = end
	}
	notes, _, _ := s.drain("")
	expectNotes(t, notes, want)
	notes, _, _ = s.drain(cursor)
	for _, n := range notes {
		read[n] = true
	}
	for _, n := range want {
		if !read[n] {
			t.Errorf("%q never came", n)
		}
	}
}

func anyNotes(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	var want []string
	for i := range 4 {
		want = append(want, string(everyByte(1)[i*maxNote:][:maxNote]))
	}
	want = append(want, "", "\x00", "a\r\nb")
	for _, note := range want {
		s.append(note)
	}
	notes, _, _ := s.drain("")
	expectNotes(t, notes, want)

	s.append("twice")
	s.append("twice")
	notes, _, _ = s.drain("")
	expectNotes(t, notes, append(want, "twice"))
}

// manyNotes reads from each cursor again. So a page that is larger or smaller than the
// cursor says is caught.
func manyNotes(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	var want []string
	for i := range 2*pageSize + 50 {
		want = append(want, fmt.Sprintf("note %03d", i))
		s.append(want[i])
	}
	notes, end, pages := s.drain("")
	expectNotes(t, notes, want)
	t.Logf("%d notes in %d pages", len(notes), pages)
	if _, again, _ := s.drain(end); again != end {
		t.Errorf("the cursor goes on from %q to %q without a note", end, again)
	}
	s.append("last")
	notes, _, _ = s.drain(end)
	if len(notes) == 0 || notes[len(notes)-1] != "last" {
		t.Errorf("after the end: %q", notes)
	}
}

func shortKeep(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	s.append("long")
	s.add("long", []byte("value"))
	for i := range 3 {
		if err := s.Append(t.Context(), []byte("short"), time.Nanosecond); err != nil {
			t.Fatal("Append: ", err)
		}
		if _, err := s.Add(t.Context(), fmt.Sprint("short ", i), nil, time.Nanosecond); err != nil {
			t.Fatal("Add: ", err)
		}
	}
	s.append("end")
	notes, _, _ := s.drain("")
	kept := strings.Join(notes, " ")
	if kept != "long end" && kept != "long short end" {
		t.Errorf("notes: %q", notes)
	}
	s.expectValue("long", []byte("value"))
}

func appendWhileReading(t testing.TB, open func() session.Store) {
	s := storeUnderTest{t, open()}
	const writers, each = 4, 40
	appended := make(chan struct{})
	go func() {
		defer close(appended)
		inParallel(writers, func(writer int) {
			for i := range each {
				if err := s.Append(t.Context(), []byte(fmt.Sprint(writer, " ", i)), keep); err != nil {
					t.Error("Append: ", err)
				}
			}
		})
	}()
	read := make(map[string]bool)
	cursor := ""
	for done := false; !done; {
		select {
		case <-appended:
			done = true
		default:
		}
		notes, next, err := s.Since(t.Context(), cursor)
		if err != nil {
			t.Error("Since: ", err)
			<-appended
			return
		}
		for _, note := range notes {
			read[string(note)] = true
		}
		cursor = next
	}
	notes, _, _ := s.drain(cursor)
	for _, note := range notes {
		read[note] = true
	}
	if len(read) != writers*each {
		t.Errorf("%d of %d notes came", len(read), writers*each)
	}
}

func foreignCursor(t testing.TB, open func() session.Store) {
	other := storeUnderTest{t, open()}
	for i := range 5 {
		other.append(fmt.Sprint("other ", i))
	}
	_, foreign, _ := other.drain("")
	for _, cursor := range []string{foreign, "x", ":", "0", "-", "0-0", "x:5", "\x00", strings.Repeat("9", 100)} {
		s := storeUnderTest{t, open()}
		notes, _, _ := s.drain(cursor)
		expectNotes(t, notes, nil)
		s.append("first")
		s.append("second")
		notes, _, _ = s.drain(cursor)
		if strings.Join(notes, "|") != "first|second" {
			t.Errorf("from the cursor %.20q of another log: %q, want all notes", cursor, notes)
		}
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
