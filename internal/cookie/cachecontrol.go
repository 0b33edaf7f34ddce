package cookie

import (
	"net/http"
	"slices"
	"strings"
)

// The values of Cache-Control (RFC 9111 §5.2.2).
const (
	// Private is for answers to a signed-in user, and for those that change cookies.
	Private = "private, no-store"

	// Uncached is for answers that depend on cookies.
	Uncached = "no-store"
)

// Values back the header values that are set on one answer. Answers share none, because
// a handler may edit them in place.
type Values [2]string

// SetCacheControl sets Cache-Control and adds Cookie to Vary. It allocates nothing
// unless the answer has a Vary of its own.
func (v *Values) SetCacheControl(h http.Header, cacheControl string) {
	v[0] = cacheControl
	h["Cache-Control"] = v[0:1:1]
	v.AddVary(h)
}

// AddVary says that the answer depends on the request's cookies (RFC 9110 §12.5.5).
func (v *Values) AddVary(h http.Header) {
	vary := h["Vary"]
	if len(vary) == 0 {
		v[1] = "Cookie"
		h["Vary"] = v[1:2:2]
		return
	}
	if !slices.ContainsFunc(vary, namesCookie) {
		h["Vary"] = append(vary[:len(vary):len(vary)], "Cookie")
	}
}

// namesCookie reports whether a line of Vary names Cookie.
func namesCookie(line string) bool {
	if line == "Cookie" { // nearly always
		return true
	}
	for name := range strings.SplitSeq(line, ",") {
		if strings.EqualFold(strings.TrimSpace(name), "Cookie") {
			return true
		}
	}
	return false
}

// PrivateNoStore marks an answer as [Private]. What was said about caching before is void.
func PrivateNoStore(h http.Header) { setCacheControl(h, Private) }

// NoStore marks an answer as [Uncached]. What was said about caching before is void.
func NoStore(h http.Header) { setCacheControl(h, Uncached) }

// Vary says that the answer depends on the request's cookies.
func Vary(h http.Header) {
	if !slices.ContainsFunc(h["Vary"], namesCookie) {
		new(Values).AddVary(h)
	}
}

func setCacheControl(h http.Header, cacheControl string) {
	DeleteTargetedCacheControl(h)
	if is := h["Cache-Control"]; len(is) == 1 && is[0] == cacheControl {
		Vary(h)
		return
	}
	new(Values).SetCacheControl(h, cacheControl)
}

// DeleteTargetedCacheControl deletes what some caches obey rather than Cache-Control: the
// headers of RFC 9213, all of which end with it, and older ones.
func DeleteTargetedCacheControl(h http.Header) {
	for name := range h {
		const suffix = "-Cache-Control"
		if len(name) > len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix) ||
			name == "Surrogate-Control" || name == "Edge-Control" || name == "X-Accel-Expires" {
			delete(h, name)
		}
	}
}
