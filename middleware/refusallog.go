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
// session. Nothing is computed unless that level is enabled. outer is the request as the
// guard got it, and r is the one for the handler, which may have lost its cookies.
func (g *guard) logRefusal(outer, r *http.Request, d Decision, err error) {
	if !g.logsRefusals(outer) {
		return
	}
	g.auth.cfg.Logger.LogAttrs(outer.Context(), slog.LevelDebug, "cognitogate: a request has no session that may pass",
		slog.String("decision", string(d)), slog.String("reason", string(g.reasonOf(outer, r, d, err))), slog.String("detail", g.explain(outer, err)),
		slog.String("method", r.Method[:min(len(r.Method), 20)]), slog.String("path", fmt.Sprintf("%.*q", maxLoggedPath, r.URL.Path)))
}

// logsRefusals reports whether the log wants to know why a request does not pass.
func (g *guard) logsRefusals(outer *http.Request) bool {
	return g.auth.cfg.Logger.Enabled(outer.Context(), slog.LevelDebug)
}

// explain says why a request does not pass, in more words than reasonOf.
func (g *guard) explain(r *http.Request, err error) string {
	switch {
	case errors.Is(err, ErrNotRecent):
		return "the sign-in is not recent"
	case !errors.Is(err, ErrForbidden):
		return g.auth.sessions.Explain(r, err)
	case errors.Is(err, errMachine):
		return "the token is a program's"
	case errors.Is(err, errUser):
		return "the token is a user's"
	}
	return "the session is not allowed by " + g.what
}
