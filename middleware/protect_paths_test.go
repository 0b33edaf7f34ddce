package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestSignInPageInAMountedRouter: Protect must let the sign-in page through there too,
// or browsers are redirected for ever.
func TestSignInPageInAMountedRouter(t *testing.T) {
	auth := newAuth(t, func(cfg *cognito.Config) { cfg.SignIn = "/app/sign-in" })
	app := chi.NewRouter()
	app.Use(auth.Protect)
	app.HandleFunc("/sign-in", publicHandler)
	app.HandleFunc("/*", privateHandler)
	root := chi.NewRouter()
	root.Mount("/app", app)
	for _, target := range []string{"/app/sign-in", "/app/sign-in?next=/app/x"} {
		if got := handlerThatRan(t, root, "GET", target); got != "public" {
			t.Errorf("%s: ran %q", target, got)
		}
	}
	for _, target := range []string{"/app/", "/app", "/app/sign-in/x", "/app//sign-in/x", "/app/sign-in%2fx", "/app/sign-in/../x", "/app/%73ign-in/x", "/app/sign-in;x"} {
		if got := handlerThatRan(t, root, "GET", target); got != "" {
			t.Errorf("%s: ran %q", target, got)
		}
	}
	alone := chi.NewRouter()
	alone.Use(auth.Protect)
	alone.HandleFunc("/", publicHandler)
	root = chi.NewRouter()
	root.Mount("/app/sign-in", alone)
	for target, want := range map[string]string{"/app/sign-in": "public", "/app/sign-in/": ""} {
		if got := handlerThatRan(t, root, "GET", target); got != want {
			t.Errorf("a router of its own, %s: ran %q", target, got)
		}
	}
}

// TestRewriteBeforeAnInlineGuard: a middleware may give chi another path that ends like
// the received one. The guard of a group runs after the routing.
func TestRewriteBeforeAnInlineGuard(t *testing.T) {
	strip := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if path := r.URL.Path; len(path) > 7 && path[:7] == "/public" {
				chi.RouteContext(r.Context()).RoutePath = path[7:]
			}
			next.ServeHTTP(w, r)
		})
	}
	for _, pattern := range []string{"/admin/:path*", "/((?!public).*)"} {
		r := chi.NewRouter()
		r.Use(strip)
		r.Group(func(r chi.Router) {
			r.Use(newMatcherAuth(t, pattern).Protect)
			r.HandleFunc("/admin", privateHandler)
			r.HandleFunc("/admin/*", privateHandler)
		})
		for _, target := range []string{"/public/admin", "/public/admin/x", "/public/admin/x/y"} {
			if got := handlerThatRan(t, r, "GET", target); got != "" {
				t.Errorf("%s: %s reached the handler", pattern, target)
			}
		}
	}
}

// TestServersBehindTheGuard: some servers behind a reverse proxy read a path in these
// ways.
func TestServersBehindTheGuard(t *testing.T) {
	auth := newMatcherAuth(t, "/admin/:path*")
	h := auth.Protect(http.HandlerFunc(privateHandler))
	for target, reader := range map[string]string{
		"/admin;jsessionid=1":             "drops the parameters of segments",
		"/admin;a/x;b":                    "drops the parameters of segments",
		"/public/..;/admin":               "drops the parameters of segments, then dots",
		"/public/..;x/admin;y/z":          "drops the parameters of segments, then dots",
		"/public%2f..;%2fadmin":           "decodes, and drops the parameters of segments",
		"/%2561dmin/%25zz":                "decodes twice what it can",
		"/public%5c..%5cadmin%2fx%3fy":    `takes \ for /, of a path with a question mark`,
		"/public%5c..%5cadmin%2fx%23y":    `takes \ for /, of a path with a hash`,
		"/public/%5c..%5c..%5cadmin/%3fy": `takes \ for /, of a path with a question mark`,
	} {
		if handlerThatRan(t, h, "GET", target) != "" {
			t.Errorf("%s is let through, and a server %s", target, reader)
		}
	}
	// ServeMux decodes one segment after the other, perhaps of a path that was decoded before.
	one := newMatcherAuth(t, "/admin/:id").Protect(http.HandlerFunc(privateHandler))
	for _, target := range []string{"/%61dmin/a%2Fb", "/%2561dmin/a%252Fb", "/%252561dmin/a%25252Fb", "/%2561dmin/a%252fb%3Fx", "/x/..;/%61dmin/a%2Fb", "/%2561dmin;a/a%252Fb"} {
		if handlerThatRan(t, one, "GET", target) != "" {
			t.Errorf("%s is let through", target)
		}
	}
	for _, target := range []string{"/public;x", "/public/100%25", "/public/100%25;v=1", "/public/a%3fb"} {
		if handlerThatRan(t, h, "GET", target) == "" {
			t.Errorf("%s is not let through", target)
		}
	}
}

// TestZeroAuthLetsNothingThrough: the zero value fails closed.
func TestZeroAuthLetsNothingThrough(t *testing.T) {
	var auth cognito.Auth
	for name, h := range map[string]http.Handler{
		"Protect": auth.Protect(http.HandlerFunc(privateHandler)), "Require": auth.Require(http.HandlerFunc(privateHandler)),
	} {
		func() {
			defer func() { _ = recover() }()
			if got := handlerThatRan(t, h, "GET", "/x"); got != "" {
				t.Errorf("%s: the handler ran", name)
			}
		}()
	}
}

// TestPublicPathInAMountedRouterAllocatesNothing: the guard adds no allocation.
func TestPublicPathInAMountedRouterAllocatesNothing(t *testing.T) {
	guarded := newMatcherAuth(t, documented).Protect(http.HandlerFunc(emptyHandler))
	measured := false
	api := chi.NewRouter()
	api.Use(func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			measured = true
			if n := testing.AllocsPerRun(100, func() { guarded.ServeHTTP(w, r) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	})
	api.HandleFunc("/{id}", emptyHandler)
	root := chi.NewRouter()
	root.Mount("/api", api)
	root.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/1", nil))
	if !measured {
		t.Error("nothing was measured")
	}
}
