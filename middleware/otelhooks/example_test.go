package otelhooks_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/middleware/otelhooks"
)

// A program counts its requests by decision and route. Here a reader in memory stands for
// an exporter, and an emulator for Cognito.
func Example() {
	reader := sdkmetric.NewManualReader()
	options := &otelhooks.Options{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))}
	hooks, err := otelhooks.Wrap(cognito.Hooks{}, options)
	if err != nil {
		log.Fatal(err)
	}
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Hooks: hooks})
	if err != nil {
		log.Fatal(err)
	}
	if err := otelhooks.ObserveCache(auth.Sessions(), options); err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	site := auth.Protect(mux)
	r := httptest.NewRequest("GET", "/orders/7", nil)
	server.SignIn(r, "ada")
	site.ServeHTTP(httptest.NewRecorder(), r)
	site.ServeHTTP(httptest.NewRecorder(), r)

	var data metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &data); err != nil {
		log.Fatal(err)
	}
	for _, m := range data.ScopeMetrics[0].Metrics {
		if requests, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "cognitogate.requests" {
			for _, p := range requests.DataPoints {
				fmt.Println(p.Value, p.Attributes.Encoded(attribute.DefaultEncoder()))
			}
		}
	}
	// Output:
	// 2 cognitogate.decision=passed,http.route=/orders/{id}
}
