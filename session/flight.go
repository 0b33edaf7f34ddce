package session

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	refreshLimit = 5 * time.Second  // a whole refresh, verification included
	keepAtLeast  = 30 * time.Second // a result, for requests that are on their way
	keepAtMost   = 2 * time.Minute  // one that the browser has not shown to have
	keepOver     = 24 * time.Hour   // a sign-in that was ended; no access token lives longer
	maxKept      = 4096             // results; and as many flights
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
//
// Nothing is done under the mutex that waits or grows with what others do, but for
// a look at all results once in a second.
type refresher struct {
	m *Manager

	mu      sync.Mutex
	limits  limits
	flights map[string][]*flight // by the refresh token exchanged, one for each device key
	from    map[string]*flight   // by the refresh token that rotation brought
	kept    list.List            // those that have landed and are kept, oldest first
	ended   memory[struct{}]     // refresh tokens of sessions that were ended
	over    memory[struct{}]     // and their sign-ins
	swept   time.Time

	number   atomic.Uint64 // of the latest flight
	flying   atomic.Int64
	ends     atomic.Uint64 // sign-ins that were ended
	unseen   sync.Map      // results that no browser has shown: access token to *flight
	expected atomic.Int64  // how many those are
}

// flight is a refresh that is under way or was finished a short while ago.
type flight struct {
	token, device string
	subject       string        // of the request that began it
	number        uint64        // clocks are set, so they do not tell what came first
	done          chan struct{} // closed when the rest is set

	got *refreshed
	set *tokens.Set // issued by Cognito, but not verified yet
	err error

	// Guarded by the refresher's mutex.
	landed time.Time     // zero until then
	until  time.Time     // kept until then
	place  *list.Element // in kept
	pinned bool          // for as long as can be: the answer to an upgrade has no cookies
	ended  bool          // by a sign-out
	orphan bool          // a sign-out has not waited for it
}

func newRefresher(m *Manager) *refresher {
	return &refresher{
		m:       m,
		limits:  newLimits(),
		flights: make(map[string][]*flight),
		from:    make(map[string]*flight),
		ended:   memory[struct{}]{keep: keepAtMost + refreshLimit},
		over:    memory[struct{}]{keep: keepOver},
	}
}

var (
	// errEnded reports a session that this program has ended: what a late refresh of
	// it brings is not written any more.
	errEnded   = errors.New("the session was signed out")
	errCrashed = fmt.Errorf("%w: a refresh has crashed", tokens.ErrUnavailable)
)

// do returns new tokens for the request: those of a flight that it joins, those
// kept of an earlier one, or those of its own call.
func (r *refresher) do(ctx context.Context, req refreshRequest) (*refreshed, error) {
	began, after := r.m.now(), uint64(0)
	if req.force || len(req.metadata) > 0 {
		after = r.number.Load() // an earlier flight does not do
	}
	for {
		f, how, err := r.board(ctx, &req, after)
		if err != nil {
			return nil, err
		}
		r.m.cache.drop(req.presented) // as it is outdated now
		var got *refreshed
		select {
		case <-f.done:
			if how == "wait" {
				continue // for a flight that began too early; now its token is known
			}
			if got, err = f.got, f.err; r.isEnded(f) {
				got, err = nil, errEnded
			}
		case <-ctx.Done():
			err = fmt.Errorf("%w: %w", tokens.ErrUnavailable, ctx.Err())
		}
		if r.m.hooks.Refreshed != nil && how != "wait" {
			r.m.hooks.Refreshed(ctx, how, r.m.now().Sub(began), err)
		}
		return got, err
	}
}

// board finds the flight for a request or starts it. how says which: "call",
// "joined", "kept", or "wait" for one that must be over first. Only flights after
// the one of that number do.
func (r *refresher) board(ctx context.Context, req *refreshRequest, after uint64) (f *flight, how string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.m.now()
	r.sweep(now)
	// Follow the chain of rotated tokens to the newest. It is as long as the
	// results that are kept; a token that leads to itself is not rotated.
	for range maxKept {
		f = r.find(req.token, req.device)
		switch {
		case f == nil && !r.ended.has(digestOf(req.token), now):
			return r.start(ctx, req, nil, now)
		case f == nil || f.ended:
			return nil, "", errEnded
		}
		if req.upgrade {
			f.pin()
		}
		switch {
		case f.landed.IsZero() && f.number <= after:
			return f, "wait", nil
		case f.landed.IsZero():
			return f, "joined", nil
		case f.got == nil: // already exchanged, and only to be verified
			return r.start(ctx, req, f, now)
		case f.number > after && !r.m.expiring(f.got.access, now) && f.got.access.Raw() != req.presented:
			if f = r.latest(f, now); req.upgrade {
				f.pin()
			}
			return f, "kept", nil
		case f.got.refresh == req.token:
			return r.start(ctx, req, f, now)
		}
		req.token = f.got.refresh
	}
	return nil, "", errTooMany
}

