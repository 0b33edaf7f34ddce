package cognitotest

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/middleware"
)

// CheckRoutes fails a test for every route that a request without a session can
// reach, unless public lists the route. A new route that nobody has guarded thus
// fails the build.
//
// public lists chi's route patterns, such as "/", "/static/*" or, for one method,
// "GET /sign-in". An entry that names no public route fails the test too, so that
// the list stays correct.
//
// [middleware.Auth.Audit] says how guards are recognised.
func CheckRoutes(t testing.TB, auth *middleware.Auth, routes chi.Routes, public ...string) {
	t.Helper()
	used := make(map[string]bool)
	for _, g := range auth.Audit(routes) {
		if g.Public == "" {
			continue
		}
		full := g.Method + " " + g.Route
		switch {
		case slices.Contains(public, full):
			used[full] = true
		case slices.Contains(public, g.Route):
			used[g.Route] = true
		default:
			t.Errorf("cognitotest: %s is not guarded: %s needs no session", full, g.Public)
		}
	}
	for _, p := range public {
		if !used[p] {
			t.Errorf("cognitotest: %s is listed as public, and no such route is", strings.TrimSpace(p))
		}
	}
}
