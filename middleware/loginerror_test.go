package middleware_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/matcher"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestSilentSignIn: with prompt=none a user whom the managed login does not know comes
// back to a public page. A private page would send the browser to sign in.
func TestSilentSignIn(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withLog(&log))
	b := newBrowser(env)
	b.openURL("/api/auth/sign-in?prompt=none&next=/api/public?a%26b")
	b.expectPage("/api/public?a&b", "Hello, ")
	if left := b.cookieNames(flowCookiePrefix); left != nil {
		t.Errorf("the flow is left behind: %v", left)
	}
	b.openURL("/api/auth/sign-in?prompt=none&next=/dashboard?tab=2")
	if b.status != http.StatusBadRequest || !strings.Contains(b.body, "You are not signed in") || len(b.visited) != 3 {
		t.Errorf("a private page: %d %s after %q", b.status, b.body, b.visited)
	}
	link := signInLinkIn(t, b.body)
	if link != "/api/auth/sign-in?next=%2Fdashboard%3Ftab%3D2" {
		t.Errorf("the link is %s", link)
	}
	b.followLink(link)
	b.fillInLogin("ada")
	b.expectPage("/dashboard?tab=2", "Hello, ada")
	b.openURL("/api/auth/sign-in?prompt=none&next=/dashboard?tab=3") // the login knows ada
	b.expectPage("/dashboard?tab=3", "Hello, ada")
	if log.Len() > 0 {
		t.Errorf("log: %s", log.String())
	}
}

// TestSilentAnswers: every answer to prompt=none leads back, and only such an answer. A
// signed-in user goes on.
func TestSilentAnswers(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withLog(&log))
	for _, c := range []struct {
		link, code string
		signedIn   bool
		want       string // Location, or "" for a page
		logged     bool
	}{
		{"prompt=none&next=/api/public", "login_required", false, "/api/public", false},
		{"prompt=none&next=/api/public", "interaction_required", false, "/api/public", false},
		{"prompt=none&next=/api/public", "account_selection_required", false, "/api/public", false},
		{"prompt=none&next=/api/public", "consent_required", false, "/api/public", false},
		{"prompt=none&next=/api/public", "server_error", false, "", true},
		{"prompt=none&next=/dashboard", "login_required", false, "", false},
		{"prompt=none&next=/dashboard", "login_required", true, "/dashboard", false},
		{"prompt=login&next=/api/public", "login_required", false, "", true},
		{"next=/api/public", "login_required", false, "", true},
		{"next=/api/public", "access_denied", false, "", false},
		{"prompt=login&next=/dashboard", "access_denied", true, "/dashboard", false},
		{"prompt=login&next=/dashboard", "server_error", true, "", true},
	} {
		log.Reset()
		env.clock.advance(time.Minute) // a kind of event is logged once a minute
		authorize, flow := env.startFlow("/api/auth/sign-in?" + c.link)
		r := pageRequest("/api/auth/sign-in-callback?error=" + c.code + "&state=" + authorize.Query().Get("state"))
		r.Host = host
		if c.signedIn {
			env.server.SignIn(r, "ada")
		}
		r.AddCookie(flow)
		resp := env.do(r)
		if resp.Header.Get("Location") != c.want || c.want == "" && resp.StatusCode != http.StatusBadRequest || (log.Len() > 0) != c.logged {
			t.Errorf("%v: %d to %q, log %s", c, resp.StatusCode, resp.Header.Get("Location"), log.String())
		}
	}
}

// TestSilentAnswersBelowABasePath: the matcher sees the return path as this server does,
// with its query.
func TestSilentAnswersBelowABasePath(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.BasePath, cfg.Matcher = "/app", []string{"/((?!public|$).*)"}
		cfg.ClientConditions, cfg.ReturnOrigins = []string{"query"}, []string{"https://shop.example.com"}
		cfg.Rules = []matcher.Rule{{Source: "/public/:path*", Has: []matcher.Condition{{Type: "query", Key: "draft"}}}}
	})
	env.handler = env.auth.Routes()
	for returnPath, public := range map[string]bool{"/app/public": true, "/app/public?draft=1": false, "/app": true, "/app/private": false, "/public": false, "/app/x/../public": false, "/app/public%2f..%2fprivate": false, "https://shop.example.com/cart": true} {
		authorize, flow := env.startFlow("/app/api/auth/sign-in?prompt=none&next=" + url.QueryEscape(returnPath))
		resp := env.get("/app/api/auth/sign-in-callback?error=login_required&state="+authorize.Query().Get("state"), flow)
		if got := resp.Header.Get("Location") == returnPath; got != public {
			t.Errorf("%s: %d to %q", returnPath, resp.StatusCode, resp.Header.Get("Location"))
		}
	}
}

