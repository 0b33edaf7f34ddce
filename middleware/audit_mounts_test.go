package middleware_test

import (
	"testing"

	"github.com/go-chi/chi/v5"
)

// TestAuditOfARouteAtAMount has a router mounted at the very pattern of another mounted
// router's route. chi's Find does not tell the two apart, so the audit does not decide.
func TestAuditOfARouteAtAMount(t *testing.T) {
	auth := newMatcherAuth(t, "/:a/:b*")
	inner, outer, root := chi.NewRouter(), chi.NewRouter(), chi.NewRouter()
	root.Use(auth.Protect)
	inner.Get("/list", emptyHandler)
	outer.Get("/users", emptyHandler)
	root.Mount("/{tenant}/users", inner)
	root.Mount("/{tenant}", outer)
	for _, entry := range auth.Audit(root) {
		if undecided := entry.Reason != ""; undecided != (entry.Route == "/{tenant}/users") {
			t.Errorf("%+v", entry)
		}
	}
}
