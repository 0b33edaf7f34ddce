package refresh

import (
	"context"
	"errors"

	"github.com/cognitogate/cognitogate/tokens"
)

// maxSharedTries bounds how often one call starts anew because another process has taken
// its place.
const maxSharedTries = 3

// refreshShared gets the outcome of a call from the process that makes it, or makes the
// call. vouched says that a genuine token is beside the refresh token.
func (e *Engine) refreshShared(ctx context.Context, call *refreshCall, req *Request, vouched bool, o *outcome) error {
	shared := &sharedCall{sharing: e.sharing, key: e.sharing.key(call.refreshToken), limits: e.limits, vouched: vouched}
	for range maxSharedTries {
		if value, err := e.findShared(ctx, shared, req, o); value != nil || err != nil {
			return err
		}
		if elsewhere, err := e.callShared(ctx, shared, call, req, o); !elsewhere {
			return err
		}
	}
	return errClaimed
}

// findShared returns what another process has got for the request, with the error that this
// means. It returns nil if the call is ours to make.
func (e *Engine) findShared(ctx context.Context, shared *sharedCall, req *Request, o *outcome) (value *storeValue, err error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	deviceKey := e.keyFor(req.RefreshToken, req.Device)
	var got *Tokens
	var gotErr error
	value, err = shared.find(ctx, func(value *storeValue) bool {
		if value.kind == kindRefusal {
			return value.device == hashOf(deviceKey)
		}
		got, gotErr = e.verifyTokens(ctx, value.set, req.RefreshToken)
		if gotErr != nil {
			return !willNeverVerify(gotErr)
		}
		// A result with another refresh token leads on.
		return got.Refresh != req.RefreshToken || e.isWanted(got, req)
	})
	if value == nil {
		return nil, err
	}
	o.fromStore = true
	switch value.kind {
	case kindTombstone:
		e.endToken(req.RefreshToken)
		return value, ErrEnded
	case kindRefusal:
		e.noteRefusal(req.RefreshToken, deviceKey, value.refusal)
		o.deviceKey = deviceKey
		return value, value.refusal
	}
	e.userRefusals.forget(req.RefreshToken)
	o.set, o.got = value.set, got
	if gotErr != nil {
		gotErr = e.unusableAnswer(gotErr)
	}
	return value, gotErr
}

// callShared calls Cognito for all processes and puts the outcome into the store. If
// another process has taken our place, it reports that the outcome is elsewhere.
func (e *Engine) callShared(ctx context.Context, shared *sharedCall, call *refreshCall, req *Request, o *outcome) (elsewhere bool, err error) {
	saved := false
	defer func() {
		if !saved { // also after a panic
			shared.release(ctx)
		}
	}()
	if o.granted == nil {
		if o.granted, err = e.startCall(req.RefreshToken, e.keyFor(req.RefreshToken, req.Device), &req.Evidence); err != nil {
			return false, err
		}
		call.origin = o.granted.origin
		call.made.Store(true)
	}
	if shared.isStale() && !shared.renew(ctx) {
		return true, nil
	}
	limited, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	err = e.callCognito(limited, call, req, o)
	var refusal *tokens.APIError
	switch {
	case o.set != nil && !willNeverVerify(err):
		saved = true
		next := req.RefreshToken
		if o.set.Refresh != "" {
			next = o.set.Refresh
		}
		other := shared.saveResult(ctx, shared.result(shared.key, o.set, next))
		o.signedOut = other != nil && other.kind == kindTombstone
	case Refused(err) && errors.As(err, &refusal):
		saved = true
		elsewhere = shared.saveRefusal(ctx, shared.refusal(shared.key, refusal, o.deviceKey))
	}
	return elsewhere, err
}
