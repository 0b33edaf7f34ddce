package refresh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/internal/background"
	"github.com/cognitogate/cognitogate/tokens"
)

// Request is what one HTTP request wants refreshed.
type Request struct {
	RefreshToken string
	Device       Device
	Presented    string // the access token in the request's cookies
	Evidence

	Upgrade  bool // the answer may carry no cookies
	Force    bool // a result of an earlier call will not do
	Metadata map[string]string
}

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
	if req.Force || len(req.Metadata) > 0 {
		after = e.lastNumber.Load()
	}
	for {
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
			if source == SourceJoined && (Refused(err) || mayRefuseDevice(err)) && e.keyFor(req.RefreshToken, req.Device) != call.deviceKey {
				continue // the call had another request's device key
			}
		case <-ctx.Done():
			if source == tooEarly {
				source = SourceNone
			}
			err = fmt.Errorf("%w: %w", tokens.ErrUnavailable, ctx.Err())
		}
		return got, source, err
	}
}

// Remembers reports whether Refresh answers a request without a new call to Cognito: it
// joins one, or a result will do.
func (e *Engine) Remembers(req *Request) bool {
	if req.Force || len(req.Metadata) > 0 {
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
	return call.tokens != nil && !call.isExpiring(call.tokens.Access, e.cfg.Margin, e.cfg.Now()) && call.tokens.Access.Raw() != req.Presented && e.cfg.Trusted(call.tokens)
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
		case call.number > after && !call.isExpiring(call.tokens.Access, e.cfg.Margin, now) && call.tokens.Access.Raw() != req.Presented && e.cfg.Trusted(call.tokens):
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
	ctx = context.WithoutCancel(ctx)
	var granted *grant
	if previous != nil && previous.unverified != nil {
		call.unverified, call.keepUntil, call.origin = previous.unverified, previous.keepUntil, previous.origin
	} else {
		if e.running.Load() >= maxResults {
			return nil, "", fmt.Errorf("%w at once", ErrTooMany)
		}
		var err error
		if granted, err = e.startCall(req.RefreshToken, e.keyFor(req.RefreshToken, req.Device), &req.Evidence); err != nil {
			if kept := e.results.newestOf(req.RefreshToken); errors.Is(err, errTooOften) && kept.isUsable(e.cfg.Now()) && e.cfg.Trusted(kept.tokens) {
				return kept, SourceKept, nil
			}
			return nil, "", err
		}
		if call.origin = granted.origin; granted.once {
			ctx = awscall.WithoutRepeat(ctx)
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
	e.run(ctx, call, granted, Device{strings.Clone(req.Device.Key), req.Device.Claimed}, maps.Clone(req.Metadata))
	return call, SourceCall, nil
}

// run makes the call and verifies its answer, in the background. It does not run on a
// request's context: a request that is cancelled must not take the refresh from the others.
func (e *Engine) run(ctx context.Context, call *refreshCall, granted *grant, device Device, metadata map[string]string) {
	limited, cancel := context.WithTimeout(ctx, Timeout)
	set, called := call.unverified, call.unverified == nil
	var got *Tokens
	deviceKey, revoke := device.Key, false
	task := background.Task{Name: "session: a refresh", Logger: e.cfg.Logger, Secrets: append([]string{call.refreshToken, device.Key}, e.cfg.Secrets...)}
	task.Go(func() (err error) {
		if called {
			if set, deviceKey, err = e.exchange(limited, call, granted, device, metadata); err != nil {
				return e.userRefusals.judge(call.refreshToken, err)
			}
			e.userRefusals.noteSuccess(call.refreshToken)
		}
		if got, err = e.verify(limited, set, call.refreshToken); err == nil && called && e.cfg.Issued != nil {
			e.cfg.Issued(got.Access)
		}
		return err
	}, func(err error) {
		if set == nil {
			e.logDeployment(err)
		}
	}, func(err error) {
		if failed := (*background.Panic)(nil); errors.As(err, &failed) {
			err = fmt.Errorf("%w: a refresh has panicked: %w", tokens.ErrUnavailable, failed)
		}
		call.deviceKey = deviceKey
		revoke = e.finish(call, granted, got, set, err)
	}, func(error) {
		if revoke {
			// The sign-out has finished, and its revocation came too early for these tokens.
			_ = e.cfg.Revoke(ctx, call.newestToken())
		}
	}, func(error) { cancel() })
}

// Refusal returns Cognito's refusal, within the last minute, of the refresh token with the
// device key that would be sent now. It returns nil if there was none.
func (e *Engine) Refusal(refreshToken string, device Device) error {
	return e.refusal(refreshToken, e.keyFor(refreshToken, device))
}

// exchange exchanges the call's refresh token. If Cognito refuses the key of a cookie, it
// tries again without one. It returns the key that was sent last.
func (e *Engine) exchange(ctx context.Context, call *refreshCall, granted *grant, device Device, metadata map[string]string) (set *tokens.Set, key string, err error) {
	key = e.keyFor(call.refreshToken, device)
	set, err = e.cfg.Exchange(ctx, call.refreshToken, &tokens.RefreshOptions{DeviceKey: key, ClientMetadata: metadata})
	if key != "" && !device.Claimed && mayRefuseDevice(err) {
		e.noteRefused(call.refreshToken, key)
		if !e.allowWithoutDevice(granted) {
			return nil, key, fmt.Errorf("%w: the device key was refused", ErrTooMany)
		}
		key = ""
		set, err = e.cfg.Exchange(ctx, call.refreshToken, &tokens.RefreshOptions{ClientMetadata: metadata})
	}
	if err == nil && key != device.Key && set.Refresh != "" {
		e.noteRefused(set.Refresh, device.Key) // the cookie stays in the browser
	}
	return set, key, err
}

// finish ends a call and remembers its result. It reports whether the new tokens are
// left to be revoked. granted is nil if Cognito was not called.
func (e *Engine) finish(call *refreshCall, granted *grant, got *Tokens, set *tokens.Set, err error) (revoke bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer close(call.done)
	e.running.Add(-1)
	now := e.cfg.Now()
	call.finishedAt = now
	if call.tokens, call.unverified, call.err = got, set, err; got != nil {
		call.unverified, call.origin = nil, originOf(got.Access)
	}
	if granted != nil {
		e.finishCall(granted, call)
		if Refused(err) && call.deviceKey != "" {
			e.noteRefused(call.refreshToken, call.deviceKey) // a cookie may have the same key
		}
	}
	if granted != nil || !willNeverVerify(err) {
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

// verify verifies what Cognito has issued: nothing that comes over the network is
// believed. An answer that cannot be verified now is kept, because Cognito may have
// rotated the refresh token. The next request tries it again.
func (e *Engine) verify(ctx context.Context, set *tokens.Set, refreshToken string) (*Tokens, error) {
	access, err := e.cfg.Verify(ctx, set.Access, tokens.Access)
	if err != nil {
		return nil, e.unusableAnswer(err)
	}
	if access.Username() == "" {
		return nil, errNoUser
	}
	got := &Tokens{Access: access, Refresh: refreshToken}
	if set.Refresh != "" {
		got.Refresh = set.Refresh
	}
	if set.ID != "" {
		id, err := e.cfg.Verify(ctx, set.ID, tokens.ID)
		if err != nil {
			return nil, e.unusableAnswer(err)
		}
		if id.Subject() != access.Subject() {
			return nil, errTwoUsers
		}
		got.ID = id
	}
	return got, nil
}

// unusableAnswer logs why Cognito's new tokens were refused. It returns ErrUnavailable,
// because that says nothing about the session. A wrong time shows that a clock is wrong.
func (e *Engine) unusableAnswer(err error) error {
	var refusal *tokens.VerifyError
	switch {
	case errors.Is(err, tokens.ErrUnavailable):
		return err
	case errors.Is(err, tokens.Expired), errors.Is(err, tokens.NotYetValid):
		clockSkew := time.Duration(0) // the error's text has it for NotYetValid
		if errors.As(err, &refusal) && refusal.Token != nil {
			clockSkew = e.cfg.Now().Sub(refusal.Token.IssuedAt()).Round(time.Second)
		}
		e.logClock.Do(func() {
			e.cfg.Logger.Error("session: Cognito's new tokens are not valid by this server's clock: one of the two is wrong",
				"look_at", "this server's clock, or Config.Now", "error", err, "off", clockSkew)
		})
	default:
		e.logAnswer.Do(func() {
			e.cfg.Logger.Error("session: Cognito's answer holds a token that is refused", "look_at", fieldOfRefusal(err), "error", err)
		})
	}
	return fmt.Errorf("%w: %w", ErrUnusable, err)
}

// logDeployment logs an answer about our configuration. It looks like a refusal of the
// token, but a deployment's mistake must not sign everybody out.
func (e *Engine) logDeployment(err error) {
	var api *tokens.APIError
	if !errors.Is(err, tokens.ErrUnavailable) || !errors.As(err, &api) || api.Throttled() || api.Status >= 500 {
		return
	}
	e.logConfig.Do(func() {
		e.cfg.Logger.Error("session: Cognito refuses to refresh, which looks like a wrong configuration; nobody is signed out for it",
			"look_at", fieldOfAnswer(api), "error", withoutTriggersText(api))
	})
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
