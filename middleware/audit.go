package middleware

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/matcher"
)

// RouteGuard says how a route is guarded.
type RouteGuard struct {
	// Method and Route are chi's: "GET", "/users/{id}".
	Method, Route string
	// By names what guards every path of the route: a pattern of the matcher, or
	// "signed in" or "group admins" for Require and RequireGroup on the route. It is
	// empty if a path of the route is public.
	By string
	// Public is a path of the route that needs no session; empty if By is not.
	Public string
}

// Audit reports for every route and method how this Auth guards it. Use it in tests,
// or print it. Audit asks the matcher about paths of each route, with many values for
// every parameter, among them the words of the patterns. It reports the first path
// that needs no session and that no other route takes.
//
// Rules with conditions do not count, because a client chooses what it sends. Audit
// recognises guards that are mounted as they are, with Use or With. It does not see a
// guard outside the router, or one inside a function of yours, and reports its routes
// as public, which is the safe side. Audit calls every middleware once more, with a
// handler that serves no request.
//
// Give it the outermost router, because it asks about paths as the routes name them.
// It does not report the handlers of NotFound and MethodNotAllowed, which guards of
// Use stand before. Like Protect, it cannot see a middleware behind Protect that
// gives the router another path.
func (a *Auth) Audit(routes chi.Routes) []RouteGuard {
	audit := &routeAudit{auth: a, root: routes, listed: make(map[string]bool)}
	audit.patterns = a.unconditionalPatterns()
	audit.values = sampleValues(audit.patterns)
	audit.walk(routes, "", guardsBefore{})
	var report []RouteGuard
	for _, route := range audit.routes {
		g := RouteGuard{Method: route.method, Route: route.pattern, By: route.guards.require}
		if g.By == "" {
			g.By, g.Public = audit.guardedBy(route)
		}
		report = append(report, g)
	}
	slices.SortStableFunc(report, func(x, y RouteGuard) int {
		return cmp.Or(cmp.Compare(x.Route, y.Route), cmp.Compare(x.Method, y.Method))
	})
	return report
}

// routeAudit is one call of Audit.
type routeAudit struct {
	auth     *Auth
	root     chi.Routes
	patterns []*matcher.Pattern // of the rules without conditions
	values   []string           // for parameters
	routes   []auditedRoute
	listed   map[string]bool // methods and patterns in routes
}

type auditedRoute struct {
	method, pattern string
	guards          guardsBefore
}

// guardsBefore says which guards of the Auth stand before a handler.
type guardsBefore struct {
	require string // what the last Require asks for; "" without one
	protect bool
}

// walk lists the routes of a router, below a path and behind guards. It differs from
// chi.Walk in three ways: it calls each middleware once, it does not take the
// middlewares of an inline router for every route's, and it lists routes that replace
// a mount's.
func (audit *routeAudit) walk(router chi.Routes, prefix string, outer guardsBefore) {
	if !isInline(router) {
		outer = audit.addGuards(outer, router.Middlewares())
	}
	for _, route := range router.Routes() {
		for method, h := range route.Handlers {
			if method == "*" {
				continue // every other method is listed, and SubRoutes are below
			}
			r := auditedRoute{method, prefix + route.Pattern, audit.addChainGuards(outer, h)}
			audit.listed[r.method+" "+r.pattern] = true
			audit.routes = append(audit.routes, r)
		}
		if route.SubRoutes != nil {
			audit.walk(route.SubRoutes, prefix+strings.TrimSuffix(route.Pattern, "/*"), audit.addChainGuards(outer, route.Handlers["*"]))
		}
	}
}

// isInline reports whether With or Group has returned the router. An inline router
// shares all routes with the router it was made from. chi tells them apart by an
// unexported field.
func isInline(router chi.Routes) bool {
	mux, ok := router.(*chi.Mux)
	if !ok {
		return false
	}
	field := reflect.ValueOf(mux).Elem().FieldByName("inline")
	return field.Kind() == reflect.Bool && field.Bool()
}

// addChainGuards adds the guards that With has put before a handler.
func (audit *routeAudit) addChainGuards(outer guardsBefore, h http.Handler) guardsBefore {
	if chain, ok := h.(*chi.ChainHandler); ok {
		return audit.addGuards(outer, chain.Middlewares)
	}
	return outer
}

// addGuards adds the guards of this Auth among middlewares. It recognises a guard by
// the type of the handler that the middleware returns.
func (audit *routeAudit) addGuards(outer guardsBefore, middlewares chi.Middlewares) guardsBefore {
	for _, middleware := range middlewares {
		g, ok := middleware(http.NotFoundHandler()).(*guard)
		switch {
		case !ok || g.auth != audit.auth:
		case g.kind == kindRequire:
			outer.require = cmp.Or(g.what, outer.require, "signed in")
		case g.kind == kindProtect:
			outer.protect = true
		}
	}
	return outer
}

// unconditionalPatterns returns the patterns of the rules without conditions.
func (a *Auth) unconditionalPatterns() (patterns []*matcher.Pattern) {
	for i, r := range a.rules {
		if len(r.Has) == 0 && len(r.Missing) == 0 {
			patterns = append(patterns, a.matcher.Pattern(i))
		}
	}
	return patterns
}

// guardedBy asks the matcher about paths of a route. It returns a public one of them,
// or else the pattern that selects the first; another may select the others.
func (audit *routeAudit) guardedBy(route auditedRoute) (by, public string) {
	paths := audit.samplePaths(route)
	if !route.guards.protect {
		return "", paths[0]
	}
	for _, p := range paths {
		pattern := audit.selectedBy(p)
		exempt := audit.auth.isExempt(p)
		if (pattern == "" || exempt) && !audit.isTakenByAnother(route, p) {
			return "", p
		}
		by = cmp.Or(by, pattern)
	}
	if by == "" {
		return "", paths[0] // other routes take all of them
	}
	return by, ""
}

// selectedBy returns the first pattern that selects a path, or "".
func (audit *routeAudit) selectedBy(p string) string {
	if audit.auth.matcher == nil {
		return "every path"
	}
	for _, pattern := range audit.patterns {
		if pattern.Match(p) {
			return pattern.String()
		}
	}
	return ""
}

// isTakenByAnother reports whether the router sends a path to another listed route.
func (audit *routeAudit) isTakenByAnother(route auditedRoute, p string) bool {
	found := audit.root.Find(chi.NewRouteContext(), route.method, p)
	return found != route.pattern && audit.listed[route.method+" "+found]
}
