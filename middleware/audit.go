package middleware

import (
	"cmp"
	"net/http"
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
// to be printed and read. It asks the matcher about paths of each route, with
// several values for every parameter, and reports the first that needs no session.
//
// Rules with conditions do not count, because a client chooses what it sends. Only
// middlewares that are mounted as they are, with Use or With, are recognised: a
// guard outside the router or wrapped in a function of your own is reported as
// missing, which is the safe side.
func (a *Auth) Audit(routes chi.Routes) []RouteGuard {
	rules := a.unconditional()
	// Its rules have been compiled before; without them it matches nothing.
	judge, _ := matcher.New(rules...)
	var report []RouteGuard
	// The callback returns no error, so Walk returns none.
	_ = chi.Walk(routes, func(method, route string, _ http.Handler, middlewares ...func(http.Handler) http.Handler) error {
		g := RouteGuard{Method: method, Route: tidyRoute(route)}
		protect := false
		for _, mw := range middlewares {
			switch found := a.recognise(mw); {
			case found == nil:
			case found.kind == kindRequire:
				g.By = cmp.Or(found.what, "signed in")
			case found.kind == kindProtect:
				protect = true
			}
		}
		if g.By == "" {
			g.By, g.Public = a.auditPaths(judge, rules, g.Route, protect)
		}
		report = append(report, g)
		return nil
	})
	slices.SortStableFunc(report, func(x, y RouteGuard) int {
		return cmp.Or(cmp.Compare(x.Route, y.Route), cmp.Compare(x.Method, y.Method))
	})
	return report
}

// unconditional returns the rules that hold whatever the client sends.
func (a *Auth) unconditional() []matcher.Rule {
	rules := matcher.Paths(a.cfg.Matcher...)
	for _, r := range a.cfg.Rules {
		if len(r.Has) == 0 && len(r.Missing) == 0 {
			rules = append(rules, r)
		}
	}
	return rules
}

// recognise applies a middleware to a handler that it can be told by, and returns
// the guard of this Auth that it is, or nil.
func (a *Auth) recognise(mw func(http.Handler) http.Handler) *guard {
	g, ok := mw(http.NotFoundHandler()).(*guard)
	if !ok || g.auth != a {
		return nil
	}
	return g
}

// auditPaths asks the matcher about paths of a route. By is the pattern that
// selects the first of them; another may select the others.
func (a *Auth) auditPaths(judge *matcher.Matcher, rules []matcher.Rule, route string, protect bool) (by, public string) {
	for _, p := range samplePaths(route) {
		index, selected := judge.Rule(p, new(http.Request))
		if !protect || !a.all && !selected || slices.Contains(a.exempt, strings.TrimSuffix(p, "/")) {
			return "", p
		}
		if by == "" && selected {
			by = rules[index].Source
		}
	}
	if a.all {
		by = "every path"
	}
	return by, ""
}

// tidyRoute takes out the "/*" that chi leaves in at mounts.
func tidyRoute(route string) string {
	return strings.ReplaceAll(route, "/*/", "/")
}

// routeParam is a parameter of a chi route: {id}, {id:[0-9]+}, or the * at the end.
var routeParam = regexp.MustCompile(`\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|\*`)

// samplePaths returns paths of a route: each parameter filled with a word, a
// number, and something with a dot, which exclusions often let through.
func samplePaths(route string) []string {
	if !routeParam.MatchString(route) {
		return []string{route}
	}
	values := []string{"x", "1", "x.y"}
	if strings.HasSuffix(route, "*") {
		values = append(values, "", "x/y", "x/y.z")
	}
	var paths []string
	for _, value := range values {
		p := routeParam.ReplaceAllStringFunc(route, func(param string) string {
			if value == "" && param != "*" || strings.Contains(value, "/") && param != "*" {
				return "x"
			}
			return value
		})
		paths = append(paths, p)
	}
	return paths
}

// Finding is something about a matcher pattern that its author may not have meant.
type Finding struct {
	Source string // the pattern
	Path   string // the path that shows it: the pattern does not select it
	Msg    string
}

// Findings lists what is surprising about the patterns of the matcher, each with a
// path that shows it. They are not mistakes for certain, and Next.js reads the
// patterns the same way; New warns of none of them.
func (a *Auth) Findings() []Finding {
	var found []Finding
	for _, rule := range a.unconditional() {
		p, err := matcher.Compile(rule.Source)
		if err != nil {
			continue // New has refused it
		}
		found = append(found, patternFindings(p)...)
	}
	return found
}

// exclusion finds the alternatives of a negative lookahead.
var exclusion = regexp.MustCompile(`\(\?!((?:[^()]|\([^()]*\))*)\)`)

// patternFindings guesses from a pattern's text which paths may surprise, and asks
// the pattern itself about each.
func patternFindings(p *matcher.Pattern) (found []Finding) {
	source := p.String()
	add := func(path, msg string) {
		found = append(found, Finding{source, path, msg})
	}
	for _, m := range exclusion.FindAllStringSubmatchIndex(source, -1) {
		before := source[:m[0]]
		if strings.ContainsAny(strings.TrimRight(before, "("), `(){}:*+?\`) {
			continue // no plain path stands before it
		}
		before = strings.TrimRight(before, "(")
		for word := range strings.SplitSeq(source[m[2]:m[3]], "|") {
			word = strings.TrimSuffix(word, "$")
			if word == "" || strings.HasSuffix(word, "/") || regexp.QuoteMeta(word) != strings.ReplaceAll(word, ".", `\.`) {
				continue // no plain word
			}
			if path := before + word; !p.Match(path) && !p.Match(path+"ary") && p.Match(before+"ary") {
				add(path+"ary", "leaving out "+path+" leaves out every path that begins like it")
			}
		}
	}
	if p.Match("/x/y") && p.Match("/x/yz") && !p.Match("/x/y.z") {
		add("/x/y.z", "every path with a dot is left out")
	}
	for _, tail := range []string{"/(.*)", "/(.+)", "/:path+", "/:slug+"} {
		if base, ok := strings.CutSuffix(source, tail); ok && base != "" && p.Match(base+"/x") && !p.Match(base) {
			add(base, "the pattern wants something after "+base+"/; "+base+"/:path* selects both")
		}
	}
	return found
}
