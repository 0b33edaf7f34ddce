package middleware_test

import (
	"bufio"
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

// The paths below /admin are private and everything else is public, told by a
// pattern that includes and by one that excludes.
var spellingMatchers = [][]string{
	{"/admin/:path*", "/app/admin/:path*", "/sign-in/:path*", "/app/sign-in/:path*"},
	{"/((?!public|app/public|$|app$).*)"},
}

// privately and publicly are the two handlers of every router below. Which of them
// ran is left in a header.
func privately(w http.ResponseWriter, r *http.Request) { w.Header().Set("Ran", "private") }
func publicly(w http.ResponseWriter, r *http.Request)  { w.Header().Set("Ran", "public") }

func spellingRoutes(r chi.Router) {
	r.HandleFunc("/admin", privately)
	r.HandleFunc("/admin/*", privately)
	r.HandleFunc("/public", publicly)
	r.HandleFunc("/public/*", publicly)
	r.HandleFunc("/sign-in", publicly)
	r.HandleFunc("/sign-in/", publicly)   // one slash is the same page
	r.HandleFunc("/sign-in/*", privately) // no prefix is exempt
}

func use(mw ...func(http.Handler) http.Handler) chi.Router {
	r := chi.NewRouter()
	r.Use(mw...)
	spellingRoutes(r)
	return r
}

// spellingRouters are the ways in which a guard may be mounted, among middlewares
// that change the path or what chi routes by, before it and behind it.
func spellingRouters(auth *cognito.Auth) map[string]http.Handler {
	mux := http.NewServeMux()
	for _, p := range []string{"/admin", "/admin/"} {
		mux.HandleFunc(p, privately)
	}
	for _, p := range []string{"/public", "/public/", "/sign-in"} {
		mux.HandleFunc(p, publicly)
	}
	rewrite := chimiddleware.PathRewrite("/public/old", "/admin")
	mounted := chi.NewRouter()
	mounted.Mount("/app", use(auth.Protect))
	cleanMounted := chi.NewRouter()
	cleanMounted.Use(chimiddleware.CleanPath, chimiddleware.StripSlashes)
	cleanMounted.Mount("/app", use(auth.Protect))
	formatMounted := chi.NewRouter()
	formatMounted.Use(chimiddleware.URLFormat)
	formatMounted.Mount("/app", use(auth.Protect))
	inline := chi.NewRouter()
	spellingRoutes(inline.With(auth.Protect))
	twice := chi.NewRouter()
	twice.Route("/app", func(r chi.Router) { r.Mount("/", use(auth.Protect)) })
	mountedInline := chi.NewRouter()
	mountedInline.Route("/app", func(r chi.Router) { r.Group(func(r chi.Router) { spellingRoutes(r.With(auth.Protect)) }) })
	cleanInline := chi.NewRouter()
	cleanInline.Use(chimiddleware.CleanPath, chimiddleware.StripSlashes, chimiddleware.GetHead)
	spellingRoutes(cleanInline.With(auth.Protect))
	parameter := chi.NewRouter()
	parameter.Use(chimiddleware.CleanPath)
	parameter.Mount("/{site:app}", use(chimiddleware.StripSlashes, auth.Protect))
	wild := http.NewServeMux()
	wild.HandleFunc("GET /admin/{$}", privately)
	wild.HandleFunc("/admin", privately)
	wild.HandleFunc("GET /admin/{name}", privately)
	wild.HandleFunc("/admin/{name}/{rest...}", privately)
	wild.HandleFunc("/public/{rest...}", publicly)
	stripped := chi.NewRouter()
	stripped.Use(auth.Protect)
	stripped.Handle("/app/*", http.StripPrefix("/app", mux))
	return map[string]http.Handler{
		"chi":                           use(auth.Protect),
		"chi inside":                    auth.Protect(use()),
		"chi inline":                    inline,
		"chi mounted":                   mounted,
		"chi mounted twice":             twice,
		"chi mounted inline":            mountedInline,
		"chi mounted at a parameter":    parameter,
		"chi inline, cleaned before":    cleanInline,
		"chi, GetHead before":           use(chimiddleware.GetHead, auth.Protect),
		"chi, GetHead behind":           use(auth.Protect, chimiddleware.GetHead),
		"chi and StripPrefix behind":    stripped,
		"chi, CleanPath before":         use(chimiddleware.CleanPath, auth.Protect),
		"chi, CleanPath behind":         use(auth.Protect, chimiddleware.CleanPath),
		"chi, StripSlashes before":      use(chimiddleware.StripSlashes, auth.Protect),
		"chi, StripSlashes behind":      use(auth.Protect, chimiddleware.StripSlashes),
		"chi, both before":              use(chimiddleware.CleanPath, chimiddleware.StripSlashes, auth.Protect),
		"chi, both behind":              use(auth.Protect, chimiddleware.CleanPath, chimiddleware.StripSlashes),
		"chi, RedirectSlashes behind":   use(auth.Protect, chimiddleware.RedirectSlashes),
		"chi, URLFormat before":         use(chimiddleware.URLFormat, auth.Protect),
		"chi, PathRewrite before":       use(rewrite, auth.Protect),
		"chi mounted, cleaned before":   cleanMounted,
		"chi mounted, URLFormat before": formatMounted,
		"ServeMux":                      auth.Protect(mux),
		"ServeMux with wildcards":       auth.Protect(wild),
		"ServeMux and StripPrefix":      auth.Protect(http.StripPrefix("/app", mux)),
		"StripPrefix, then the guard":   http.StripPrefix("/app", auth.Protect(use())),
		"decoding behind":               auth.Protect(reading(func(p string) string { return p })),
		"decoding twice behind": auth.Protect(reading(func(p string) string {
			if again, err := url.PathUnescape(p); err == nil {
				return again
			}
			return p
		})),
		"a file server behind":       auth.Protect(reading(func(p string) string { return path.Clean("/" + p) })),
		"backslashes behind":         auth.Protect(reading(func(p string) string { return path.Clean("/" + strings.ReplaceAll(p, `\`, "/")) })),
		"a servlet container behind": auth.Protect(reading(func(p string) string { return path.Clean("/" + segmentParams.ReplaceAllString(p, "")) })),
	}
}

var segmentParams = regexp.MustCompile(`;[^/]*`)

// reading is a server that makes something of the decoded path before it routes.
func reading(read func(string) string) http.Handler {
	router := use()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = read(r.URL.Path), ""
		router.ServeHTTP(w, r)
	})
}

// blindRouters rewrite the path behind the guard, where it cannot see it. Require
// on the routes holds all the same.
func blindRouters(auth *cognito.Auth) map[string]http.Handler {
	make := func(mw ...func(http.Handler) http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(auth.Protect)
		r.Use(mw...)
		r.With(auth.Require).HandleFunc("/admin", privately)
		r.With(auth.RequireGroup("admins")).HandleFunc("/admin/*", privately)
		r.HandleFunc("/public/*", publicly)
		return r
	}
	return map[string]http.Handler{
		"PathRewrite behind": make(chimiddleware.PathRewrite("/public/old", "/admin")),
		"URLFormat behind":   make(chimiddleware.URLFormat),
	}
}

type spelling struct {
	routers map[string]http.Handler
}

func newSpelling(t testing.TB) []spelling {
	pool := cognitotest.New()
	var list []spelling
	for _, patterns := range spellingMatchers {
		auth, err := cognito.New(cognito.Config{
			UserPool: pool.UserPool(), HTTPClient: pool.Client(), Matcher: patterns, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		routers := spellingRouters(auth)
		maps.Copy(routers, blindRouters(auth))
		list = append(list, spelling{routers})
	}
	return list
}

// parse reads a request line as net/http's server does.
func parse(method, target string) (*http.Request, bool) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: app.example\r\n\r\n")))
	return r, err == nil
}

// check sends a target to every router, signed in as nobody: the private handler
// must not run.
func (s spelling) check(t testing.TB, method, target string) {
	for name, h := range s.routers {
		r, ok := parse(method, target)
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

var spellingSeeds = []string{
	"/admin", "/admin/", "/admin/x", "//admin", "/admin//x", "/./admin", "/public/../admin", "/public/..%2fadmin", "/public/%2e%2e/admin",
	"/public/..%252fadmin", "/public/%252e%252e%252fadmin", "/%61dmin", "/%2561dmin", `/public\..\admin`, "/public%5c..%5cadmin", "/public/old/x",
	"/public%23/../admin", "/admin%3F", "/admin%23", "/admin%00", "/admin;x", "/admin.json", "/public?x=/admin", "/admin?public", "/sign-in/../admin",
	"/sign-in/x", "/sign-in%2f..%2fadmin", "/sign-in/..;/admin", "/app/admin", "/app//admin/x", "/app/admin.json", "/app/sign-in/../admin", "/app/public/..%2fadmin",
	"/admin%2f", "/admin%2f..", "/x/../admin/", "/..//admin", "/public//..//admin/", "/public/./../admin", "/public/%2e./admin/x", "/admin/%ff", "http://app.example/admin",
	"http://evil.example//admin", "*", "/", "//", "///", "/ADMIN", "/admin%20", "/%20admin", "/public/old/../../admin", "/public/..;/admin", "/admin;x/y", "/public%5c..%5cadmin%2fx%3fy", "/app/public/..%5cadmin", "/sign-in", "/sign-in/", "/sign-in//",
}

func TestSpellings(t *testing.T) {
	spellings := newSpelling(t)
	for _, s := range spellings {
		for _, target := range spellingSeeds {
			for _, method := range []string{"GET", "HEAD", "OPTIONS", "CONNECT", "POST", "BREW"} {
				s.check(t, method, target)
			}
		}
	}
	// The same by chance, of segments that have fooled somebody.
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
		spellings[random.IntN(len(spellings))].check(t, "GET", target.String())
	}
}

// TestSpellingsReachPublicPages shows that the routers above do not pass their test
// by refusing everything.
func TestSpellingsReachPublicPages(t *testing.T) {
	for _, s := range newSpelling(t) {
		for name, h := range s.routers {
			target := "/public/x"
			if strings.Contains(name, "mounted") || strings.Contains(name, "StripPrefix") {
				target = "/app/public/x"
			}
			r, _ := parse("GET", target)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Header().Get("Ran") != "public" {
				t.Errorf("%s: %s gets %d", name, target, w.Code)
			}
		}
	}
}

func FuzzSpelling(f *testing.F) {
	for _, target := range spellingSeeds {
		f.Add(target)
	}
	spellings := newSpelling(f)
	f.Fuzz(func(t *testing.T, target string) {
		for _, s := range spellings {
			s.check(t, "GET", target)
		}
	})
}

// TestHeadersChangeNoVerdict sends what has turned off the guards of others.
func TestHeadersChangeNoVerdict(t *testing.T) {
	a := newApp(t)
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
				if resp := a.do(r); a.seen != nil || resp.StatusCode < 300 {
					t.Errorf("%s: %s opens %s: %d", name, value, path, resp.StatusCode)
				}
			}
		}
	}
	r := httptest.NewRequest("GET", "/api/other", nil) // and none closes a public path
	for _, name := range names {
		r.Header.Set(name, "/admin")
	}
	if a.do(r); a.seen == nil {
		t.Error("headers changed the verdict on a public path")
	}
}

func TestMethodsAndTargetsWithoutAPath(t *testing.T) {
	pool := cognitotest.New()
	auth, err := cognito.New(cognito.Config{UserPool: pool.UserPool(), HTTPClient: pool.Client(), Matcher: []string{"/admin"}})
	if err != nil {
		t.Fatal(err)
	}
	h := auth.Protect(http.HandlerFunc(privately))
	for _, target := range []string{"OPTIONS *", "CONNECT app.example:443", "GET /admin", "HEAD /admin", "OPTIONS /admin", "BREW /admin", "GET /" + strings.Repeat("a", 9000)} {
		method, uri, _ := strings.Cut(target, " ")
		r, ok := parse(method, uri)
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

// TestQueryIsNoPath: nothing but the path is judged.
func TestQueryIsNoPath(t *testing.T) {
	pool := cognitotest.New()
	auth, err := cognito.New(cognito.Config{UserPool: pool.UserPool(), HTTPClient: pool.Client(), Matcher: []string{"/admin/:path*"}})
	if err != nil {
		t.Fatal(err)
	}
	h := auth.Protect(http.HandlerFunc(privately))
	for target, public := range map[string]bool{
		"/public?x=/admin": true, "/public?/admin/x": true, "/admin?x=/public": false, "/admin%3F": false, "/public%23/../admin": false,
	} {
		r, _ := parse("GET", target)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Ran") != ""; got != public {
			t.Errorf("%s: public %v, want %v", target, got, public)
		}
	}
}
