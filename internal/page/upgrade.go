package page

import (
	"iter"
	"net/http"
	"strings"
)

// upgrades returns the names of the protocols that Upgrade lists, without their versions
// (RFC 9110 §7.8).
func (h header) upgrades() iter.Seq[string] {
	return func(yield func(string) bool) {
		for element := range h.elements("Upgrade") {
			if name, _, _ := strings.Cut(element, "/"); !yield(name) {
				return
			}
		}
	}
}

// IsUpgrade reports whether r asks to leave HTTP, as a WebSocket's opening handshake does
// (RFC 9110 §7.8). Its answer may not carry cookies. The answer to "h2c" is still HTTP.
func IsUpgrade(r *http.Request) bool {
	if r.Method == http.MethodConnect {
		return true
	}
	for protocol := range header(r.Header).upgrades() {
		if !strings.EqualFold(protocol, "h2c") {
			return true
		}
	}
	return false
}
