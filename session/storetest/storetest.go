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
//   - Keys, values and notes are any bytes. Keys have up to 256 bytes, values up to 64 KiB.
//   - A cursor that the log has not issued reads from the beginning, as "" does.
//   - A call whose context has ended returns an error.
package storetest

import (
	"bytes"
	"fmt"
	"slices"
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
	for range 500 {
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
	if !slices.Equal(got, want) {
		t.Errorf("%d notes %.200q\nwant %d notes %.200q", len(got), got, len(want), want)
	}
}
