package dynamostore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session/dynamostore"
)

// reader reads a log as a replica does.
type reader struct {
	t      *testing.T
	store  *dynamostore.Store
	cursor string
	notes  []string // that came, without those that came again
}

// read reads up to the end of the log.
func (r *reader) read() {
	r.t.Helper()
	for {
		notes, next, err := r.store.Since(r.t.Context(), r.cursor)
		must(r.t, err)
		for _, note := range notes {
			if !slices.Contains(r.notes, string(note)) {
				r.notes = append(r.notes, string(note))
			}
		}
		if next == r.cursor {
			return
		}
		r.cursor = next
	}
}

func (r *reader) expect(want ...string) {
	r.t.Helper()
	r.read()
	if !slices.Equal(r.notes, want) {
		r.t.Errorf("notes %q, want %q", r.notes, want)
	}
}

// TestQueryIsNoSnapshot: a query misses a note, and has the one after it. The last note
// is not missed: it was there before the query.
func TestQueryIsNoSnapshot(t *testing.T) {
	for hidden := range int64(4) {
		for read := range longtest.Scale(2, 4) {
			table := newFakeTable(t)
			store := dynamostore.New(table.client(1), tableName)
			r := &reader{t: t, store: store}
			var want []string
			for i := range 4 {
				if i == read {
					r.read()
				}
				want = append(want, fmt.Sprint("note ", i+1))
				must(t, store.Append(t.Context(), []byte(want[i]), time.Hour))
			}
			table.hidden = []int64{hidden}
			r.expect(want...)
		}
	}
}

// TestSecondQueryIsNoSnapshot: the second query misses a note too, among those that were
// appended after the first one.
func TestSecondQueryIsNoSnapshot(t *testing.T) {
	table := newFakeTable(t)
	writer, store := dynamostore.New(table.client(1), tableName), dynamostore.New(table.client(1), tableName)
	r := &reader{t: t, store: store}
	var want []string
	write := func() {
		note := fmt.Sprint("note ", len(want)+1)
		want = append(want, note)
		must(t, writer.Append(t.Context(), []byte(note), time.Hour))
	}
	for range 3 {
		write()
	}
	table.hidden = []int64{2}
	queries := 0
	table.before = func(operation string) *fakeError {
		if operation != "Query" {
			return nil
		}
		if queries++; queries == 2 {
			table.before = nil
			for range 3 {
				write()
			}
			table.hidden = []int64{5}
		}
		return nil
	}
	r.read()
	r.expect(want...)
}

// TestExpiredNotes deletes notes in the middle, at the beginning and at the end of the
// log. The others all come, and in order.
func TestExpiredNotes(t *testing.T) {
	for _, expired := range longtest.Scale([]int{0b0010, 0b1001, 0b1111}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}) {
		for read := range 5 {
			table := newFakeTable(t)
			store := dynamostore.New(table.client(1), tableName)
			now := time.Now()
			store.SetNow(func() time.Time { return now })
			r := &reader{t: t, store: store}
			var want []string
			for i := range 4 {
				if i == read {
					r.read()
				}
				note, keep := fmt.Sprint("note ", i), 24*time.Hour
				if expired>>i&1 == 1 {
					keep = time.Hour
				}
				if i < read || keep > time.Hour {
					want = append(want, note)
				}
				must(t, store.Append(t.Context(), []byte(note), keep))
			}
			if read == 4 {
				r.read()
			}
			now = now.Add(12 * time.Hour)
			table.expire(now)
			r.expect(want...)
			for i := range 3 {
				note := fmt.Sprint("new ", i)
				want = append(want, note)
				must(t, store.Append(t.Context(), []byte(note), time.Hour))
				r.expect(want...)
			}
		}
	}
}

// TestLastNoteExpires deletes the last note while a writer counts on from it. A second
// writer, which finds no last note, must not take a lower number later.
func TestLastNoteExpires(t *testing.T) {
	for _, age := range []time.Duration{0, 90 * time.Minute, 100 * time.Minute, 121 * time.Minute, 3 * time.Hour} {
		table := newFakeTable(t)
		now := time.Now()
		var stores []*dynamostore.Store
		for range 3 {
			store := dynamostore.New(table.client(1), tableName)
			store.SetNow(func() time.Time { return now })
			stores = append(stores, store)
		}
		r := &reader{t: t, store: stores[2]}
		for i := range 3 {
			must(t, stores[0].Append(t.Context(), fmt.Append(nil, "note ", i), time.Hour))
		}
		want := []string{"note 0", "note 1", "note 2"}
		r.expect(want...)
		now = now.Add(age)
		// The notes expire after the first writer's query. The second writer queries then,
		// and writes only when the first is done and a reader has seen its note.
		queries := 0
		secondQueried, firstRead, secondDone := make(chan struct{}), make(chan struct{}), make(chan struct{})
		table.after = func(operation string) *fakeError {
			if operation != "Query" {
				return nil
			}
			switch queries++; queries {
			case 1:
				table.expire(now)
				go func() {
					defer close(secondDone)
					if err := stores[1].Append(t.Context(), []byte("second"), time.Hour); err != nil {
						t.Error(err)
					}
				}()
				<-secondQueried
			case 2:
				close(secondQueried)
				<-firstRead
			}
			return nil
		}
		must(t, stores[0].Append(t.Context(), []byte("first"), time.Hour))
		r.read()
		close(firstRead)
		<-secondDone
		r.read()
		for _, note := range append(want, "first", "second") {
			if !slices.Contains(r.notes, note) {
				t.Errorf("%v old: %q is missing in %q", age, note, r.notes)
			}
		}
	}
}

// TestAnotherTable: notes of a table that was restored or made anew all come.
func TestAnotherTable(t *testing.T) {
	table := newFakeTable(t)
	store := dynamostore.New(table.client(1), tableName)
	r := &reader{t: t, store: store}
	want := []string{"old 0", "old 1", "old 2"}
	for _, note := range want {
		must(t, store.Append(t.Context(), []byte(note), time.Hour))
	}
	r.expect(want...)
	clear(table.items)
	for i := range 5 {
		note := fmt.Sprint("new ", i)
		want = append(want, note)
		must(t, store.Append(t.Context(), []byte(note), time.Hour))
		if i != 1 {
			r.expect(want...)
		}
	}
}
