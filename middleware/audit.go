package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// RouteGuard says how a route is guarded.
type RouteGuard struct {
	// Method and Route are chi's: "GET", "/users/{id}".
	Method, Route string
	// By names what guards every path of the route: a pattern of the matcher, or
	// "signed in" or "group admins" for Require and RequireGroup on the route. Of
	// several patterns it is one that selects a shortest path. It is empty if a path
	// of the route is public.
	By string
	// Public is the shortest path of the route that needs no session, as a request
	// has it. It is empty if By is not.
	Public string
	// Reason says why the route counts as unguarded although nobody has found a
	// request that reaches it without a session. Public then is a path in doubt, or
	// Route itself. Reason is empty for every other route.
	Reason string
}

// Audit reports for every route and method how this Auth guards it. Use it in tests,
// or print it.
//
// Audit decides exactly: the paths that chi sends to a route are a regular language, as
// are those that a pattern of the matcher selects. A route is guarded if every path of
// its language is, in spite of odd spellings, empty parameters, and slashes at the end.
// Otherwise Audit reports the shortest path that needs no session and that no other
// route takes. The page SignIn and the five routes are such paths.
//
// An automaton of a route or pattern may have 4096 states. A route that needs more
// counts as unguarded. So does a route with two adjacent parameters, or with \b in an
// expression. RouteGuard.Reason says so.
//
// Rules with conditions do not count, because a client chooses what it sends. Audit
// recognises guards that are mounted as they are, with Use or With. It does not see a
// guard outside the router, or one inside a function of yours, and reports its routes
// as public, which is the safe side. Audit calls every middleware once more, with a
// handler that serves no request.
//
// chi serves "/users//edit" to the route "/users/{id}/edit", with an empty id. The pattern
// "/users/:id/edit" does not select that path, so Audit calls the route public. Write
// "/users/:id*/edit", which selects any number of segments, or put Require on the route.
//
// A Protect in a mounted router judges the path of that router too. Audit knows its
// judgement of whole paths alone.
//
// Give it the outermost router, because it judges paths as the routes name them.
// It does not report the handlers of NotFound and MethodNotAllowed, which guards of
// Use stand before. Like Protect, it cannot see a middleware behind Protect that
// gives the router another path.
func (a *Auth) Audit(routes chi.Routes) []RouteGuard {
	audit := &routeAudit{
		pathAudit: newPathAudit(a), guards: a, root: routes,
		listed: make(map[string]bool), replaced: make(map[string]bool), mounts: make(map[string]bool), languages: make(map[string]compiledRoute),
	}
	audit.walk(routes, nil, guardsBefore{})
	var report []RouteGuard
	for _, route := range audit.routes {
		g := RouteGuard{Method: route.method, Route: route.pattern(), By: route.guards.require}
		if g.By == "" {
			g.By, g.Public, g.Reason = audit.guardedBy(route)
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
	*pathAudit
	guards    *Auth // whose guards count
	root      chi.Routes
	routes    []auditedRoute
	listed    map[string]bool // methods and patterns in routes
	replaced  map[string]bool // those of them that stand in for a mount
	mounts    map[string]bool // the patterns of mounts, without "/*"
	languages map[string]compiledRoute
}

type auditedRoute struct {
	method string
	mounts []string // the patterns of the mounts above it, without "/*"
	last   string   // the pattern in its router
	bare   []string // the patterns of mounts whose own path, without a slash, can reach it
	guards guardsBefore
}

func (r *auditedRoute) pattern() string { return strings.Join(r.mounts, "") + r.last }

// guardsBefore says which guards of the Auth stand before a handler.
type guardsBefore struct {
	require string // what the last Require asks for; "" without one
	protect bool
	mounted bool // a Protect stands in a mounted router
}

// walk lists the routes of a router, below a path and behind guards. It differs from
// chi.Walk in three ways: it calls each middleware once, it does not take the
// middlewares of an inline router for every route's, and it lists routes that replace
// a mount's.
func (audit *routeAudit) walk(router chi.Routes, mounts []string, outer guardsBefore) {
	if !isInline(router) {
		outer = audit.addGuards(outer, router.Middlewares(), len(mounts) > 0)
	}
	for _, route := range router.Routes() {
		for method, h := range route.Handlers {
			if method == "*" {
				continue // every other method is listed, and SubRoutes are below
			}
			r := auditedRoute{method: method, mounts: mounts, last: route.Pattern, guards: audit.addChainGuards(outer, h, len(mounts) > 0)}
			r.bare = mountsServedWithoutSlash(mounts, route.Pattern, route.SubRoutes == nil)
			audit.listed[method+" "+r.pattern()] = true
			audit.replaced[method+" "+r.pattern()] = route.SubRoutes != nil
			audit.routes = append(audit.routes, r)
		}
		if route.SubRoutes != nil {
			below := append(slices.Clip(mounts), strings.TrimSuffix(route.Pattern, "/*"))
			audit.mounts[strings.Join(below, "")] = true
			audit.walk(route.SubRoutes, below, audit.addChainGuards(outer, route.Handlers["*"], len(mounts) > 0))
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
func (audit *routeAudit) addChainGuards(outer guardsBefore, h http.Handler, mounted bool) guardsBefore {
	if chain, ok := h.(*chi.ChainHandler); ok {
		return audit.addGuards(outer, chain.Middlewares, mounted)
	}
	return outer
}

// addGuards adds the guards of this Auth among middlewares. It recognises a guard by
// the type of the handler that the middleware returns.
func (audit *routeAudit) addGuards(outer guardsBefore, middlewares chi.Middlewares, mounted bool) guardsBefore {
	for _, middleware := range middlewares {
		g, ok := middleware(http.NotFoundHandler()).(*guard)
		switch {
		case !ok || g.auth != audit.guards:
		case g.kind == kindRequire:
			outer.require = cmp.Or(g.what, outer.require, "signed in")
		case g.kind == kindProtect:
			outer.protect = true
			outer.mounted = outer.mounted || mounted
		}
	}
	return outer
}

// guardedBy judges the paths of a route. It returns the pattern that guards them, or
// a public one of them.
func (audit *routeAudit) guardedBy(route auditedRoute) (by, public, reason string) {
	pattern := route.pattern()
	full := audit.compile(pattern)
	if !route.guards.protect {
		if full.err == nil {
			public = firstResult(full.may, func(p string) string {
				if audit.reaches(route, p) {
					return escapedTarget(p)
				}
				return ""
			})
		}
		return "", cmp.Or(public, pattern), ""
	}
	if audit.mounts[pattern] && !audit.replaced[route.method+" "+pattern] {
		// chi's Find gives one pattern to this route and to the mount.
		return "", pattern, "it cannot be decided: a router is mounted at the pattern of this route"
	}
	if public, reason = audit.publicPath(route, full, false); public != "" {
		return "", public, reason
	}
	for _, mount := range route.bare {
		if public, reason = audit.publicPath(route, audit.compile(mount), true); public != "" {
			return "", public, reason
		}
	}
	for _, p := range audit.auth.exempt {
		if audit.reaches(route, p) && audit.unguardedTarget(route.method, p) != "" {
			return "", p, ""
		}
	}
	return cmp.Or(audit.selectedBy(full.may), "no path"), "", ""
}

// escapedTarget returns the target of a request for a path, or "".
func escapedTarget(p string) string { return (&url.URL{Path: p}).EscapedPath() }

func (audit *routeAudit) compile(pattern string) compiledRoute {
	compiled, ok := audit.languages[pattern]
	if !ok {
		compiled.routeLanguage, compiled.err = compileChi(pattern)
		compiled.holes = audit.holes(compiled.may)
		audit.languages[pattern] = compiled
	}
	return compiled
}

// mountsServedWithoutSlash returns the patterns of the mounts whose own path, without a
// slash at its end, can reach a route. chi serves it as the path "/" of the router that
// is mounted there. mayBeMount says that the route itself may be a mounted handler.
func mountsServedWithoutSlash(mounts []string, last string, mayBeMount bool) (patterns []string) {
	parts := append(slices.Clip(mounts), last)
	if own, ok := strings.CutSuffix(last, "/*"); ok && mayBeMount {
		parts = append(parts[:len(parts)-1], own, "/*")
	}
	for i := 1; i < len(parts); i++ {
		mount, below := strings.Join(parts[:i], ""), strings.Join(parts[i:], "")
		if language, err := compileChi(below); mount != "" && (err != nil || language.may.Match("/")) {
			patterns = append(patterns, mount)
		}
	}
	return patterns
}

// publicPath returns a public path of a route among those of a language. isMount says
// that the language is that of a mount without a slash.
func (audit *routeAudit) publicPath(route auditedRoute, language compiledRoute, isMount bool) (public, reason string) {
	search := pathSearch{
		pattern: route.pattern(),
		reaches: func(p string) bool { return audit.reaches(route, p) },
		target: func(p string) string {
			if route.guards.mounted && audit.selectsPart(p) {
				return ""
			}
			return audit.unguardedTarget(route.method, p)
		},
		escape: escapedTarget,
		taker: func(p string) (string, bool) {
			taker, served := audit.taker(route.method, p)
			return taker, served || taker != "" || !isMount // or chi does not serve the mount without a slash
		},
		compile: audit.compile,
	}
	return search.publicPath(language)
}

// selectsPart reports whether a pattern may select the path of a mounted router.
func (audit *routeAudit) selectsPart(p string) bool {
	if audit.auth.inclusions == nil {
		return false
	}
	for start := 1; start <= len(p); start++ {
		if start < len(p) && p[start] != '/' {
			continue
		}
		if forms, ok := newPathForms([]string{partOf(p, start)}); !ok || audit.auth.inclusions.MatchPaths(forms, nil) {
			return true
		}
	}
	return false
}

// reaches reports whether the router sends a path to a route. chi gives the path of a
// mount without a slash no route's name.
func (audit *routeAudit) reaches(route auditedRoute, p string) bool {
	taker, served := audit.taker(route.method, p)
	return served && (taker == route.pattern() || !audit.listed[route.method+" "+taker] && slices.Contains(route.bare, taker))
}

// taker returns the pattern by which the router decides about a path. served is false
// if no handler takes it. The pattern then is that of a mount, or "".
func (audit *routeAudit) taker(method, p string) (pattern string, served bool) {
	rc := chi.NewRouteContext()
	found := audit.root.Find(rc, method, p)
	for i, level := range rc.RoutePatterns {
		if audit.replaced[method+" "+pattern+level] {
			return pattern + level, true // Find looks into the mount nevertheless
		}
		if i < len(rc.RoutePatterns)-1 {
			level = strings.TrimSuffix(level, "/*")
		}
		pattern += level
	}
	return pattern, found != ""
}