// start begins a flight in the place of the one before, which may be nil. r.mu is
// held.
func (r *refresher) start(ctx context.Context, req *refreshRequest, before *flight, now time.Time) (*flight, string, error) {
	// Copies, because parts of a request's header would keep the whole of it.
	f := &flight{token: strings.Clone(req.token), device: strings.Clone(req.device), subject: req.subject, done: make(chan struct{}), pinned: req.upgrade}
	var b *budget
	if before != nil && before.set != nil {
		f.set, f.until = before.set, before.until
	} else {
		if r.flying.Load() >= maxKept {
			return nil, "", fmt.Errorf("%w at once", errTooMany)
		}
		var err error
		if b, err = r.limits.take(req.token, req.subject, now); err != nil {
			return nil, "", err
		}
	}
	if before != nil {
		r.drop(before)
	}
	// The browser may have tokens of this refresh's forerunner, which are as outdated as
	// those that the request has presented.
	if last := r.from[f.token]; last != nil && last.got != nil {
		r.m.cache.drop(last.got.access.Raw())
	}
	f.number = r.number.Add(1)
	r.flights[f.token] = append(r.flights[f.token], f)
	r.flying.Add(1)
	go r.fly(context.WithoutCancel(ctx), f, b, maps.Clone(req.metadata))
	return f, "call", nil
}

// fly makes the call and verifies what it brings. It runs on no request's context:
// a request that is cancelled must not take the refresh from the others. Nor must a
// panic in somebody's hook or transport, which no server recovers from here.
func (r *refresher) fly(ctx context.Context, f *flight, b *budget, metadata map[string]string) {
	limited, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	set, called := f.set, f.set == nil
	got, err := (*refreshed)(nil), errCrashed
	defer func() {
		if p := recover(); p != nil {
			r.m.log.Error("session: a refresh has crashed", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	defer func() {
		if r.land(f, b, called, got, set, err) {
			// The sign-out is over, and its revocation came too early for these tokens.
			_ = r.m.client.Revoke(ctx, f.newest())
		}
	}()
	if called {
		set, err = r.m.client.Refresh(limited, f.token, &tokens.RefreshOptions{DeviceKey: f.device, ClientMetadata: metadata})
		if err != nil {
			r.warnDeployment(err)
			return
		}
		err = errCrashed
	}
	got, err = r.verify(limited, set, f.token)
}

// land ends a flight. It reports whether the new tokens are left to be revoked.
func (r *refresher) land(f *flight, b *budget, called bool, got *refreshed, set *tokens.Set, err error) (revoke bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(f.done)
	r.flying.Add(-1)
	now := r.m.now()
	if called {
		r.limits.give(b, f.token, f.subject, err, now)
	}
	f.landed = now
	if f.got, f.set, f.err = got, set, err; got != nil {
		f.set = nil
	}
	if called || !hopeless(err) {
		// An answer that waits for its keys or for the clock is kept as long as
		// somebody asks for it: its refresh token may be the only one.
		f.until = now.Add(keepAtMost)
	}
	if f.got == nil && f.set == nil {
		r.drop(f) // nothing was issued, so nothing is lost
		return f.orphan && !dead(err)
	}
	for r.kept.Len() >= maxKept {
		r.drop(r.kept.Front().Value.(*flight))
	}
	f.place = r.kept.PushBack(f)
	if next := f.newest(); next != f.token {
		r.from[next] = f
	}
	if got != nil {
		if _, again := r.unseen.Swap(got.access.Raw(), f); !again {
			r.expected.Add(1)
		}
	}
	if f.ended {
		r.ended.put(digestOf(f.newest()), struct{}{}, now)
	}
	return f.orphan
}

// newest is the refresh token that a landed flight leads to.
func (f *flight) newest() string {
	switch {
	case f.got != nil:
		return f.got.refresh
	case f.set != nil && f.set.Refresh != "":
		return f.set.Refresh
	}
	return f.token
}
