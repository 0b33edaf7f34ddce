// Package page tells a browser's navigation to a page from a request of a program. A
// redirect is an answer to the former only.
package page

import (
	"net/http"
	"strings"
)

// Is reports whether r is a navigation that can be repeated, a GET or a HEAD. It may be
// redirected elsewhere and come back.
func Is(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && Navigation(r)
}

// Navigation reports whether r is a browser's navigation: a GET, a HEAD or a form's
// POST. Sec-Fetch-Mode (Fetch Metadata) decides. Without it, other headers may show
// that a program made the request.
func Navigation(r *http.Request) bool {
	h := header(r.Header)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		if strings.Contains(strings.ToLower(h.get("Content-Type")), "json") {
			return false // forms send no JSON
		}
	default:
		return false
	}
	if IsUpgrade(r) || h.get("Hx-Request") != "" || h.get("X-Requested-With") != "" {
		return false
	}
	if scheme, _, _ := strings.Cut(h.get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return false
	}
	if mode := h.get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	accept := strings.ToLower(strings.Join(h["Accept"], ","))
	return strings.Contains(accept, "text/html") ||
		!strings.Contains(accept, "json") && !strings.Contains(accept, "text/event-stream")
}

// IsUpgrade reports whether r asks to change the protocol, as a WebSocket's
// opening handshake does (RFC 9110 §7.8). Its answer may not carry cookies.
func IsUpgrade(r *http.Request) bool {
	return header(r.Header).get("Upgrade") != "" || r.Method == http.MethodConnect
}

// header reads by canonical names, and saves http.Header.Get's canonicalisation.
type header map[string][]string

func (h header) get(canonical string) string {
	if v := h[canonical]; len(v) > 0 {
		return v[0]
	}
	return ""
}
