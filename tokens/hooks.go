package tokens

import (
	"context"
	"time"
)

// Hooks are functions that are called when something begins or has ended. Any may be nil.
// Requests wait until the hook returns, so return quickly.
//
// What begins and ends has two hooks. The first returns a context, which may carry a span.
// The work runs with that context, and the second hook gets it. So a transport that writes
// spans writes them below that one. Return ctx itself, or one made from it; nil counts as
// ctx. The second hook is called after each call of the first, unless a hook or the
// transport panics.
//
// A context has the values of the request that needed the work. Refreshes and fetches have
// a goroutine of their own, and may end after that request. What a server uses again for
// other requests, such as chi's RouteContext, must not be read from these contexts.
type Hooks struct {
	// CallStarted is told of each call to Cognito's API before it is made, with the
	// operation's name: "GetTokensFromRefreshToken", say, and "Token" for the managed
	// login's token endpoint. The names are few and can be a metric's label.
	CallStarted func(ctx context.Context, op string) context.Context

	// Called is told of each call to Cognito's API that has ended, with the operation's
	// name and the time of all its attempts. IsCheck tells the calls of [Client.Check] and
	// [Client.CheckLogin], which Cognito refuses.
	Called func(ctx context.Context, op string, elapsed time.Duration, err error)

	// KeysFetchStarted is told of each fetch of a key set before it is made. ctx has no
	// values if no request waits for the fetch: a cached session may have shown that the
	// keys are old.
	KeysFetchStarted func(ctx context.Context, issuer string) context.Context

	// KeysFetched is told of each fetch of a key set that has ended, with the number of
	// usable keys in it.
	KeysFetched func(ctx context.Context, issuer string, keys int, err error)
}

// callStarted calls the hook, and returns the context for the call.
func (h *Hooks) callStarted(ctx context.Context, op string) context.Context {
	if h.CallStarted == nil {
		return ctx
	}
	return contextOr(h.CallStarted(ctx, op), ctx)
}

// keysFetchStarted calls the hook, and returns the context for the fetch.
func (h *Hooks) keysFetchStarted(ctx context.Context, issuer string) context.Context {
	if h.KeysFetchStarted == nil {
		return ctx
	}
	return contextOr(h.KeysFetchStarted(ctx, issuer), ctx)
}

// contextOr returns ctx, or the other context if it is nil.
func contextOr(ctx, other context.Context) context.Context {
	if ctx == nil {
		return other
	}
	return ctx
}

// checkKey is the key of a context's value.
type checkKey struct{}

// asCheck returns a context whose calls are checks.
func asCheck(ctx context.Context) context.Context { return context.WithValue(ctx, checkKey{}, true) }

// IsCheck reports whether ctx, which a hook has got, is that of a check: [Client.Check] or
// [Client.CheckLogin], which Auth.Ready of package middleware calls. A check sends a token
// or a code that Cognito has never issued. An error of it that does not wrap
// [ErrUnavailable] is the refusal that the check hopes for, and no failure.
func IsCheck(ctx context.Context) bool { return ctx.Value(checkKey{}) != nil }
