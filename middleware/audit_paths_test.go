package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/matcher"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

var publicRoute = http.HandlerFunc(publicHandler)

// protectedRoutes returns a router behind Protect with these routes.
func protectedRoutes(auth *cognito.Auth, routes ...string) chi.Router {
	r := chi.NewRouter()
	r.Use(auth.Protect)
	for _, route := range routes {
		r.Get(route, publicHandler)
	}
	return r
}

// checkAudit audits the router and compares the public paths with want. It requests
// every path that is reported as public without a session: its handler must run.
func checkAudit(t *testing.T, auth *cognito.Auth, router chi.Router, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	for _, g := range auth.Audit(router) {
		route := g.Method + " " + g.Route
		if _, twice := got[route]; twice {
			t.Errorf("%s is reported twice", route)
		}
		got[route] = g.Public
		if (g.By == "") != (g.Public != "") {
			t.Errorf("%s: by %q and public at %q", route, g.By, g.Public)
		}
		if g.Public != "" && g.Reason == "" && handlerThatRan(t, router, g.Method, g.Public) == "" {
			t.Errorf("%s is called public, and %s is not", route, g.Public)
		}
	}
	for route, public := range want {
		if got[route] != public {
			t.Errorf("%s: public at %q, want %q", route, got[route], public)
		}
	}
}

// TestAuditIsExact: each of these routes has one kind of path that the pattern leaves
// out.
func TestAuditIsExact(t *testing.T) {
	assets := `/((?!_next/static|favicon\.ico|robots.txt|.*\.(?:svg|png|webp)$).*)`
	for _, c := range []struct{ pattern, route, public string }{
		{assets, "/dashboard/{id}", "/dashboard/x.png"},
		{assets, "/u/{user}/{file}", "/u/x/x.png"},
		{assets, "/u/{user:[0-9]+}/{file}", "/u/0/x.png"},
		{assets, "/u/{user:[0-9a-f]{32}}/{file}", "/u/" + strings.Repeat("a", 32) + "/x.png"},
		{assets, "/files/*", "/files/x.png"},
		{assets, "/users/{id:[0-9]+}", ""},
		{assets, "/users/{id:[0-9]{1,9}}/edit", ""},
		{assets, "/{page}", "/x.png"},
		{assets, "/{page:[^.]+}", "/robotsxtxt"}, // the dot of a pattern is any character
		{assets, "/{section:_.*}/{id:[a-z]+}", "/_next/static"},
		{assets, "/*", "/x.png"},
		{`/((?!api|sign-in).*)`, "/{page}", "/api"},
		{`/((?!api/).*)`, "/{section}/{id}", "/api/x"},
		{`/((?!docs/public).*)`, "/docs/{name}", "/docs/public"},
		{`/((?!docs/public).*)`, "/docs/*", "/docs/public"},
		{`/((?!docs/public).*)`, "/docs/{name:[^p].*}", ""},
		{`/admin/:path(.*\.html)`, "/admin/{page}", "/admin/x"},
		{"/admin/:path*", "/admin/{page}", ""},
		{"/admin/:path*", "/admin/*", ""},
		{"/:path*", "/*", "/sign-in"}, // the sign-in page
		{"/(.*)", "/*", "/sign-in"},
		{"/:path*", "/x*", ""},
		{"/(.*)", "/x*", ""},
		// The examples of an attack on an audit of samples.
		{`/((?!api/v1/public).*)`, "/api/{version}/{resource}", "/api/v1/public"},
		{`/((?!v[0-9]+/).*)`, "/{version}/{res}", "/v0/x"},
		{`/((?!.*\.jpe?g$).*)`, "/files/{name}", "/files/x.jpg"},
		{`/docs/:slug([\w.-]+)`, "/docs/{slug}", "/docs/~"},
		// chi serves parameters without a value, unless they are the last.
		{"/users/:id/edit", "/users/{id}/edit", "/users//edit"},
		{"/users/:id/edit", "/users/{id:[0-9]+}/edit", "/users//edit"},
		{"/users/:id*/edit", "/users/{id}/edit", ""},
		{"/users/:id", "/users/{id}", ""},
		{"/a-:x/b", "/{a}-{b}/b", "/-/b"},
		{"/:a-:b", "/{a}-{b}", "/-x"},
		{"/:a-:b", "/x{a}-{b}", "/x--"},
		{`/([^-]*)`, "/{a}-{b}", "/-x"},
		// An expression of chi is not grouped, and searches.
		{`/(a.*|.*b)`, "/{x:a|b}", ""},
		{`/(a|b)`, "/{x:a|b}", "/xb"},
		{`/(a|b)`, "/{x:(?:a|b)}", ""},
		{`/([0-9]+)`, `/{x:\d+}`, ""},
		{`/x(.*)`, `/{x:(?i)^x}`, "/X"},
		{`/x(.*)`, `/{x:x(?-s:.)?}`, ""},
		// It may contain slashes if it ends elsewhere.
		{`/([^/]*)`, "/{x:.+}-y", "/x/-y"},
		// What patterns cannot contain as it is, they select escaped.
		{`/([\w%]*)`, "/{x:[a-z #?]+}", ""},
		{`/([\w]*)`, "/{x:[a-z #?]+}", "/%20x"},
		{`/([\w]*)`, "/{x:[é]+}", "/%C3%A9"},
		{`/((?!\.).*)`, "/.well-known/{x}", "/.well-known/x"},
	} {
		auth := newMatcherAuth(t, c.pattern)
		router := protectedRoutes(auth, c.route)
		checkAudit(t, auth, router, map[string]string{"GET " + c.route: c.public})
	}
}

