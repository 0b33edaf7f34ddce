package otelhooks

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// wrapRefreshes wraps the hooks of package session: of refreshes, of the cache and of the
// store.
func (t *telemetry) wrapRefreshes(hooks *cognito.Hooks) {
	next := hooks.Session
	hooks.Session.RefreshStarted = func(ctx context.Context) context.Context {
		ctx = t.begin(ctx, workRefresh, "cognitogate.refresh", trace.SpanKindInternal)
		if next.RefreshStarted != nil {
			return contextOr(next.RefreshStarted(ctx), ctx)
		}
		return ctx
	}
	hooks.Session.Refreshed = func(ctx context.Context, source session.RefreshSource, elapsed time.Duration, err error) {
		defer t.end(ctx, workRefresh, t.refreshes, max(elapsed, 0), reasonType(err), keySource.String(string(source)))
		if next.Refreshed != nil {
			next.Refreshed(ctx, source, elapsed, err)
		}
	}
	hooks.Session.CacheAsked = func(ctx context.Context, hit bool) {
		if hit {
			t.lookups.Add(ctx, 1, t.hit...)
		} else {
			t.lookups.Add(ctx, 1, t.miss...)
		}
		if next.CacheAsked != nil {
			next.CacheAsked(ctx, hit)
		}
	}
	hooks.Session.StoreCalled = func(ctx context.Context, op session.StoreOperation, elapsed time.Duration, err error) {
		set := t.set(keyOperation.String(string(op)), keyErrorType.String(storeErrorType(err)))
		t.storeCalls.Record(ctx, max(elapsed, 0).Seconds(), metric.WithAttributeSet(set))
		if next.StoreCalled != nil {
			next.StoreCalled(ctx, op, elapsed, err)
		}
	}
}
