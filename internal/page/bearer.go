package page

import (
	"net/http"
	"strings"
)

// BearerToken returns the token of "Authorization: Bearer" (RFC 6750 §2.1). Other schemes
// are ignored. A second Authorization line (RFC 9110 allows one) makes the token one that
// nobody has, because a proxy may have looked at the other line.
func BearerToken(h http.Header) (token string, ok bool) {
	lines := h["Authorization"]
	for _, line := range lines {
		scheme, rest, _ := strings.Cut(line, " ")
		if strings.EqualFold(scheme, "Bearer") {
			if len(lines) > 1 {
				return "", true
			}
			return strings.Trim(rest, " "), true
		}
	}
	return "", false
}

func hasBearerToken(h header) bool {
	_, ok := BearerToken(http.Header(h))
	return ok
}
