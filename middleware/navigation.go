package middleware

import (
	"net/http"

	"github.com/cognitogate/cognitogate/internal/page"
)

// navigates reports whether r is a browser's navigation. A request with a bearer token is
// none, wherever Config.BearerFrom finds the token.
func (a *Auth) navigates(r *http.Request) bool {
	return page.Navigates(r, a.cfg.Bearer) && !a.sessions.HasBearerToken(r)
}

// isPage reports whether r is a navigation that can be repeated.
func (a *Auth) isPage(r *http.Request) bool {
	return page.Is(r, a.cfg.Bearer) && !a.sessions.HasBearerToken(r)
}
