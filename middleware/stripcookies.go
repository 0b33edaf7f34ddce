package middleware

import (
	"net/http"
	"strings"

	"github.com/cognitogate/cognitogate/internal/cookie"
)

// StripCookies returns a copy of r without our cookies, for an upstream: those of the
// session, whose refresh token is worth a sign-in, and those of Routes. Headers of these
// names are taken off too; with Config.Bearer, name "Authorization". It changes nothing in
// r, and returns r itself if there is nothing to take off.
//
//	proxy := &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
//		pr.SetURL(upstream)
//		pr.Out = auth.StripCookies(pr.Out, "Authorization")
//	}}
//	router.Handle("/*", proxy)
func (a *Auth) StripCookies(r *http.Request, headers ...string) *http.Request {
	stripped := cookie.Strip(a.sessions.StripCookies(r), a.ownsHostCookie)
	for _, name := range headers {
		if _, ok := stripped.Header[http.CanonicalHeaderKey(name)]; !ok {
			continue
		}
		if stripped == r {
			stripped = r.WithContext(r.Context())
			stripped.Header = r.Header.Clone()
		}
		stripped.Header.Del(name)
	}
	return stripped
}

// ownsHostCookie reports whether a cookie is of Routes for this app client, with or without
// __Host-; see hostCookieName.
func (a *Auth) ownsHostCookie(name string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(name, "__Host-"), "cognitogate.")
	_, client, _ := strings.Cut(rest, ".")
	client, _, _ = strings.Cut(client, ".")
	return ok && client == a.cfg.UserPool.ClientID
}
