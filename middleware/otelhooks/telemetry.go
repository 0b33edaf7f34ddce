package otelhooks

import (
	"errors"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// The attributes. http.route and error.type are those of the semantic conventions.
const (
	keyDecision      = attribute.Key("cognitogate.decision")
	keyReason        = attribute.Key("cognitogate.reason")
	keyRoute         = attribute.Key("http.route")
	keySource        = attribute.Key("cognitogate.refresh.source")
	keyOperation     = attribute.Key("cognitogate.operation")
	keyCheck         = attribute.Key("cognitogate.check")
	keyCacheResult   = attribute.Key("cognitogate.cache.result")
	keySignInReason  = attribute.Key("cognitogate.sign_in.reason")
	keySignOutReason = attribute.Key("cognitogate.sign_out.reason")
	keyErrorType     = attribute.Key("error.type")
)

// durations are the bounds of histograms, in seconds: those of http.client.request.duration
// in the semantic conventions.
var durations = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// telemetry has the instruments of one Wrap.
type telemetry struct {
	tracer     trace.Tracer
	attributes []attribute.KeyValue // of everything

	requests       metric.Int64Counter
	refreshes      metric.Float64Histogram
	keyFetches     metric.Float64Histogram
	calls          metric.Float64Histogram
	storeCalls     metric.Float64Histogram
	lookups        metric.Int64Counter
	signIns        metric.Int64Counter
	signOuts       metric.Int64Counter
	signInFailures metric.Int64Counter

	sets      requestSets
	hit, miss []metric.AddOption
}

func newTelemetry(opts *Options) (*telemetry, error) {
	meter := opts.meter()
	var errs []error
	counter := func(name, unit, description string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return c
	}
	histogram := func(name, description string) metric.Float64Histogram {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(durations...))
		errs = append(errs, err)
		return h
	}
	t := &telemetry{
		tracer:     opts.tracer(),
		attributes: slices.Clone(opts.attributes()),

		requests:       counter("cognitogate.requests", "{request}", "Requests through guards, by what was decided."),
		refreshes:      histogram("cognitogate.refresh.duration", "Duration of the refreshes that requests wait for."),
		keyFetches:     histogram("cognitogate.key_fetch.duration", "Duration of fetches of key sets."),
		calls:          histogram("cognitogate.call.duration", "Duration of calls to Cognito, with all attempts."),
		storeCalls:     histogram("cognitogate.store.duration", "Duration of calls of the store that replicas share."),
		lookups:        counter("cognitogate.session.cache.lookups", "{lookup}", "Sessions that were looked up in the cache of verified sessions."),
		signIns:        counter("cognitogate.sign_ins", "{sign_in}", "Sign-ins through Routes."),
		signOuts:       counter("cognitogate.sign_outs", "{sign_out}", "Sign-outs through Routes, and sessions that a sign-in has replaced."),
		signInFailures: counter("cognitogate.sign_in.failures", "{failure}", "Sign-ins through Routes that have failed."),
	}
	t.hit = t.addOptions(keyCacheResult.String("hit"))
	t.miss = t.addOptions(keyCacheResult.String("miss"))
	t.sets.telemetry = t
	return t, errors.Join(errs...)
}

// set returns the set of these attributes and those of everything. Empty ones are left out.
func (t *telemetry) set(more ...attribute.KeyValue) attribute.Set {
	all := slices.Clone(t.attributes)
	for _, kv := range more {
		if kv.Value.AsString() != "" || kv.Value.Type() != attribute.STRING {
			all = append(all, kv)
		}
	}
	return attribute.NewSet(all...)
}

func (t *telemetry) addOptions(more ...attribute.KeyValue) []metric.AddOption {
	return []metric.AddOption{metric.WithAttributeSet(t.set(more...))}
}
