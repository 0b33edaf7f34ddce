package cognitotest

import (
	"net/http"
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
	checkGuards(t, auth.Audit(routes), public)
}

// CheckPatterns is [CheckRoutes] for the patterns of an [http.ServeMux] behind Protect.
// Give it all patterns of the mux, as HandleFunc gets them. public lists those that
// need no session, each as in patterns, or without its method.
//
// [middleware.Auth.AuditPatterns] says how patterns are judged.
func CheckPatterns(t testing.TB, auth *middleware.Auth, patterns []string, public ...string) {
	t.Helper()
	report := auth.AuditPatterns(patterns...)
	for i := range report {
		if report[i].Method == http.MethodConnect && !strings.HasPrefix(patterns[i], http.MethodConnect) {
			report[i].Method = "" // public may list the pattern
		}
	}
	checkGuards(t, report, public)
}

// checkGuards compares the routes that are not guarded with a list.
func checkGuards(t testing.TB, report []middleware.RouteGuard, public []string) {
	t.Helper()
	used := make(map[string]bool)
	for _, g := range report {
		if g.By != "" {
			continue
		}
		full := strings.TrimSpace(g.Method + " " + g.Route)
		switch {
		case slices.Contains(public, full):
			used[full] = true
		case slices.Contains(public, g.Route):
			used[g.Route] = true
		case g.Reason != "":
			t.Errorf("cognitotest: %s counts as unguarded: %s: %s", full, g.Public, g.Reason)
		default:
			t.Errorf("cognitotest: %s is not guarded: %s needs no session", full, g.Public)
		}
	}
	for _, p := range public {
		if used[p] {
			continue
		}
		i := slices.IndexFunc(report, func(g middleware.RouteGuard) bool {
			return p == g.Route || p == strings.TrimSpace(g.Method+" "+g.Route)
		})
		switch {
		case i < 0:
			t.Errorf("cognitotest: %s is listed as public, and there is no such route", p)
		case report[i].By == "":
			t.Errorf("cognitotest: %s is listed as public twice, with its method and without", p)
		default:
			t.Errorf("cognitotest: %s is listed as public, and %s guards it", p, report[i].By)
		}
	}
}
