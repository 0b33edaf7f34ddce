//go:build unix

package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// documented is the matcher that the documentation of Amplify shows.
const documented = "/((?!api|_next/static|_next/image|favicon.ico|sign-in).*)"

// site is a chi router behind a guard, and the same router behind a middleware that
// does nothing.
type site struct {
	server        *cognitotest.Server
	auth          *middleware.Auth
	guarded, bare http.Handler
}

func newServer() *cognitotest.Server {
	return cognitotest.New(cognitotest.User{
		Username: "ada", Groups: []string{"admins", "authors"},
		Attributes: map[string]string{"email": "ada@example.com", "given_name": "Ada", "custom:tier": "gold"},
	})
}

func newSite(server *cognitotest.Server, edits ...func(*middleware.Config)) *site {
	cfg := middleware.Config{
		UserPool: server.UserPool(), HTTPClient: server.Client(),
		Matcher: []string{documented}, Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	auth, err := middleware.New(cfg)
	check(err)
	s := &site{server: server, auth: auth}
	s.guarded, s.bare = newRouter(auth.Protect), newRouter(noop)
	return s
}

func noop(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
}

func newRouter(guard func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(guard)
	nothing := func(http.ResponseWriter, *http.Request) {}
	r.Get("/dashboard/{id}", nothing)
	r.Get("/api/{id}", nothing)
	r.Get("/user/{id}", func(_ http.ResponseWriter, r *http.Request) {
		if s, ok := session.FromContext(r.Context()); ok && s.User().ID == "" {
			panic("a session without a user")
		}
	})
	return r
}

// signedIn returns a request with eight cookies, 3.9 kB of them.
func (s *site) signedIn(path string) *http.Request {
	r := httptest.NewRequest("GET", path, nil)
	s.server.SignIn(r, "ada")
	prefix := s.cookiePrefix() + "ada."
	r.Header.Set("Cookie", "theme=dark; "+r.Header.Get("Cookie")+"; "+prefix+"clockDrift=0; "+
		prefix+"signInDetails={%22loginId%22:%22ada%22%2C%22authFlowType%22:%22USER_SRP_AUTH%22}; _ga=GA1.1.1234.5678")
	return r
}

// cookiePrefix begins the names of Amplify's cookies for this app client.
func (s *site) cookiePrefix() string {
	return "CognitoIdentityServiceProvider." + s.server.UserPool().ClientID + "."
}

// serving returns a function that serves the request once more, and first makes sure
// that the answer has the status.
func serving(h http.Handler, r *http.Request, status int) func() {
	probe := httptest.NewRecorder()
	h.ServeHTTP(probe, r)
	if probe.Code != status {
		panic("the answer to " + r.URL.Path + " is " + http.StatusText(probe.Code) + ", not " + http.StatusText(status))
	}
	w := discard{http.Header{}}
	return func() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (w discard) Header() http.Header         { return w.header }
func (w discard) Write(b []byte) (int, error) { return len(b), nil }
func (w discard) WriteHeader(int)             {}