// TestRefusalsAreLogged: a refusal of the managed login is logged once, quoted and cut.
// A cancelled sign-in is none.
func TestRefusalsAreLogged(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withLog(&log))
	for _, c := range []struct{ code, description, want string }{
		{"invalid_scope", "", `level=WARN msg="cognitogate: the managed login has refused a sign-in" code="\"invalid_scope\"" description="\"\""`},
		{"invalid_request", "PreSignUp failed with error not \"here\".", `description="\"PreSignUp failed with error not \\\"here\\\".\""`},
		{"server_error", "a\nlevel=ERROR msg=forged\u202e", `description="\"a level=ERROR msg=forged\""`},
		{"server_error", strings.Repeat("x", 5000), strings.Repeat("x", 300) + "…"},
		{strings.Repeat("y", 5000), "", strings.Repeat("y", 300) + "…"},
		{"access_denied", "User is not assigned to the client application.", "not assigned"},
		{"", "only a description", "only a description"},
		{"access_denied", "", ""},
		{"access_denied", "User Cancelled", ""},
	} {
		log.Reset()
		env.clock.advance(time.Minute)
		authorize, flow := env.startFlow("/api/auth/sign-in")
		q := url.Values{"error": {c.code}, "error_description": {c.description}, "state": authorize.Query()["state"]}
		if resp := env.get("/api/auth/sign-in-callback?"+q.Encode(), flow); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%.40q: %d", c.code, resp.StatusCode)
		}
		lines := strings.Count(log.String(), "\n")
		if c.want == "" && lines != 0 || c.want != "" && (lines != 1 || !strings.Contains(log.String(), c.want)) || log.Len() > 1000 {
			t.Errorf("%.40q %.40q: log %.1000s", c.code, c.description, log.String())
		}
		log.Reset()
		env.get("/api/auth/sign-in-callback?"+q.Encode(), flow) // anybody can make that up
		if log.Len() > 0 {
			t.Errorf("a callback of no flow is logged: %s", log.String())
		}
	}
}

// TestFlowsOfAnotherSecretAreLogged: replicas with different secrets are named in the log,
// once a minute at most.
func TestFlowsOfAnotherSecretAreLogged(t *testing.T) {
	const question = "have all replicas the same Secret?"
	other := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Secret = otherSecret })
	authorize, flow := other.startFlow("/api/auth/sign-in")
	callback := other.completeLogin(authorize, "ada").RequestURI()
	for _, target := range []string{callback, "/api/auth/sign-in"} {
		var log strings.Builder
		env := newRoutesEnv(t, withLog(&log))
		for range 5 {
			env.get(target, flow)
		}
		if n := strings.Count(log.String(), question); n != 1 {
			t.Errorf("%.30s: the log has %d lines: %s", target, n, log.String())
		}
		log.Reset()
		env = newRoutesEnv(t, withLog(&log))
		_, own := env.startFlow("/api/auth/sign-in")
		env.get("/api/auth/sign-in-callback?code=x&state=y", own)
		env.get("/api/auth/sign-in", own)
		env.get(callback)
		if log.Len() > 0 {
			t.Errorf("without such a cookie: %s", log.String())
		}
	}
}

// TestWrongClientSecretIsNamed: the first sign-in says what is wrong, in the log and on the
// page. Nobody is told to try again.
func TestWrongClientSecretIsNamed(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withLog(&log), func(cfg *cognito.Config) { cfg.UserPool.ClientSecret = "a wrong one" })
	b := newBrowser(env)
	b.openURL("/dashboard")
	b.fillInLogin("ada")
	if b.status != http.StatusInternalServerError || b.header.Get("Retry-After") != "" || strings.Contains(b.body, "try again") || !strings.Contains(b.body, "operator") {
		t.Errorf("%d, Retry-After %q: %s", b.status, b.header.Get("Retry-After"), b.body)
	}
	if strings.Count(log.String(), "level=ERROR") != 1 || !strings.Contains(log.String(), "UserPool.ClientSecret") || strings.Contains(log.String(), "a wrong one") {
		t.Errorf("log: %s", log.String())
	}
}
