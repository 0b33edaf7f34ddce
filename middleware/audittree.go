package middleware

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// An auditedRouter is a router at one place in a tree of routers. A router that is
// mounted twice is at two places.
type auditedRouter struct {
	routes chi.Routes
	parent *auditedRouter // nil for the outermost router
	mounts []string       // the patterns of the mounts above it, without "/*"
	nodes  map[string]*auditedNode
}

// An auditedNode is a node of chi's tree. Its handlers may have different patterns, which
// name the parameters differently.
type auditedNode struct {
	routes map[string]*auditedRoute // by method
	below  *auditedRouter           // the router that is mounted here, or nil
}

// An auditedRoute is a handler of a node for one method.
type auditedRoute struct {
	router *auditedRouter
	method string
	last   string   // the pattern in its router
	bare   []string // the patterns of mounts whose own path, without a slash, can reach it
	guards guardsBefore
}

func (r *auditedRoute) pattern() string { return r.router.pattern(r.last) }

// place names the node of a route. Routes of different nodes may have one pattern:
// "/app/*" below no mount, and "/*" below "/app".
func (r *auditedRoute) place() string {
	return strings.Join(append(slices.Clip(r.router.mounts), r.last), "\x00")
}

// pattern returns the pattern of a route or mount, below the mounts above the router.
func (router *auditedRouter) pattern(last string) string {
	return strings.Join(router.mounts, "") + last
}

// isBelow reports whether the router is the other one, or is mounted somewhere below it.
func (router *auditedRouter) isBelow(other *auditedRouter) bool {
	for ; router != nil; router = router.parent {
		if router == other {
			return true
		}
	}
	return false
}

// node returns the node of a pattern. It makes one if there is none.
func (router *auditedRouter) node(pattern string) *auditedNode {
	key := nodeKey(pattern)
	node := router.nodes[key]
	if node == nil {
		node = &auditedNode{routes: make(map[string]*auditedRoute)}
		router.nodes[key] = node
	}
	return node
}

// nodeKey returns what the patterns of one node have in common: all but the names of
// parameters, and the anchors that chi puts around an expression.
func nodeKey(pattern string) string {
	var key strings.Builder
	for {
		at := strings.IndexByte(pattern, '{')
		end := -1
		if at >= 0 {
			end = endOfParam(pattern[at:])
		}
		if end < 0 {
			return key.String() + pattern
		}
		key.WriteString(pattern[:at])
		_, expression, isRegexp := strings.Cut(pattern[at+1:at+end-1], ":")
		if isRegexp {
			expression = ":" + anchored(expression)
		}
		key.WriteString("{" + expression + "}")
		pattern = pattern[at+end:]
	}
}

// anchored returns an expression as chi compiles it.
func anchored(expression string) string {
	if expression == "" {
		return ""
	}
	if expression[0] != '^' {
		expression = "^" + expression
	}
	if expression[len(expression)-1] != '$' {
		expression += "$"
	}
	return expression
}

// A destination says where chi sends a path.
type destination struct {
	route *auditedRoute // which serves the path, or nil
	// pattern is that of the node which decides: of the route, or of a mount whose
	// router serves no such path. It is empty if the outermost router has no node.
	pattern string
	router  *auditedRouter // the innermost router that has been asked
}

// find returns the destination of a path.
func (router *auditedRouter) find(method, path string) (found destination) {
	rc := chi.NewRouteContext()
	router.routes.Find(rc, method, path)
	found.router = router
	for _, pattern := range rc.RoutePatterns {
		found.pattern = found.router.pattern(pattern)
		node := found.router.node(pattern)
		if found.route = node.routes[method]; found.route != nil {
			return found // Find looks into the mount that a route replaces
		}
		if node.below != nil {
			found.router = node.below
			continue
		}
		// The path is that of a mount without "/*". chi does not list its node.
		mount := found.router.node(strings.TrimSuffix(pattern, "/") + "/*")
		if mount.below == nil {
			found.route = mount.routes[method]
			return found
		}
		below := mount.below.find(method, "/")
		below.pattern = found.pattern
		return below
	}
	return found
}

// guardsBefore says which guards of the Auth stand before a handler.
type guardsBefore struct {
	require string // what the last Require asks for; "" without one
	protect bool
	mounted bool // a Protect stands in a mounted router
	unknown bool // a mount may have others, which chi does not list
}

