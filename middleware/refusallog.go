package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
)

// maxLoggedPath bounds the path of a request in the log, in characters.
const maxLoggedPath = 200

// logRefusal logs at level Debug why a guard lets a request not pass, or Load without a
// session. Nothing is computed unless that level is enabled. r is the request as the guard
// got it: the one for the handler may have lost its cookies.
func (g *guard) logRefusal(r *http.Request, err error) {
	a, ctx := g.auth, r.Context()
	if !a.cfg.Logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	decision := DecisionAnonymous
	if g.kind != kindLoad || isStalePrefetch(r, err) {
		decision = a.refusalDecision(r, err)
	}
	a.cfg.Logger.LogAttrs(ctx, slog.LevelDebug, "cognitogate: a request has no session that may pass",
		slog.String("decision", string(decision)), slog.String("reason", g.explain(r, err)),
		slog.String("method", r.Method[:min(len(r.Method), 20)]), slog.String("path", fmt.Sprintf("%.*q", maxLoggedPath, r.URL.Path)))
}

// explain says why a request does not pass.
func (g *guard) explain(r *http.Request, err error) string {
	switch {
	case !errors.Is(err, ErrForbidden):
		return g.auth.sessions.Explain(r, err)
	case errors.Is(err, errMachine):
		return "the token is a program's"
	}
	return "the session is not allowed by " + g.what
}
