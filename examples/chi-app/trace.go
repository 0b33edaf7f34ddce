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

// trace records the guards' work for one request. Hooks run on the request's
// goroutine, so it needs no lock.
type trace struct {
	Decisions []decided
	Refreshes []refreshed
}

type decided struct {
	Decision cognito.Decision
	Took     time.Duration
}

type refreshed struct {
	Source session.RefreshSource
	Took   time.Duration
	Err    error
}

type traceKey struct{}

// traceOf never returns nil, because hooks also run for requests without a trace.
func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return new(trace)
}

// Refreshed reports whether this request's tokens were refreshed.
func (t *trace) Refreshed() bool {
	return slices.ContainsFunc(t.Refreshes, func(r refreshed) bool { return r.Err == nil })
}

// sources is the short form of Refreshes for the log.
func (t *trace) sources() []string {
	list := make([]string, 0, len(t.Refreshes))
	for _, r := range t.Refreshes {
		if r.Err != nil {
			list = append(list, string(r.Source)+" failed")
		} else {
			list = append(list, string(r.Source))
		}
	}
	return list
}

// String is the value of a Server-Timing header, which a browser's developer
// tools draw (W3C Server Timing).
func (t *trace) String() string {
	var entries []string
	for _, d := range t.Decisions {
		entries = append(entries, fmt.Sprintf("guard;desc=%q;dur=%s", d.Decision, millis(d.Took)))
	}
	for _, r := range t.Refreshes {
		entries = append(entries, fmt.Sprintf("refresh;desc=%q;dur=%s", r.Source, millis(r.Took)))
	}
	return strings.Join(entries, ", ")
}

// millis writes a duration in milliseconds, with digits for short ones.
func millis(d time.Duration) string {
	return fmt.Sprintf("%.3g", float64(d)/float64(time.Millisecond))
}

// hooks record the guards' decisions and their calls to Cognito, for the pages. Metrics
// need none of it: see metrics.go.
func (a *app) hooks() cognito.Hooks {
	//show:hooks
	return cognito.Hooks{
		Decided: func(ctx context.Context, d cognito.GuardDecision) {
			t := traceOf(ctx)
			t.Decisions = append(t.Decisions, decided{d.Decision, d.Elapsed})
		},
		Session: session.Hooks{
			Refreshed: func(ctx context.Context, source session.RefreshSource, took time.Duration, err error) {
				t := traceOf(ctx)
				t.Refreshes = append(t.Refreshes, refreshed{source, took, err})
			},
		},
		Tokens: tokens.Hooks{Called: a.calls.called},
	}
	//end:hooks
}

// watch lets traceRequests see what the guards decide.
func (a *app) watch(next http.Handler) http.Handler {
	if a.client != nil {
		next = a.client.Watch(next)
	}
	return a.auth.Watch(next)
}

// traceRequests traces and logs every request, also one that a guard refuses. It logs no
// query, header or username, because logs are often read by others. The subject is a random
// identifier of the user, which only the user pool can resolve.
//
//show:access-log
func (a *app) traceRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		t := new(trace)
		ww := chimw.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			outcome := cognito.Watched(r) // auth.Watch is in front
			a.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "request",
				slog.String("method", r.Method),
				slog.String("path", r.URL.Path),
				slog.Int("status", cmp.Or(ww.Status(), http.StatusOK)),
				slog.Duration("took", time.Since(start)),
				slog.String("decision", string(outcome.Decision)),
				slog.String("subject", outcome.Subject),
				slog.Any("refreshes", t.sources()))
		}()
		next.ServeHTTP(ww, r.WithContext(context.WithValue(r.Context(), traceKey{}, t)))
	})
}

//end:access-log

// callCounts counts the calls to Cognito since the start, for the admin page.
type callCounts struct {
	mu    sync.Mutex
	calls map[string]callCount
}

type callCount struct {
	Op            string
	Count, Failed int
	Last          time.Duration
}

func (t *callCounts) called(_ context.Context, op string, took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = make(map[string]callCount)
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
func (t *callCounts) list() []callCount {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []callCount
	for _, c := range t.calls {
		list = append(list, c)
	}
	slices.SortFunc(list, func(x, y callCount) int { return strings.Compare(x.Op, y.Op) })
	return list
}
