package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// forgedHeaders claim another host; clients and careless proxies send them.
var forgedHeaders = map[string]string{
	"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "1", "X-Forwarded-Prefix": "/evil",
	"X-Forwarded-Server": "evil.example", "X-Forwarded-For": "192.0.2.1", "Forwarded": "host=evil.example;proto=http",
	"X-Original-Host": "evil.example", "X-Host": "evil.example", "X-Original-URL": "/evil", "X-Rewrite-URL": "/evil",
	"Origin": "https://evil.example", "Referer": "https://evil.example/",
}

// TestRedirectsIgnoreHostHeaders: redirects come from the configuration, not from Host
// and headers of its kind.
func TestRedirectsIgnoreHostHeaders(t *testing.T) {
	env := newRoutesEnv(t)
	for _, at := range []string{host, "evil.example", "APP.example.com", host + ":443", "evil.example\t", "", "[::1]:80", "app.example.com.evil.example"} {
		for _, target := range []string{
			"/api/auth/sign-in?next=/x", "/api/auth/sign-up", "/api/auth/sign-in?origin=1", "/api/auth/sign-in-callback?code=x&state=y",
			"/api/auth/sign-out", "/api/auth/sign-out-callback", "/dashboard", "https://evil.example/api/auth/sign-in", "https://evil.example/dashboard",
		} {
			for _, site := range []string{"same-origin", ""} {
				r := pageRequest(target)
				r.Host = at
				for name, value := range forgedHeaders {
					r.Header.Set(name, value)
				}
				if site != "" {
					r.Header.Set("Sec-Fetch-Site", site)
				}
				resp := env.do(r)
				location, body := resp.Header.Get("Location"), readBody(t, resp)
				u := mustParse(location)
				ok := u.Host == "" && (location == "" || strings.HasPrefix(location, "/")) || u.Scheme == "https" && u.Host == env.server.UserPool().Domain ||
					u.Scheme+"://"+u.Host == origin
				if !ok || strings.Contains(location+body, "evil") {
					t.Errorf("%s of %q: %d to %q\n%s", target, at, resp.StatusCode, location, body)
				}
				for _, c := range resp.Cookies() {
					if c.Domain != "" {
						t.Errorf("%s of %q: a cookie for %s", target, at, c.Domain)
					}
				}
			}
		}
	}
	for i, at := range []string{host, "evil.example", "10.0.0.1:8080"} {
		r := pageRequest("/api/auth/sign-in?origin=1")
		r.Host = at
		if got := mustParse(env.do(r).Header.Get("Location")).Query().Get("redirect_uri"); got != origin+"/api/auth/sign-in-callback" {
			t.Errorf("%d: redirect_uri %q", i, got)
		}
	}
}

// TestSignInOnAnotherHostGoesToOrigin: it does so once, or a proxy that hides the host
// would make a loop.
func TestSignInOnAnotherHostGoesToOrigin(t *testing.T) {
	env := newRoutesEnv(t)
	r := pageRequest("/api/auth/sign-in?next=%2Fdashboard%3Fq%3D1%262&provider=Google")
	r.Host = "www.example.com"
	resp := env.do(r)
	u := mustParse(resp.Header.Get("Location"))
	if resp.StatusCode != http.StatusFound || u.Scheme+"://"+u.Host+u.Path != origin+"/api/auth/sign-in" || resp.Header["Set-Cookie"] != nil {
		t.Fatalf("%d to %s, %v", resp.StatusCode, u, resp.Header["Set-Cookie"])
	}
	if q := u.Query(); q.Get("next") != "/dashboard?q=1&2" || q.Get("provider") != "Google" {
		t.Errorf("on the way %v was lost", q)
	}
	hidden := pageRequest(u.RequestURI())
	hidden.Host = "10.0.0.1:8080"
	resp = env.do(hidden)
	if u := mustParse(resp.Header.Get("Location")); u.Host != env.server.UserPool().Domain || u.Query().Has("origin") {
		t.Errorf("the second time: %d to %s", resp.StatusCode, u)
	}
}

func stripPrefix(cut string, next http.Handler) http.Handler { return http.StripPrefix(cut, next) }

