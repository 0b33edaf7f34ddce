package middleware_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

const loopTitle = "this browser does not keep it"

// TestPageInsteadOfALoop: a browser may keep the cookies of Routes and drop the
// session's. At the second sign-in it gets a page that says so.
func TestPageInsteadOfALoop(t *testing.T) {
	for _, mode := range []http.SameSite{http.SameSiteLaxMode, http.SameSiteStrictMode, http.SameSiteNoneMode, http.SameSiteDefaultMode} {
		t.Run(fmt.Sprint("SameSite ", mode), func(t *testing.T) {
			env := newRoutesEnv(t, func(cfg *cognito.Config) {
				cfg.Cookies.SameSite, cfg.Cookies.Domain = mode, "example.com"
			})
			b := newBrowser(env)
			refused := true
			b.dropsCookie = func(c *http.Cookie) bool { return refused && isSessionCookie(c.Name) }
			b.openURL("/dashboard?tab=2")
			b.fillInLogin("ada")
			b.expectPage("/dashboard?tab=2", loopTitle)
			if n := env.calls("Token"); n != 2 || b.status != http.StatusBadRequest {
				t.Errorf("%d sign-ins, %d", n, b.status)
			}
			if !strings.Contains(b.body, "the domain example.com") {
				t.Errorf("the page does not name the domain: %s", b.body)
			}
			b.openURL("/dashboard?tab=3") // again, while the marker lasts
			b.expectPage("/dashboard?tab=3", loopTitle)
			refused = false // the cause is repaired
			b.followLink(signInLinkIn(t, b.body))
			b.openURL("/dashboard?tab=2")
			b.expectPage("/dashboard?tab=2", "Hello, ada")
		})
	}
}

// TestSignInDuringAnOutageIsNoLoop signs in a second time within a minute. The browser
// holds the session's cookies, but Cognito cannot refresh them.
func TestSignInDuringAnOutageIsNoLoop(t *testing.T) {
	env := newRoutesEnv(t)
	r := pageRequest("/")
	r.AddCookie(&http.Cookie{Name: markerCookiePrefix + env.server.UserPool().ClientID, Value: "1"})
	env.server.SignIn(r, "ada", cognitotest.Expired)
	held := r.Cookies()
	env.server.SetFault(func(op string) cognitotest.Fault {
		if op == opRefresh {
			return cognitotest.Fault{Status: 503}
		}
		return cognitotest.Fault{}
	})
	defer env.server.SetFault(nil)
	for _, loop := range []bool{false, true} {
		if loop {
			held = held[:1] // the browser has dropped the session's cookies
		}
		authorize, flow := env.startFlow("/api/auth/sign-in", held...)
		resp := env.get(env.completeLogin(authorize, "ada").RequestURI(), flow)
		for _, c := range resp.Cookies() {
			if strings.HasPrefix(c.Name, markerCookiePrefix) && (c.Value == "2") != loop {
				t.Errorf("the marker is %q, want a loop: %t", c.Value, loop)
			}
		}
		if sessionUser(resp) != "ada" {
			t.Errorf("loop %t: not signed in: %d", loop, resp.StatusCode)
		}
	}
}

func TestLoopOfATokenThatIsTooLarge(t *testing.T) {
	amplifyOnly(t)
	env := newRoutesEnv(t)
	var groups []string
	for i := range 300 {
		groups = append(groups, fmt.Sprintf("a-group-with-a-long-name-%03d", i))
	}
	env.server.SetUser(cognitotest.User{Username: "member", Password: "Passw0rd!", Groups: groups})
	b := newBrowser(env)
	b.dropsCookie = func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "refreshToken") } // else it would refresh
	b.openURL("/dashboard")
	b.fillInLogin("member")
	b.expectPage("/dashboard", loopTitle)
	if !strings.Contains(b.body, "does not fit into a cookie") {
		t.Errorf("%s", b.body)
	}
}

func TestLoopOfSecureCookiesOnHTTP(t *testing.T) {
	env := newRoutesEnv(t)
	r := pageRequest("/dashboard")
	r.Header.Set("X-Forwarded-Proto", "http")
	r.AddCookie(&http.Cookie{Name: markerCookiePrefix + env.server.UserPool().ClientID, Value: "2"})
	if body := readBody(t, env.do(r)); !strings.Contains(body, loopTitle) || !strings.Contains(body, "for https only") {
		t.Errorf("%s", body)
	}
}

