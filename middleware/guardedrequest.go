package middleware

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// guardedRequest is what the nested guards of one Auth note about a request, for hooks. It
// is the context that carries it, so that it takes one allocation.
type guardedRequest struct {
	context.Context
	auth *Auth

	mu     sync.Mutex // a guard behind http.TimeoutHandler runs beside the outermost one
	guards int        // that have begun and not returned
	counts GuardDecision
}

// guardedRequestKey is the key of the guardedRequest of an Auth in a context.
type guardedRequestKey struct{ auth *Auth }

func (g *guardedRequest) Value(key any) any {
	if key == (guardedRequestKey{g.auth}) {
		return g
	}
	return g.Context.Value(key)
}

// decider tells what one guard decides about a request. Without hooks it costs nothing.
type decider struct {
	guard     *guard
	watched   *watchedOutcome // for Watched, or nil
	request   *guardedRequest // nil without hooks
	outermost bool
	depth     int
	start     time.Time
}

// newDecider returns the decider of a guard. Call its end if it has a request.
func (g *guard) newDecider(r *http.Request) decider {
	a := g.auth
	if a.cfg.Hooks.Decided == nil && a.cfg.Hooks.Served == nil {
		return decider{watched: a.watchedOutcome(r)}
	}
	d := decider{guard: g, watched: a.watchedOutcome(r), start: a.cfg.Now()}
	if d.request, _ = r.Context().Value(guardedRequestKey{a}).(*guardedRequest); d.request == nil {
		d.request, d.outermost = &guardedRequest{Context: r.Context(), auth: a}, true
	}
	d.request.mu.Lock()
	defer d.request.mu.Unlock()
	d.depth = d.request.guards
	d.request.guards++
	return d
}

// contextFor returns the context for what is behind the guard, where inner guards find the
// guardedRequest.
func (d *decider) contextFor(r *http.Request) context.Context {
	if d.outermost {
		return d.request
	}
	return r.Context()
}

// isHeard reports whether anybody wants to know the decision.
func (d *decider) isHeard() bool { return d.watched != nil || d.request != nil }

// tell notes the decision for Watched, and calls the hook. outer is the request as the
// guard got it, r is that for the handler, and err is why it has no session that may pass.
// s may be nil.
func (d *decider) tell(outer, r *http.Request, decision Decision, s *session.Session, err error) {
	d.watched.note(decision, s)
	if d.request == nil {
		return
	}
	a := d.guard.auth
	told := GuardDecision{Decision: decision, Depth: d.depth, Elapsed: a.cfg.Now().Sub(d.start)}
	told.Reason = d.guard.reasonOf(outer, r, decision, err)
	d.request.note(told)
	if hook := a.cfg.Hooks.Decided; hook != nil {
		told.Route = routeOf(outer)
		hook(outer.Context(), told)
	}
}

// note keeps a decision if it counts for the request.
func (g *guardedRequest) note(told GuardDecision) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if told.Decision.replaces(g.counts.Decision) {
		told.Route = g.counts.Route
		g.counts = told
	}
}

// end is called when the guard returns, with the request as the guard got it.
func (d *decider) end(r *http.Request) {
	if d.request == nil {
		return
	}
	hook := d.guard.auth.cfg.Hooks.Served
	counts := d.request.leave(r, hook != nil, d.outermost)
	if hook != nil && d.outermost && counts.Decision != "" {
		hook(d.request.Context, counts)
	}
}

// leave notes that a guard returns, and the route if no guard behind it knows that. It
// returns the decision that counts so far.
func (g *guardedRequest) leave(r *http.Request, wantsRoute, outermost bool) GuardDecision {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !outermost { // a guard that begins after the outermost has returned must not be taken for it
		g.guards--
	}
	if wantsRoute && g.counts.Route == "" {
		g.counts.Route = routeOf(r)
	}
	return g.counts
}
