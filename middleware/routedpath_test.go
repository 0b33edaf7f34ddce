package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/cognitogate/cognitogate/matcher"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestRewritingBeforeAMountedGuard: a middleware before the mount gives chi another
// path than the URL's.
func TestRewritingBeforeAMountedGuard(t *testing.T) {
	for _, pattern := range []string{"/admin/:path*", "/((?!public|en/public).*)"} {
		protect := newMatcherAuth(t, pattern).Protect
		format := router(func(r chi.Router) {
			r.Use(chimiddleware.URLFormat)
			r.Route("/admin", func(r chi.Router) {
				r.Use(protect)
				r.HandleFunc("/", privateHandler)
				r.HandleFunc("/*", privateHandler)
			})
		})
		locale := router(func(r chi.Router) {
			r.Use(pathRewriters["a prefix-taker"])
			r.Mount("/", formRouter(protect))
		})
		for _, c := range []struct {
			h            http.Handler
			target, want string
		}{
			{format, "/admin.json", ""},
			{format, "/admin", ""},
			{format, "/admin/x.json", ""},
			{locale, "/en/admin", ""},
			{locale, "/en/admin/x", ""},
			{locale, "/admin/x", ""},
			{locale, "/en/public/x", "public"},
			{locale, "/public/x", "public"},
		} {
			if got := handlerThatRan(t, c.h, "GET", c.target); got != c.want {
				t.Errorf("%s: %s: ran %q", pattern, c.target, got)
			}
		}
	}
}

// TestMountedGuardJudgesTheWholePathAndItsOwn: someone who guards a mounted router may
// write the path that this router routes. An exclusion is for whole paths only: the
// public page of the mounted router would be private.
func TestMountedGuardJudgesTheWholePathAndItsOwn(t *testing.T) {
	for _, c := range []struct {
		pattern, private, public string
	}{
		{"/app/v1/admin/:path*", "/app/v1/admin/x", "/app/v1/public/x"},
		{"/v1/admin/:path*", "/app/v1/admin/x", "/app/v1/public/x"},
		{"/admin/:path*", "/app/v1/admin/x", "/app/v1/public/x"},
		{"/admin/:path*", "/app/v1/admin", "/app/v1/public/x"},
		{"/admin", "/app/v1/admin/", "/app/v1/public/x"},
		{"/admin/:path*", "/app/v1//admin", "/app/v1/public/x"},
		{"/admin/:path*", "/app/v1/%61dmin", "/app/v1/public/a%20b"},
		{"/admin/:path*", "/app/v1//x/admin", "/app/v1/public//x"},
		{"/((?!app/v1/public).*)", "/app/v1/admin/x", "/app/v1/public/x"},
		{"/((?!app/v1/public).*)", "/app/v1/%61dmin", "/app/v1/public/a%20b"},
		{`/(.*(?<!/public/x))`, "/app/v1/admin/x", "/app/v1/public/x"},
		{`/admin/:path([(?!)].*)`, "/app/v1/admin/(", "/app/v1/public/x"},
		{`/admin/:path(\(?!.*)`, "/app/v1/admin/(!", "/app/v1/public/x"},
	} {
		protect := newMatcherAuth(t, c.pattern).Protect
		for place, inner := range map[string]chi.Router{
			"Use":  formRouter(protect),
			"With": router(func(r chi.Router) { addFormRoutes(r.With(protect)) }),
		} {
			h := router(func(r chi.Router) {
				r.Mount("/app", router(func(r chi.Router) { r.Mount("/v1", inner) }))
			})
			if got := handlerThatRan(t, h, "GET", c.private); got != "" {
				t.Errorf("%s in %s: %s: ran %q", c.pattern, place, c.private, got)
			}
			if got := handlerThatRan(t, h, "GET", c.public); got != "public" {
				t.Errorf("%s in %s: %s: ran %q", c.pattern, place, c.public, got)
			}
		}
	}
}