func TestAllCookiesBlocked(t *testing.T) {
	env := newRoutesEnv(t)
	b := newBrowser(env)
	b.dropsCookie = func(c *http.Cookie) bool { return c.Name != "cognito" && c.Name != "XSRF-TOKEN" }
	b.openURL("/dashboard")
	b.fillInLogin("ada")
	if b.status != http.StatusBadRequest || !strings.Contains(b.body, "does not keep cookies") {
		t.Errorf("%d %s", b.status, b.body)
	}
	if link := signInLinkIn(t, b.body); link != "/api/auth/sign-in" {
		t.Errorf("the way to start again is %q", link)
	}
}

// TestRepeatedSignInsAreNoLoop: users may sign in twice within a minute for good reasons.
func TestRepeatedSignInsAreNoLoop(t *testing.T) {
	t.Run("signing out and in as another user, twice", func(t *testing.T) {
		_, b := newSignedInBrowser(t)
		for _, user := range []string{"grace", "ada", "grace"} {
			b.submitForm("/api/auth/sign-out")
			b.openURL("/dashboard")
			b.fillInLogin(user)
			b.expectPage("/dashboard", "Hello, "+user)
		}
	})
	t.Run("as others by a prompt, then an end by a handler of the site", func(t *testing.T) {
		env, b := newSignedInBrowser(t)
		env.handle("/api/end", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := env.auth.Sessions().End(w, r); err != nil {
				t.Error(err)
			}
		}))
		for _, user := range []string{"grace", "ada"} {
			b.followLink("/api/auth/sign-in?prompt=login&next=/dashboard")
			b.fillInLogin(user)
			b.expectPage("/dashboard", "Hello, "+user)
		}
		b.followLink("/api/end")
		b.openURL("/dashboard")
		b.expectPage("/dashboard", "Hello, ada") // the login knows who it is
	})
	t.Run("two tabs, then signing out", func(t *testing.T) {
		env := newRoutesEnv(t)
		b := newBrowser(env)
		b.openURL("/dashboard?1")
		first := *b
		b.openURL("/dashboard?2")
		first.fillInLogin("ada")
		b.fillInLogin("ada")
		b.submitForm("/api/auth/sign-out")
		b.openURL("/dashboard")
		if b.url.Path != "/login" {
			t.Errorf("at %s", b.url)
		}
	})
	t.Run("Strict cookies, and links in a webmail", func(t *testing.T) {
		_, b := newSignedInBrowser(t, func(cfg *cognito.Config) { cfg.Cookies.SameSite = http.SameSiteStrictMode })
		for i := range 5 {
			b.navigate("GET", fmt.Sprintf("%s/dashboard?mail=%d", origin, i), "https://mail.example.net", nil)
			b.expectPage(fmt.Sprintf("/dashboard?mail=%d", i), "Hello, ada")
		}
	})
	t.Run("a marker that a sibling domain plants", func(t *testing.T) {
		env := newRoutesEnv(t)
		client := env.server.UserPool().ClientID
		for _, name := range []string{"cognitogate.signed-in." + client, "cognitogate.signed-in", markerCookiePrefix + "other"} {
			resp := env.get("/dashboard", &http.Cookie{Name: name, Value: "2"})
			if resp.StatusCode != http.StatusTemporaryRedirect {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
		}
	})
	t.Run("a marker of one sign-in", func(t *testing.T) {
		env := newRoutesEnv(t)
		for _, value := range []string{"1", "1.large", ""} {
			resp := env.get("/dashboard", &http.Cookie{Name: markerCookiePrefix + env.server.UserPool().ClientID, Value: value})
			if resp.StatusCode != http.StatusTemporaryRedirect {
				t.Errorf("%q: %d", value, resp.StatusCode)
			}
		}
	})
	t.Run("a script", func(t *testing.T) {
		env := newRoutesEnv(t)
		r := scriptRequest("/dashboard")
		r.AddCookie(&http.Cookie{Name: markerCookiePrefix + env.server.UserPool().ClientID, Value: "2"})
		if resp := env.do(r); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%d", resp.StatusCode)
		}
	})
}

// TestMarkerCookie: it has the SameSite of the session's cookies and lasts a minute.
func TestMarkerCookie(t *testing.T) {
	env := newRoutesEnv(t)
	authorize, flow := env.startFlow("/api/auth/sign-in")
	resp := env.get(env.completeLogin(authorize, "ada").RequestURI(), flow)
	for _, c := range resp.Cookies() {
		if strings.HasPrefix(c.Name, markerCookiePrefix) {
			if c.Value != "1" || c.MaxAge != 60 || !c.Secure || !c.HttpOnly || c.Domain != "" || c.Path != "/" || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("%+v", c)
			}
			return
		}
	}
	t.Error("no marker")
}
