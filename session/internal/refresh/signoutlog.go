package refresh

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/background"
)

const (
	hearingInterval = time.Second     // between the beginnings of two readings of the log
	maxUnheard      = 2 * time.Second // since the log was read; then requests wait for it
	maxHearingWait  = time.Second     // of one request
	readingTimeout  = 5 * time.Second // of all pages

	maxUntold = 10_000 // notes that the store has not taken
)

// signOutLog tells other processes of sign-outs, and hears of theirs. No goroutine waits
// for either: requests begin the readings. So a process without requests does nothing, and
// hears of everything at its next request.
type signOutLog struct {
	store  *boundedStore
	notes  *signOuts
	now    func() time.Time
	logger *slog.Logger

	read atomic.Int64 // Unix nanoseconds: when the last reading that has ended began

	mu       sync.Mutex
	reading  chan struct{} // closed when the reading that runs has ended; nil if none runs
	heardAt  time.Time     // when the last reading that reached the log's end began
	cursor   string        // only of the reading that runs
	untold   []Note        // oldest first
	retrying bool          // untold notes are being told

	logUnheard rate.Sometimes
}

func newSignOutLog(store *boundedStore, notes *signOuts, now func() time.Time, logger *slog.Logger) *signOutLog {
	l := &signOutLog{store: store, notes: notes, now: now, logger: logger}
	l.logUnheard.Interval = time.Minute
	return l
}

// isDue reports whether a reading of the log, or the wait for one, is due.
func (l *signOutLog) isDue(now time.Time) bool {
	age := now.UnixNano() - l.read.Load()
	return age < 0 || age >= int64(hearingInterval)
}

// hear begins a reading of the log if none runs, and waits for the reading if it must.
func (l *signOutLog) hear(ctx context.Context, now time.Time) {
	if l.store.isPaused() {
		return
	}
	l.mu.Lock()
	if l.reading == nil {
		if !l.isDue(now) {
			l.mu.Unlock()
			return // one has ended meanwhile
		}
		l.reading = make(chan struct{})
		l.startReading(now)
	}
	reading, unheard := l.reading, now.Sub(l.heardAt)
	l.mu.Unlock()
	if unheard >= 0 && unheard < maxUnheard {
		return
	}
	timer := time.NewTimer(maxHearingWait)
	defer timer.Stop()
	select {
	case <-reading:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// startReading reads the log to its end, in the background. Then the store works, and gets
// the notes that it has not taken.
func (l *signOutLog) startReading(now time.Time) {
	var untold []Note
	started := time.Now()
	task := background.Task{Name: "session: a reading of sign-outs", Logger: l.logger}
	task.Go(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), readingTimeout)
		defer cancel()
		return l.readAll(ctx)
	}, func(err error) {
		untold = l.endReading(now, err)
	}, func(err error) {
		if elapsed := time.Since(started); elapsed > maxHearingWait {
			l.logUnheard.Do(func() {
				l.logger.Warn("session: reading the sign-outs of other processes takes long; requests go on without them", "elapsed", elapsed, "error", err)
			})
		}
	}, func(error) {
		l.retry(untold)
	})
}

// readAll remembers the notes that the log has after the cursor, a page at a time. After an
// error the next reading goes on from there.
func (l *signOutLog) readAll(ctx context.Context) error {
	for {
		notes, next, err := l.store.Since(ctx, l.cursor)
		if err != nil {
			return err
		}
		for _, note := range notes {
			l.notes.hear(note)
		}
		if next == l.cursor {
			return nil
		}
		l.cursor = next
	}
}

// endReading ends a reading that began at a time. If the store works, and nobody else does
// so, the caller tells of the notes that are returned.
func (l *signOutLog) endReading(began time.Time, err error) (untold []Note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read.Store(began.UnixNano())
	close(l.reading)
	l.reading = nil
	if err != nil {
		return nil
	}
	l.heardAt = began
	l.untold = bounded(append(l.untold, l.notes.unrevokedDue()...))
	if l.retrying || len(l.untold) == 0 {
		return nil
	}
	untold, l.untold, l.retrying = l.untold, nil, true
	return untold
}

// tellOrKeep tells of notes. It keeps those that the store does not take, to tell of them
// when it works. The error says why.
func (l *signOutLog) tellOrKeep(ctx context.Context, notes []Note) error {
	untold, err := l.tell(ctx, notes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.untold = bounded(append(l.untold, untold...))
	return err
}

// bounded leaves out the oldest notes if there are too many.
func bounded(notes []Note) []Note {
	if tooMany := len(notes) - maxUntold; tooMany > 0 {
		return notes[tooMany:]
	}
	return notes
}

// tell tells of notes until the store does not take one. It returns those that are left.
func (l *signOutLog) tell(ctx context.Context, notes []Note) (untold []Note, err error) {
	for i, note := range notes {
		keep := signOutTTL - l.now().Sub(note.at)
		if keep <= 0 {
			continue
		}
		if err := l.store.Append(ctx, l.notes.encode(note), keep); err != nil {
			return notes[i:], err
		}
	}
	return nil, nil
}

// retry tells of notes that the store has not taken.
func (l *signOutLog) retry(notes []Note) {
	if len(notes) == 0 {
		return
	}
	untold := notes // also if the store's code panics
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.untold, l.retrying = bounded(append(untold, l.untold...)), false
	}()
	ctx, cancel := context.WithTimeout(context.Background(), readingTimeout)
	defer cancel()
	untold, _ = l.tell(ctx, notes)
}