// walk lists the routes of a router behind guards. It differs from chi.Walk in four
// ways: it calls each middleware once, it does not take the middlewares of an inline
// router for every route's, it lists routes that replace a mount's, and it lists mounts
// of which routes have left the path without a wildcard.
func (audit *routeAudit) walk(routes chi.Routes, parent *auditedRouter, mounts []string, outer guardsBefore) *auditedRouter {
	router := &auditedRouter{routes: routes, parent: parent, mounts: mounts, nodes: make(map[string]*auditedNode)}
	if !isInline(routes) {
		outer = audit.addGuards(outer, routes.Middlewares(), parent != nil)
	}
	mountedAt := make(map[*auditedNode]chi.Route)
	handlers := make(map[*auditedRoute]http.Handler)
	var wildcards []*auditedRoute
	for _, route := range routes.Routes() {
		node := router.node(route.Pattern)
		for method, h := range route.Handlers {
			if method == "*" {
				continue // every other method is listed, and SubRoutes are below
			}
			r := audit.add(router, method, route.Pattern, audit.addChainGuards(outer, h, parent != nil))
			r.bare = mountsServedWithoutSlash(mounts, route.Pattern, route.SubRoutes == nil)
			handlers[r] = h
			if route.SubRoutes == nil && strings.HasSuffix(route.Pattern, "/*") {
				wildcards = append(wildcards, r)
			}
		}
		// A route that replaces a mount for some methods may name parameters
		// differently. Then it is listed apart, without the handler of all methods.
		if _, listed := mountedAt[node]; route.SubRoutes != nil && (!listed || route.Handlers["*"] != nil) {
			mountedAt[node] = route
		}
	}
	for _, r := range wildcards {
		if !audit.isMount(handlers[r]) {
			audit.addHiddenMount(r, handlers, outer)
		}
	}
	for node, route := range mountedAt {
		guards := outer
		if h := route.Handlers["*"]; audit.isMount(h) {
			guards = audit.addChainGuards(outer, h, parent != nil)
		} else {
			guards.unknown = true // h is that of a route which replaces the mount
		}
		below := append(slices.Clip(mounts), strings.TrimSuffix(route.Pattern, "/*"))
		node.below = audit.walk(route.SubRoutes, router, below, guards)
	}
	return router
}

// add adds a route to those of a router.
func (audit *routeAudit) add(router *auditedRouter, method, pattern string, guards guardsBefore) *auditedRoute {
	r := &auditedRoute{router: router, method: method, last: pattern, guards: guards}
	router.node(pattern).routes[method] = r
	audit.routes = append(audit.routes, r)
	return r
}

// addHiddenMount adds the paths of a mounted handler that a route with a wildcard has
// replaced. The mount still serves its own path, with and without a slash, and chi lists
// neither.
func (audit *routeAudit) addHiddenMount(replacement *auditedRoute, handlers map[*auditedRoute]http.Handler, outer guardsBefore) {
	router, method := replacement.router, replacement.method
	guards := outer
	guards.unknown = true
	for _, other := range router.node(replacement.last).routes {
		if audit.isMount(handlers[other]) {
			guards = other.guards
		}
	}
	mount := strings.TrimSuffix(replacement.last, "/*")
	for _, pattern := range []string{mount, mount + "/"} {
		language, err := compileChi(pattern)
		if mount == "" || err != nil || router.node(pattern).routes[method] != nil {
			continue
		}
		hidden := firstResult(language.must, func(p string) string {
			rc := chi.NewRouteContext()
			router.routes.Find(rc, method, p)
			if len(rc.RoutePatterns) > 0 && nodeKey(rc.RoutePatterns[0]) == nodeKey(pattern) {
				return p
			}
			return ""
		})
		if hidden != "" {
			audit.add(router, method, pattern, guards)
		}
	}
}

// isMount reports whether a handler is the one that Mount makes. All of those have one
// function.
func (audit *routeAudit) isMount(h http.Handler) bool {
	if chain, ok := h.(*chi.ChainHandler); ok {
		h = chain.Endpoint
	}
	f, ok := h.(http.HandlerFunc)
	return ok && reflect.ValueOf(f).Pointer() == audit.mountHandler
}

// newMountHandler returns the function of the handlers that Mount makes.
func newMountHandler() uintptr {
	r := chi.NewRouter()
	r.Mount("/", http.NotFoundHandler())
	f, _ := r.Routes()[0].Handlers[http.MethodGet].(http.HandlerFunc)
	return reflect.ValueOf(f).Pointer()
}

// isInline reports whether With or Group has returned the router, or the router that a
// struct embeds. An inline router shares all routes with the router it was made from, and
// runs none of its middlewares where it is mounted. chi tells them apart by an unexported
// field.
func isInline(router chi.Routes) bool { return embedsInline(reflect.ValueOf(router)) }

func embedsInline(v reflect.Value) bool {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return false
	}
	if v.Type() == reflect.TypeFor[chi.Mux]() {
		field := v.FieldByName("inline")
		return field.Kind() == reflect.Bool && field.Bool()
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous && embedsInline(v.Field(i)) {
			return true
		}
	}
	return false
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
		h := middleware(http.NotFoundHandler())
		g, _ := h.(*guard)
		if several, ok := h.(*anyGuard); ok {
			g = several.guardOf(audit.guards)
		}
		switch {
		case g == nil || g.auth != audit.guards:
		case g.kind == kindRequire:
			outer.require = cmp.Or(g.what, outer.require, "signed in")
		case g.kind == kindProtect:
			outer.protect = true
			outer.mounted = outer.mounted || mounted
		}
	}
	return outer
}
