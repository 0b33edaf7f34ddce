package middleware

import (
	"net/http"
	"net/url"
	"slices"
)

// GuardOf reports how Protect treats a request with this method and path, such as
// "/users/7" or, as a client sends it, "/users/a%2Fb". It is for routers that
// [Auth.Audit] and [Auth.AuditPatterns] do not know. Route is the path. As for Audit,
// rules with conditions do not count.
func (a *Auth) GuardOf(method, path string) RouteGuard {
	g := RouteGuard{Method: method, Route: path}
	u, err := url.ParseRequestURI(path)
	if err != nil {
		g.Public, g.Reason = path, "it is no path of a request: "+err.Error()
		return g
	}
	judge := a.withoutConditions()
	r := &http.Request{Method: method, URL: u}
	if !judge.protects(r) {
		g.Public = path
		return g
	}
	g.Preflight = a.cfg.Preflight != nil && method == http.MethodOptions
	if judge.matcher == nil {
		g.By = "every path"
		return g
	}
	g.By = "a path that no pattern can judge"
	forms, _ := requestPathForms(r, nil)
	for _, pattern := range judge.unconditionalPatterns() {
		if slices.ContainsFunc(forms, pattern.Match) {
			g.By = pattern.String()
			break
		}
	}
	return g
}
