package middleware_test

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestExemptPathsAreExact: Protect lets these paths through and none that is like them.
func TestExemptPathsAreExact(t *testing.T) {
	for _, c := range []struct {
		name     string
		edit     func(*cognito.Config)
		exempt   []string
		isRoutes bool
	}{
		{"the default", func(*cognito.Config) {}, []string{"/sign-in"}, false},
		{"a path", func(cfg *cognito.Config) { cfg.SignIn = "/users/login" }, []string{"/users/login"}, false},
		{"a path with a slash at its end", func(cfg *cognito.Config) { cfg.SignIn = "/login/" }, []string{"/login/"}, false},
		{"a path with a query", func(cfg *cognito.Config) { cfg.SignIn = "/login?lang=de" }, []string{"/login"}, false},
		{"routes", func(cfg *cognito.Config) {}, []string{
			"/api/auth/sign-in", "/api/auth/sign-up", "/api/auth/sign-in-callback", "/api/auth/sign-out", "/api/auth/sign-out-callback",
		}, true},
		{"redirect URIs", func(cfg *cognito.Config) {
			cfg.Login.RedirectURI = cfg.Origin + "/api/auth/sign-in-callback/"
			cfg.Login.LogoutURI = cfg.Origin + "/goodbye?x=y"
		}, []string{"/api/auth/sign-in-callback/", "/api/auth/sign-in-callback", "/api/auth/sign-in", "/goodbye"}, true},
		{"a logout URI without a path", func(cfg *cognito.Config) { cfg.Login.LogoutURI = cfg.Origin }, []string{"/"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}}
			if c.isRoutes {
				cfg.Origin, cfg.Secret, cfg.UserPool.Domain = "https://app.example", routesSecret, "auth.example"
			}
			c.edit(&cfg)
			auth, err := cognito.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			h := auth.Protect(publicRoute)
			exempt := make(map[string]bool)
			for _, p := range c.exempt {
				exempt[p] = true
				if handlerThatRan(t, h, "GET", p) == "" {
					t.Errorf("%s is refused", p)
				}
			}
			for _, p := range c.exempt {
				bare := strings.TrimSuffix(p, "/")
				for _, other := range []string{
					bare + "/", cmp.Or(bare, "/"), "/" + p, bare + "//", bare + "/.", bare + "/x", bare + "x", bare + ";x", bare + "%2f", bare + "%20", bare + "%09", bare + "%23",
					bare + "%3f", "/x/.." + p, "/." + p, strings.ToUpper(bare) + "/X", "/%2e" + p, strings.Replace(p, "/", "/%2f", 1),
				} {
					if !exempt[other] && other[0] == '/' && handlerThatRan(t, h, "GET", other) != "" {
						t.Errorf("%s is let through", other)
					}
				}
			}
		})
	}
}

// TestExemptPathIsNoOtherRoute: a slash more can be another route.
func TestExemptPathIsNoOtherRoute(t *testing.T) {
	auth := newAuth(t)
	r := chi.NewRouter()
	r.Use(auth.Protect)
	r.HandleFunc("/sign-in", publicHandler)
	r.Route("/{tenant}", func(r chi.Router) { r.HandleFunc("/", privateHandler) })
	for target, want := range map[string]string{"/sign-in": "public", "/sign-in/": "", "/acme/": ""} {
		if got := handlerThatRan(t, r, "GET", target); got != want {
			t.Errorf("%s: ran %q", target, got)
		}
	}
}

// TestExemptPathWithAnotherSlashNamesTheCure: a redirect to the sign-in page would lead
// a browser back to the same path, if the router adds or removes the slash.
func TestExemptPathWithAnotherSlashNamesTheCure(t *testing.T) {
	for signIn, asked := range map[string]string{"/sign-in": "/sign-in/", "/sign-in/": "/sign-in"} {
		h := newAuth(t, func(cfg *cognito.Config) { cfg.SignIn = signIn }).Protect(publicRoute)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, pageRequest(asked+"?next=/x"))
		body := w.Body.String()
		if w.Code != http.StatusBadRequest || !strings.Contains(body, "see "+signIn+",") || !strings.Contains(body, "SignIn") {
			t.Errorf("%s: %d %s", asked, w.Code, body)
		}
		r := httptest.NewRequest("GET", asked, nil)
		r.Header.Set("Sec-Fetch-Mode", "cors")
		w = httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
			t.Errorf("a script at %s: %d", asked, w.Code)
		}
	}
}
