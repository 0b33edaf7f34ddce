package page

import (
	"net/http"
	"strings"
)

// prefetchHeaders tell of a prefetch by their value: Sec-Purpose of the Fetch standard,
// its older names, and that of Turbo, which may not set a Sec- header.
var prefetchHeaders = [...]string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz", "X-Sec-Purpose"}

// IsPrefetch reports whether r asks ahead of the user, who may never see the answer: a
// browser's prefetch or prerendering, htmx's preload, or Turbo's load on hover.
func IsPrefetch(r *http.Request) bool {
	h := header(r.Header)
	for _, name := range prefetchHeaders {
		for _, line := range h[name] {
			if line = strings.ToLower(line); strings.Contains(line, "prefetch") || strings.Contains(line, "prerender") {
				return true
			}
		}
	}
	return h.get("Hx-Preloaded") == "true"
}
