package refresh

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"time"
)

// sharedCall is this process's part in the refresh of a refresh token.
type sharedCall struct {
	*sharing
	key     string
	limits  *limits
	vouched bool // a genuine token is beside the refresh token

	claim []byte    // ours; the store may not have it
	asked time.Time // when the store was asked to put it there
}

// mayAsk reports whether the store may be asked. Without a genuine token all requests
// together may ask so often.
func (c *sharedCall) mayAsk() bool { return c.vouched || c.limits.allowStoreCall() }

// swap replaces a value, which must be done however often the store was asked.
func (c *sharedCall) swap(ctx context.Context, old, value []byte, keep time.Duration) (swapped bool, err error) {
	if !c.vouched {
		c.limits.noteStoreCall()
	}
	return c.store.Swap(ctx, c.key, old, value, keep)
}

// find returns what the store has under the key: a value that accept wants, or a tombstone.
// It returns nil if the call is ours to make: the claim is ours, or the store does not work.
// It waits for another process's claim. A value that accept does not want is replaced by a
// claim of ours.
func (c *sharedCall) find(ctx context.Context, accept func(*storeValue) bool) (*storeValue, error) {
	there, err := c.add(ctx)
	for err == nil && there != nil {
		value := c.open(c.key, there)
		switch {
		case value.kind == kindTombstone, value.isOutcome() && accept(value):
			return value, nil
		case value.kind != kindClaim || c.sinceSeen(c.key, there) >= claimLease:
			if swapped, err := c.swapClaim(ctx, there); err == nil && swapped {
				return nil, nil
			}
		}
		there, err = c.poll(ctx)
		switch {
		case err == nil && there == nil:
			there, err = c.add(ctx)
		case bytes.Equal(there, c.claim): // of a Swap that has failed and had its effect
			there = nil
		}
	}
	switch {
	case errors.Is(err, ErrTooMany):
		return nil, err
	case ctx.Err() != nil:
		c.release(ctx)
		return nil, errClaimed
	}
	return nil, nil
}

// add puts a new claim under the key unless there is a value, and returns that. After an
// error it tries once more with the same claim: the first try may have had its effect.
func (c *sharedCall) add(ctx context.Context) (there []byte, err error) {
	if !c.mayAsk() {
		return nil, errTooManyStoreCalls
	}
	c.claim, c.asked = newClaim(), time.Now()
	for range 2 {
		there, err = c.store.Add(ctx, c.key, c.claim, claimLease)
		if err == nil && bytes.Equal(there, c.claim) {
			there = nil
		}
		if err == nil {
			break
		}
	}
	return there, err
}

// poll waits a little and returns what is under the key then.
func (c *sharedCall) poll(ctx context.Context) (there []byte, err error) {
	for failures := 0; failures < maxPollFailures && !c.store.isPaused(); {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(c.pollInterval):
		}
		if !c.mayAsk() {
			continue
		}
		if there, err = c.store.Get(ctx, c.key); err == nil {
			return there, nil
		}
		failures++
	}
	return nil, cmp.Or(err, errStorePaused)
}

// swapClaim puts a new claim of ours in the place of a value.
func (c *sharedCall) swapClaim(ctx context.Context, old []byte) (swapped bool, err error) {
	c.claim, c.asked = newClaim(), time.Now()
	return c.swap(ctx, old, c.claim, claimLease)
}

// isStale reports whether the claim is too old to call Cognito: this process was paused, and
// another one may take its place before the call ends. Some clocks stand still while a
// machine sleeps.
func (c *sharedCall) isStale() bool {
	now := time.Now()
	return max(now.Sub(c.asked), now.Round(0).Sub(c.asked.Round(0))) > claimMaxAge
}

// renew replaces the claim by a new one, and reports whether the call is still ours.
func (c *sharedCall) renew(ctx context.Context) bool {
	swapped, err := c.swapClaim(ctx, c.claim)
	return err == nil && swapped
}

// release takes the claim back, so that no other process waits for it.
func (c *sharedCall) release(ctx context.Context) {
	_, _ = c.swap(context.WithoutCancel(ctx), c.claim, nil, 0)
}

// saveResult puts a result in the place of the claim. If that is not possible, it returns
// the tombstone or the result that stands there.
func (c *sharedCall) saveResult(ctx context.Context, result []byte) *storeValue {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	swapped, err := c.swap(ctx, c.claim, result, resultMaxTTL)
	if err != nil {
		// A full store has taken a claim and refuses a result, which is longer.
		swapped, err = c.swap(ctx, c.claim, nil, 0)
	}
	// Otherwise the store has lost the claim, or another process has taken our place.
	for tries := 0; err == nil && !swapped && tries < maxSwaps; tries++ {
		var there []byte
		if there, err = c.store.Add(ctx, c.key, result, resultMaxTTL); err != nil || there == nil || bytes.Equal(there, result) {
			break
		}
		value := c.open(c.key, there)
		switch {
		case value.kind == kindTombstone, value.kind == kindResult:
			return value
		case value.kind == kindClaim && c.sinceSeen(c.key, there) < claimLease:
			// Its holder may be refused, because we have used the refresh token.
			_, err = c.poll(ctx)
		default:
			swapped, err = c.swap(ctx, there, result, resultMaxTTL)
		}
	}
	return nil
}

// saveRefusal puts a refusal in the place of the claim. If another process has taken our
// place, it reports that the call has an outcome there, or will have one.
func (c *sharedCall) saveRefusal(ctx context.Context, refusal []byte) (elsewhere bool) {
	swapped, err := c.swap(ctx, c.claim, refusal, refusalTTL)
	if err != nil {
		c.release(ctx)
	}
	if err != nil || swapped {
		return false
	}
	there, err := c.store.Get(ctx, c.key)
	if err != nil || there == nil {
		return false
	}
	switch c.open(c.key, there).kind {
	case kindClaim, kindResult, kindTombstone:
		return true
	}
	return false
}
