package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// newRecentBrowser returns a browser in which ada has signed in six minutes ago. /account
// needs a sign-in within five.
func newRecentBrowser(t *testing.T, edits ...func(*cognito.Config)) (*testEnv, *browser) {
	env, b := newSignedInBrowser(t, edits...)
	env.handle("/account", env.auth.RequireRecent(5*time.Minute)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "account of ", env.auth.Session(r).User().Username)
	})))
	b.openURL("/account")
	b.expectPage("/account", "account of ada")
	env.clock.advance(6 * time.Minute)
	return env, b
}

// expireMarker has the browser forget the sign-in marker, whose minute is over.
func (b *browser) expireMarker() {
	for _, name := range b.cookieNames(markerCookiePrefix) {
		b.jar.SetCookies(mustParse(origin+"/"), []*http.Cookie{{Name: name, Path: "/", Secure: true, MaxAge: -1}})
	}
}

// TestRecentSignIn: the user signs in again, and comes back to the same page.
func TestRecentSignIn(t *testing.T) {
	for _, sameSite := range []http.SameSite{http.SameSiteLaxMode, http.SameSiteStrictMode} {
		env, b := newRecentBrowser(t, func(cfg *cognito.Config) { cfg.Cookies.SameSite = sameSite })
		b.openURL("/account?tab=2&x=%26")
		if !slices.ContainsFunc(b.visited, func(u string) bool {
			return strings.Contains(u, "/oauth2/authorize?") && mustParse(u).Query().Get("prompt") == "login"
		}) {
			t.Errorf("visited %q", b.visited)
		}
		b.fillInLogin("ada")
		b.expectPage("/account?tab=2&x=%26", "account of ada")
		env.clock.advance(5 * time.Minute)
		b.openURL("/account")
		b.expectPage("/account", "account of ada")
		env.clock.advance(time.Second)
		b.expireMarker()
		b.openURL("/account") // once more
		b.fillInLogin("ada")
		b.expectPage("/account", "account of ada")
		b.followLink("/api/auth/sign-in?recent=300&next=/account?again")
		b.expectPage("/account?again", "account of ada")
	}
}

// TestRecentSignInOfAnotherUser: another user never sees the page, and the first one is
// still signed in.
func TestRecentSignInOfAnotherUser(t *testing.T) {
	env, b := newRecentBrowser(t)
	b.openURL("/account")
	b.fillInLogin("grace")
	if b.status != http.StatusForbidden || !strings.Contains(b.body, "as another user") || b.url.Path != "/api/auth/sign-in-callback" {
		t.Fatalf("at %s: %d %s", b.url, b.status, b.body)
	}
	if n := env.calls("RevokeToken"); n != 1 {
		t.Errorf("%d revocations", n)
	}
	again := signInLinkIn(t, b.body)
	b.openURL("/dashboard")
	b.expectPage("/dashboard", "Hello, ada")
	b.followLink(again)
	b.fillInLogin("ada")
	b.expectPage("/account", "account of ada")
}

// TestCancelledRecentSignIn shows a page. A redirect would begin the next sign-in.
func TestCancelledRecentSignIn(t *testing.T) {
	_, b := newRecentBrowser(t)
	b.openURL("/account")
	b.submitForm("?"+b.url.RawQuery, "cancel", "cancel")
	if b.status != http.StatusBadRequest || !strings.Contains(b.body, "signed in as before") {
		t.Errorf("at %s: %d %s", b.url, b.status, b.body)
	}
	b.followLink(signInLinkIn(t, b.body))
	b.fillInLogin("ada")
	b.expectPage("/account", "account of ada")
}

// TestSignInThatIsNotAnew has the managed login go on with an earlier sign-in, and clocks
// that differ.
func TestSignInThatIsNotAnew(t *testing.T) {
	env := newRoutesEnv(t)
	for off, status := range map[time.Duration]int{
		0: 302, -time.Minute: 302, -61 * time.Second: 403, -time.Hour: 403, time.Minute: 302, 61 * time.Second: 403,
	} {
		authorize, flow := env.startFlow("/api/auth/sign-in?recent=300&next=/account")
		if got := authorize.Query(); got.Get("prompt") != "login" || got.Has("recent") || got.Has("max_age") {
			t.Errorf("%s", authorize)
		}
		to, err := env.server.Authorize(authorize.String(), "ada", func(d *cognitotest.Draft) { d.Claims["auth_time"] = env.clock.Now().Add(off).Unix() })
		if err != nil {
			t.Fatal(err)
		}
		resp := env.get(to, flow)
		if resp.StatusCode != status || (sessionUser(resp) != "") != (status == 302) {
			t.Errorf("auth_time %v: %d, session of %q", off, resp.StatusCode, sessionUser(resp))
		}
		if body := readBody(t, resp); status == 403 && !strings.Contains(body, "needs a new sign-in") {
			t.Errorf("auth_time %v: %s", off, body)
		}
	}
}

