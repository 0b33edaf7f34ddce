package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	chimw "github.com/go-chi/chi/v5/middleware"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// trace is what happened to one request on its way to the handler. Hooks run on
// the request's goroutine, so it needs no lock.
type trace struct {
	Decisions []decided
	Refreshes []refreshed
}

type decided struct {
	Decision cognito.Decision
	Took     time.Duration
}

type refreshed struct {
	How  string // "call", "joined", "kept"
	Took time.Duration
	Err  error
}

// String makes lines of the log short.
func (d decided) String() string { return string(d.Decision) }

func (r refreshed) String() string {
	if r.Err != nil {
		return r.How + " failed"
	}
	return r.How
}

type traceKey struct{}

// traceOf never returns nil: hooks also run where nobody traces.
func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return new(trace)
}

// Refreshed reports whether this request came with tokens that had to be
// replaced by new ones.
func (t *trace) Refreshed() bool {
	return slices.ContainsFunc(t.Refreshes, func(r refreshed) bool { return r.Err == nil })
}

// String is the value of a Server-Timing header, which a browser's developer
// tools draw (W3C Server Timing).
func (t *trace) String() string {
	var entries []string
	for _, d := range t.Decisions {
		entries = append(entries, fmt.Sprintf("guard;desc=%q;dur=%s", d.Decision, millis(d.Took)))
	}
	for _, r := range t.Refreshes {
		entries = append(entries, fmt.Sprintf("refresh;desc=%q;dur=%s", r.How, millis(r.Took)))
	}
	return strings.Join(entries, ", ")
}

// millis writes a duration in milliseconds, with digits for short ones.
func millis(d time.Duration) string {
	return fmt.Sprintf("%.3g", float64(d)/float64(time.Millisecond))
}

// hooks note what the guards decide and what they ask of Cognito. A program of
// your own would feed its metrics here.
func (a *app) hooks() cognito.Hooks {
	//show:hooks
	return cognito.Hooks{
		Decided: func(ctx context.Context, d cognito.Decision, took time.Duration) {
			t := traceOf(ctx)
			t.Decisions = append(t.Decisions, decided{d, took})
		},
		Session: session.Hooks{
			Refreshed: func(ctx context.Context, source session.RefreshSource, took time.Duration, err error) {
				t := traceOf(ctx)
				t.Refreshes = append(t.Refreshes, refreshed{string(source), took, err})
			},
		},
		Tokens: tokens.Hooks{Called: a.tally.called},
	}
	//end:hooks
}

// observe traces a request and logs it: no query, no header and no name, for
// logs travel further than they should.
func (a *app) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		t := new(trace)
		ww := chimw.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			a.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request",
				slog.String("method", r.Method),
				slog.String("path", r.URL.Path),
				slog.Int("status", cmp.Or(ww.Status(), http.StatusOK)),
				slog.Duration("took", time.Since(start)),
				slog.Any("guards", t.Decisions),
				slog.Any("refreshes", t.Refreshes))
		}()
		next.ServeHTTP(ww, r.WithContext(context.WithValue(r.Context(), traceKey{}, t)))
	})
}

// tally counts the calls to Cognito since the start, for the admin page.
type tally struct {
	mu    sync.Mutex
	calls map[string]calls
}

type calls struct {
	Op            string
	Count, Failed int
	Last          time.Duration
}

func (t *tally) called(_ context.Context, op string, took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = make(map[string]calls)
	}
	c := t.calls[op]
	c.Op, c.Last = op, took
	c.Count++
	if err != nil {
		c.Failed++
	}
	t.calls[op] = c
}

// list returns the calls by name of the operation.
func (t *tally) list() []calls {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []calls
	for _, c := range t.calls {
		list = append(list, c)
	}
	slices.SortFunc(list, func(x, y calls) int { return strings.Compare(x.Op, y.Op) })
	return list
}
