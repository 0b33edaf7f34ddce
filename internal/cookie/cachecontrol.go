package cookie

import (
	"net/http"
	"strings"
)

// These are shared by all answers. They are full, so that an append copies them.
var (
	cookieOnly     = []string{"Cookie"}
	privateNoStore = []string{"private, no-store"}
	noStore        = []string{"no-store"}
)

// PrivateNoStore marks an answer to a signed-in user, or one that changes cookies: no
// cache may hand it to anybody else (RFC 9111 §5.2.2). Call it before the handler runs,
// so that a handler's own Cache-Control wins. It allocates nothing unless the answer has
// a Vary of its own.
func PrivateNoStore(h http.Header) {
	h["Cache-Control"] = privateNoStore[:1:1]
	Vary(h)
}

// NoStore keeps every cache from an answer that depends on cookies. It allocates nothing
// unless the answer has a Vary of its own.
func NoStore(h http.Header) {
	h["Cache-Control"] = noStore[:1:1]
	Vary(h)
}

// Vary says that the answer depends on the request's cookies (RFC 9110 §12.5.5). It
// allocates nothing unless the answer has a Vary of its own.
func Vary(h http.Header) {
	vary := h["Vary"]
	if len(vary) == 0 {
		h["Vary"] = cookieOnly[:1:1]
		return
	}
	for _, line := range vary {
		for name := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(name), "Cookie") {
				return
			}
		}
	}
	h["Vary"] = append(vary[:len(vary):len(vary)], "Cookie")
}
