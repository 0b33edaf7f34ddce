package middleware_test

import (
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// formMatchers protect the paths below /admin and nothing else, once by a pattern that
// includes and once by one that excludes.
var formMatchers = [][]string{
	{"/admin/:path*", "/app/admin/:path*", "/sign-in/:path*", "/app/sign-in/:path*"},
	{"/((?!public|app/public|$|app$).*)"},
}

func addFormRoutes(r chi.Router) {
	r.HandleFunc("/admin", privateHandler)
	r.HandleFunc("/admin/*", privateHandler)
	r.HandleFunc("/public", publicHandler)
	r.HandleFunc("/public/*", publicHandler)
	r.HandleFunc("/sign-in", publicHandler)
	r.HandleFunc("/sign-in/", publicHandler)   // one slash is the same page
	r.HandleFunc("/sign-in/*", privateHandler) // no prefix is exempt
}

func formRouter(mw ...func(http.Handler) http.Handler) chi.Router {
	r := chi.NewRouter()
	r.Use(mw...)
	addFormRoutes(r)
	return r
}

// formRouters mounts the guard in every way, with middlewares before and behind it that
// change the path or what chi routes by.
func formRouters(auth *cognito.Auth) map[string]http.Handler {
	mux := http.NewServeMux()
	for _, p := range []string{"/admin", "/admin/"} {
		mux.HandleFunc(p, privateHandler)
	}
	for _, p := range []string{"/public", "/public/", "/sign-in"} {
		mux.HandleFunc(p, publicHandler)
	}
	rewrite := chimiddleware.PathRewrite("/public/old", "/admin")
	mounted := chi.NewRouter()
	mounted.Mount("/app", formRouter(auth.Protect))
	cleanMounted := chi.NewRouter()
	cleanMounted.Use(chimiddleware.CleanPath, chimiddleware.StripSlashes)
	cleanMounted.Mount("/app", formRouter(auth.Protect))
	formatMounted := chi.NewRouter()
	formatMounted.Use(chimiddleware.URLFormat)
	formatMounted.Mount("/app", formRouter(auth.Protect))
	inline := chi.NewRouter()
	addFormRoutes(inline.With(auth.Protect))
	mountedTwice := chi.NewRouter()
	mountedTwice.Route("/app", func(r chi.Router) { r.Mount("/", formRouter(auth.Protect)) })
	mountedInline := chi.NewRouter()
	mountedInline.Route("/app", func(r chi.Router) { r.Group(func(r chi.Router) { addFormRoutes(r.With(auth.Protect)) }) })
	cleanInline := chi.NewRouter()
	cleanInline.Use(chimiddleware.CleanPath, chimiddleware.StripSlashes, chimiddleware.GetHead)
	addFormRoutes(cleanInline.With(auth.Protect))
	parameter := chi.NewRouter()
	parameter.Use(chimiddleware.CleanPath)
	parameter.Mount("/{site:app}", formRouter(chimiddleware.StripSlashes, auth.Protect))
	wildcards := http.NewServeMux()
	wildcards.HandleFunc("GET /admin/{$}", privateHandler)
	wildcards.HandleFunc("/admin", privateHandler)
	wildcards.HandleFunc("GET /admin/{name}", privateHandler)
	wildcards.HandleFunc("/admin/{name}/{rest...}", privateHandler)
	wildcards.HandleFunc("/public/{rest...}", publicHandler)
	stripped := chi.NewRouter()
	stripped.Use(auth.Protect)
	stripped.Handle("/app/*", http.StripPrefix("/app", mux))
	return map[string]http.Handler{
		"chi":                           formRouter(auth.Protect),
		"chi inside":                    auth.Protect(formRouter()),
		"chi inline":                    inline,
		"chi mounted":                   mounted,
		"chi mounted twice":             mountedTwice,
		"chi mounted inline":            mountedInline,
		"chi mounted at a parameter":    parameter,
		"chi inline, cleaned before":    cleanInline,
		"chi, GetHead before":           formRouter(chimiddleware.GetHead, auth.Protect),
		"chi, GetHead behind":           formRouter(auth.Protect, chimiddleware.GetHead),
		"chi and StripPrefix behind":    stripped,
		"chi, CleanPath before":         formRouter(chimiddleware.CleanPath, auth.Protect),
		"chi, CleanPath behind":         formRouter(auth.Protect, chimiddleware.CleanPath),
		"chi, StripSlashes before":      formRouter(chimiddleware.StripSlashes, auth.Protect),
		"chi, StripSlashes behind":      formRouter(auth.Protect, chimiddleware.StripSlashes),
		"chi, both before":              formRouter(chimiddleware.CleanPath, chimiddleware.StripSlashes, auth.Protect),
		"chi, both behind":              formRouter(auth.Protect, chimiddleware.CleanPath, chimiddleware.StripSlashes),
		"chi, RedirectSlashes behind":   formRouter(auth.Protect, chimiddleware.RedirectSlashes),
		"chi, URLFormat before":         formRouter(chimiddleware.URLFormat, auth.Protect),
		"chi, PathRewrite before":       formRouter(rewrite, auth.Protect),
		"chi mounted, cleaned before":   cleanMounted,
		"chi mounted, URLFormat before": formatMounted,
		"ServeMux":                      auth.Protect(mux),
		"ServeMux with wildcards":       auth.Protect(wildcards),
		"ServeMux and StripPrefix":      auth.Protect(http.StripPrefix("/app", mux)),
		"StripPrefix, then the guard":   http.StripPrefix("/app", auth.Protect(formRouter())),
		"decoding behind":               auth.Protect(rewritingServer(func(p string) string { return p })),
		"decoding twice behind": auth.Protect(rewritingServer(func(p string) string {
			if again, err := url.PathUnescape(p); err == nil {
				return again
			}
			return p
		})),
		"a file server behind":       auth.Protect(rewritingServer(func(p string) string { return path.Clean("/" + p) })),
		"backslashes behind":         auth.Protect(rewritingServer(func(p string) string { return path.Clean("/" + strings.ReplaceAll(p, `\`, "/")) })),
		"a servlet container behind": auth.Protect(rewritingServer(func(p string) string { return path.Clean("/" + segmentParams.ReplaceAllString(p, "")) })),
	}
}

var segmentParams = regexp.MustCompile(`;[^/]*`)

// rewritingServer is a server that rewrites the decoded path before it routes.
func rewritingServer(read func(string) string) http.Handler {
	router := formRouter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = read(r.URL.Path), ""
		router.ServeHTTP(w, r)
	})
}

// routersThatRewriteBehind rewrite the path behind the guard, which cannot see it.
// Require on the routes guards them.
func routersThatRewriteBehind(auth *cognito.Auth) map[string]http.Handler {
	make := func(mw ...func(http.Handler) http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(auth.Protect)
		r.Use(mw...)
		r.With(auth.Require).HandleFunc("/admin", privateHandler)
		r.With(auth.RequireGroup("admins")).HandleFunc("/admin/*", privateHandler)
		r.HandleFunc("/public/*", publicHandler)
		return r
	}
	return map[string]http.Handler{
		"PathRewrite behind": make(chimiddleware.PathRewrite("/public/old", "/admin")),
		"URLFormat behind":   make(chimiddleware.URLFormat),
	}
}

type formTest struct {
	routers map[string]http.Handler
}

func newFormTests(t testing.TB) []formTest {
	server := cognitotest.New()
	var list []formTest
	for _, patterns := range formMatchers {
		auth, err := cognito.New(cognito.Config{
			UserPool: server.UserPool(), HTTPClient: server.Client(), Matcher: patterns, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		routers := formRouters(auth)
		maps.Copy(routers, routersThatRewriteBehind(auth))
		list = append(list, formTest{routers})
	}
	return list
}

// checkPrivate sends a target to every router without a session. The private handler
// must not run.
func (s formTest) checkPrivate(t testing.TB, method, target string) {
	for name, h := range s.routers {
		r, ok := parseRequest(method, target)
		if !ok {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Ran") == "private" {
			t.Errorf("%s: %s %q reached the private handler", name, method, target)
		}
	}
}

var formTargets = []string{
	"/admin", "/admin/", "/admin/x", "//admin", "/admin//x", "/./admin", "/public/../admin", "/public/..%2fadmin", "/public/%2e%2e/admin",
	"/public/..%252fadmin", "/public/%252e%252e%252fadmin", "/%61dmin", "/%2561dmin", `/public\..\admin`, "/public%5c..%5cadmin", "/public/old/x",
	"/public%23/../admin", "/admin%3F", "/admin%23", "/admin%00", "/admin;x", "/admin.json", "/public?x=/admin", "/admin?public", "/sign-in/../admin",
	"/sign-in/x", "/sign-in%2f..%2fadmin", "/sign-in/..;/admin", "/app/admin", "/app//admin/x", "/app/admin.json", "/app/sign-in/../admin", "/app/public/..%2fadmin",
	"/admin%2f", "/admin%2f..", "/x/../admin/", "/..//admin", "/public//..//admin/", "/public/./../admin", "/public/%2e./admin/x", "/admin/%ff", "http://app.example/admin",
	"http://evil.example//admin", "*", "/", "//", "///", "/ADMIN", "/admin%20", "/%20admin", "/public/old/../../admin", "/public/..;/admin", "/admin;x/y", "/public%5c..%5cadmin%2fx%3fy", "/app/public/..%5cadmin", "/sign-in", "/sign-in/", "/sign-in//",
}

func TestPathForms(t *testing.T) {
	tests := newFormTests(t)
	for _, s := range tests {
		for _, target := range formTargets {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "CONNECT", "POST", "BREW"} {
				s.checkPrivate(t, method, target)
			}
		}
	}
	// Random targets of segments that have fooled other guards.
	parts := []string{"/", "//", "admin", "public", "sign-in", "app", "old", "..", ".", "%2e", "%2E%2e", "%2f", "%5c", `\`, "%252f", "%252e", "x", ".json", "%61dmin", ";", "..;", ";x", "%00", "%ff", "%3f", "?", "#", "%23", " ", "%20"}
	random := rand.New(rand.NewPCG(1, 2))
	for range longtest.Scale(500, 3000) {
		var target strings.Builder
		target.WriteString("/")
		for range 1 + random.IntN(7) {
			target.WriteString(parts[random.IntN(len(parts))])
			if random.IntN(2) == 0 {
				target.WriteString("/")
			}
		}
		tests[random.IntN(len(tests))].checkPrivate(t, "GET", target.String())
	}
}

// TestPathFormRoutersServePublicPages: the routers do not pass TestPathForms by refusing
// every request.
func TestPathFormRoutersServePublicPages(t *testing.T) {
	for _, s := range newFormTests(t) {
		for name, h := range s.routers {
			target := "/public/x"
			if strings.Contains(name, "mounted") || strings.Contains(name, "StripPrefix") {
				target = "/app/public/x"
			}
			r, _ := parseRequest("GET", target)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Header().Get("Ran") != "public" {
				t.Errorf("%s: %s gets %d", name, target, w.Code)
			}
		}
	}
}

func FuzzPathForms(f *testing.F) {
	for _, target := range formTargets {
		f.Add(target)
	}
	tests := newFormTests(f)
	f.Fuzz(func(t *testing.T, target string) {
		for _, s := range tests {
			s.checkPrivate(t, "GET", target)
		}
	})
}

// TestHeadersChangeNoDecision sends headers that have turned off other guards.
func TestHeadersChangeNoDecision(t *testing.T) {
	env := newEnv(t)
	names := []string{
		"X-Middleware-Subrequest", "X-Middleware-Next", "X-Middleware-Rewrite", "X-Middleware-Prefetch", "X-Nextjs-Data", "X-Now-Route-Matches", "X-Matched-Path", "X-Invoke-Path", "X-Invoke-Status",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Forwarded-Method", "X-Forwarded-User", "X-Forwarded-Email",
		"X-Original-Url", "X-Original-Uri", "X-Rewrite-Url", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Real-Ip", "X-Client-Ip", "X-Remote-User", "X-Auth-Request-User",
		"X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Accesstoken", "X-User", "X-Username", "X-Groups", "Forwarded", "Via", "Referer", "Origin", "User-Agent", "Purpose", "Sec-Purpose",
		"Sec-Fetch-Site", "Sec-Fetch-Dest", "Accept", "Content-Type", "Authorization", "Proxy-Authorization", "Upgrade", "Connection", "Te", "Range", "If-None-Match", "Hx-Request", "Hx-Current-Url",
	}
	values := []string{"1", "true", "/api/public", "src/middleware:src/middleware:src/middleware", "GET", "OPTIONS", "127.0.0.1", "localhost", "admin", "kube-probe/1.30", "ELB-HealthChecker/2.0", "Bearer x", "websocket", "prefetch"}
	for _, name := range names {
		for _, value := range values {
			for _, path := range []string{"/dashboard", "/admin"} {
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set(name, value)
				if resp := env.do(r); env.handled != nil || resp.StatusCode < 300 {
					t.Errorf("%s: %s opens %s: %d", name, value, path, resp.StatusCode)
				}
			}
		}
	}
	r := httptest.NewRequest("GET", "/api/other", nil) // and none closes a public path
	for _, name := range names {
		r.Header.Set(name, "/admin")
	}
	if env.do(r); env.handled == nil {
		t.Error("headers changed the verdict on a public path")
	}
}

func TestMethodsAndTargetsWithoutAPath(t *testing.T) {
	server := cognitotest.New()
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Matcher: []string{"/admin"}})
	if err != nil {
		t.Fatal(err)
	}
	h := auth.Protect(http.HandlerFunc(privateHandler))
	for _, target := range []string{"OPTIONS *", "CONNECT app.example:443", "GET /admin", "HEAD /admin", "OPTIONS /admin", "BREW /admin", "GET /" + strings.Repeat("a", 9000)} {
		method, uri, _ := strings.Cut(target, " ")
		r, ok := parseRequest(method, uri)
		if !ok {
			t.Errorf("%.40s is no request", target)
			continue
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Ran") != "" {
			t.Errorf("%.40s was let through", target)
		}
	}
	for _, path := range []string{"", "*", "admin"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Header().Get("Ran") != "" {
			t.Errorf("the path %q was let through", path)
		}
	}
}

// TestQueryIsNoPath: the matcher is not asked about the query.
func TestQueryIsNoPath(t *testing.T) {
	server := cognitotest.New()
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Matcher: []string{"/admin/:path*"}})
	if err != nil {
		t.Fatal(err)
	}
	h := auth.Protect(http.HandlerFunc(privateHandler))
	for target, public := range map[string]bool{
		"/public?x=/admin": true, "/public?/admin/x": true, "/admin?x=/public": false, "/admin%3F": false, "/public%23/../admin": false,
	} {
		r, _ := parseRequest("GET", target)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Ran") != ""; got != public {
			t.Errorf("%s: public %v, want %v", target, got, public)
		}
	}
}
