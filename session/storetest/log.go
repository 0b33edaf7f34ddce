package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

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
	for i := range 2*pageSize + 20 {
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
	const writers, each = 4, 20
	appended := make(chan struct{}, 1) // closed at the end
	go func() {
		defer close(appended)
		inParallel(writers, func(writer int) {
			for i := range each {
				if err := s.Append(t.Context(), fmt.Append(nil, writer, " ", i), keep); err != nil {
					t.Error("Append: ", err)
				}
				select {
				case appended <- struct{}{}:
				default: // the reader will read anyway
				}
			}
		})
	}()
	read := make(map[string]bool)
	cursor := ""
	for range appended {
		notes, next, err := s.Since(t.Context(), cursor)
		if err != nil {
			t.Error("Since: ", err)
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
		var want []string
		for i := range 7 { // more than the other log has
			want = append(want, fmt.Sprint("note ", i))
			s.append(want[i])
		}
		notes, _, _ = s.drain(cursor)
		if !slices.Equal(notes, want) {
			t.Errorf("from the cursor %.20q of another log: %q, want all notes", cursor, notes)
		}
	}
}
