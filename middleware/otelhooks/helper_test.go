package otelhooks_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/middleware/otelhooks"
)

const origin = "https://app.example.com"

// env is an Auth with hooks, and what they have made.
type env struct {
	*testing.T
	server *cognitotest.Server
	auth   *cognito.Auth
	hooks  cognito.Hooks // those of auth
	reader *sdkmetric.ManualReader
	spans  *tracetest.InMemoryExporter
	tracer *sdktrace.TracerProvider

	mu  sync.Mutex
	now time.Time
}

// sharedServer is one server for all tests, because it takes time to make its keys.
var sharedServer = sync.OnceValue(func() *cognitotest.Server {
	return cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}}, cognitotest.User{Username: "grace"})
})

// newEnv makes an env. more are readers beside the env's own. edit may be nil.
func newEnv(t *testing.T, edit func(*cognito.Config), more ...sdkmetric.Reader) *env {
	t.Helper()
	e := &env{T: t, server: sharedServer(), now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	e.server.SetNow(e.clock)
	e.server.SetFault(nil)
	e.server.SetLifetime(30 * time.Minute) // tokens expire before the keys are fetched again
	e.reader, e.spans = sdkmetric.NewManualReader(), tracetest.NewInMemoryExporter()
	readers := []sdkmetric.Option{sdkmetric.WithReader(e.reader)}
	for _, reader := range more {
		readers = append(readers, sdkmetric.WithReader(reader))
	}
	e.tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(e.spans))
	options := &otelhooks.Options{
		MeterProvider: sdkmetric.NewMeterProvider(readers...), TracerProvider: e.tracer,
		Attributes: []attribute.KeyValue{attribute.String("user_pool", "staff")},
	}
	cfg := cognito.Config{
		UserPool: e.server.UserPool(), HTTPClient: e.server.Client(), Now: e.clock, Logger: slog.New(slog.DiscardHandler),
		Origin: origin, Secret: []byte("32 random bytes, the same for all"),
	}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	if cfg.Hooks, err = otelhooks.Wrap(cfg.Hooks, options); err != nil {
		t.Fatal(err)
	}
	e.hooks = cfg.Hooks
	if e.auth, err = cognito.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := otelhooks.ObserveCache(e.auth.Sessions(), options); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *env) clock() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

func (e *env) advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

// page returns a navigation, of a user unless user is "".
func (e *env) page(user, target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Host = "app.example.com"
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Accept", "text/html")
	if user != "" {
		e.server.SignIn(r, user)
	}
	return r
}

// do sends a request and returns the answer.
func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// signIn signs a user in through Routes.
func (e *env) signIn(user string) *httptest.ResponseRecorder {
	e.Helper()
	w := do(e.auth.Routes(), e.page("", "/api/auth/sign-in"))
	callback, err := e.server.Authorize(w.Header().Get("Location"), user)
	if err != nil {
		e.Fatal(err)
	}
	r := e.page("", strings.TrimPrefix(callback, origin))
	for _, c := range w.Result().Cookies() {
		r.AddCookie(c)
	}
	return do(e.auth.Routes(), r)
}

// metrics returns a line for each count, with the attributes but for user_pool, which all
// must have. Of a histogram it is the number of durations.
func (e *env) metrics() (lines []string) {
	e.Helper()
	var data metricdata.ResourceMetrics
	if err := e.reader.Collect(context.Background(), &data); err != nil {
		e.Fatal(err)
	}
	add := func(name string, set attribute.Set, n any) {
		var attributes []string
		for _, kv := range set.ToSlice() {
			if kv.Key != "user_pool" {
				attributes = append(attributes, string(kv.Key)+"="+kv.Value.String())
			}
		}
		if len(attributes) == set.Len() {
			e.Errorf("%s lacks an attribute of Options", name)
		}
		name = strings.TrimPrefix(name, "cognitogate.")
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s", name, strings.Join(attributes, " ")))+fmt.Sprint(": ", n))
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Unit == "" || m.Description == "" {
				e.Errorf("%s has no unit or no description", m.Name)
			}
			switch sum := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range sum.DataPoints {
					if m.Unit == "By" {
						p.Value = min(p.Value, 1)
					}
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range sum.DataPoints {
					if p.Sum < 0 || p.Sum > 60 {
						e.Errorf("%s: %v seconds", m.Name, p.Sum)
					}
					add(m.Name, p.Attributes, p.Count)
				}
			default:
				e.Errorf("%s is a %T", m.Name, m.Data)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// expect compares the metrics.
func (e *env) expect(want ...string) {
	e.Helper()
	got := e.metrics()
	slices.Sort(want)
	for _, line := range want {
		if !slices.Contains(got, line) {
			e.Errorf("missing: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			e.Errorf("not expected: %s", line)
		}
	}
}

// answering returns a fault of one operation.
func answering(op string, fault cognitotest.Fault) func(string) cognitotest.Fault {
	return func(called string) cognitotest.Fault {
		if called == op {
			return fault
		}
		return cognitotest.Fault{}
	}
}
