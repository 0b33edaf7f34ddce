package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestBearerIsNeverRedirected: with Config.Bearer, the client of a refused token is a
// program, whatever a proxy or a WebView makes of its headers.
func TestBearerIsNeverRedirected(t *testing.T) {
	var decisions []cognito.Decision
	env := newEnv(t, func(cfg *cognito.Config) {
		cfg.Bearer = true
		cfg.Hooks.Decided = func(_ context.Context, d cognito.GuardDecision) { decisions = append(decisions, d.Decision) }
	})
	for _, method := range []string{"GET", "POST"} {
		for _, authorization := range []string{"Bearer garbage", "bearer garbage", "Bearer "} {
			decisions = nil
			r := pageRequest("/dashboard")
			r.Method = method
			r.Header.Set("Authorization", authorization)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp := env.do(r)
			if resp.StatusCode != 401 || resp.Header.Get("Location") != "" || resp.Header.Get("Content-Type") != "application/problem+json" || resp.Header["Set-Cookie"] != nil {
				t.Errorf("%s %q: %d, %v", method, authorization, resp.StatusCode, resp.Header)
			}
			if len(decisions) != 1 || decisions[0] != cognito.DecisionRefused {
				t.Errorf("%s %q: decisions %v", method, authorization, decisions)
			}
		}
	}
	r := pageRequest("/dashboard")
	r.Header.Set("Authorization", "Basic eDp5")
	if resp := env.do(r); resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("another scheme: %d", resp.StatusCode)
	}
}

// TestPrefetchesBehindEveryGuard: a prefetch with a valid session is served, and one
// without passes Load alone. A session that needs a refresh gets 401 from all guards, or
// Load would show a signed-in user an anonymous page.
func TestPrefetchesBehindEveryGuard(t *testing.T) {
	env := newEnv(t)
	guards := map[string]func(http.Handler) http.Handler{
		"Protect": env.auth.Protect, "Require": env.auth.Require, "Load": env.auth.Load, "RequireGroup": env.auth.RequireGroup("admins"),
	}
	signedIn := pageRequest("/dashboard")
	env.server.SignIn(signedIn, "ada")
	ask := func(guard string, r *http.Request) *http.Response {
		r = r.Clone(r.Context())
		r.Header.Set("Sec-Purpose", "prefetch;prerender")
		w := httptest.NewRecorder()
		guards[guard](http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		return w.Result()
	}
	check := func(when string, r *http.Request, want func(guard string) int) {
		t.Helper()
		for guard := range guards {
			resp := ask(guard, r)
			if resp.StatusCode != want(guard) || resp.Header["Set-Cookie"] != nil || resp.Header.Get("Location") != "" {
				t.Errorf("%s, %s: %d, %v", guard, when, resp.StatusCode, resp.Header)
			}
			if resp.StatusCode == 401 && resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %s: Cache-Control %q", guard, when, resp.Header.Get("Cache-Control"))
			}
		}
	}
	check("a valid session", signedIn, func(string) int { return 200 })
	check("no session", pageRequest("/dashboard"), func(guard string) int {
		if guard == "Load" {
			return 200
		}
		return 401
	})
	env.clock.advance(2 * time.Hour)
	check("an expired session", signedIn, func(string) int { return 401 })
	if n := env.calls(opRefresh); n != 0 {
		t.Errorf("%d refreshes", n)
	}
}