// TestAuditThatCannotDecide: what is too large, or of which chi's reading depends on
// other routes, is not guarded.
func TestAuditThatCannotDecide(t *testing.T) {
	for _, c := range []struct{ pattern, route string }{
		{"/:path*", "/{a}{b}"},
		{"/:path*", "/{a}*"},
		{"/:path*", "/{a}é"},
		{"/:path*", `/x{a:\bx}`},
		{"/(.*a.{12})", "/{a}"},
		{"/:path*", "/{a:.*a.{12}}"},
	} {
		auth := newMatcherAuth(t, c.pattern)
		for _, g := range auth.Audit(protectedRoutes(auth, c.route)) {
			if g.By != "" || g.Public == "" || g.Reason == "" {
				t.Errorf("%s behind %s: %+v", c.route, c.pattern, g)
			}
		}
	}
}

// TestAuditKnowsWhichRouteTakesAPath: a path of another route does not count.
func TestAuditKnowsWhichRouteTakesAPath(t *testing.T) {
	auth := newMatcherAuth(t, "/((?!api$|sign-in).*)")
	router := protectedRoutes(auth, "/api", "/sign-in", "/apiary")
	checkAudit(t, auth, router, map[string]string{"GET /api": "/api", "GET /sign-in": "/sign-in", "GET /apiary": ""})
	router = protectedRoutes(auth, "/api", "/sign-in", "/sign-inx", "/{page:[a-z-]+}")
	checkAudit(t, auth, router, map[string]string{"GET /{page:[a-z-]+}": "/sign-ina"})
	router = protectedRoutes(auth, "/api", "/sign-in", "/{page:[a-z-]+}")
	checkAudit(t, auth, router, map[string]string{"GET /{page:[a-z-]+}": "/sign-inx"})
	auth = newMatcherAuth(t, "/((?!api$|sign-in$|sign-up).*)")
	router = protectedRoutes(auth, "/api", "/sign-in", "/sign-up*", "/{page:[a-z-]+}")
	checkAudit(t, auth, router, map[string]string{"GET /{page:[a-z-]+}": ""})
}

// TestAuditOfMounts: chi serves the path of a mount without a slash at its end too.
func TestAuditOfMounts(t *testing.T) {
	auth := newMatcherAuth(t, "/admin/(.*)")
	router := protectedRoutes(auth)
	router.Route("/admin", func(r chi.Router) {
		r.Get("/", publicHandler)
		r.Get("/x", publicHandler)
	})
	checkAudit(t, auth, router, map[string]string{"GET /admin/": "/admin", "GET /admin/x": ""})

	router = protectedRoutes(auth)
	router.Mount("/admin", publicRoute)
	checkAudit(t, auth, router, map[string]string{"GET /admin/*": "/admin"})

	router = protectedRoutes(auth, "/admin/*") // no mount
	checkAudit(t, auth, router, map[string]string{"GET /admin/*": ""})

	router = protectedRoutes(auth)
	router.Route("/admin", func(r chi.Router) { r.Get("/", publicHandler) })
	router.With(auth.Require).Get("/admin", publicHandler) // in place of the mount's
	checkAudit(t, auth, router, map[string]string{"GET /admin/": "", "GET /admin": ""})

	// A mount at the root in a mount at the root.
	auth = newMatcherAuth(t, "/:section/admin")
	inner, outer, router := chi.NewRouter(), chi.NewRouter(), protectedRoutes(auth)
	inner.Get("/admin", publicHandler)
	outer.Mount("/", inner)
	router.Mount("/", outer)
	checkAudit(t, auth, router, map[string]string{"GET /admin": "/admin"})
}

