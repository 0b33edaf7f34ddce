package tokens

import (
	"context"
	"net/http"
	"time"
)

// Options are the surroundings of a [Verifier], a [RemoteKeySet] and a
// [Client]. A nil *Options and zero fields mean the defaults.
type Options struct {
	// HTTPClient fetches key sets and calls Cognito. Default
	// http.DefaultClient. Every request carries a deadline of its own (5 s),
	// so the client needs none.
	HTTPClient *http.Client

	// Now is the clock. Default time.Now.
	Now func() time.Time

	// Keys replaces the pool's remote key set. For tests and for programs that
	// get keys in a way of their own; such a key is believed for five minutes
	// and then asked for again.
	Keys KeySet

	// Leeway is by how much "nbf" may lie in the future. Default one minute;
	// negative means none. It is not applied to "exp".
	Leeway time.Duration

	// Hooks observe calls.
	Hooks Hooks
}

// Hooks are called when something has happened; any may be nil. Called runs on
// the goroutine that makes the call, and KeysFetched before those who wait for the
// keys go on: return quickly.
type Hooks struct {
	// Called is told of each call to Cognito's API, with the operation's name
	// and the time it took with all its attempts.
	Called func(ctx context.Context, op string, elapsed time.Duration, err error)

	// KeysFetched is told of each fetch of a key set, with the number of usable
	// keys in it.
	KeysFetched func(ctx context.Context, issuer string, keys int, err error)
}

const defaultLeeway = time.Minute

// withDefaults returns a copy of o in which nothing is nil but Keys and hooks.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.HTTPClient == nil {
		c.HTTPClient = http.DefaultClient
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Leeway == 0 {
		c.Leeway = defaultLeeway
	} else if c.Leeway < 0 {
		c.Leeway = 0
	}
	return c
}
