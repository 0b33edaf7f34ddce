package middleware

import (
	"net/http"
	"strings"
)

// reasonHeader is the header of Config.ReasonHeader.
const reasonHeader = "Cognitogate-Reason"

// setReason says in a response header why a request is refused. Every character that is
// not printable ASCII becomes "?": reason may quote the request, and other characters have
// no meaning in a header (RFC 9110 §5.5).
func setReason(h http.Header, reason string) {
	h.Set(reasonHeader, strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, reason))
}

// warnOfReasonHeader says in the log that ReasonHeader is on.
func (a *Auth) warnOfReasonHeader() {
	if a.cfg.ReasonHeader {
		a.cfg.Logger.Warn("cognitogate: every refused client is told the reason, because Config.ReasonHeader is set: leave it out in production", "header", reasonHeader)
	}
}
