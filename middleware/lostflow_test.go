package middleware_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// callbackIn returns the callback among the URLs of the last navigation.
func (b *browser) callbackIn() string {
	b.Helper()
	for _, u := range b.visited {
		if strings.Contains(u, "/sign-in-callback?") {
			return u
		}
	}
	b.Fatalf("no callback in %q", b.visited)
	return ""
}

// TestCallbackLoadedAgain: a signed-in user who loads the callback again, or goes back to
// it, goes on. No code is used twice.
func TestCallbackLoadedAgain(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.AfterSignIn = "/dashboard?home" })
	b := newBrowser(env)
	b.openURL("/dashboard?tab=2")
	b.fillInLogin("ada")
	callback := b.callbackIn()
	for _, again := range []struct{ name, target, want string }{
		{"the same", callback, "/dashboard?tab=2"},
		{"once more", callback, "/dashboard?tab=2"},
		{"an error with its state", strings.Replace(callback, "?code=", "?error=x&was=", 1), "/dashboard?tab=2"},
		{"a state that nobody has started", withParam(mustParse(callback), "state", "other").String(), "/dashboard?home"},
		{"a state that comes twice", callback + "&state=other", "/dashboard?home"},
		{"nothing", "/api/auth/sign-in-callback", "/dashboard?home"},
		{"a code of an identity provider", "/api/auth/sign-in-callback?code=x", "/dashboard?home"},
	} {
		b.openURL(again.target)
		if b.expectPage(again.want, "Hello, ada"); t.Failed() {
			t.Fatal(again.name)
		}
	}
	env.clock.advance(2 * time.Minute)
	b.openURL(callback)
	b.expectPage("/dashboard?tab=2", "Hello, ada")
	env.clock.advance(2 * time.Hour) // the session is refreshed, and the flow is forgotten
	b.openURL(callback)
	b.expectPage("/dashboard?home", "Hello, ada")
	if n := env.calls("Token"); n != 1 {
		t.Errorf("%d exchanges", n)
	}

	// Another process does not know where the flow was going.
	b.site = newRoutesEnv(t)
	b.site.clock = env.clock
	b.site.server.SetNow(env.clock.Now)
	b.openURL("/api/auth/sign-out")
	b.openURL(callback)
	if b.status != http.StatusBadRequest || !strings.Contains(b.body, "cannot go on") {
		t.Errorf("signed out: %d %s", b.status, b.body)
	}
}

// TestCallbackWithAForeignFlow: the callback of a flow that an attacker has started
// changes nothing for a signed-in user, whatever cookies come with it.
func TestCallbackWithAForeignFlow(t *testing.T) {
	env := newRoutesEnv(t)
	authorize, _ := env.startFlow("/api/auth/sign-in?next=/dashboard?theirs")
	foreign := env.completeLogin(authorize, "grace")
	r := pageRequest(foreign.RequestURI())
	r.Host = host
	env.server.SignIn(r, "ada")
	resp := env.do(r)
	if resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/" || resp.Header["Set-Cookie"] != nil || env.calls("Token") != 0 {
		t.Errorf("%d to %q, %v", resp.StatusCode, resp.Header.Get("Location"), resp.Header["Set-Cookie"])
	}
}

// TestLongReturnPathIsNotRemembered: the memory of spent flows is bounded.
func TestLongReturnPathIsNotRemembered(t *testing.T) {
	env := newRoutesEnv(t)
	for n, want := range map[int]string{200: "/dashboard?q=", 300: "/"} {
		b := newBrowser(env)
		b.openURL("/api/auth/sign-in?next=" + url.QueryEscape("/dashboard?q="+strings.Repeat("a", n)))
		b.fillInLogin("ada")
		b.openURL(b.callbackIn())
		if got := b.url.RequestURI(); strings.TrimRight(got, "a") != want {
			t.Errorf("%d bytes: at %s", n, got)
		}
	}
}

// TestCodeWithoutState: an identity provider has signed the user in. A fresh sign-in
// begins, and the code is not used.
func TestCodeWithoutState(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.AfterSignIn = "/dashboard" })
	for _, target := range []string{"/api/auth/sign-in-callback?code=theirs", "/api/auth/sign-in-callback?code=theirs&state="} {
		b := newBrowser(env)
		b.openURL(target)
		if b.url.Path != "/login" || env.calls("Token") != 0 {
			t.Fatalf("%s: at %s, %d exchanges", target, b.url, env.calls("Token"))
		}
		b.fillInLogin("ada")
		b.expectPage("/dashboard", "Hello, ada")
		if n := env.calls("Token"); n != 1 {
			t.Errorf("%s: %d exchanges", target, n)
		}
		env = newRoutesEnv(t, func(cfg *cognito.Config) { cfg.AfterSignIn = "/dashboard" })
	}
	for _, target := range []string{
		"/api/auth/sign-in-callback", "/api/auth/sign-in-callback?code=", "/api/auth/sign-in-callback?code=x&code=y", "/api/auth/sign-in-callback?code=x&state=&state=",
		"/api/auth/sign-in-callback?code=x&error=access_denied", "/api/auth/sign-in-callback?code=x&error_description=x", "/api/auth/sign-in-callback?code=x&state=y",
	} {
		if resp := env.get(target); resp.StatusCode != http.StatusBadRequest || resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s: %d, %v", target, resp.StatusCode, resp.Header["Set-Cookie"])
		}
	}
}

// TestCodesWithoutStateEnd: a managed login that drops the state does not send the browser
// around for ever.
func TestCodesWithoutStateEnd(t *testing.T) {
	env := newRoutesEnv(t)
	_, first := env.startFlow("/api/auth/sign-in")
	_, second := env.startFlow("/api/auth/sign-up", first)
	flows := []*http.Cookie{first, second} // of the user's own tabs
	begins := func() bool {
		resp := env.get("/api/auth/sign-in-callback?code=x", flows...)
		for _, c := range resp.Cookies() {
			if c.MaxAge > 0 {
				flows = append(flows, c)
			}
		}
		return resp.StatusCode == http.StatusFound
	}
	for _, want := range []bool{true, true, false, false} {
		if got := begins(); got != want {
			t.Fatalf("with %d flows: %v", len(flows), got)
		}
	}
	env.clock.advance(61 * time.Second)
	if !begins() {
		t.Error("a minute later it is no loop")
	}
}