// TestInclusionsKeepTheirConditions: beside an exclusion, other rules are judged for the
// mounted router with their conditions.
func TestInclusionsKeepTheirConditions(t *testing.T) {
	auth, err := cognito.New(cognito.Config{
		UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"},
		Matcher:  []string{"/((?!app).*)", "/admin"},
		Rules:    []matcher.Rule{{Source: "/public/x", Has: []matcher.Condition{{Type: "header", Key: "X-Private"}}}},

		ClientConditions: []string{"header"},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := router(func(r chi.Router) { r.Mount("/app", formRouter(auth.Protect)) })
	r := httptest.NewRequest("GET", "/app/public/x", nil)
	if got := ran(h, r).Get("Ran"); got != "public" {
		t.Errorf("ran %q", got)
	}
	r.Header.Set("X-Private", "1")
	if got := ran(h, r).Get("Ran"); got != "" {
		t.Errorf("with the header: ran %q", got)
	}
	if got := handlerThatRan(t, h, "GET", "/app/admin"); got != "" {
		t.Errorf("/app/admin: ran %q", got)
	}
}

// TestPathThatCannotBeRebuiltIsProtected: a middleware may change what chi has noted.
func TestPathThatCannotBeRebuiltIsProtected(t *testing.T) {
	protect := newMatcherAuth(t, "/admin").Protect
	for name, change := range map[string]func(*chi.Context){
		"a parameter more":         func(rc *chi.Context) { rc.URLParams.Add("locale", "en") },
		"a parameter less":         func(rc *chi.Context) { rc.URLParams = chi.RouteParams{} },
		"a key without a value":    func(rc *chi.Context) { rc.URLParams.Keys = append(rc.URLParams.Keys, "x") },
		"another name":             func(rc *chi.Context) { rc.URLParams.Keys[0] = "other" },
		"a pattern more":           func(rc *chi.Context) { rc.RoutePatterns = append(rc.RoutePatterns, "/{x}") },
		"a pattern without an end": func(rc *chi.Context) { rc.RoutePatterns[0] = "/{x" },
		"no RoutePath":             func(rc *chi.Context) { rc.RoutePath = "" },
		"nothing":                  nil,
	} {
		edit := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if change != nil {
					change(chi.RouteContext(r.Context()))
				}
				protect(http.HandlerFunc(publicHandler)).ServeHTTP(w, r)
			})
		}
		h := router(func(r chi.Router) { r.Mount("/{tenant}", formRouter(edit)) })
		want := ""
		if change == nil {
			want = "public"
		}
		if got := handlerThatRan(t, h, "GET", "/acme/public/x"); got != want {
			t.Errorf("%s: ran %q", name, got)
		}
	}
}

// TestUsualOddPathsStayPublic: not every path that is not plain is refused.
func TestUsualOddPathsStayPublic(t *testing.T) {
	for _, pattern := range []string{"/admin/:path*", "/((?!public).*)"} {
		h := newMatcherAuth(t, pattern).Protect(publicRoute)
		for _, target := range []string{
			"/public/my%20photo.png", "/public/caf%C3%A9/", "/public/%E6%97%A5%E6%9C%AC/" + strings.Repeat("%E6%97%A5", 400), "/public/100%25", "/public/a%2fb", "/public/a%2fb/", "/public//x/", "/public/a;v=1",
			"/public/a;v=1/b", "/public/what%3f", "/public/c%23", "/public/(x)/", "/public/.well-known/x", "/public/a..b/...", "/public/a%5cb", "/public/%40x/'y'", "/public/a+b%2Bc/~d", "/public/%7B%22a%22:1%7D", "/public/x%26y=z%25",
		} {
			if handlerThatRan(t, h, "GET", target) == "" {
				t.Errorf("%s: %s is refused", pattern, target)
			}
		}
	}
}

// TestFormsOfAPathAreBounded: anybody can send a path with many forms.
func TestFormsOfAPathAreBounded(t *testing.T) {
	for _, unit := range []string{
		"/", "//a", "/;a", "%3f", "%25", "%2541", "%252525", "/x%2f", "%5c", "x;a%5c", "%20", "%C3%A9", "/a;b%3fc%255c", "/a//b;%253fc%2525d%20", "/%5c;%3f%25%2d%20/",
	} {
		for _, n := range []int{1, 2, 3, 10, 1000, 8000} {
			p := "/public/" + strings.Repeat(unit, n)
			p = p[:min(len(p), 8<<10)]
			forms, ok := cognito.PathForms(p)
			total := 0
			for _, form := range forms {
				total += len(form)
			}
			if len(forms) > 32 || total > 64<<10 {
				t.Errorf("%.40s: %d forms of %d bytes, judged: %t", p, len(forms), total, ok)
			}
		}
	}
}

// TestLongPathsCostLittle: they are protected whatever they say, and anybody can send one.
func TestLongPathsCostLittle(t *testing.T) {
	h := newMatcherAuth(t, documented).Protect(http.HandlerFunc(publicHandler))
	for _, unit := range []string{"/", "/!", "/%41", "/%2541%252F", ";x", "%3f"} {
		r, ok := parseRequest("GET", "/x"+strings.Repeat(unit, 900_000/len(unit)))
		if !ok {
			t.Fatal(unit)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		runtime.ReadMemStats(&after)
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 64<<10 || w.Header().Get("Ran") != "" {
			t.Errorf("%q again and again: %d, %d bytes of memory", unit, w.Code, bytes)
		}
	}
}