// TestRecentSignInAfterEndUser begins once more. The next flow still knows the user.
func TestRecentSignInAfterEndUser(t *testing.T) {
	env := newRoutesEnv(t)
	r := env.signedInRequest("ada", "/")
	s, err := env.auth.Sessions().Fetch(nil, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	env.clock.advance(6 * time.Minute)
	authorize, flow := env.startFlow("/api/auth/sign-in?recent=300&next=/account", r.Cookies()...)
	env.clock.advance(time.Second)
	to := env.completeLogin(authorize, "ada")
	env.clock.advance(10 * time.Second)
	if err := env.auth.Sessions().EndUser(t.Context(), s.User().ID); err != nil {
		t.Fatal(err)
	}
	authorize, flow = env.startFlow(to.RequestURI(), flow)
	if authorize.Query().Get("prompt") != "login" {
		t.Errorf("%s", authorize)
	}
	env.clock.advance(10 * time.Second)
	if resp := env.get(env.completeLogin(authorize, "grace").RequestURI(), flow); resp.StatusCode != 403 || sessionUser(resp) != "" {
		t.Errorf("%d, session of %q", resp.StatusCode, sessionUser(resp))
	}
}

// TestRecentAnswers shows the answers of RequireRecent to every kind of request, with and
// without Routes.
func TestRecentAnswers(t *testing.T) {
	const challenge = `Bearer error="insufficient_user_authentication", error_description="A more recent authentication is required", max_age="300"`
	for name, c := range map[string]struct {
		edit       func(*cognito.Config)
		page, home string
	}{
		"Routes":    {func(*cognito.Config) {}, "/api/auth/sign-in?next=%2Faccount%3Fa&recent=300", "/api/auth/sign-in?recent=300"},
		"Start":     {func(cfg *cognito.Config) { cfg.Origin, cfg.SignIn = "", "/sign-in" }, "/sign-in?next=%2Faccount%3Fa&prompt=login&max_age=300", "/sign-in?prompt=login&max_age=300"},
		"elsewhere": {func(cfg *cognito.Config) { cfg.SignIn = "https://www.example.com/login?x=1" }, "https://www.example.com/login?x=1&next=https%3A%2F%2Fapp.example.com%2Faccount%3Fa&prompt=login&max_age=300", "https://www.example.com/login?x=1&next=https%3A%2F%2Fapp.example.com%2F&prompt=login&max_age=300"},
	} {
		env := newEnv(t, func(cfg *cognito.Config) {
			cfg.Origin, cfg.Secret = origin, routesSecret
			c.edit(cfg)
		})
		guard := env.auth.RequireRecent(5 * time.Minute)
		page, script := pageRequest("/account?a"), scriptRequest("/account?a")
		form := httptest.NewRequest("POST", "/account?a", strings.NewReader("a=b"))
		form.Header = page.Header.Clone()
		form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		htmx := scriptRequest("/account?a")
		htmx.Header.Set("HX-Request", "true")
		env.server.SignIn(page, "ada")
		for _, r := range []*http.Request{script, form, htmx} {
			r.Header.Set("Cookie", page.Header.Get("Cookie"))
		}
		if resp := answerOf(guard, page); resp.StatusCode != 200 {
			t.Errorf("%s, at once: %d", name, resp.StatusCode)
		}
		env.clock.advance(6 * time.Minute)
		check := func(r *http.Request, status int, header, want string) {
			t.Helper()
			resp := answerOf(guard, r)
			if got := resp.Header.Get(header); resp.StatusCode != status || got != want {
				t.Errorf("%s: %d with %s %q, want %q", name, resp.StatusCode, header, got, want)
			}
			if set, cleared := changedCookies(resp); len(set)+len(cleared) > 0 {
				t.Errorf("%s: cookies are changed: %v %v", name, set, cleared)
			}
		}
		check(page, 307, "Location", c.page)
		check(form, 303, "Location", c.home)
		check(script, 401, "WWW-Authenticate", challenge)
		check(htmx, 401, "HX-Redirect", c.home)
		if _, err := env.auth.Sessions().Fetch(nil, script, nil); err != nil {
			t.Errorf("%s, elsewhere: %v", name, err)
		}

		// A new sign-in by Start is enough. A refresh is not.
		env.server.SignIn(page, "ada")
		if resp := answerOf(guard, page); resp.StatusCode != 200 {
			t.Errorf("%s, after a new sign-in: %d", name, resp.StatusCode)
		}
		refreshed := scriptRequest("/account?a")
		refreshed.Header.Set("Cookie", script.Header.Get("Cookie"))
		env.clock.advance(time.Hour)
		if resp := answerOf(guard, refreshed); resp.StatusCode != 401 || !isSealedRun() && sessionUser(resp) != "" { // a sealed session is written whole
			t.Errorf("%s, refreshed: %d", name, resp.StatusCode)
		}
	}
}

// TestRecentSignInDoesNotLoop: a sign-in page that takes the user for signed in sends the
// browser back.
func TestRecentSignInDoesNotLoop(t *testing.T) {
	env := newEnv(t)
	guard := env.auth.RequireRecent(5 * time.Minute)
	r := env.signedInRequest("ada", "/account")
	env.clock.advance(6 * time.Minute)
	jar := make(map[string]string)
	var resp *http.Response
	for range 3 {
		again := r.Clone(r.Context())
		for name, value := range jar {
			again.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		resp = answerOf(guard, again)
		for _, c := range resp.Cookies() {
			jar[c.Name] = c.Value
		}
	}
	if body := readBody(t, resp); resp.StatusCode != 403 || !strings.Contains(body, "needs a new sign-in") {
		t.Errorf("the third time: %d %s", resp.StatusCode, body)
	}

	// The marker says that the user has just signed in for such a page.
	env = newRoutesEnv(t)
	r = env.signedInRequest("ada", "/account")
	env.clock.advance(6 * time.Minute)
	r.AddCookie(&http.Cookie{Name: markerCookiePrefix + env.server.UserPool().ClientID, Value: "1.recent"})
	if resp := answerOf(env.auth.RequireRecent(5*time.Minute), r); resp.StatusCode != 403 {
		t.Errorf("after a new sign-in: %d", resp.StatusCode)
	}
}

// TestAuthTimes: a token without auth_time is not recent, nor is one of the future.
func TestAuthTimes(t *testing.T) {
	env := newEnv(t)
	guard := env.auth.RequireRecent(5 * time.Minute)
	for name, c := range map[string]struct {
		edit   func(claims map[string]any)
		status int
	}{
		"none":            {func(claims map[string]any) { delete(claims, "auth_time") }, 401},
		"five minutes":    {func(claims map[string]any) { claims["auth_time"] = env.clock.Now().Add(-5 * time.Minute).Unix() }, 200},
		"a second more":   {func(claims map[string]any) { claims["auth_time"] = env.clock.Now().Add(-301 * time.Second).Unix() }, 401},
		"a minute ahead":  {func(claims map[string]any) { claims["auth_time"] = env.clock.Now().Add(time.Minute).Unix() }, 200},
		"more than that":  {func(claims map[string]any) { claims["auth_time"] = env.clock.Now().Add(61 * time.Second).Unix() }, 401},
		"of the ID token": {func(claims map[string]any) { claims["auth_time"] = env.clock.Now().Add(-time.Hour).Unix() }, 401},
	} {
		r := scriptRequest("/account")
		env.server.SignIn(r, "ada", func(d *cognitotest.Draft) {
			if d.Use == tokens.Access {
				c.edit(d.Claims)
			}
		})
		if resp := answerOf(guard, r); resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.status)
		}
	}
}

