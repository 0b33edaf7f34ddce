package otelhooks

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// wrapCalls wraps the hooks of calls to Cognito and of fetches of key sets.
func (t *telemetry) wrapCalls(hooks *cognito.Hooks) {
	next := hooks.Tokens
	hooks.Tokens.CallStarted = func(ctx context.Context, op string) context.Context {
		ctx = t.begin(ctx, workCall, "Cognito "+op, trace.SpanKindClient)
		if next.CallStarted != nil {
			return contextOr(next.CallStarted(ctx, op), ctx)
		}
		return ctx
	}
	hooks.Tokens.Called = func(ctx context.Context, op string, elapsed time.Duration, err error) {
		defer t.endCall(ctx, op, elapsed, err)
		if next.Called != nil {
			next.Called(ctx, op, elapsed, err)
		}
	}
	hooks.Tokens.KeysFetchStarted = func(ctx context.Context, issuer string) context.Context {
		ctx = t.begin(ctx, workKeyFetch, "cognitogate.key_fetch", trace.SpanKindClient)
		if next.KeysFetchStarted != nil {
			return contextOr(next.KeysFetchStarted(ctx, issuer), ctx)
		}
		return ctx
	}
	hooks.Tokens.KeysFetched = func(ctx context.Context, issuer string, keys int, err error) {
		defer t.end(ctx, workKeyFetch, t.keyFetches, -1, reasonType(err))
		if next.KeysFetched != nil {
			next.KeysFetched(ctx, issuer, keys, err)
		}
	}
}

// endCall ends a call. The refusal that a check hopes for is no failure.
func (t *telemetry) endCall(ctx context.Context, op string, elapsed time.Duration, err error) {
	more := []attribute.KeyValue{keyOperation.String(op)}
	if tokens.IsCheck(ctx) {
		more = append(more, keyCheck.Bool(true))
		if !errors.Is(err, tokens.ErrUnavailable) {
			err = nil
		}
	}
	t.end(ctx, workCall, t.calls, max(elapsed, 0), callErrorType(err), more...)
}
