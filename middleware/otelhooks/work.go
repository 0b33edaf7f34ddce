package otelhooks

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// workKind tells the works apart that may be within each other.
type workKind int

const (
	workRefresh workKind = iota
	workKeyFetch
	workCall
)

// work is what has begun and has not ended. Its context carries it from the hook that is
// told of the start to the one that is told of the end.
type work struct {
	span  trace.Span
	start time.Time
}

// begin begins a work and its span.
func (t *telemetry) begin(ctx context.Context, kind workKind, name string, spanKind trace.SpanKind) context.Context {
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(spanKind), trace.WithAttributes(t.attributes...))
	return context.WithValue(ctx, kind, &work{span, time.Now()})
}

// end ends the work of a context: it records the duration and ends the span. With elapsed
// below 0 it measures the time since begin.
func (t *telemetry) end(ctx context.Context, kind workKind, histogram metric.Float64Histogram, elapsed time.Duration, errorType string, more ...attribute.KeyValue) {
	w, begun := ctx.Value(kind).(*work)
	if elapsed < 0 && begun {
		elapsed = time.Since(w.start)
	}
	set := t.set(append(more, keyErrorType.String(errorType))...)
	histogram.Record(ctx, max(elapsed, 0).Seconds(), metric.WithAttributeSet(set))
	if !begun {
		return // a hook of the program has lost the context
	}
	w.span.SetAttributes(set.ToSlice()...)
	if errorType != "" {
		w.span.SetStatus(codes.Error, errorType)
	}
	w.span.End()
}

// contextOr returns ctx, or the other context if it is nil.
func contextOr(ctx, other context.Context) context.Context {
	if ctx == nil {
		return other
	}
	return ctx
}
