package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) session.Store { return NewMemory() })
}

// TestMemoryDrops tests what the contract allows a store to forget.
func TestMemoryDrops(t *testing.T) {
	m := NewMemory()
	now := time.Now()
	m.SetNow(func() time.Time { return now })
	s := storeUnderTest{t, m}
	s.add("key", []byte("value"))
	s.add("other", []byte("value"))
	s.append("note")
	m.Evict("other")
	s.expectValue("other", nil)
	now = now.Add(keep - 1)
	if len(m.Values()) != 1 || len(m.Notes()) != 1 {
		t.Errorf("before their time is over: %q, %q", m.Values(), m.Notes())
	}
	s.append("later")
	_, cursor, _ := s.drain("")
	now = now.Add(1)
	if len(m.Values()) != 0 || len(m.Notes()) != 1 {
		t.Errorf("when their time is over: %q, %q", m.Values(), m.Notes())
	}
	s.append("after it")
	notes, _, _ := s.drain(cursor)
	expectNotes(t, notes, []string{"after it"})
	expectBytes(t, "Add", s.add("key", []byte("new")), nil)
	m.Flush()
	if len(m.Values()) != 0 || len(m.Notes()) != 0 {
		t.Errorf("after Flush: %q, %q", m.Values(), m.Notes())
	}
	m.Set("key", []byte("garbled"), keep)
	s.expectValue("key", []byte("garbled"))
}

// TestMemoryLosesNotes: a cursor of a note that is lost reads all notes.
func TestMemoryLosesNotes(t *testing.T) {
	for name, lose := range map[string]func(*Memory){
		"all":        (*Memory).ClearLog,
		"the newest": func(m *Memory) { m.TruncateLog(1) },
	} {
		for appended := range 4 {
			t.Run(fmt.Sprintf("%s, then %d are appended", name, appended), func(t *testing.T) {
				m := NewMemory()
				s := storeUnderTest{t, m}
				for i := range 3 {
					s.append(fmt.Sprint("note ", i))
				}
				_, cursor, _ := s.drain("")
				lose(m)
				for i := range appended {
					s.append(fmt.Sprint("new ", i))
				}
				want, _, _ := s.drain("")
				notes, _, _ := s.drain(cursor)
				expectNotes(t, notes, want)
			})
		}
	}
}
