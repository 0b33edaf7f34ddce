package middleware_test

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/matcher"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// auditedRouter has a route of every kind of guard.
func auditedRouter(auth, other *cognito.Auth) chi.Router {
	r := chi.NewRouter()
	r.Use(chimiddleware.RequestID, auth.Protect)
	r.Get("/", emptyHandler)
	r.Get("/sign-in", emptyHandler)
	r.Get("/dashboard/{id}", emptyHandler)
	r.Get("/files/*", emptyHandler)
	r.Get("/api/open", emptyHandler)
	r.Route("/api/admin", func(r chi.Router) {
		r.Use(auth.RequireGroup("admins", "root"))
		r.Post("/users/{id:[0-9]+}", emptyHandler)
	})
	r.With(auth.Require).Get("/api/me", emptyHandler)
	r.With(other.Require).Get("/api/other", emptyHandler)
	r.With(func(next http.Handler) http.Handler {
		guarded := auth.Require(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { guarded.ServeHTTP(w, r) })
	}).Get("/api/wrapped", emptyHandler)
	sub := chi.NewRouter()
	sub.Get("/x", emptyHandler)
	r.Mount("/mounted", sub)
	return r
}

func TestAudit(t *testing.T) {
	dots := "/((?!api|sign-in|.*\\..*).*)"
	auth := newAuth(t, func(cfg *cognito.Config) {
		cfg.Matcher = []string{dots}
		// A header that a client can leave out guards nothing.
		cfg.ClientConditions = []string{"header"}
		cfg.Rules = []matcher.Rule{{Source: "/api/open", Has: []matcher.Condition{{Type: "header", Key: "X-Guard-Me"}}}}
	})
	want := map[string]string{
		"GET /":                             "by " + dots,
		"GET /sign-in":                      "public at /sign-in",
		"GET /dashboard/{id}":               "public at /dashboard/x.",
		"GET /files/*":                      "public at /files/x.",
		"GET /api/open":                     "public at /api/open",
		"GET /api/me":                       "by signed in",
		"GET /api/other":                    "public at /api/other",
		"GET /api/wrapped":                  "public at /api/wrapped",
		"GET /mounted/x":                    "by " + dots,
		"POST /api/admin/users/{id:[0-9]+}": "by group admins or root",
	}
	for _, g := range auth.Audit(auditedRouter(auth, newAuth(t))) {
		got := "by " + g.By
		if g.Public != "" {
			got = "public at " + g.Public
		}
		route := g.Method + " " + g.Route
		if got != want[route] {
			t.Errorf("%s: %s, want %s", route, got, want[route])
		}
		delete(want, route)
	}
	for route := range want {
		t.Errorf("%s is missing", route)
	}
}

func TestAuditWithoutAMatcherGuardsEveryPath(t *testing.T) {
	auth := newAuth(t)
	for _, g := range auth.Audit(auditedRouter(auth, newAuth(t))) {
		if public := g.Route == "/sign-in"; public != (g.Public != "") {
			t.Errorf("%+v", g)
		}
	}
	outside := chi.NewRouter()
	outside.Get("/", emptyHandler)
	if g := auth.Audit(outside); len(g) != 1 || g[0].Public != "/" {
		t.Errorf("without Protect: %+v", g)
	}
}

func TestFindings(t *testing.T) {
	for pattern, paths := range map[string]string{
		documented:                    "/apix /_next/staticx /_next/imagex /faviconxico /sign-inx",
		"/((?!api/|_next/static/).*)": "",
		"/((?!api(?:/|$)).*)":         "",
		"/((?!.*\\..*|_next).*)":      "/_nextx /x/y.z",
		`/((?!favicon\.ico|a\.b$).*)`: "/favicon.icox",
		"/v1.0/((?!a.b$).*)":          "/v1.0/axb",
		"/admin/(.*)":                 "/admin",
		"/admin/:path+":               "/admin",
		"/admin/:path*":               "",
		"/admin":                      "",
		"/(.*)":                       "",
		"/((?!/|api/).*)":             "//x",
	} {
		auth := newAuth(t, func(cfg *cognito.Config) { cfg.Matcher = []string{pattern} })
		var got []string
		for _, f := range auth.Findings() {
			got = append(got, f.Path)
			if matcher.MustCompile(f.Source).Match(f.Path) || f.Msg == "" || f.Source != pattern {
				t.Errorf("%s: %+v shows nothing", pattern, f)
			}
		}
		if strings.Join(got, " ") != paths {
			t.Errorf("%s: %v, want %s", pattern, got, paths)
		}
	}
}

// TestPatternThatSelectsNothing: one bar too many opens the whole site. Alone it is a
// mistake, and beside others a finding.
func TestPatternThatSelectsNothing(t *testing.T) {
	const pattern = "/((?!api|sign-in|).*)"
	cfg := cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_example", ClientID: "example"}, Matcher: []string{pattern}}
	if _, err := cognito.New(cfg); err == nil || !strings.Contains(err.Error(), "Matcher: ") || !strings.Contains(err.Error(), "selects no path") {
		t.Errorf("alone: %v", err)
	}
	cfg.Matcher = append(cfg.Matcher, "/admin")
	auth, err := cognito.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if found := auth.Findings(); len(found) != 1 || found[0].Source != pattern || found[0].Msg != "the pattern selects no path" {
		t.Errorf("beside another: %+v", found)
	}
}

