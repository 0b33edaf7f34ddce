package middleware

import (
	"cmp"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/matcher"
)

// RouteGuard says how a route is guarded.
type RouteGuard struct {
	// Method and Route are chi's: "GET", "/users/{id}".
	Method, Route string
	// By is what guards every path of the route: the matcher's pattern, or
	// "signed in" or "group admins" for Require and RequireGroup on the route. It is
	// empty if something gets through.
	By string
	// Public is a path of the route that needs no session; empty if By is not.
	Public string
}

// Audit reports for every route and method how this Auth guards it: for tests, and
// to be printed and read. It asks the matcher about paths of each route, with many
// values for every parameter, among them the words that stand in the patterns, and
// reports the first that needs no session and that no other route takes.
//
// Rules with conditions do not count, because a client chooses what it sends. Only
// middlewares that are mounted as they are, with Use or With, are recognised: a
// guard outside the router or wrapped in a function of your own is reported as
// missing, which is the safe side. To recognise them, Audit calls every middleware
// once more, with a handler that nothing serves.
//
// Give it the outermost router, for it asks about paths as the routes name them. It
// reports routes only: the handlers of NotFound and MethodNotAllowed, which the
// guards of Use are in front of, are not in the list. What Protect cannot see, Audit
// cannot either: a middleware behind it that gives the router another path.
func (a *Auth) Audit(routes chi.Routes) []RouteGuard {
	rules := a.unconditional()
	x := &audit{auth: a, root: routes, rules: rules, listed: make(map[string]bool), values: sampleValues(rules)}
	// Its rules have been compiled before; without them it matches nothing.
	x.judge, _ = matcher.New(rules...)
	x.walk(routes, "", guards{})
	for i, g := range x.found {
		if g.by == "" {
			x.report[i].By, x.report[i].Public = x.ask(x.report[i].Method, x.report[i].Route, g.protect)
		} else {
			x.report[i].By = g.by
		}
	}
	slices.SortStableFunc(x.report, func(x, y RouteGuard) int {
		return cmp.Or(cmp.Compare(x.Route, y.Route), cmp.Compare(x.Method, y.Method))
	})
	return x.report
}

// audit is an Audit under way.
type audit struct {
	auth   *Auth
	root   chi.Routes
	rules  []matcher.Rule
	judge  *matcher.Matcher
	values []string // for parameters
	report []RouteGuard
	found  []guards        // of each in report
	listed map[string]bool // methods and routes in report
}

// guards are what stands before a route.
type guards struct {
	by      string // what Require or its like asks for
	protect bool
}

// walk lists the routes of a router, below a path and behind guards. It is chi.Walk
// but for three things: it calls each middleware once; it does not take those of a
// router that With or Group has returned for every route's; and it lists what has
// been set over a mount.
func (x *audit) walk(router chi.Routes, prefix string, outer guards) {
	if !inline(router) {
		outer = x.behind(outer, router.Middlewares())
	}
	for _, route := range router.Routes() {
		for method, h := range route.Handlers {
			if method == "*" {
				continue // the others say it one by one, and a mount's leads on
			}
			g := RouteGuard{Method: method, Route: prefix + route.Pattern}
			x.listed[g.Method+" "+g.Route] = true
			x.report = append(x.report, g)
			x.found = append(x.found, x.behindChain(outer, h))
		}
		if route.SubRoutes != nil {
			x.walk(route.SubRoutes, prefix+strings.TrimSuffix(route.Pattern, "/*"), x.behindChain(outer, route.Handlers["*"]))
		}
	}
}

// inline reports whether With or Group has returned the router. It shares all routes
// with the one it was made from, and chi says so in a field only.
func inline(router chi.Routes) bool {
	mux, ok := router.(*chi.Mux)
	if !ok {
		return false
	}
	field := reflect.ValueOf(mux).Elem().FieldByName("inline")
	return field.Kind() == reflect.Bool && field.Bool()
}

// behindChain adds the guards that With has put before a handler.
func (x *audit) behindChain(outer guards, h http.Handler) guards {
	if chain, ok := h.(*chi.ChainHandler); ok {
		return x.behind(outer, chain.Middlewares)
	}
	return outer
}

// behind adds the guards of this Auth among middlewares. They are told by the
// handler that each returns.
func (x *audit) behind(outer guards, middlewares chi.Middlewares) guards {
	for _, mw := range middlewares {
		g, ok := mw(http.NotFoundHandler()).(*guard)
		switch {
		case !ok || g.auth != x.auth:
		case g.kind == kindRequire:
			outer.by = cmp.Or(g.what, outer.by, "signed in")
		case g.kind == kindProtect:
			outer.protect = true
		}
	}
	return outer
}

