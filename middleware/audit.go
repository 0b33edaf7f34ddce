package middleware

import (
	"cmp"
	"net/url"
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
	// Preflight is set if Config.Preflight answers the CORS preflights of a guarded route.
	// The handler gets every other OPTIONS, behind the guard.
	Preflight bool
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
// expression, and an unguarded mount that a route replaces for all methods: chi hides its
// middlewares. RouteGuard.Reason says so.
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
		pathAudit: newPathAudit(a), guards: a,
		mountHandler: newMountHandler(), languages: make(map[string]compiledRoute),
	}
	audit.root = audit.walk(routes, nil, nil, guardsBefore{})
	slices.SortFunc(audit.routes, func(x, y *auditedRoute) int {
		return cmp.Or(cmp.Compare(x.pattern(), y.pattern()), cmp.Compare(x.method, y.method), cmp.Compare(x.place(), y.place()))
	})
	var report []RouteGuard
	for _, route := range audit.routes {
		g := RouteGuard{Method: route.method, Route: route.pattern(), By: route.guards.require}
		if g.By == "" {
			g.By, g.Public, g.Reason = audit.guardedBy(route)
		}
		if g.By == "" && g.Reason == "" && route.guards.unknown {
			g.Reason = "it cannot be decided: a route has replaced the mount, and hides its middlewares"
		}
		g.Preflight = a.preflights(g)
		report = append(report, g)
	}
	return report
}

// routeAudit is one call of Audit.
type routeAudit struct {
	*pathAudit
	guards       *Auth // whose guards count
	root         *auditedRouter
	routes       []*auditedRoute
	mountHandler uintptr // the function of every handler that Mount makes
	languages    map[string]compiledRoute
}

// guardedBy judges the paths of a route. It returns the pattern that guards them, or
// a public one of them.
func (audit *routeAudit) guardedBy(route *auditedRoute) (by, public, reason string) {
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
func (audit *routeAudit) publicPath(route *auditedRoute, language compiledRoute, isMount bool) (public, reason string) {
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
			found := audit.root.find(route.method, p)
			if found.route == nil && route.router.isBelow(found.router) {
				return "", !isMount // or chi does not serve the mount without a slash
			}
			return found.pattern, true
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

// reaches reports whether chi sends a path to a route.
func (audit *routeAudit) reaches(route *auditedRoute, p string) bool {
	return audit.root.find(route.method, p).route == route
}
