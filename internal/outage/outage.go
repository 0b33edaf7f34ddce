// Package outage logs when something that this program depends on begins to fail, and when
// it works again. Failures in between make no line.
package outage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/cognitogate/cognitogate/internal/awscall"
)

const (
	// pause is the least time between two outages in the log. An operation that fails now
	// and then would otherwise log as much as it is called.
	pause = time.Minute

	// abandonedAfter is how long a call runs before its failure says something about the
	// service even if its caller had no more time.
	abandonedAfter = time.Second

	maxErrorText = 300 // characters
)

// Log logs the outages of one thing: of a key set, or of an operation.
type Log struct {
	Logger *slog.Logger
	What   string    // such as "tokens: a key set", for the message
	Name   slog.Attr // which one

	mu       sync.Mutex
	since    time.Time // when the first failure began; zero while it works
	failures int       // since then
	logged   bool      // the outage is in the log
	loggedAt time.Time // the last warning
	unlogged int       // outages since then that are not in the log
}

// Failed notes that what began at start has failed now. text says why; see ErrorText. lookAt
// names the field that may be wrong, or is empty.
func (l *Log) Failed(ctx context.Context, start, now time.Time, text, lookAt string, more ...slog.Attr) {
	line := l.noteFailure(start, now)
	if line == nil {
		return
	}
	line = append(line, slog.String("error", text))
	if lookAt != "" {
		line = append(line, slog.String("look_at", lookAt))
	}
	l.Logger.LogAttrs(ctx, slog.LevelWarn, l.What+" begins to fail", append(line, more...)...)
}

// noteFailure returns the attributes of a line for the log, or nil.
func (l *Log) noteFailure(start, now time.Time) []slog.Attr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		l.since, l.failures, l.logged = start, 0, false
		l.unlogged++
	}
	l.failures++
	if age := now.Sub(l.loggedAt); l.logged || !l.loggedAt.IsZero() && age >= 0 && age < pause {
		return nil
	}
	line := []slog.Attr{l.Name, slog.Time("since", l.since), slog.Int("failures", l.failures), slog.Int("unlogged", l.unlogged-1)}
	l.logged, l.loggedAt, l.unlogged = true, now, 0
	return line
}

// Worked notes that what began at start has worked. If it began before the outage, it does
// not tell that the outage is over.
func (l *Log) Worked(ctx context.Context, start, now time.Time) {
	if line := l.noteSuccess(start, now); line != nil {
		l.Logger.LogAttrs(ctx, slog.LevelInfo, l.What+" works again", line...)
	}
}

func (l *Log) noteSuccess(start, now time.Time) []slog.Attr {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A clock that was set back must not make an outage last.
	if l.since.IsZero() || start.Before(l.since) && !now.Before(l.since) {
		return nil
	}
	since := l.since
	l.since = time.Time{}
	if !l.logged {
		return nil
	}
	return []slog.Attr{l.Name, slog.Duration("duration", max(now.Sub(since), 0)), slog.Int("failures", l.failures)}
}

// Operations has the Logs of a client's operations. Make it with its fields set.
type Operations struct {
	Logger *slog.Logger
	What   string // such as "tokens: an operation of Cognito"

	mu     sync.Mutex
	byName map[string]*Log
}

// Of returns the Log of an operation.
func (o *Operations) Of(op string) *Log {
	o.mu.Lock()
	defer o.mu.Unlock()
	if found := o.byName[op]; found != nil {
		return found
	}
	if o.byName == nil {
		o.byName = make(map[string]*Log)
	}
	o.byName[op] = &Log{Logger: o.Logger, What: o.What, Name: slog.String("operation", op)}
	return o.byName[op]
}

// IsAbandoned reports whether a call failed only because its caller waited no longer: a
// browser has gone away, or little time was left.
func IsAbandoned(ctx context.Context, elapsed time.Duration) bool {
	switch err := ctx.Err(); {
	case err == nil:
		return false
	case errors.Is(err, context.Canceled):
		return true
	}
	return elapsed < abandonedAfter
}

// IsForeign reports whether the code of an error answer shows that a proxy has made it, and
// not the service.
func IsForeign(code string) bool { return code == "" || code == awscall.NoCode }

// AnswerText describes an error answer for the log. It leaves out the answer's message, which
// a trigger may have written about its user.
func AnswerText(op string, status int, code string) string {
	text := fmt.Sprintf("%s is answered with status %d", op, status)
	if !IsForeign(code) {
		text += fmt.Sprintf(" and the code %.80q", code)
	}
	return ErrorText(text)
}

// ErrorText cuts the text of an error and replaces what cannot be printed.
func ErrorText(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
	return fmt.Sprintf("%.*s", maxErrorText, text)
}
