package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/go-chi/chi/v5"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// withPreflight answers preflights with 204.
func withPreflight(cfg *cognito.Config) {
	cfg.Preflight = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.WriteHeader(http.StatusNoContent)
	})
}

// TestPreflight: the guarded handler never runs for a preflight, whoever sends one. Other
// requests that look like one are judged like a GET.
func TestPreflight(t *testing.T) {
	var decisions []cognito.Decision
	env := newEnv(t, withPreflight, func(cfg *cognito.Config) {
		cfg.Hooks.Decided = func(_ context.Context, d cognito.GuardDecision) { decisions = append(decisions, d.Decision) }
	})
	plain := newAPIAuth(t)
	origin, method := []string{"Origin", "https://other.example"}, []string{"Access-Control-Request-Method", "PUT"}
	for name, test := range map[string]struct {
		method  string
		headers [][]string
		is      bool
	}{
		"a preflight":          {"OPTIONS", [][]string{origin, method, {"Access-Control-Request-Headers", "authorization"}}, true},
		"without headers":      {"OPTIONS", [][]string{origin, method}, true},
		"of an opaque origin":  {"OPTIONS", [][]string{{"Origin", "null"}, method}, true},
		"no origin":            {"OPTIONS", [][]string{method}, false},
		"an empty origin":      {"OPTIONS", [][]string{{"Origin", ""}, method}, false},
		"no method":            {"OPTIONS", [][]string{origin}, false},
		"an empty method":      {"OPTIONS", [][]string{origin, {"Access-Control-Request-Method", ""}}, false},
		"bare":                 {"OPTIONS", nil, false},
		"a GET":                {"GET", [][]string{origin, method}, false},
		"a PUT":                {"PUT", [][]string{origin, method}, false},
		"in lower case":        {"options", [][]string{origin, method}, false},
		"an overridden method": {"POST", [][]string{origin, method, {"X-HTTP-Method-Override", "OPTIONS"}}, false},
	} {
		for guard, mw := range map[string]func(http.Handler) http.Handler{
			"Protect": env.auth.Protect, "Require": env.auth.Require, "RequireGroup": env.auth.RequireGroup("admins"), "RequireScope": env.auth.RequireScope("x"),
			"nested": func(h http.Handler) http.Handler { return env.auth.Protect(env.auth.Require(h)) },
		} {
			for _, signedIn := range []bool{false, true} {
				r := httptest.NewRequest(test.method, "/x", nil)
				if signedIn {
					r = signedInCopy(env, r)
				}
				for _, h := range test.headers {
					r.Header.Set(h[0], h[1])
				}
				ran := false
				handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true })
				decisions = nil
				w := httptest.NewRecorder()
				mw(handler).ServeHTTP(w, r)
				if wasAnswered := w.Code == 204; wasAnswered != test.is || test.is && (ran || !slices.Equal(decisions, []cognito.Decision{cognito.DecisionPreflight})) {
					t.Errorf("%s, %s, signed in %v: %d, the handler ran: %v, %q", name, guard, signedIn, w.Code, ran, decisions)
				}
				if !test.is && ran != (signedIn && guard != "RequireScope") {
					t.Errorf("%s, %s, signed in %v: %d, the handler ran: %v", name, guard, signedIn, w.Code, ran)
				}
				if test.is && (len(w.Result().Cookies()) > 0 || w.Header().Get("WWW-Authenticate") != "") {
					t.Errorf("%s, %s: %v", name, guard, w.Header())
				}
			}
		}
	}
	preflight := httptest.NewRequest("OPTIONS", "/x", nil)
	preflight.Header.Set(origin[0], origin[1])
	preflight.Header.Set(method[0], method[1])
	// What is not guarded is left alone, and so is every preflight without Config.Preflight.
	public := preflight.Clone(t.Context())
	public.URL.Path = "/api/x"
	for name, test := range map[string]struct {
		guard  func(http.Handler) http.Handler
		r      *http.Request
		status int
	}{
		"a public path": {env.auth.Protect, public, 200}, "Load": {env.auth.Load, preflight, 200}, "no Preflight": {plain.Protect, preflight, 401},
	} {
		if resp := answerOf(test.guard, test.r); resp.StatusCode != test.status {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
}

// signedInCopy returns a request with the cookies of ada, who is an admin. All copies have
// one session.
func signedInCopy(env *testEnv, r *http.Request) *http.Request {
	if env.handled == nil {
		env.handled = env.signedInRequest("ada", "/x")
	}
	r.Header.Set("Cookie", env.handled.Header.Get("Cookie"))
	return r
}

// TestAuditKnowsPreflight: the report says which routes have their preflights answered,
// and they stay guarded.
func TestAuditKnowsPreflight(t *testing.T) {
	edit := func(cfg *cognito.Config) { cfg.Matcher = []string{"/private/:path*"} }
	for _, auth := range []*cognito.Auth{newAPIAuth(t, edit, withPreflight), newAPIAuth(t, edit)} {
		on := auth.GuardOf("OPTIONS", "/private/x").Preflight
		router := chi.NewRouter()
		router.Use(auth.Protect)
		router.Get("/private/x", emptyHandler)
		router.Options("/private/x", emptyHandler)
		router.Options("/public", emptyHandler)
		var got []bool
		for _, g := range auth.Audit(router) {
			got = append(got, g.Preflight)
			if (g.By != "") != (g.Route == "/private/x") {
				t.Errorf("%+v", g)
			}
		}
		if want := []bool{false, on, false}; !slices.Equal(got, want) {
			t.Errorf("Audit: %v, want %v", got, want)
		}
		got = nil
		for _, g := range auth.AuditPatterns("/private/x", "OPTIONS /private/y", "GET /private/z", "OPTIONS /public") {
			got = append(got, g.Preflight)
		}
		if want := []bool{on, on, false, false}; !slices.Equal(got, want) {
			t.Errorf("AuditPatterns: %v, want %v", got, want)
		}
		if auth.GuardOf("GET", "/private/x").Preflight || auth.GuardOf("OPTIONS", "/public").Preflight {
			t.Error("GuardOf")
		}
	}
	if !newAPIAuth(t, withPreflight).GuardOf("OPTIONS", "/x").Preflight || newAPIAuth(t).GuardOf("OPTIONS", "/x").Preflight {
		t.Error("GuardOf without a matcher")
	}
}
