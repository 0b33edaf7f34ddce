package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	refreshLimit = 5 * time.Second  // a whole refresh, verification included
	keepAtLeast  = 30 * time.Second // a result, for requests that are on their way
	keepAtMost   = 2 * time.Minute  // one that the browser has not shown to have
	maxKept      = 4096             // flights and results
	sweepEvery   = time.Second
)

// refreshRequest is what one HTTP request wants of the refresher.
type refreshRequest struct {
	token, device string
	presented     string // the access token in the request's cookies
	subject       string // whose it is, if Cognito certainly issued some token of the session
	upgrade       bool   // the answer may not reach the browser's cookies
	force         bool
	metadata      map[string]string
}

// refreshed are verified tokens that a refresh has brought.
type refreshed struct {
	access, id *tokens.Token
	refresh    string // the one to use next
}

// refresher exchanges refresh tokens, once for all requests that hold the same
// one, and keeps what it got: browsers send many requests at once, and with
// rotation a second use of a refresh token would end the session.
type refresher struct {
	m *Manager

	mu       sync.Mutex
	limits   limits
	flights  map[flightKey]*flight
	order    []*flight            // all that are in flights, oldest first
	unseen   map[string]*flight   // results that no browser has shown, by access token
	ended    map[digest]time.Time // refresh tokens of sessions that were ended
	swept    time.Time
	expected atomic.Int64 // len(unseen), to be read without the mutex
}

type flightKey struct{ token, device string }

// flight is a refresh that is under way or was finished a short while ago.
type flight struct {
	key   flightKey
	began time.Time
	done  chan struct{} // closed when the rest is set

	got *refreshed
	set *tokens.Set // issued by Cognito, but not verified yet: see fly
	err error

	// Guarded by the refresher's mutex.
	landed time.Time // zero until then
	until  time.Time // kept until then
	pinned bool      // for as long as can be: the answer to an upgrade has no cookies
	orphan bool      // a sign-out has not waited for it
}

func newRefresher(m *Manager) *refresher {
	return &refresher{
		m:       m,
		limits:  newLimits(),
		flights: make(map[flightKey]*flight),
		unseen:  make(map[string]*flight),
		ended:   make(map[digest]time.Time),
	}
}

// errEnded reports a session that this program has ended: what a late refresh of it
// brings is not written any more.
var errEnded = errors.New("the session was signed out")

// do returns new tokens for the request: those of a flight that it joins, those
// kept of an earlier one, or those of its own call.
func (r *refresher) do(ctx context.Context, req refreshRequest) (*refreshed, error) {
	began := r.m.now()
	own := req.force || len(req.metadata) > 0 // an earlier flight does not do
	for {
		f, how, err := r.board(ctx, &req, began, own)
		if err != nil {
			return nil, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", tokens.ErrUnavailable, ctx.Err())
		}
		if how == "wait" {
			continue // for a flight that began too early; now its token is known
		}
		got, err := f.got, f.err
		if r.isEnded(f.key.token) {
			got, err = nil, errEnded
		}
		if r.m.hooks.Refreshed != nil {
			r.m.hooks.Refreshed(ctx, how, r.m.now().Sub(began), err)
		}
		return got, err
	}
}

// board finds the flight for a request or starts it. how says which: "call",
// "joined", "kept", or "wait" for one that must be over first.
func (r *refresher) board(ctx context.Context, req *refreshRequest, began time.Time, own bool) (f *flight, how string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.m.now()
	r.sweep(now)
	// Follow the chain of rotated tokens to the newest. It is as long as the
	// results that are kept; a token that leads to itself is not rotated.
	var set *tokens.Set
	for range maxKept {
		if r.endedBy(req.token, now) {
			return nil, "", errEnded
		}
		f = r.flights[flightKey{req.token, req.device}]
		if f == nil {
			break
		}
		f.pinned = f.pinned || req.upgrade
		if f.landed.IsZero() {
			if own && f.began.Before(began) {
				return f, "wait", nil
			}
			return f, "joined", nil
		}
		if f.got == nil {
			set = f.set // already exchanged: only to be verified
			break
		}
		fresh := !r.m.expiring(f.got.access, now) && f.got.access.Raw() != req.presented
		if fresh && (!own || !f.began.Before(began)) {
			return f, "kept", nil
		}
		if f.got.refresh == req.token {
			break
		}
		req.token = f.got.refresh
	}
	if set == nil {
		if err := r.limits.take(req, now); err != nil {
			return nil, "", err
		}
	}
	f = &flight{
		key: flightKey{req.token, req.device}, began: now, done: make(chan struct{}), set: set, pinned: req.upgrade,
	}
	r.forget(r.flights[f.key])
	r.flights[f.key] = f
	r.order = append(r.order, f)
	go r.fly(context.WithoutCancel(ctx), f, *req)
	return f, "call", nil
}

