package refresh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/background"
	"github.com/cognitogate/cognitogate/tokens"
)

// Refresh returns new tokens for the request: of a call that it joins, of a result that
// is remembered, or of a call of its own.
func (e *Engine) Refresh(ctx context.Context, req Request) (*Tokens, error) {
	started := e.cfg.Now()
	if e.cfg.RefreshStarted != nil {
		if given := e.cfg.RefreshStarted(ctx); given != nil {
			ctx = given
		}
	}
	got, source, err := e.refresh(ctx, req)
	if e.cfg.Refreshed != nil {
		e.cfg.Refreshed(ctx, source, e.cfg.Now().Sub(started), err)
	}
	return got, err
}

func (e *Engine) refresh(ctx context.Context, req Request) (got *Tokens, source Source, err error) {
	after := uint64(0)
	if req.isForced() {
		after = e.lastNumber.Load()
	}
	for steps := 0; ; {
		call, source, err := e.join(ctx, &req, after)
		if err != nil {
			return nil, SourceNone, err
		}
		e.cfg.Superseded(req.Presented)
		select {
		case <-call.done:
			if source == tooEarly {
				continue // now its refresh token is known
			}
			got, err = call.tokens, call.err
			e.mu.Lock()
			if call.ended {
				got, err = nil, ErrEnded
			}
			e.mu.Unlock()
			if err == nil && (call.fromStore && !e.isWanted(got, &req) || e.IsOlder(got.Access, req.MaxAge)) {
				if steps++; steps <= maxStoreSteps {
					continue // with its refresh token
				}
				got, err = nil, ErrTooMany
			}
			if source == SourceCall && call.fromStore {
				source = SourceStore
			}
			if source == SourceJoined && (Refused(err) || mayRefuseDevice(err)) && e.keyFor(req.RefreshToken, req.Device) != call.deviceKey {
				continue // the call had another request's device key
			}
		case <-ctx.Done():
			if source == tooEarly {
				source = SourceNone
			}
			err = fmt.Errorf("%w: %w", tokens.ErrUnavailable, ctx.Err())
		}
		if source == SourceCall && !call.made.Load() {
			source = SourceNone
		}
		return got, source, err
	}
}

