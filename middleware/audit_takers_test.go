package middleware_test

import (
	"strings"
	"testing"
)

// TestAuditSubtractsNoMoreThanAnotherRouteTakes: the first route takes one of the paths
// that no pattern selects. It could match the other one, which chi sends to the second.
func TestAuditSubtractsNoMoreThanAnotherRouteTakes(t *testing.T) {
	auth := newMatcherAuth(t, "/((?!u/1-a$|u/-abc$).*)")
	router := protectedRoutes(auth, "/u/{x:[0-9]+}-{z}", "/u/{y:.+}-{z}")
	checkAudit(t, auth, router, map[string]string{"GET /u/{x:[0-9]+}-{z}": "/u/1-a", "GET /u/{y:.+}-{z}": "/u/-abc"})
}

// TestAuditDoubtsARouteThatMayTakeAPath: whether chi sends the path to the first route
// depends on the routes beside it, or cannot be read from the pattern. The report names
// that route.
func TestAuditDoubtsARouteThatMayTakeAPath(t *testing.T) {
	for _, c := range []struct{ pattern, taker, route, public string }{
		{"/((?!u/?/b$).*)", "/u/{x:[0-9]+}/b", "/u/{y}/b", "/u//b"}, // an empty value
		{"/((?!u/x1$).*)", `/u/x{x:\b1}`, "/u/{y}", "/u/x1"},        // \b
	} {
		auth := newMatcherAuth(t, c.pattern)
		for _, g := range auth.Audit(protectedRoutes(auth, c.taker, c.route)) {
			if g.Route == c.route && (g.By != "" || g.Public != c.public || !strings.Contains(g.Reason, c.taker+" takes this path")) {
				t.Errorf("behind %s: %+v", c.pattern, g)
			}
		}
	}
}
