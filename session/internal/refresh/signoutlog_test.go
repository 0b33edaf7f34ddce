package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

// sliceLog is a store that has only a log.
type sliceLog struct {
	refresh.Store
	notes [][]byte
	err   error
}

func (s *sliceLog) Append(_ context.Context, note []byte, _ time.Duration) error {
	if s.err == nil {
		s.notes = append(s.notes, note)
	}
	return s.err
}

func (s *sliceLog) Since(_ context.Context, cursor string) (notes [][]byte, next string, err error) {
	const page = 1000
	from, _ := strconv.Atoi(cursor)
	until := min(from+page, len(s.notes))
	return s.notes[from:until], strconv.Itoa(until), s.err
}

// reader returns an Engine like that of a process that starts now.
func (e *env) reader(store refresh.Store) *refresh.Engine {
	cfg := e.config
	cfg.Store = store
	return refresh.New(cfg)
}

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied in two steps
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestLogOfADay starts with a log as long as a day's. The first request waits for it, which
// takes less than a second, and the oldest sign-out holds. The memory is bounded.
func TestLogOfADay(t *testing.T) {
	longest := longtest.Scale(5_000, 100_000)
	e := newEnv(t)
	e.config.UserPoolID, e.config.ClientID = "pool", "client"
	writer, store := e.reader(nil), new(sliceLog)
	began := e.clock()
	old, last, kept := e.verified("ada", "old"), e.verified("ada", "last"), e.verified("ada", "kept")
	store.notes = append(store.notes, writer.SignInNote("old", old.Subject(), began))
	for i := range longest {
		store.notes = append(store.notes, writer.SignInNote(fmt.Sprint("sign-in", i), fmt.Sprint("user", i), began))
	}
	e.advance(24*time.Hour - time.Second)
	for i := range longest {
		store.notes = append(store.notes, writer.TextNote(fmt.Sprint("text", i), e.clock()))
	}
	store.notes = append(store.notes, writer.SignInNote("last", last.Subject(), e.clock()))

	before, engine, started := heap(), e.reader(store), time.Now()
	engine.HearSignOuts(t.Context(), e.clock())
	took := time.Since(started)
	if took >= time.Second {
		t.Errorf("took %v", took)
	}
	if !engine.IsEnded(old) || !engine.IsEnded(last) || engine.IsEnded(kept) || !engine.IsTextEnded("text0") {
		t.Errorf("ended: the oldest %t, the last %t, another %t, the oldest text %t", engine.IsEnded(old), engine.IsEnded(last), engine.IsEnded(kept), engine.IsTextEnded("text0"))
	}
	size := heap() - before
	t.Logf("%d notes: %v, %d kB", len(store.notes), took, size>>10)
	if size > 20<<20 {
		t.Errorf("%d sign-ins and as many texts take %d bytes", longest, size)
	}
	e.advance(time.Second)
	if engine.IsEnded(old) || !engine.IsEnded(last) {
		t.Error("a sign-out does not hold for a day from its own time on")
	}
	runtime.KeepAlive(engine)
}

// TestUntoldNotesAreBounded has the store refuse more notes than are remembered. The newest
// are.
func TestUntoldNotesAreBounded(t *testing.T) {
	e := newEnv(t)
	engine := e.reader(&sliceLog{err: errors.New("down")})
	for i := range 12 {
		var notes []refresh.Note
		for k := range 1000 {
			notes = append(notes, engine.EndUser(fmt.Sprint("user", i, " ", k))...)
		}
		if err := engine.TellSignOuts(t.Context(), notes); err == nil {
			t.Fatal("no error")
		}
	}
	if n, isOldest := engine.Untold("user2 0"); n != 10_000 || !isOldest {
		t.Errorf("%d notes wait", n)
	}
}

