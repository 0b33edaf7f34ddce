package middleware_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestOuterCacheHeadersAreVoid: a middleware of the site may tell caches to keep every
// page. Caches obey targeted headers rather than Cache-Control (RFC 9213 §2.2), and some
// know no Vary. They would hand one user's page to another, or one flow to two browsers.
func TestOuterCacheHeadersAreVoid(t *testing.T) {
	for _, name := range []string{
		"Cache-Control", "CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "X-LiteSpeed-Cache-Control", "Surrogate-Control", "Edge-Control", "X-Accel-Expires",
	} {
		env := newRoutesEnv(t)
		authorize, flow := env.startFlow("/api/auth/sign-in")
		callback := env.completeLogin(authorize, "ada").RequestURI()
		env.handle("/started", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := env.auth.Sessions().Start(w, r, env.server.Issue("ada")); err != nil {
				t.Error(err)
			}
		}))
		site := env.handler
		env.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()[http.CanonicalHeaderKey(name)] = []string{"public, max-age=600"}
			w.Header()["other-"+strings.ToLower("CDN-Cache-Control")] = []string{"public"} // HTTP/2 names
			site.ServeHTTP(w, r)
		})
		for what, resp := range map[string]*http.Response{
			"a page of ada's":              env.do(env.signedInRequest("ada", "/x")),
			"a refreshed one":              env.do(env.expiredRequest("ada", "/y")),
			"a refusal":                    env.do(pageRequest("/x")),
			"a script's":                   env.do(scriptRequest("/x")),
			"a public page behind Load":    env.do(pageRequest("/api/public")),
			"forbidden":                    env.do(env.signedInRequest("grace", "/admin")),
			"a sign-in":                    env.get("/api/auth/sign-in"),
			"a callback":                   env.get(callback, flow),
			"a callback that goes nowhere": env.get("/api/auth/sign-in-callback"),
			"a sign-out":                   env.get("/api/auth/sign-out"),
			"Start":                        env.get("/started"),
		} {
			for header, values := range resp.Header {
				if strings.Contains(strings.Join(values, ","), "public") || strings.HasPrefix(header, "Other-") {
					if what == "a public page behind Load" {
						continue // it shows no user, and varies by Cookie
					}
					t.Errorf("%s, %s: %s: %q", name, what, header, values)
				}
			}
		}
	}
}
