package middleware_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestFailedCallbackDeletesTheFlow: a flow is valid for one callback, even a failed one.
func TestFailedCallbackDeletesTheFlow(t *testing.T) {
	env := newRoutesEnv(t)
	authorize, flow := env.startFlow("/api/auth/sign-in")
	state := authorize.Query().Get("state")
	for _, target := range []string{
		"/api/auth/sign-in-callback?code=x&state=" + state,
		"/api/auth/sign-in-callback?error=access_denied&state=" + state,
		"/api/auth/sign-in-callback?code=x&state=" + state + "-1",
	} {
		dropped := false
		for _, c := range env.get(target, flow).Cookies() {
			dropped = dropped || c.Name == flow.Name && c.MaxAge < 0 && c.Secure && c.HttpOnly && c.Path == "/"
		}
		if !dropped {
			t.Errorf("%s: the flow stays", target)
		}
	}
	// A callback of another flow deletes nothing.
	if resp := env.get("/api/auth/sign-in-callback?code=x&state=other", flow); len(resp.Cookies()) != 0 {
		t.Errorf("cookies %v", resp.Cookies())
	}
	for _, c := range env.get("/api/auth/sign-in-callback?code=x&state=", flow).Cookies() {
		if c.MaxAge < 0 {
			t.Errorf("an empty state deletes %s", c.Name)
		}
	}
}

// TestFlowCookie: browsers must not accept the cookie from a sibling domain, show it to
// scripts, or keep it longer than the flow is valid.
func TestFlowCookie(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Cookies.Domain = "example.com" })
	authorize, c := env.startFlow("/api/auth/sign-in")
	if c.Name != flowCookiePrefix+env.server.UserPool().ClientID+"."+authorize.Query().Get("state") ||
		!c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 3600 {
		t.Errorf("%+v", c)
	}
	for _, open := range []string{authorize.Query().Get("nonce"), authorize.Query().Get("state")} {
		if strings.Contains(c.Value, open) {
			t.Error("the flow is not encrypted")
		}
	}
	local := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Origin = "http://localhost:8080" })
	r := pageRequest("/api/auth/sign-in")
	r.Host = "localhost:8080"
	for _, c := range local.do(r).Cookies() {
		if !strings.HasPrefix(c.Name, "cognitogate.flow.") || c.Secure || !c.HttpOnly {
			t.Errorf("on http: %+v", c)
		}
	}
}

// TestRoutesCookiesFollowTheSession: in a frame, browsers keep only cookies of SameSite
// None, and some only Partitioned ones. The cookies of Routes are needed there too, and so
// are their deletions. With any other SameSite the flow is Lax.
func TestRoutesCookiesFollowTheSession(t *testing.T) {
	for _, test := range []struct {
		mode        http.SameSite
		partitioned bool
		want        http.SameSite
	}{
		{0, false, http.SameSiteLaxMode},
		{http.SameSiteDefaultMode, false, http.SameSiteLaxMode},
		{http.SameSiteStrictMode, false, http.SameSiteLaxMode},
		{http.SameSiteNoneMode, false, http.SameSiteNoneMode},
		{http.SameSiteNoneMode, true, http.SameSiteNoneMode},
	} {
		env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Cookies.SameSite, cfg.Cookies.Partitioned = test.mode, test.partitioned })
		authorize, flow := env.startFlow("/api/auth/sign-in")
		cookies := append([]*http.Cookie{flow}, env.get(env.completeLogin(authorize, "ada").RequestURI(), flow).Cookies()...)
		names := make(map[string]bool)
		for _, c := range cookies {
			if isSessionCookie(c.Name) {
				continue
			}
			names[c.Name] = true
			marker := strings.Contains(c.Name, ".signed-in.") && test.mode != 0 // has the session's
			if c.Partitioned != test.partitioned || !c.Secure || c.SameSite != test.want && !marker {
				t.Errorf("with %v: %v", test, c)
			}
		}
		if len(names) != 3 { // the flow and two markers
			t.Errorf("with %v: the cookies %v", test, names)
		}
	}
}

// TestFlowLastsAnHour: a user has time to wait for a code by mail, and arrives where they
// wanted to go. A flow is valid in its last second.
func TestFlowLastsAnHour(t *testing.T) {
	env := newRoutesEnv(t)
	for _, later := range []time.Duration{11 * time.Minute, time.Hour - time.Second} {
		authorize, flow := env.startFlow("/api/auth/sign-in?next=/dashboard?tab=2")
		env.clock.advance(later)
		resp := env.get(env.completeLogin(authorize, "ada").RequestURI(), flow)
		if to := resp.Header.Get("Location"); sessionUser(resp) != "ada" || to != "/dashboard?tab=2" {
			t.Errorf("after %v: %d to %q", later, resp.StatusCode, to)
		}
	}
}

// TestSecretIsReplaced: a sign-in that started under the old secret succeeds under the
// new one.
func TestSecretIsReplaced(t *testing.T) {
	env := newRoutesEnv(t)
	authorize, flow := env.startFlow("/api/auth/sign-in?next=/dashboard")
	b := newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.Secret, cfg.OldSecrets = otherSecret, [][]byte{routesSecret}
	})
	resp := b.get(b.completeLogin(authorize, "ada").RequestURI(), flow)
	if sessionUser(resp) != "ada" || resp.Header.Get("Location") != "/dashboard" {
		t.Errorf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
}

// TestTwoAppClientsOnOneSite: neither accepts or deletes a flow of the other, even with
// the same secret.
func TestTwoAppClientsOnOneSite(t *testing.T) {
	env := newRoutesEnv(t)
	second := env.server.AddClient("second"+strings.ToLower(t.Name()), "")
	auth, err := cognito.New(cognito.Config{
		UserPool: second.UserPool(), HTTPClient: second.Client(), Now: env.clock.Now,
		Origin: origin, Secret: routesSecret, RoutesPath: "/second/auth",
	})
	if err != nil {
		t.Fatal(err)
	}
	env.handle("/second/auth/", auth.Routes())
	authorize, flow := env.startFlow("/api/auth/sign-in")
	_, theirs := env.startFlow("/second/auth/sign-in", flow)
	for _, c := range env.get("/second/auth/sign-in", flow).Cookies() {
		if c.Name == flow.Name {
			t.Error("one client deletes the other's flow")
		}
	}
	callback := env.completeLogin(authorize, "ada")
	mixed := "/second/auth/sign-in-callback?" + callback.RawQuery
	renamed := *flow
	renamed.Name = strings.Replace(flow.Name, env.server.UserPool().ClientID, second.UserPool().ClientID, 1)
	before := env.calls("Token")
	if resp := env.get(mixed, flow, &renamed, theirs); resp.StatusCode != http.StatusBadRequest || env.calls("Token") != before {
		t.Errorf("a code of one client is sent for the other: %d", resp.StatusCode)
	}
	if resp := env.get(callback.RequestURI(), flow, theirs); sessionUser(resp) != "ada" {
		t.Errorf("%d", resp.StatusCode)
	}
}