// TestManySignInsOfOneSubjectAreHeard: beyond a thousand, all sign-ins of the subject that
// began until the last sign-out are ended.
func TestManySignInsOfOneSubjectAreHeard(t *testing.T) {
	e := newEnv(t)
	store := new(sliceLog)
	engine := e.reader(store)
	earlier := e.verified("ada", "earlier")
	e.advance(time.Minute)
	for i := range 1100 {
		store.notes = append(store.notes, engine.SignInNote(fmt.Sprint("sign-in", i), earlier.Subject(), e.clock()))
	}
	e.advance(time.Minute)
	engine.HearSignOuts(t.Context(), e.clock())
	if later := e.verified("ada", "later"); !engine.IsEnded(earlier) || engine.IsEnded(later) || !engine.IsEnded(e.verified("ada", "sign-in0")) {
		t.Errorf("ended: an earlier sign-in %t, a later one %t", engine.IsEnded(earlier), engine.IsEnded(later))
	}
	count := engine.SignOutCount()
	again := e.reader(store)
	store.notes = append(store.notes, store.notes...) // a store may repeat notes
	e.advance(2 * time.Second)
	engine.HearSignOuts(t.Context(), e.clock())
	again.HearSignOuts(t.Context(), e.clock())
	if engine.SignOutCount() != count || again.SignOutCount() != count {
		t.Errorf("repeated notes count: %d, %d, not %d", engine.SignOutCount(), again.SignOutCount(), count)
	}
}

// TestNoteOfFastClock: another process's clock is fast. Its sign-outs are remembered, and
// not for longer than others.
func TestNoteOfFastClock(t *testing.T) {
	e := newEnv(t)
	store := new(sliceLog)
	engine := e.reader(store)
	token := e.verified("ada", "a")
	store.notes = append(store.notes, engine.SignInNote("a", token.Subject(), e.clock().Add(48*time.Hour)))
	engine.HearSignOuts(t.Context(), e.clock())
	if !engine.IsEnded(token) {
		t.Error("it is not heard")
	}
	if e.advance(24 * time.Hour); engine.IsEnded(token) {
		t.Error("it is remembered for more than a day")
	}
}

// TestNoteThatIsToldAgain holds for a day from the last time on, in whatever order the notes
// come.
func TestNoteThatIsToldAgain(t *testing.T) {
	e := newEnv(t)
	store := new(sliceLog)
	engine := e.reader(store)
	token, began := e.verified("ada", "a"), e.clock()
	e.advance(12 * time.Hour)
	for _, at := range []time.Time{began, e.clock(), began} {
		store.notes = append(store.notes, engine.SignInNote("a", token.Subject(), at))
	}
	engine.HearSignOuts(t.Context(), e.clock())
	if e.advance(24*time.Hour - time.Second); !engine.IsEnded(token) {
		t.Error("it is forgotten too early")
	}
	if e.advance(time.Second); engine.IsEnded(token) {
		t.Error("it is remembered for more than a day")
	}
}

// TestForeignNotesAreNoise: notes of another app client and another user pool take no memory
// here, and have no cached session looked up again.
func TestForeignNotesAreNoise(t *testing.T) {
	e := newEnv(t)
	store := new(sliceLog)
	for _, names := range [][2]string{{"pool", "other"}, {"other", "client"}, {"poolc", "lient"}} {
		e.config.UserPoolID, e.config.ClientID = names[0], names[1]
		store.notes = append(store.notes, e.reader(nil).SignInNote("a", "subject", e.clock()), e.reader(nil).TextNote("text", e.clock()))
	}
	e.config.UserPoolID, e.config.ClientID = "pool", "client"
	engine := e.reader(store)
	engine.HearSignOuts(t.Context(), e.clock())
	if n := engine.SignOutCount(); n != 0 {
		t.Errorf("%d are heard", n)
	}
	store.notes = append(store.notes, engine.TextNote("text", e.clock()))
	e.advance(2 * time.Second)
	if engine.HearSignOuts(t.Context(), e.clock()); engine.SignOutCount() != 1 {
		t.Error("an own note is not heard")
	}
}
