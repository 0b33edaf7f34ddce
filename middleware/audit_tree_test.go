package middleware_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/go-chi/chi/v5"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// checkCertified sends requests without a session to the paths, and reports those that
// run the handler of a route although the audit calls every route of that name guarded.
func checkCertified(t *testing.T, auth *cognito.Auth, router chi.Router, route string, paths ...string) {
	t.Helper()
	for _, g := range auth.Audit(router) {
		if g.Route != route {
			continue
		}
		for _, p := range paths {
			if ran := handlerThatRan(t, router, g.Method, p); ran == "private" && g.By != "" {
				t.Errorf("%+v, and %s %s reaches it", g, g.Method, p)
			}
		}
	}
}

// TestAuditTellsARouteFromAMountOfTheSamePattern: "/app/*" is the pattern of the outer
// mount. It is also that of the route which replaces the inner one.
func TestAuditTellsARouteFromAMountOfTheSamePattern(t *testing.T) {
	auth := newMatcherAuth(t, "/admin/:path*")
	pages, app, root := chi.NewRouter(), chi.NewRouter(), protectedRoutes(auth)
	pages.Get("/about", publicHandler)
	app.Mount("/", pages)
	app.Get("/*", publicHandler)
	app.Get("/secret", privateHandler)
	app.Route("/v1", func(r chi.Router) { r.Get("/users/{id}", privateHandler) })
	root.Mount("/app", app)
	checkAudit(t, auth, root, map[string]string{
		"GET /app/*": "/app/", "GET /app/secret": "/app/secret", "GET /app/v1/users/{id}": "/app/v1/users/x",
		"GET /app/about": "", // the route takes it
	})
	checkCertified(t, auth, root, "/app/secret", "/app/secret")
	checkCertified(t, auth, root, "/app/v1/users/{id}", "/app/v1/users/7")
}

// TestAuditTellsARouteFromAMountWithoutASlash: the router at "/" has a route "/app",
// which the mount at "/app" takes.
func TestAuditTellsARouteFromAMountWithoutASlash(t *testing.T) {
	auth := newMatcherAuth(t, "/app/(.*)")
	site, app, root := chi.NewRouter(), chi.NewRouter(), protectedRoutes(auth)
	site.Get("/app", publicHandler)
	app.Get("/", privateHandler)
	root.Mount("/", site)
	root.Mount("/app", app)
	checkAudit(t, auth, root, map[string]string{"GET /app/": "/app", "GET /app": ""})
	checkCertified(t, auth, root, "/app/", "/app", "/app/")
}

// TestAuditOfAMountWithOnlyASlash: a route takes "/app" from the mount, which keeps
// "/app/". chi has a node of its own for that.
func TestAuditOfAMountWithOnlyASlash(t *testing.T) {
	auth := newMatcherAuth(t, "/app/(.+)")
	app, root := chi.NewRouter(), protectedRoutes(auth)
	app.Get("/*", privateHandler)
	root.Mount("/app", app)
	root.Get("/app", publicHandler)
	checkAudit(t, auth, root, map[string]string{"GET /app/*": "/app/", "GET /app": "/app"})
	checkCertified(t, auth, root, "/app/*", "/app", "/app/")

	root = protectedRoutes(auth)
	root.Mount("/app", http.HandlerFunc(privateHandler))
	root.Get("/app", publicHandler)
	checkAudit(t, auth, root, map[string]string{"GET /app/*": "/app/", "GET /app": "/app"})
}

// TestAuditOfAMountUnderOtherNames: a route with other names of parameters has the node
// of the mount. It takes its method from the mount.
func TestAuditOfAMountUnderOtherNames(t *testing.T) {
	auth := newMatcherAuth(t, "/never")
	app, root := chi.NewRouter(), protectedRoutes(auth)
	app.HandleFunc("/x", privateHandler)
	root.Mount("/{tenant:[a-z]+}", app)
	root.Get("/{name:^[a-z]+$}/*", publicHandler)
	checkAudit(t, auth, root, map[string]string{
		"GET /{name:^[a-z]+$}/*": "/x/x", "GET /{tenant:[a-z]+}/x": "", "POST /{tenant:[a-z]+}/x": "/x/x",
	})
}

// TestAuditOfAMountThatIsReplaced: a route takes the paths of a mount for all methods.
// "/app" still runs the handlers of the mount, without the guard of the route.
func TestAuditOfAMountThatIsReplaced(t *testing.T) {
	auth := newMatcherAuth(t, "/admin/:path*")
	app, root := chi.NewRouter(), protectedRoutes(auth)
	app.Get("/", privateHandler)
	root.Mount("/app", app)
	root.With(auth.Require).HandleFunc("/app/*", publicHandler)
	checkAudit(t, auth, root, map[string]string{"GET /app/*": "", "GET /app/": "/app/"})
	checkCertified(t, auth, root, "/app/", "/app", "/app/")

	// chi does not list the mounted handler at all.
	root = protectedRoutes(auth)
	root.Mount("/app", http.HandlerFunc(privateHandler))
	root.With(auth.Require).HandleFunc("/app/*", publicHandler)
	checkAudit(t, auth, root, map[string]string{"GET /app/*": "", "GET /app": "/app", "POST /app/": "/app/"})

	// A guard of a mount that a route hides may be there.
	for _, g := range auth.Audit(root) {
		if unguarded := g.By == ""; unguarded != (g.Reason != "") {
			t.Errorf("%+v", g)
		}
	}

	// The mount's own guard stands before it if the report knows the mount.
	root = protectedRoutes(auth)
	root.With(auth.Require).Mount("/app", http.HandlerFunc(privateHandler))
	root.Get("/app/*", publicHandler)
	checkAudit(t, auth, root, map[string]string{"GET /app/*": "/app/x", "GET /app": "", "POST /app/*": ""})
}

// TestAuditOfARouterThatIsMountedTwice: the routes of each mount are judged apart.
func TestAuditOfARouterThatIsMountedTwice(t *testing.T) {
	auth := newMatcherAuth(t, "/a/:path*")
	sub, root := chi.NewRouter(), protectedRoutes(auth)
	sub.Get("/x", publicHandler)
	root.Mount("/a", sub)
	root.Mount("/b", sub)
	checkAudit(t, auth, root, map[string]string{"GET /a/x": "", "GET /b/x": "/b/x"})
}

// TestAuditOfAnEmbeddedInlineRouter: chi runs the middlewares of With for the routes that
// are added there, and for no others.
func TestAuditOfAnEmbeddedInlineRouter(t *testing.T) {
	auth := newMatcherAuth(t, "/never")
	base, root := chi.NewRouter(), chi.NewRouter()
	base.Get("/open", privateHandler)
	private := base.With(auth.Require)
	private.Get("/closed", privateHandler)
	root.Mount("/sub", struct{ chi.Router }{private})
	checkAudit(t, auth, root, map[string]string{"GET /sub/open": "/sub/open", "GET /sub/closed": ""})
}

// TestAuditHasOneOrder: chi lists routes in the order of a map.
func TestAuditHasOneOrder(t *testing.T) {
	auth := newMatcherAuth(t, "/app/(.*)")
	root := protectedRoutes(auth)
	for _, mount := range []string{"/", "/app"} {
		sub := chi.NewRouter()
		for _, route := range []string{"/app/x", "/x", "/{y}"} {
			sub.HandleFunc(route, publicHandler)
		}
		root.Mount(mount, sub)
	}
	first := auth.Audit(root)
	for range 10 {
		if next := auth.Audit(root); !slices.Equal(first, next) {
			t.Fatalf("%+v\n%+v", first, next)
		}
	}
}
