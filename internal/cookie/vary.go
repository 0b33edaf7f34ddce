package cookie

import (
	"net/http"
	"strings"
)

// cookieOnly is shared by all answers; it is full, so that whoever appends to it
// copies it.
var cookieOnly = []string{"Cookie"}

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