// TestFindingOfTwoSlashes: it says what Protect does with such a path, and what to do.
func TestFindingOfTwoSlashes(t *testing.T) {
	auth := newMatcherAuth(t, "/((?!/|api/).*)")
	for _, f := range auth.Findings() {
		if g := auth.GuardOf("GET", f.Path); f.Path != "//x" || g.By == "" {
			t.Errorf("%+v: %+v", f, g)
		}
		for _, text := range []string{"Protect guards them", "link to public pages with one slash"} {
			if !strings.Contains(f.Msg, text) {
				t.Errorf("%q does not say %q", f.Msg, text)
			}
		}
	}
	if g := auth.GuardOf("GET", "/api/x"); g.By != "" {
		t.Errorf("with one slash: %+v", g)
	}
}

// recorder is a testing.TB that records failures.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, a ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, a...))
}

func TestCheckRoutes(t *testing.T) {
	auth := newAuth(t, func(cfg *cognito.Config) { cfg.Matcher = []string{documented} })
	routes := auditedRouter(auth, newAuth(t))
	public := []string{"GET /sign-in", "/api/open", "/api/other", "/api/wrapped"}
	cognitotest.CheckRoutes(t, auth, routes, public...)

	r := &recorder{TB: t}
	cognitotest.CheckRoutes(r, auth, routes, "/sign-in", "/api/other", "/api/wrapped", "/gone")
	if len(r.failures) != 2 || !strings.Contains(r.failures[0], "GET /api/open is not guarded") || !strings.Contains(r.failures[1], "/gone is listed as public, and there is no such route") {
		t.Errorf("failures %q", r.failures)
	}
}

func TestCheckPatterns(t *testing.T) {
	auth := newMatcherAuth(t, "/((?!api|sign-in).*)")
	patterns := []string{"GET /users/{id}", "GET /api/{id}", "/sign-in", "GET /api/health"}
	cognitotest.CheckPatterns(t, auth, patterns, "/api/{id}", "/sign-in", "GET /api/health")

	r := &recorder{TB: t}
	cognitotest.CheckPatterns(r, auth, append(patterns, "/x{y"), "GET /api/{id}", "/api/{id}", "/sign-in", "GET /users/{id}")
	for i, want := range []string{"/api/health is not guarded", "/x{y counts as unguarded", "/api/{id} is listed as public twice", "GET /users/{id} is listed as public, and /((?!api|sign-in).*) guards it"} {
		if len(r.failures) != 4 || !strings.Contains(r.failures[i], want) {
			t.Errorf("failures %q", r.failures)
		}
	}
}

func ExampleAuth_AuditPatterns() {
	auth, err := cognito.New(cognito.Config{
		UserPool: cognito.UserPool{ID: "eu-west-1_example", ClientID: "example"},
		Matcher:  []string{"/users/:path*", "/files/:name"},
	})
	if err != nil {
		panic(err)
	}
	for _, g := range auth.AuditPatterns("GET /users/{id}", "GET /files/{path...}", "GET /{$}") {
		fmt.Printf("%-4s %-16s %s\n", g.Method, g.Route, cmp.Or(g.By, "public: "+g.Public))
	}
	// Output:
	// GET  /users/{id}      /users/:path*
	// GET  /files/{path...} public: /files/
	// GET  /{$}             public: /
}

func ExampleAuth_GuardOf() {
	auth, err := cognito.New(cognito.Config{
		UserPool: cognito.UserPool{ID: "eu-west-1_example", ClientID: "example"},
		Matcher:  []string{"/users/:path*"},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(auth.GuardOf("GET", "/users/7").By)
	fmt.Println(auth.GuardOf("GET", "/health").Public, "is public")
	// Output:
	// /users/:path*
	// /health is public
}

func ExampleAuth_Audit() {
	server := cognitotest.New()
	auth, err := cognito.New(cognito.Config{
		UserPool: server.UserPool(),
		Matcher:  []string{"/((?!api|sign-in).*)"},
	})
	if err != nil {
		panic(err)
	}
	router := chi.NewRouter()
	router.Use(auth.Protect)
	router.Get("/dashboard", emptyHandler)
	router.With(auth.RequireGroup("admins")).Delete("/api/users/{id}", emptyHandler)
	router.Get("/api/users", emptyHandler)

	for _, g := range auth.Audit(router) {
		fmt.Printf("%-6s %-16s %s\n", g.Method, g.Route, cmp.Or(g.By, "public"))
	}
	for _, f := range auth.Findings() {
		fmt.Println(f.Path, "is public:", f.Msg)
	}
	// Output:
	// GET    /api/users       public
	// DELETE /api/users/{id}  group admins
	// GET    /dashboard       /((?!api|sign-in).*)
	// /apix is public: leaving out /api leaves out every path that begins like it
	// /sign-inx is public: leaving out /sign-in leaves out every path that begins like it
}
