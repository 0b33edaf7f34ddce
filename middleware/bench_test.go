package middleware_test

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
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
		r.Get("/user/{id}", func(_ http.ResponseWriter, r *http.Request) {
			if s, ok := session.FromContext(r.Context()); ok && s.User().UnverifiedLoginID != "ada" {
				panic("a session without its user")
			}
		})
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

// refusedRequests returns requests without a session, by what their access token is.
func (env *bench) refusedRequests() map[string]*http.Request {
	access := env.server.Issue("ada").Access
	header, rest, _ := strings.Cut(access, ".")
	payload, _, _ := strings.Cut(rest, ".")
	encode := base64.RawURLEncoding.EncodeToString
	prefix := "CognitoIdentityServiceProvider." + env.server.UserPool().ClientID + "."
	requests := map[string]*http.Request{"no tokens": httptest.NewRequest("GET", "/dashboard/1?tab=2", nil)}
	for what, access := range map[string]string{
		"no JWT":             strings.Repeat("x", len(access)),
		"another algorithm":  encode([]byte(`{"alg":"HS256","kid":"a"}`)) + "." + rest,
		"an unknown key":     encode([]byte(`{"alg":"RS256","kid":"a"}`)) + "." + rest,
		"a forged signature": header + "." + payload + "." + encode(make([]byte, 256)),
	} {
		r := httptest.NewRequest("GET", "/dashboard/1", nil)
		r.Header.Set("Cookie", "theme=dark; "+prefix+"LastAuthUser=ada; "+prefix+"ada.accessToken="+access+"; "+prefix+"ada.clockDrift=0")
		requests[what] = r
	}
	return requests
}
