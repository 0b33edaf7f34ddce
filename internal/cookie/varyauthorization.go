package cookie

import (
	"net/http"
	"strings"
)

// VaryAuthorization says that the answer depends on the request's cookies and on its
// Authorization header (RFC 9110 §12.5.5). A cache would hand the answer to one of the
// two to whoever shows the other.
func VaryAuthorization(h http.Header) {
	vary := h["Vary"]
	if len(vary) == 0 {
		h["Vary"] = []string{"Cookie, Authorization"}
		return
	}
	for _, line := range vary {
		for name := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(name), "Authorization") {
				Vary(h)
				return
			}
		}
	}
	h["Vary"] = append(vary[:len(vary):len(vary)], "Authorization")
	Vary(h)
}