// Remembers reports whether Refresh answers a request without a new call to Cognito: it
// joins one, or a result will do.
func (e *Engine) Remembers(req *Request) bool {
	if req.isForced() {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	call := e.results.byToken[req.RefreshToken]
	switch {
	case call == nil:
		return e.IsTokenEnded(req.RefreshToken)
	case call.isRunning(), call.ended:
		return true
	}
	return call.tokens != nil && !call.isExpiring(call.tokens.Access, e.cfg.Margin, e.cfg.Now()) && call.tokens.Access.Raw() != req.Presented && e.cfg.Trusted(call.tokens) && !e.IsOlder(call.tokens.Access, req.MaxAge)
}

// join finds the call for a request, or starts it. Only a call with a number above after
// will do.
func (e *Engine) join(ctx context.Context, req *Request, after uint64) (*refreshCall, Source, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Now()
	e.results.sweep(now)
	// Follow the rotations to the newest refresh token. A refresh token that leads to
	// itself is not rotated.
	for range maxRotations {
		call := e.results.byToken[req.RefreshToken]
		switch {
		case call == nil && !e.IsTokenEnded(req.RefreshToken):
			return e.start(ctx, req, nil)
		case call == nil || call.ended:
			return nil, "", ErrEnded
		}
		if req.Upgrade {
			call.keepForLong()
		}
		switch {
		case call.isRunning() && call.number <= after:
			return call, tooEarly, nil
		case call.isRunning():
			return call, SourceJoined, nil
		case call.tokens == nil: // already exchanged, only to be verified
			return e.start(ctx, req, call)
		case call.number > after && !(call.fromStore && req.isForced()) && !call.isExpiring(call.tokens.Access, e.cfg.Margin, now) && call.tokens.Access.Raw() != req.Presented && e.cfg.Trusted(call.tokens) && !e.IsOlder(call.tokens.Access, req.MaxAge):
			if call = e.newestResult(call, now); req.Upgrade {
				call.keepForLong()
			}
			return call, SourceKept, nil
		case call.tokens.Refresh == req.RefreshToken:
			return e.start(ctx, req, call)
		}
		req.RefreshToken = call.tokens.Refresh
	}
	return nil, "", ErrTooMany
}

// start starts a call in the place of the previous one of this refresh token, which may
// be nil. e.mu is held.
func (e *Engine) start(ctx context.Context, req *Request, previous *refreshCall) (*refreshCall, Source, error) {
	// Copies, because parts of a request's header would keep the whole header in memory.
	call := &refreshCall{
		refreshToken: strings.Clone(req.RefreshToken), subject: req.subject(), keepLong: req.Upgrade, done: make(chan struct{}),
	}
	o := outcome{deviceKey: req.Device.Key}
	vouched := false
	if previous != nil && previous.unverified != nil {
		call.unverified, call.keepUntil, call.origin = previous.unverified, previous.keepUntil, previous.origin
	} else {
		if e.running.Load() >= maxResults {
			return nil, "", fmt.Errorf("%w at once", ErrTooMany)
		}
		var err error
		if e.sharing != nil {
			call.origin, vouched, err = e.mayStartCall(req.RefreshToken, e.keyFor(req.RefreshToken, req.Device), &req.Evidence)
		} else if o.granted, err = e.startCall(req.RefreshToken, e.keyFor(req.RefreshToken, req.Device), &req.Evidence); err == nil {
			call.origin = o.granted.origin
		}
		if err != nil {
			if kept := e.results.newestOf(req.RefreshToken); errors.Is(err, errTooOften) && kept.isUsable(e.cfg.Now()) && e.cfg.Trusted(kept.tokens) && !e.IsOlder(kept.tokens.Access, req.MaxAge) {
				return kept, SourceKept, nil
			}
			return nil, "", err
		}
	}
	if previous != nil {
		e.results.remove(previous)
	}
	// The browser may show the tokens that came with this refresh token. They are
	// superseded like those that the request has shown.
	if origin := e.results.byNewToken[call.refreshToken]; origin != nil && origin.tokens != nil {
		e.cfg.Superseded(origin.tokens.Access.Raw())
	}
	call.number = e.lastNumber.Add(1)
	e.results.byToken[call.refreshToken] = call
	e.running.Add(1)
	own := *req
	own.RefreshToken, own.Presented, own.Metadata = call.refreshToken, strings.Clone(req.Presented), maps.Clone(req.Metadata)
	own.Device.Key = strings.Clone(req.Device.Key)
	e.run(context.WithoutCancel(ctx), call, &own, vouched, o)
	return call, SourceCall, nil
}

// run makes the call and verifies its answer, in the background. It does not run on a
// request's context: a request that is cancelled must not take the refresh from the others.
func (e *Engine) run(ctx context.Context, call *refreshCall, req *Request, vouched bool, o outcome) {
	revoke := false
	call.made.Store(e.sharing == nil || call.unverified != nil)
	task := background.Task{Name: "session: a refresh", Logger: e.cfg.Logger, Secrets: append([]string{call.refreshToken, req.Device.Key}, e.cfg.Secrets...)}
	task.Go(func() (err error) {
		if e.sharing != nil && call.unverified == nil {
			return e.refreshShared(ctx, call, req, vouched, &o)
		}
		limited, cancel := context.WithTimeout(ctx, Timeout)
		defer cancel()
		if call.unverified == nil {
			return e.callCognito(limited, call, req, &o)
		}
		o.set = call.unverified
		o.got, err = e.verify(limited, o.set, call.refreshToken)
		return err
	}, func(err error) {
		if o.set == nil {
			e.logDeployment(err)
		}
	}, func(err error) {
		if failed := (*background.Panic)(nil); errors.As(err, &failed) {
			err = fmt.Errorf("%w: a refresh has panicked: %w", tokens.ErrUnavailable, failed)
		}
		revoke = e.finish(call, &o, err)
	}, func(error) {
		if revoke {
			// The sign-out did not know these tokens.
			if err := e.cfg.Revoke(ctx, call.newestToken()); err == nil && call.tokens != nil {
				e.noteRevoked(call.tokens.Access)
			}
		}
	})
}

// Refusal returns Cognito's refusal, within the last minute, of the refresh token with the
// device key that would be sent now. It returns nil if there was none.
func (e *Engine) Refusal(refreshToken string, device Device) error {
	return e.refusal(refreshToken, e.keyFor(refreshToken, device))
}

// finish ends a call and remembers its result. It reports whether the new tokens are
// left to be revoked.
func (e *Engine) finish(call *refreshCall, o *outcome, err error) (revoke bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer close(call.done)
	e.running.Add(-1)
	now := e.cfg.Now()
	call.finishedAt, call.deviceKey, call.fromStore = now, o.deviceKey, o.fromStore
	if call.tokens, call.unverified, call.err = o.got, o.set, err; o.got != nil {
		call.unverified, call.origin = nil, originOf(o.got.Access)
		if !call.ended && !o.fromStore && e.IsEnded(o.got.Access) {
			// Another process has signed out, or an administrator, or Cognito could not be
			// reached then. Nobody else revokes this call's tokens.
			call.revokeWhenDone = true
		}
	}
	if o.signedOut && !call.ended { // a sign-out of this process revokes the tokens itself
		e.endToken(call.refreshToken)
		call.ended, call.revokeWhenDone = true, true
	}
	if o.granted != nil {
		e.finishCall(o.granted, call)
	}
	if Refused(err) && call.deviceKey != "" {
		e.noteRefused(call.refreshToken, call.deviceKey) // a cookie may have the same key
	}
	if o.granted != nil || !willNeverVerify(err) {
		// An answer that waits for its keys, or for the clock, is kept while somebody
		// asks for it: its refresh token may be the only good one.
		call.keepUntil = now.Add(resultMaxTTL)
	}
	if !call.hasIssued() {
		e.results.remove(call)
		return call.revokeWhenDone && !Refused(err)
	}
	e.noteWorked(call)
	e.results.addFinished(call)
	if call.ended {
		e.endToken(call.newestToken())
	}
	return call.revokeWhenDone
}

// newestResult follows a result through later refreshes to the newest one that is not
// about to expire. e.mu is held.
func (e *Engine) newestResult(call *refreshCall, now time.Time) *refreshCall {
	for range maxRotations {
		next := e.results.byToken[call.tokens.Refresh]
		if next == nil || next == call || next.tokens == nil || next.isExpiring(next.tokens.Access, e.cfg.Margin, now) || !e.cfg.Trusted(next.tokens) {
			break
		}
		call = next
	}
	return call
}
