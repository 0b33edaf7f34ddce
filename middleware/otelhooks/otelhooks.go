package otelhooks

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// scope is the name of the instrumentation scope.
const scope = "github.com/cognitogate/cognitogate/middleware/otelhooks"

// Options say where metrics and spans go. nil and the zero value make none.
type Options struct {
	// MeterProvider makes the metrics. Default none; otel.GetMeterProvider returns the
	// program's.
	MeterProvider metric.MeterProvider

	// TracerProvider makes the spans. Default none; otel.GetTracerProvider returns the
	// program's.
	TracerProvider trace.TracerProvider

	// Attributes are added to all metrics and spans. Default none. In a program with
	// several Auths they tell these apart: attribute.String("user_pool", "staff").
	Attributes []attribute.KeyValue
}

func (o *Options) meter() metric.Meter {
	if o == nil || o.MeterProvider == nil {
		return noopmetric.Meter{}
	}
	return o.MeterProvider.Meter(scope)
}

func (o *Options) tracer() trace.Tracer {
	if o == nil || o.TracerProvider == nil {
		return nooptrace.Tracer{}
	}
	return o.TracerProvider.Tracer(scope)
}

func (o *Options) attributes() []attribute.KeyValue {
	if o == nil {
		return nil
	}
	return o.Attributes
}

// Wrap returns hooks that make metrics and spans, and call next. The fields of next may be
// nil. Its hooks run within the spans. A SignedIn that refuses a sign-in decides as without
// Wrap, and that sign-in is counted as a failure alone. The error is that of a MeterProvider
// that does not make an instrument.
func Wrap(next cognito.Hooks, opts *Options) (cognito.Hooks, error) {
	t, err := newTelemetry(opts)
	if err != nil {
		return cognito.Hooks{}, err
	}
	hooks := next
	t.wrapCalls(&hooks)
	t.wrapRefreshes(&hooks)
	t.wrapDecisions(&hooks)
	t.wrapSignIns(&hooks)
	return hooks, nil
}

// ObserveCache makes the metrics of the size of the Manager's cache of verified sessions.
// They are read whenever metrics are collected. The Manager of an Auth is Auth.Sessions.
// Call it once for a Manager. The error is that of the MeterProvider.
func ObserveCache(sessions *session.Manager, opts *Options) error {
	meter := opts.meter()
	count, err := meter.Int64ObservableUpDownCounter("cognitogate.session.cache.sessions",
		metric.WithUnit("{session}"), metric.WithDescription("Verified sessions in the cache."))
	if err != nil {
		return err
	}
	size, err := meter.Int64ObservableUpDownCounter("cognitogate.session.cache.size",
		metric.WithUnit("By"), metric.WithDescription("Approximate size of the cache of verified sessions."))
	if err != nil {
		return err
	}
	with := metric.WithAttributeSet(attribute.NewSet(opts.attributes()...))
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		n, bytes := sessions.CacheSize()
		o.ObserveInt64(count, int64(n), with)
		o.ObserveInt64(size, bytes, with)
		return nil
	}, count, size)
	return err
}