// TestAuditOfAGuardInAMountedRouter: it judges the path of that router too, of which the
// audit does not know. So it calls no path public that this may guard.
func TestAuditOfAGuardInAMountedRouter(t *testing.T) {
	auth := newMatcherAuth(t, "/admin/:path*", "/app/users/:path*")
	sub := chi.NewRouter()
	sub.Use(auth.Protect)
	for _, route := range []string{"/", "/admin", "/users/{id}", "/{page}"} {
		sub.Get(route, publicHandler)
	}
	router := chi.NewRouter()
	router.Mount("/app", sub)
	checkAudit(t, auth, router, map[string]string{"GET /app/": "/app/", "GET /app/users/{id}": "", "GET /app/{page}": "/app/x"})
	for _, g := range auth.Audit(router) {
		if g.Route == "/app/admin" && (g.By != "" || g.Reason == "") {
			t.Errorf("%+v", g)
		}
	}
}

// TestAuditOfARouteThatReplacesAMounts: a route that is added later takes its method
// from the mount.
func TestAuditOfARouteThatReplacesAMounts(t *testing.T) {
	auth := newMatcherAuth(t, "/never")
	sub := chi.NewRouter()
	sub.HandleFunc("/x", publicHandler)
	router := protectedRoutes(auth)
	router.With(auth.Require).Mount("/sub", sub)
	router.Get("/sub/*", publicHandler)
	checkAudit(t, auth, router, map[string]string{"GET /sub/*": "/sub/x", "POST /sub/x": ""})
}

// TestAuditOfInlineRouters: a router that With or Group returns has all routes of the
// router that it was made from. Its middlewares stand before its own routes only.
func TestAuditOfInlineRouters(t *testing.T) {
	auth := newMatcherAuth(t, "/never")
	base := chi.NewRouter()
	base.Get("/open", publicHandler)
	private := base.With(auth.Require)
	private.Get("/closed", publicHandler)
	want := map[string]string{"GET /open": "/open", "GET /closed": ""}
	checkAudit(t, auth, base, want)
	checkAudit(t, auth, private, want)

	router := chi.NewRouter()
	router.Mount("/sub", private)
	checkAudit(t, auth, router, map[string]string{"GET /sub/open": "/sub/open", "GET /sub/closed": ""})
}

// TestAuditOfTheSignInPage: a route that takes the path of the sign-in page is public
// there.
func TestAuditOfTheSignInPage(t *testing.T) {
	auth := newAuth(t)
	checkAudit(t, auth, protectedRoutes(auth, "/{page}", "/x/{id}"), map[string]string{"GET /{page}": "/sign-in", "GET /x/{id}": ""})
	checkAudit(t, auth, protectedRoutes(auth, "/{page}", "/sign-in"), map[string]string{"GET /{page}": "", "GET /sign-in": "/sign-in"})
}

// TestAuditIgnoresRulesWithConditions: a client can leave a condition unfulfilled.
func TestAuditIgnoresRulesWithConditions(t *testing.T) {
	header := []matcher.Condition{{Type: "header", Key: "X-Anything"}}
	auth := newAuth(t, func(cfg *cognito.Config) {
		cfg.ClientConditions = []string{"header"}
		cfg.Rules = []matcher.Rule{{Source: "/has", Has: header}, {Source: "/missing", Missing: header}, {Source: "/both"}}
	})
	checkAudit(t, auth, protectedRoutes(auth, "/both"), map[string]string{"GET /both": ""})
	for _, g := range auth.Audit(protectedRoutes(auth, "/has", "/missing")) {
		if g.Public == "" {
			t.Errorf("%+v", g)
		}
	}
}

// TestAuditCallsAMiddlewareOncePerRouter: a middleware may allocate something each
// time it is called.
func TestAuditCallsAMiddlewareOncePerRouter(t *testing.T) {
	auth := newMatcherAuth(t, "/:path*")
	calls := 0
	router := chi.NewRouter()
	router.Use(func(next http.Handler) http.Handler { calls++; return next }, auth.Protect)
	for _, route := range []string{"/a", "/b", "/c", "/d"} {
		router.HandleFunc(route, publicHandler)
	}
	before := calls
	auth.Audit(router)
	if calls != before+1 {
		t.Errorf("%d calls", calls-before)
	}
}
