package middleware

import (
	"errors"
	"net/http"
	"strings"
)

// reasonHeader is the header of Config.ReasonHeader.
const reasonHeader = "Cognitogate-Reason"

// setReason says in a response header why a request is refused: in the word of the hooks,
// and in more words of detail. Every character that is not printable ASCII becomes "?":
// detail may quote the request, and other characters have no meaning in a header (RFC 9110
// §5.5).
func setReason(h http.Header, reason, detail string) {
	if detail != "" {
		reason += ": " + detail
	}
	h.Set(reasonHeader, strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, reason))
}

// setReasonOf says why a guard of the program refuses a request with ServeError.
func (a *Auth) setReasonOf(h http.Header, r *http.Request, err error) {
	if errors.Is(err, ErrForbidden) {
		setReason(h, string(ReasonFunc), "the program does not allow the session")
		return
	}
	setReason(h, string(a.sessions.Reason(r, err)), a.sessions.Explain(r, err))
}

// warnOfReasonHeader says in the log that ReasonHeader is on.
func (a *Auth) warnOfReasonHeader() {
	if a.cfg.ReasonHeader {
		a.cfg.Logger.Warn("cognitogate: every refused client is told the reason, because Config.ReasonHeader is set: leave it out in production", "header", reasonHeader)
	}
}