// TestRecentLinks shows links with the parameter to the sign-in route.
func TestRecentLinks(t *testing.T) {
	env := newRoutesEnv(t)
	r := env.signedInRequest("ada", "/")
	env.clock.advance(6 * time.Minute)
	for query, want := range map[string]int{
		"recent=x": 400, "recent=0": 400, "recent=-1": 400, "recent=": 400, "recent=1&recent=2": 400, "recent=99999999999": 400,
		"recent=300": 302, "recent=300&prompt=login": 302, "recent=300&prompt=none": 400, "recent=300&prompt=none&next=/api/public": 302,
		"recent=600": 302,
	} {
		resp := env.get("/api/auth/sign-in?"+query, r.Cookies()...)
		to := resp.Header.Get("Location")
		atLogin := strings.Contains(to, "/oauth2/authorize?")
		if resp.StatusCode != want || atLogin != (want == 302 && strings.HasPrefix(query, "recent=300") && !strings.Contains(query, "none")) {
			t.Errorf("%s: %d to %s", query, resp.StatusCode, to)
		}
		if u, _ := url.Parse(to); atLogin && u.Query().Get("prompt") != "login" {
			t.Errorf("%s: to %s", query, to)
		}
	}
}

// TestRecentTellsByAuthTime: neither a sign-in of the future nor one of an unknown time is
// recent. Clocks may differ by a minute.
func TestRecentTellsByAuthTime(t *testing.T) {
	env := newEnv(t)
	guard := env.auth.RequireRecent(5 * time.Minute)
	for name, c := range map[string]struct {
		ago    time.Duration
		status int
	}{
		"now":                {0, 200},
		"five minutes ago":   {5 * time.Minute, 200},
		"longer ago":         {5*time.Minute + time.Second, 401},
		"in a minute":        {-time.Minute, 200},
		"in more than that":  {-time.Minute - time.Second, 401},
		"in a year":          {-365 * 24 * time.Hour, 401},
		"at an unknown time": {-1, 401},
	} {
		r := scriptRequest("/account")
		env.server.SignIn(r, "ada", func(d *cognitotest.Draft) {
			if d.Claims["auth_time"] = env.clock.Now().Add(-c.ago).Unix(); c.ago == -1 {
				delete(d.Claims, "auth_time")
			}
		})
		if resp := answerOf(guard, r); resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.status)
		}
	}
}