// fly makes the call and verifies what it brings. It runs on no request's context:
// a request that is cancelled must not take the refresh from the others.
func (r *refresher) fly(ctx context.Context, f *flight, req refreshRequest) {
	limited, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	set, called := f.set, f.set == nil
	var err error
	if called {
		set, err = r.m.client.Refresh(limited, req.token, &tokens.RefreshOptions{
			DeviceKey: req.device, ClientMetadata: maps.Clone(req.metadata),
		})
	}
	var got *refreshed
	if err == nil {
		got, err = r.verify(limited, set, req.token)
	}
	r.warnDeployment(err)
	if got != nil {
		set = nil
	}

	r.mu.Lock()
	now := r.m.now()
	if called {
		r.limits.give(&req, err, now)
	}
	f.got, f.set, f.err = got, set, err
	f.landed, f.until = now, now.Add(keepAtMost)
	orphan := f.orphan
	switch {
	case got != nil:
		r.unseen[got.access.Raw()] = f
		r.expected.Store(int64(len(r.unseen)))
	case set == nil:
		r.forget(f) // nothing was issued, so nothing is lost
	}
	if orphan {
		r.ended[digestOf(f.newest())] = now.Add(keepAtMost)
	}
	r.mu.Unlock()
	close(f.done)
	if orphan && (got != nil || set != nil) {
		// The sign-out is over, and its revocation came too early for these tokens.
		_ = r.m.client.Revoke(ctx, f.newest())
	}
}

// newest is the refresh token that a landed flight leads to.
func (f *flight) newest() string {
	switch {
	case f.got != nil:
		return f.got.refresh
	case f.set != nil && f.set.Refresh != "":
		return f.set.Refresh
	}
	return f.key.token
}

// end ends the chain of a refresh token for this program and returns the newest
// token of it, which is the one to be revoked. It waits for a flight that is under
// way until ctx ends; a flight that lands later revokes its own tokens. No flight or
// kept result of the chain brings the session back.
func (r *refresher) end(ctx context.Context, token string) string {
	for range maxKept {
		r.mu.Lock()
		now := r.m.now()
		until := now.Add(keepAtMost + refreshLimit)
		if !note(r.ended, digestOf(token), until, func(until time.Time) bool { return !now.Before(until) }) {
			clear(r.ended) // full of sign-outs of the last two minutes: the oldest matter least
			r.ended[digestOf(token)] = until
		}
		i := slices.IndexFunc(r.order, func(f *flight) bool { return f.key.token == token })
		var f *flight
		if i >= 0 {
			f = r.order[i]
		}
		r.mu.Unlock()
		if f == nil {
			return token
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			r.mu.Lock()
			f.orphan = f.landed.IsZero()
			r.mu.Unlock()
			return token
		}
		if f.newest() == token {
			return token
		}
		token = f.newest()
	}
	return token
}

func (r *refresher) isEnded(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.endedBy(token, r.m.now())
}

// endedBy is isEnded with r.mu held.
func (r *refresher) endedBy(token string, now time.Time) bool {
	if len(r.ended) == 0 {
		return false
	}
	until, ok := r.ended[digestOf(token)]
	return ok && now.Before(until)
}

// saw notes that a browser has shown a refreshed access token: what was kept of that
// refresh is needed only for requests that are still on their way.
func (r *refresher) saw(access string) {
	if r.expected.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.unseen[access]
	if f == nil || f.pinned {
		return
	}
	f.until = f.landed.Add(keepAtLeast)
	delete(r.unseen, access)
	r.expected.Store(int64(len(r.unseen)))
}

// sweep forgets the results that are old, or the oldest of too many. r.mu is held.
func (r *refresher) sweep(now time.Time) {
	since := now.Sub(r.swept)
	if since >= 0 && since < sweepEvery && len(r.order) < maxKept {
		return
	}
	r.swept = now
	excess := len(r.order) - maxKept + 1
	kept := r.order[:0]
	for _, f := range r.order {
		landed := !f.landed.IsZero()
		// A clock that was set back must not keep a result for ever.
		old := landed && (now.After(f.until) || f.landed.Sub(now) > keepAtMost)
		if old || landed && excess > 0 {
			excess--
			r.unlist(f)
			continue
		}
		kept = append(kept, f)
	}
	clear(r.order[len(kept):])
	r.order = kept
}

// forget takes a flight out. r.mu is held.
func (r *refresher) forget(f *flight) {
	if f == nil {
		return
	}
	r.unlist(f)
	r.order = slices.DeleteFunc(r.order, func(o *flight) bool { return o == f })
}

// unlist takes a flight out of the maps.
func (r *refresher) unlist(f *flight) {
	if r.flights[f.key] == f {
		delete(r.flights, f.key)
	}
	if f.got != nil && r.unseen[f.got.access.Raw()] == f {
		delete(r.unseen, f.got.access.Raw())
		r.expected.Store(int64(len(r.unseen)))
	}
}

// refusal is what Cognito has said of the refresh token within the last minute if
// it will never accept it again, or nil.
func (r *refresher) refusal(token string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limits.refusal(token, r.m.now())
}

// mayRepair reports whether a broken ID token may have a refresh, and takes it.
func (r *refresher) mayRepair(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limits.mayRepair(token, r.m.now())
}

// mayRevoke reports whether a token that nothing vouches for may be revoked.
func (r *refresher) mayRevoke() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limits.unverified.AllowN(r.m.now(), 1)
}