// unconditional returns the rules that hold whatever the client sends.
func (a *Auth) unconditional() []matcher.Rule {
	return slices.DeleteFunc(slices.Clone(a.rules), func(r matcher.Rule) bool {
		return len(r.Has) > 0 || len(r.Missing) > 0
	})
}

// ask asks the matcher about paths of a route. by is the pattern that selects the
// first of them; another may select the others.
func (x *audit) ask(method, route string, protect bool) (by, public string) {
	paths := x.paths(method, route)
	if !protect {
		return "", paths[0]
	}
	for _, p := range paths {
		selected := "every path"
		if x.auth.matcher != nil {
			selected = ""
			if i, ok := x.judge.Rule(p, new(http.Request)); ok {
				selected = x.rules[i].Source
			}
		}
		exempt := slices.Contains(x.auth.exempt, strings.TrimSuffix(p, "/"))
		if (selected == "" || exempt) && !x.elsewhere(method, route, p) {
			return "", p
		}
		by = cmp.Or(by, selected)
	}
	if by == "" {
		return "", paths[0] // other routes take all of them
	}
	return by, ""
}

// elsewhere reports whether another route takes a path.
func (x *audit) elsewhere(method, route, p string) bool {
	found := x.root.Find(chi.NewRouteContext(), method, p)
	return found != route && x.listed[method+" "+found]
}

// paths returns paths of a route: each parameter filled with each value, the others
// with a word, and all with the same one.
func (x *audit) paths(method, route string) []string {
	params := routeParam.FindAllStringIndex(route, -1)
	if len(params) == 0 {
		return x.bare(method, []string{route})
	}
	var text []string // between the parameters
	var values [][]string
	end := 0
	for _, at := range params {
		text = append(text, route[end:at[0]])
		values = append(values, fitting(route[at[0]:at[1]], x.values))
		end = at[1]
	}
	// fill gives the parameter at index i its value number n, and the others theirs
	// of that number too if i is none's.
	fill := func(i, n int) string {
		var b strings.Builder
		for j, v := range values {
			b.WriteString(text[j])
			switch {
			case i < 0:
				b.WriteString(v[min(n, len(v)-1)])
			case i == j:
				b.WriteString(v[n])
			default:
				b.WriteString(v[0])
			}
		}
		return b.String() + route[end:]
	}
	var paths []string
	for i := range values {
		for n := range values[i] {
			paths = append(paths, fill(i, n), fill(-1, n))
		}
	}
	for _, p := range x.auth.exempt {
		if x.root.Find(chi.NewRouteContext(), method, p) == route {
			paths = append(paths, p)
		}
	}
	return x.bare(method, paths)
}

// bare adds the paths without a slash at the end that are served too, as those of
// mounts are.
func (x *audit) bare(method string, paths []string) []string {
	for _, p := range paths {
		if b := strings.TrimSuffix(p, "/"); b != p && b != "" && x.root.Match(chi.NewRouteContext(), method, b) {
			paths = append(paths, b)
		}
	}
	return paths
}

// routeParam is a parameter of a chi route: {id}, {id:[0-9]+}, or the * at the end.
var routeParam = regexp.MustCompile(`\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\*`)

// patternWord is what patterns may leave out: "api", "favicon.ico", "_next/static".
var patternWord = regexp.MustCompile(`[\w-]+(?:[./][\w-]+)*`)

// sampleValues are values for parameters: a word, a number, something with a dot,
// which exclusions often let through, and what may be made of the words in patterns.
// Those with a slash, and the empty one, are for a * only.
func sampleValues(rules []matcher.Rule) []string {
	values := viewSet{"x", "1", "x.y", "", "x/y", "x/y.z"}
	for _, rule := range rules {
		for _, words := range patternWord.FindAllString(strings.ReplaceAll(rule.Source, `\`, ""), -1) {
			parts := strings.FieldsFunc(words, func(r rune) bool { return r == '.' || r == '/' })
			for _, word := range append(parts, words) {
				for _, value := range []string{word, "x." + word, word + ".x", word + "x", "x" + word, word + "/x", "x/" + word, "x/x." + word} {
					values.add(value)
				}
			}
		}
	}
	return values
}

// fitting returns the values that a parameter takes, or all if none of them fits:
// then nothing better can be asked about.
func fitting(param string, values []string) []string {
	if param == "*" {
		return values
	}
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" || strings.Contains(v, "/") })
	_, pattern, ok := strings.Cut(param[1:len(param)-1], ":")
	if !ok || pattern == "" {
		return values
	}
	// chi anchors it like this.
	if pattern[0] != '^' {
		pattern = "^" + pattern
	}
	if pattern[len(pattern)-1] != '$' {
		pattern += "$"
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return values // chi has not accepted it
	}
	fit := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !re.MatchString(v) })
	if len(fit) == 0 {
		return values
	}
	return fit
}
