package middleware_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestFloodOfFailedSignIns has a program fail sign-ins in every way that a browser can, over
// and over. Each way is a warning a minute, which counts the others. No text that the program
// makes up is a way of its own, and none hides that Cognito fails.
func TestFloodOfFailedSignIns(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withLog(&log))
	defer env.server.SetFault(nil)
	fail := func(q url.Values) {
		authorize, flow := env.startFlow("/api/auth/sign-in")
		q.Set("state", authorize.Query().Get("state"))
		env.get("/api/auth/sign-in-callback?"+q.Encode(), flow)
	}
	codes := []string{"invalid_scope", "server_error", "", "x"}
	flood := func(n int) {
		for i := range n {
			fail(url.Values{"code": {"made up"}})
			for _, code := range codes {
				fail(url.Values{"error": {code}})
			}
			fail(url.Values{"error": {strings.Repeat("y", i+1)}, "error_description": {"made up"}})
		}
	}
	expect := func(when string, lines int, want ...string) {
		t.Helper()
		if n := strings.Count(log.String(), "level="); n != lines {
			t.Errorf("%s: %d lines: %s", when, n, log.String())
		}
		for _, part := range want {
			if !strings.Contains(log.String(), part) {
				t.Errorf("%s: the log lacks %s: %s", when, part, log.String())
			}
		}
		log.Reset()
	}
	const refused = `level=WARN msg="cognitogate: the managed login has refused a sign-in" `
	flood(5)
	expect("at first", 4, `level=WARN msg="cognitogate: a sign-in failed" error=`, refused+`code="\"invalid_scope\""`, refused+`code="\"server_error\""`, refused+`code="\"\""`)
	env.server.SetFault(answering("Token", cognitotest.Fault{Status: 503}))
	fail(url.Values{"code": {"made up"}})
	expect("Cognito fails", 2, "operation=Token", `level=WARN msg="cognitogate: a sign-in failed"`)
	env.server.SetFault(nil)
	env.clock.advance(59 * time.Second)
	flood(1)
	expect("within a minute", 1, "level=INFO") // the endpoint works again
	env.clock.advance(time.Second)
	flood(1)
	expect("a minute later", 4, "a sign-in failed", "unlogged=5", `invalid_scope`, `server_error`, "unlogged=17")
	env.clock.advance(-time.Hour)
	flood(1)
	expect("after the clock was set back", 4, "a sign-in failed", `invalid_scope`, `server_error`, "unlogged=2")
}

// TestFailedSignInsAreDebugLines shows a developer each one.
func TestFailedSignInsAreDebugLines(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withDebugLog(&log))
	for range 3 {
		authorize, flow := env.startFlow("/api/auth/sign-in")
		env.get("/api/auth/sign-in-callback?code=x&state="+authorize.Query().Get("state"), flow)
	}
	if n := strings.Count(log.String(), `level=DEBUG msg="cognitogate: a sign-in failed"`); n != 2 {
		t.Errorf("%d lines: %s", n, log.String())
	}
}

// TestRevocationsThatFailAreLoggedOnceAMinute signs out while Cognito revokes nothing.
func TestRevocationsThatFailAreLoggedOnceAMinute(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withLog(&log))
	defer env.server.SetFault(nil)
	env.server.SetFault(answering("RevokeToken", cognitotest.Fault{Body: "<html>"}))
	for range 3 {
		r := env.signedInRequest("ada", "/api/auth/sign-out")
		r.Method, r.Host = http.MethodPost, host
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if resp := env.do(r); resp.StatusCode != http.StatusSeeOther {
			t.Fatal(resp.Status)
		}
	}
	if n := strings.Count(log.String(), "a session could not be revoked"); n != 1 {
		t.Errorf("%d lines: %s", n, log.String())
	}
}

// TestInsecureCookiesAreNamed makes Auths of both kinds of Origin.
func TestInsecureCookiesAreNamed(t *testing.T) {
	for site, warns := range map[string]bool{origin: true, "http://app.example.com": false, "": false} {
		var log strings.Builder
		cfg := routesConfig(func(cfg *cognito.Config) {
			cfg.Origin, cfg.Cookies.Insecure = site, true
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		if _, err := cognito.New(cfg); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log.String(), "look_at=Cookies.Insecure") != warns {
			t.Errorf("%q: the log: %s", site, log.String())
		}
	}
}
