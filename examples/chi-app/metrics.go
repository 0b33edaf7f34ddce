package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/middleware/otelhooks"
)

// metrics are those of the guards. Prometheus fetches them from the operator's port.
type metrics struct {
	handler  http.Handler
	provider *metric.MeterProvider
}

// newMetrics makes the metrics of one application. They are in no global variable, so that
// a test can have several.
func newMetrics() (*metrics, error) {
	//show:metrics
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	return &metrics{
		handler:  promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		provider: metric.NewMeterProvider(metric.WithReader(reader)),
	}, nil
	//end:metrics
}

// options tell the metrics of several Auths apart.
func (m *metrics) options(auth string) *otelhooks.Options {
	return &otelhooks.Options{MeterProvider: m.provider, Attributes: []attribute.KeyValue{attribute.String("auth", auth)}}
}

// wrap returns hooks that update the metrics and call other hooks.
func (m *metrics) wrap(auth string, hooks cognito.Hooks) (cognito.Hooks, error) {
	//show:otelhooks
	return otelhooks.Wrap(hooks, m.options(auth))
	//end:otelhooks
}

// observe adds the size of an Auth's cache to the metrics.
func (m *metrics) observe(name string, auth *cognito.Auth) error {
	return otelhooks.ObserveCache(auth.Sessions(), m.options(name))
}
