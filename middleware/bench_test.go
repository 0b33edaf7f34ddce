package middleware_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// nullWriter is a ResponseWriter that discards the answer.
type nullWriter struct{ h http.Header }

func (w *nullWriter) Header() http.Header         { return w.h }
func (w *nullWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *nullWriter) WriteHeader(int)             {}

// bench has the same chi routes with a guard and without one.
type bench struct {
	server *cognitotest.Server
	auth   *cognito.Auth
	bare   http.Handler
	chi    http.Handler
}

func newBench(b testing.TB, edits ...func(*cognito.Config)) *bench {
	b.Helper()
	server := cognitotest.New(cognitotest.User{
		Username: "ada", Groups: []string{"admins", "authors"},
		Attributes: map[string]string{"email": "ada@example.com", "given_name": "Ada", "custom:tier": "gold"},
	})
	cfg := cognito.Config{
		UserPool: server.UserPool(), HTTPClient: server.Client(), Matcher: []string{documented}, Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	setSessions(server, &cfg)
	auth, err := cognito.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	routes := func(r chi.Router) http.Handler {
		r.Get("/dashboard/{id}", emptyHandler)
		r.Get("/api/{id}", emptyHandler)
		return r
	}
	noop := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
	}
	bare, guarded := chi.NewRouter(), chi.NewRouter()
	bare.Use(noop)
	guarded.Use(auth.Protect)
	return &bench{server: server, auth: auth, bare: routes(bare), chi: routes(guarded)}
}

// serve returns a function that serves the request once more, with an empty header.
func serve(h http.Handler, r *http.Request) func() {
	w := &nullWriter{http.Header{}}
	return func() {
		clear(w.h)
		h.ServeHTTP(w, r)
	}
}

// signedInRequest returns a request with eight cookies of about 3.9 kB.
func (env *bench) signedInRequest(target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	env.server.SignIn(r, "ada")
	prefix := "CognitoIdentityServiceProvider." + env.server.UserPool().ClientID + ".ada."
	r.Header.Set("Cookie", "theme=dark; "+r.Header.Get("Cookie")+"; "+prefix+"clockDrift=0; "+prefix+"signInDetails={%22loginId%22:%22ada%22}; _ga=GA1.1.1234.5678")
	return r
}
