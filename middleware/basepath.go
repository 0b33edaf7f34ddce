package middleware

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/cognitogate/cognitogate/internal/configerr"
)

// configureBasePath checks BasePath, and sets the paths that follow from it.
func (a *Auth) configureBasePath(configErrors *configerr.List) {
	cfg := &a.cfg
	if base := cfg.BasePath; base != "" && (!isPlain(&url.URL{Path: base}) || strings.HasSuffix(base, "/")) {
		configErrors.Add("BasePath", `%q is not a path like "/app", with one slash at its beginning and none at its end`, base)
		cfg.BasePath = ""
	}
	cfg.RoutesPath = cmp.Or(cfg.RoutesPath, cfg.BasePath+defaultRoutesPath)
	cfg.AfterSignIn = cmp.Or(cfg.AfterSignIn, cfg.BasePath+"/")
	cfg.AfterSignOut = cmp.Or(cfg.AfterSignOut, cfg.BasePath+"/")
}

// withoutBasePath returns the path that this server sees if browsers see p. ok is false
// if p is not under BasePath, so that this server does not see it.
func (a *Auth) withoutBasePath(p string) (path string, ok bool) {
	rest, ok := strings.CutPrefix(p, a.cfg.BasePath)
	if !ok || rest != "" && rest[0] != '/' { // "/application" is not under "/app"
		return "", false
	}
	return cmp.Or(rest, "/"), true
}

// urlWithoutBasePath returns the URL that this server sees if browsers see u.
func (a *Auth) urlWithoutBasePath(u *url.URL) (served *url.URL, ok bool) {
	p, ok := a.withoutBasePath(u.Path)
	return &url.URL{Path: p, RawPath: strings.TrimPrefix(u.RawPath, a.cfg.BasePath)}, ok
}

// browserTarget returns the request's path and query as browsers see them. ok is false
// if that cannot be told: another prefix than BasePath has been taken off. The target as
// received counts, because a router may have changed r.URL. X-Forwarded-Prefix is never
// read, because a client can send it.
func (a *Auth) browserTarget(r *http.Request) (target string, ok bool) {
	if target = r.RequestURI; target == "" {
		target = r.URL.RequestURI()
	}
	if !strings.HasPrefix(target, "/") { // the absolute form (RFC 9112 §3.2.2)
		u, err := url.Parse(target)
		if err != nil {
			return "", false
		}
		target = u.RequestURI()
	}
	if a.cfg.BasePath == "" {
		return target, true
	}
	received, err := url.ParseRequestURI(target)
	if err != nil {
		return "", false
	}
	switch received.EscapedPath() {
	case a.cfg.BasePath + r.URL.EscapedPath(): // http.StripPrefix leaves RequestURI as it is
		return target, true
	case r.URL.EscapedPath(): // a proxy has sent the path without BasePath
		return a.cfg.BasePath + target, true
	}
	return "", false
}