func TestRoutesAreMountedAnywhere(t *testing.T) {
	for _, m := range []struct {
		name, routesPath string
		mount            func(auth *cognito.Auth) http.Handler
	}{
		{"chi's Mount", "", func(auth *cognito.Auth) http.Handler {
			r := chi.NewRouter()
			r.Mount("/api/auth", auth.Routes())
			return r
		}},
		{"chi's Mount in a Route", "", func(auth *cognito.Auth) http.Handler {
			r := chi.NewRouter()
			r.Route("/api", func(r chi.Router) { r.Mount("/auth", auth.Routes()) })
			return r
		}},
		{"chi behind Protect", "", func(auth *cognito.Auth) http.Handler {
			r := chi.NewRouter()
			r.Use(auth.Protect)
			r.Mount("/api/auth", auth.Routes())
			return r
		}},
		{"ServeMux", "", func(auth *cognito.Auth) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/api/auth/", auth.Routes())
			return mux
		}},
		{"StripPrefix", "", func(auth *cognito.Auth) http.Handler {
			return http.StripPrefix("/api/auth", auth.Routes())
		}},
		{"StripPrefix with a slash", "", func(auth *cognito.Auth) http.Handler {
			return http.StripPrefix("/api/auth/", auth.Routes())
		}},
		{"StripPrefix of a part", "", func(auth *cognito.Auth) http.Handler {
			return stripPrefix("/api", auth.Routes())
		}},
		{"ServeMux below another path", "/site/a/auth/", func(auth *cognito.Auth) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/site/", stripPrefix("/site", auth.Routes()))
			return mux
		}},
		{"nothing at all", "/auth", func(auth *cognito.Auth) http.Handler { return auth.Routes() }},
	} {
		t.Run(m.name, func(t *testing.T) {
			env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.RoutesPath, cfg.Matcher = m.routesPath, nil })
			base := strings.TrimSuffix(m.routesPath, "/")
			if base == "" {
				base = "/api/auth"
			}
			env.handler = m.mount(env.auth)
			slashes := []string{"", "/"}
			if strings.Contains(m.name, "Protect") {
				slashes = slashes[:1] // Protect lets the exact paths through
			}
			for _, slash := range slashes {
				authorize, flow := env.startFlow(base + "/sign-in" + slash)
				callback := env.completeLogin(authorize, "ada")
				if callback.Path != base+"/sign-in-callback" {
					t.Errorf("redirect_uri %s", callback)
				}
				if resp := env.get(callback.RequestURI(), flow); sessionUser(resp) != "ada" {
					t.Errorf("%d", resp.StatusCode)
				}
				if resp := env.get(base + "/sign-out" + slash); mustParse(resp.Header.Get("Location")).Path != "/logout" {
					t.Errorf("sign-out: %d", resp.StatusCode)
				}
			}
			for _, path := range []string{"", "/", "/sign-over", "/sign-in/x", "/x/sign-in", "/sign-in-callback/x", "//sign-in", "/sign-in//", "/SIGN-IN", "/sign-in.html", "/undefined"} {
				if path == "//sign-in" && m.name == "StripPrefix with a slash" {
					continue // it takes the second slash too
				}
				resp := env.get(base + path)
				switch resp.StatusCode {
				case http.StatusNotFound:
				case http.StatusMovedPermanently, http.StatusTemporaryRedirect: // ServeMux cleans; Protect guards
				default:
					t.Errorf("%s: %d", path, resp.StatusCode)
				}
				for _, c := range resp.Cookies() {
					if !isRedirectMarker(c) { // of Protect
						t.Errorf("%s sets %s", path, c.Name)
					}
				}
			}
		})
	}
}

func TestMethodsOfTheRoutes(t *testing.T) {
	env := newRoutesEnv(t)
	for slug, allow := range map[string]string{"sign-in": "GET", "sign-up": "GET", "sign-in-callback": "GET", "sign-out-callback": "GET", "sign-out": "GET, POST"} {
		for _, method := range []string{"HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "BREW"} {
			if method == "POST" && slug == "sign-out" {
				continue
			}
			authorize, flow := env.startFlow("/api/auth/sign-in")
			r := httptest.NewRequest(method, "/api/auth/"+slug+"?code=x&state="+authorize.Query().Get("state"), nil)
			r.Host = host
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.AddCookie(flow)
			resp := env.do(r)
			if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != allow || resp.Header["Set-Cookie"] != nil {
				t.Errorf("%s %s: %d, Allow %q, %v", method, slug, resp.StatusCode, resp.Header.Get("Allow"), resp.Header["Set-Cookie"])
			}
			if resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: Cache-Control %q", method, slug, resp.Header.Get("Cache-Control"))
			}
		}
	}
}

// TestPrefetchBeginsNothing: a prefetch neither begins nor ends a sign-in, and deletes no
// flow.
func TestPrefetchBeginsNothing(t *testing.T) {
	env := newRoutesEnv(t)
	authorize, flow := env.startFlow("/api/auth/sign-in")
	callback := env.completeLogin(authorize, "ada")
	for _, header := range [][2]string{
		{"Sec-Purpose", "prefetch"}, {"Sec-Purpose", "prefetch;prerender"}, {"Sec-Purpose", "prefetch;anonymous-client-ip"},
		{"Purpose", "prefetch"}, {"X-Moz", "prefetch"}, {"Sec-Purpose", "Prefetch"},
	} {
		for _, target := range []string{"/api/auth/sign-in", "/api/auth/sign-up", "/api/auth/sign-out", callback.RequestURI()} {
			r := pageRequest(target)
			r.Host = host
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set(header[0], header[1])
			r.AddCookie(flow)
			resp := env.do(r)
			if resp.StatusCode != http.StatusServiceUnavailable || resp.Header["Set-Cookie"] != nil || resp.Header.Get("Location") != "" {
				t.Errorf("%v %s: %d, %v", header, target, resp.StatusCode, resp.Header)
			}
		}
	}
	if n := env.calls("Token"); n != 0 {
		t.Errorf("%d exchanges", n)
	}
	if resp := env.get(callback.RequestURI(), flow); sessionUser(resp) != "ada" {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}
