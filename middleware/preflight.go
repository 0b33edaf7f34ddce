package middleware

import "net/http"

// isPreflight reports whether Config.Preflight answers a request instead of the
// guarded handler. Only a CORS preflight does not reach that handler: every other OPTIONS
// is judged like a GET.
func (a *Auth) isPreflight(r *http.Request) bool {
	return a.cfg.Preflight != nil && r.Method == http.MethodOptions &&
		r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// servePreflight answers a preflight instead of the guarded handler.
func (g *guard) servePreflight(w http.ResponseWriter, r *http.Request, d *decider) {
	d.tell(r, r, DecisionPreflight, nil, nil)
	g.auth.cfg.Preflight.ServeHTTP(w, r)
}

// preflights reports whether Config.Preflight answers the preflights of a guarded route
// with this method; "" stands for all.
func (a *Auth) preflights(g RouteGuard) bool {
	return a.cfg.Preflight != nil && g.By != "" && (g.Method == "" || g.Method == http.MethodOptions)
}
