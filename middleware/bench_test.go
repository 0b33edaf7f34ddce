//go:build unix

package middleware_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/floor"
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

// BenchmarkProtect measures a whole request through chi. The units are A, one RSA-2048
// signature check, and the same route without a guard.
func BenchmarkProtect(b *testing.B) {
	env := newBench(b)
	page, public := env.signedInRequest("/dashboard/1"), env.signedInRequest("/api/1")
	anonymous := httptest.NewRequest("GET", "/dashboard/1?tab=2", nil)
	redirect := chi.NewRouter()
	redirect.Get("/dashboard/{id}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/sign-in?next=%2Fdashboard%2F1%3Ftab%3D2", http.StatusTemporaryRedirect)
	})
	b.Run("valid in A", func(b *testing.B) { floor.Compare(b, "A", 64, floor.A(), serve(env.chi, page)) })
	b.Run("bare in A", func(b *testing.B) { floor.Compare(b, "A", 64, floor.A(), serve(env.bare, page)) })
	b.Run("valid over bare", func(b *testing.B) { floor.Compare(b, "bare", 1024, serve(env.bare, page), serve(env.chi, page)) })
	b.Run("public over bare", func(b *testing.B) { floor.Compare(b, "bare", 4096, serve(env.bare, public), serve(env.chi, public)) })
	b.Run("redirect over http.Redirect", func(b *testing.B) {
		floor.Compare(b, "Redirect", 1024, serve(redirect, anonymous), serve(env.chi, anonymous))
	})
	uncached := newBench(b, noCache)
	cold := uncached.signedInRequest("/dashboard/1")
	b.Run("verified anew in A", func(b *testing.B) { floor.Compare(b, "A", 64, floor.A(), serve(uncached.chi, cold)) })
	many := env.signedInRequest("/dashboard/1")
	var others strings.Builder
	for i := range 145 {
		fmt.Fprintf(&others, "other%d=%d; ", i, i)
	}
	many.Header.Set("Cookie", others.String()+many.Header.Get("Cookie"))
	b.Run("150 cookies over 8", func(b *testing.B) { floor.Compare(b, "8cookies", 1024, serve(env.chi, page), serve(env.chi, many)) })
}

func noCache(cfg *cognito.Config) { cfg.CacheBytes = -1 }
