package middleware_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestSignInAnew: ada's sign-ins are ended, and the managed login still knows her. It would
// go on with the old sign-in, so she has to sign in there. With prompt=none she is asked
// nothing.
func TestSignInAnew(t *testing.T) {
	env := newRoutesEnv(t)
	b := newBrowser(env)
	b.openURL("/dashboard?tab=1")
	b.fillInLogin("ada")
	b.expectPage("/dashboard?tab=1", "Hello, ada")
	env.clock.advance(time.Minute)
	env.endUser("ada")
	b.openURL("/api/auth/sign-in?prompt=none&next=/dashboard?tab=2")
	if b.status != http.StatusBadRequest || !strings.Contains(b.body, "You are not signed in") {
		t.Errorf("with prompt=none: %d %s", b.status, b.body)
	}
	b.openURL("/api/auth/sign-in?prompt=none&next=/api/public")
	b.expectPage("/api/public", "Hello, ")
	env.clock.advance(time.Minute)
	b.openURL("/dashboard?tab=2")
	b.fillInLogin("ada")
	b.expectPage("/dashboard?tab=2", "Hello, ada")
	if left := b.cookieNames(flowCookiePrefix); left != nil {
		t.Errorf("flows are left behind: %v", left)
	}
}

// TestSignInAnewOnce: a sign-in that is ended before it is finished is begun once more, with
// its return path and Login.State. The second time there is a page.
func TestSignInAnewOnce(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.Login.State = func(r *http.Request) string { return r.URL.Query().Get("campaign") }
	})
	for _, later := range []time.Duration{0, 2 * time.Second} {
		env.clock.advance(time.Hour)
		authorize, flow := env.startFlow("/api/auth/sign-in?next=/report%3Fq%3D1&campaign=x")
		callback := env.completeLogin(authorize, "ada")
		env.endUser("ada")
		anew, next := env.startFlow(callback.RequestURI(), flow)
		state, old := anew.Query().Get("state"), authorize.Query().Get("state")
		if anew.Query().Get("prompt") != "login" || state == old || !strings.HasSuffix(state, "-78") || !strings.HasSuffix(old, "-78") {
			t.Errorf("sent to %v after %v", anew, authorize)
		}
		env.clock.advance(later)
		resp := env.get(env.completeLogin(anew, "ada").RequestURI(), next)
		switch {
		case later == 0 && (resp.StatusCode != http.StatusBadRequest || sessionUser(resp) != ""):
			t.Errorf("ended a second time: %d, %v", resp.StatusCode, resp.Header)
		case later > 0 && (resp.Header.Get("Location") != "/report?q=1" || sessionUser(resp) != "ada"):
			t.Errorf("anew: %d, %v", resp.StatusCode, resp.Header)
		}
	}
}

// endUser ends all sign-ins of a user.
func (env *testEnv) endUser(user string) {
	env.Helper()
	set := env.server.Issue(user)
	s, err := env.auth.Sessions().Verify(env.Context(), set)
	if err != nil {
		env.Fatal(err)
	}
	if err := env.auth.Sessions().EndUser(env.Context(), s.User().ID); err != nil {
		env.Error(err)
	}
}
