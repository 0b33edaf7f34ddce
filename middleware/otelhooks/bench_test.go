package otelhooks_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/middleware/otelhooks"
)

// maxAllocs is how many allocations a signed-in request with metrics may need, those of the
// guard included.
const maxAllocs = 4

// nullWriter is a ResponseWriter that discards the answer.
type nullWriter struct{ h http.Header }

func (w *nullWriter) Header() http.Header         { return w.h }
func (w *nullWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *nullWriter) WriteHeader(int)             {}

// signedIn returns functions that serve a signed-in request: with hooks, without hooks, and
// without a guard.
func signedIn(tb testing.TB) (with, without, bare func()) {
	tb.Helper()
	server := sharedServer()
	server.SetNow(time.Now)
	server.SetFault(nil)
	hooks, err := otelhooks.Wrap(cognito.Hooks{}, &otelhooks.Options{
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
		TracerProvider: sdktrace.NewTracerProvider(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	guarded := func(hooks cognito.Hooks) func(http.Handler) http.Handler {
		auth, err := cognito.New(cognito.Config{
			UserPool: server.UserPool(), HTTPClient: server.Client(), Logger: slog.New(slog.DiscardHandler), Hooks: hooks,
		})
		if err != nil {
			tb.Fatal(err)
		}
		return auth.Protect
	}
	serve := func(guard func(http.Handler) http.Handler) func() {
		router := chi.NewRouter()
		router.Use(guard)
		router.Get("/items/{id}", emptyHandler)
		r, _ := http.NewRequest("GET", "/items/1", nil)
		server.SignIn(r, "ada")
		w := &nullWriter{http.Header{}}
		return func() {
			clear(w.h)
			router.ServeHTTP(w, r)
		}
	}
	return serve(guarded(hooks)), serve(guarded(cognito.Hooks{})), serve(func(next http.Handler) http.Handler { return next })
}

func TestSignedInRequestAllocates(t *testing.T) {
	longtest.WithoutRace(t)
	with, _, bare := signedIn(t)
	if over := testing.AllocsPerRun(100, with) - testing.AllocsPerRun(100, bare); over > maxAllocs {
		t.Errorf("%v allocations over a request without a guard", over)
	}
}

// BenchmarkSignedInRequest shows what hooks cost.
func BenchmarkSignedInRequest(b *testing.B) {
	with, without, _ := signedIn(b)
	for name, serve := range map[string]func(){"hooks": with, "no hooks": without} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
