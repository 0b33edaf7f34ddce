package middleware_test

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/go-chi/chi/v5"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// routerGenerator makes random trees of routers. Handlers put their method and nameless
// route into ran.
type routerGenerator struct {
	routeGenerator
	auth *cognito.Auth
	ran  *string
}

// router returns a router with a Protect before every route: on the outermost router,
// before each route, or in mounted routers.
func (g routerGenerator) router(routes int) chi.Router {
	root := chi.NewRouter()
	inline, mounted := g.IntN(3) == 0, g.IntN(3) == 0
	if !inline {
		root.Use(g.auth.Protect)
	}
	g.fill(root, "", routes, inline, mounted || inline)
	return root
}

// fill adds routes and mounts to a router. Later ones replace some of the earlier.
func (g routerGenerator) fill(r chi.Router, above string, routes int, inline, mounted bool) {
	depth := strings.Count(above, "\x00")
	last := "/"
	for range routes {
		to := r
		if inline {
			to = r.With(g.auth.Protect)
		}
		if g.IntN(12) == 0 {
			to = to.With(g.auth.Require)
		}
		if g.IntN(5) > 0 || depth == 2 {
			g.route(to, above, g.Pick(g.chiPattern("p", true), g.chiPattern("p", true), last+"*", strings.TrimSuffix(last, "/")+"/*", "/*", "/", "/a", "/b/", "/{q}/*", last))
			continue
		}
		last = g.Pick(g.chiPattern("m", false), "/", "/", "/a", "/b", "/a/", "/{n}", "/{n:[a-z]+}")
		sub := chi.NewRouter()
		if mounted {
			sub.Use(g.auth.Protect)
		}
		g.fill(sub, above+strings.TrimSuffix(last, "/")+"\x00", 1+g.IntN(3), false, false)
		unlessRefused(func() { to.Mount(last, sub) })
	}
}

// route adds a route for one method, or now and then for all.
func (g routerGenerator) route(r chi.Router, above, pattern string) {
	route := nameless(strings.ReplaceAll(above, "\x00", "") + pattern)
	h := func(_ http.ResponseWriter, r *http.Request) { *g.ran = r.Method + " " + route }
	method := g.Pick("GET", "GET", "POST")
	unlessRefused(func() {
		if g.IntN(32) == 0 {
			r.HandleFunc(pattern, h)
		} else {
			r.MethodFunc(method, pattern, h)
		}
	})
}

var paramName = regexp.MustCompile(`\{[a-z]\w*`)

// nameless takes the names of parameters out of a pattern. A route that replaces a mount
// renames those of the routes below.
func nameless(pattern string) string { return paramName.ReplaceAllString(pattern, "{") }

// unlessRefused adds a route or mount unless chi refuses its pattern.
func unlessRefused(add func()) {
	defer func() { _ = recover() }()
	add()
}
