package middleware

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// routeOf returns the pattern of the route that routers have matched so far, without method
// and host, or "". chi and ServeMux write it into the request that they were given. A
// middleware in front of chi may have handed on a copy, so chi's own context is looked at
// too.
//
// chi uses its context again for other requests. If http.TimeoutHandler stands between chi
// and a guard, chi may have done so once the request's context is done.
func routeOf(r *http.Request) string {
	pattern := r.Pattern
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		pattern = pattern[i:]
	}
	ctx := r.Context()
	rc, _ := ctx.Value(chi.RouteCtxKey).(*chi.Context)
	if rc == nil || len(rc.RoutePatterns) == 0 || ctx.Err() != nil {
		return pattern
	}
	ofChi := rc.RoutePattern()
	if mount, isMount := strings.CutSuffix(ofChi, "*"); isMount && strings.HasPrefix(pattern, mount) {
		return pattern // of a ServeMux that is mounted in chi
	}
	return ofChi
}
