package session

import (
	"net/http"

	"github.com/cognitogate/cognitogate/internal/page"
)

// bearerTokens says which bearer tokens are accepted (RFC 6750).
type bearerTokens struct {
	accepted bool                       // Config.Bearer
	clients  []string                   // Config.BearerClients
	from     func(*http.Request) string // Config.BearerFrom, or nil
}

// of returns the bearer token of a request. ok is false without one, and if none is
// accepted.
func (b *bearerTokens) of(r *http.Request) (token string, ok bool) {
	switch {
	case !b.accepted:
		return "", false
	case b.from != nil:
		token = b.from(r)
		return token, token != ""
	}
	return page.BearerToken(r.Header)
}
