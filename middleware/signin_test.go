package middleware_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

func TestSignInLeadsBackToTheDeepLink(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("Strict cookies %v", strict), func(t *testing.T) {
			env := newRoutesEnv(t, func(cfg *cognito.Config) {
				if strict {
					cfg.Cookies.SameSite = http.SameSiteStrictMode
				}
			})
			b := newBrowser(env)
			const deep = "/dashboard?tab=2&q=a%20b%26c#top"
			b.openURL(deep)
			b.fillInLogin("ada")
			b.expectPage("/dashboard?tab=2&q=a%20b%26c", "Hello, ada")
			if left := b.cookieNames(flowCookiePrefix); left != nil {
				t.Errorf("the flow is left behind: %v", left)
			}
			if n := env.calls("Token"); n != 1 {
				t.Errorf("%d exchanges", n)
			}
			b.followLink("/api/auth/sign-in?next=%2Fdashboard%3Fagain")
			b.expectPage("/dashboard?again", "Hello, ada")
			if n := env.calls("Token"); n != 1 {
				t.Error("a signed-in user was sent to the login")
			}
		})
	}
}

func TestSignUpSignsIn(t *testing.T) {
	env := newRoutesEnv(t)
	env.server.RemoveUser("hedy")
	b := newBrowser(env)
	b.openURL("/api/auth/sign-up?next=/dashboard&lang=de")
	if b.url.Path != "/signup" || b.url.Query().Get("lang") != "de" {
		t.Fatalf("at %s", b.url)
	}
	b.submitForm("?"+b.url.RawQuery, "username", "hedy", "email", "hedy@example.com", "password", "Passw0rd!")
	b.expectPage("/dashboard", "Hello, hedy")
}

func TestWrongPasswordAndCancelling(t *testing.T) {
	env := newRoutesEnv(t)
	b := newBrowser(env)
	b.openURL("/dashboard?tab=2")
	b.submitForm("?"+b.url.RawQuery, "username", "ada", "password", "wrong")
	if b.url.Path != "/login" {
		t.Fatalf("a wrong password leads to %s", b.url)
	}
	b.submitForm("?"+b.url.RawQuery, "cancel", "cancel")
	if b.status != http.StatusBadRequest || !strings.Contains(b.body, "You are not signed in") {
		t.Errorf("cancelled: %d %s", b.status, b.body)
	}
	again := signInLinkIn(t, b.body)
	if again != "/api/auth/sign-in?next=%2Fdashboard%3Ftab%3D2" {
		t.Errorf("the way to start again is %q", again)
	}
	b.followLink(again)
	b.fillInLogin("ada")
	b.expectPage("/dashboard?tab=2", "Hello, ada")
}

func TestTwoTabsSignInAtOnce(t *testing.T) {
	env := newRoutesEnv(t)
	b := newBrowser(env)
	b.openURL("/dashboard?tab=1")
	first := *b
	b.openURL("/dashboard?tab=2")
	second := *b
	if n := len(b.cookieNames(flowCookiePrefix)); n != 2 {
		t.Errorf("%d flows", n)
	}
	first.fillInLogin("ada")
	first.expectPage("/dashboard?tab=1", "Hello, ada")
	second.fillInLogin("ada")
	second.expectPage("/dashboard?tab=2", "Hello, ada")
}

func TestSixTabsEvictTheOldest(t *testing.T) {
	env := newRoutesEnv(t)
	b := newBrowser(env)
	var tabs []browser
	for i := range 6 {
		b.openURL(fmt.Sprintf("/dashboard?tab=%d", i))
		tabs = append(tabs, *b)
		if i%2 == 0 { // in one second, or not
			env.clock.advance(time.Second)
		}
	}
	if n := len(b.cookieNames(flowCookiePrefix)); n != 5 {
		t.Errorf("%d flows are left", n)
	}
	tabs[0].fillInLogin("ada")
	if tabs[0].status != http.StatusBadRequest || !strings.Contains(tabs[0].body, "cannot go on") {
		t.Errorf("the oldest: %d %s", tabs[0].status, tabs[0].body)
	}
	for _, i := range []int{5, 1, 3, 2, 4} {
		tabs[i].fillInLogin("ada")
		tabs[i].expectPage(fmt.Sprintf("/dashboard?tab=%d", i), "Hello, ada")
	}
}

func TestTenRestoredTabsReachSignIn(t *testing.T) {
	env := newRoutesEnv(t)
	b := newBrowser(env)
	for restart := range 3 { // the user closes the browser and opens it again
		for i := range 10 {
			b.openURL(fmt.Sprintf("/dashboard?tab=%d", i))
			if b.url.Path != "/login" {
				t.Fatalf("restart %d, tab %d: at %s\n%s", restart, i, b.url, b.body)
			}
		}
	}
	b.fillInLogin("ada")
	b.expectPage("/dashboard?tab=9", "Hello, ada")
}

// TestCallbackReplacesTheWholeOldSession: all session cookies of earlier users are
// deleted, planted ones too.
func TestCallbackReplacesTheWholeOldSession(t *testing.T) {
	amplifyOnly(t)
	for _, domain := range []string{"", "example.com"} {
		t.Run("Domain "+domain, func(t *testing.T) {
			env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Cookies.Domain = domain })
			b := newBrowser(env)
			b.openURL("/dashboard")
			b.fillInLogin("grace")
			b.expectPage("/dashboard", "Hello, grace")
			prefix := sessionCookiePrefix + env.server.UserPool().ClientID + "."
			planted := env.server.Issue("grace")
			b.jar.SetCookies(mustParse(origin+"/"), []*http.Cookie{
				{Name: prefix + "mallory.accessToken", Value: planted.Access, Path: "/", Domain: domain},
				{Name: prefix + "mallory.refreshToken", Value: planted.Refresh, Path: "/"},
				{Name: prefix + "mallory.idToken", Value: planted.ID, Path: "/"},
				{Name: prefix + "ada.refreshToken", Value: planted.Refresh, Path: "/", Domain: domain},
				{Name: prefix + "%61da.accessToken", Value: planted.Access, Path: "/"},
				{Name: prefix + "grace.clockDrift", Value: "1", Path: "/"},
				{Name: prefix + "grace.signInDetails", Value: "{}", Path: "/"},
				{Name: "theme", Value: "dark", Path: "/"},
			})
			b.openURL("/api/auth/sign-in?prompt=login")
			b.fillInLogin("ada")
			b.openURL("/dashboard")
			b.expectPage("/dashboard", "Hello, ada")
			names := b.cookieNames(prefix)
			slices.Sort(names)
			want := []string{prefix + "LastAuthUser", prefix + "ada.accessToken", prefix + "ada.idToken", prefix + "ada.refreshToken"}
			if !slices.Equal(names, want) {
				t.Errorf("the browser holds %v", names)
			}
			if b.cookieNames("theme") == nil {
				t.Error("a cookie of the site is gone")
			}
			for _, c := range b.jar.Cookies(mustParse(origin + "/")) {
				if c.Value == planted.Access || c.Value == planted.Refresh || c.Value == planted.ID {
					t.Errorf("%s is the planted one", c.Name)
				}
			}
		})
	}
}

func TestSignInKeepsWhatItRefreshes(t *testing.T) {
	env := newRoutesEnv(t)
	env.server.SetRotation(true, 0)
	b := newBrowser(env)
	b.openURL("/dashboard")
	b.fillInLogin("ada")
	env.clock.advance(2 * time.Hour)
	b.openURL("/api/auth/sign-in?next=/dashboard")
	b.expectPage("/dashboard", "Hello, ada")
	if n := env.calls(opRefresh); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	env.clock.advance(2 * time.Hour) // the rotated token is in the browser
	b.openURL("/dashboard")
	b.expectPage("/dashboard", "Hello, ada")
}

func TestPromptSignsInAsSomebodyElse(t *testing.T) {
	env := newRoutesEnv(t)
	b := newBrowser(env)
	b.openURL("/dashboard")
	b.fillInLogin("grace")
	b.followLink("/api/auth/sign-in?prompt=login&login_hint=ada&next=/dashboard")
	if q := b.url.Query(); b.url.Path != "/login" || q.Get("prompt") != "login" || q.Get("login_hint") != "ada" {
		t.Fatalf("at %s", b.url)
	}
	b.fillInLogin("ada")
	b.expectPage("/dashboard", "Hello, ada")
	b.followLink("/api/auth/sign-in?prompt=login&next=/dashboard")
	b.fillInLogin("grace")
	b.expectPage("/dashboard", "Hello, grace") // a third sign-in in a minute is no loop
}

func TestSignInDuringAnOutage(t *testing.T) {
	env := newRoutesEnv(t)
	b := newBrowser(env)
	b.openURL("/dashboard")
	b.fillInLogin("ada")
	before := b.cookieNames(sessionCookiePrefix)
	env.clock.advance(2 * time.Hour)
	down := func(op string) cognitotest.Fault {
		if op == opRefresh || op == "Token" {
			return cognitotest.Fault{Status: 500}
		}
		return cognitotest.Fault{}
	}
	env.server.SetFault(down)
	b.openURL("/dashboard")
	if b.status != http.StatusServiceUnavailable {
		t.Errorf("a page: %d", b.status)
	}
	for _, route := range []string{"sign-in", "sign-up", "sign-in?prompt=login"} {
		b.openURL("/api/auth/" + route)
		if b.status != http.StatusOK || b.url.Host == host {
			t.Errorf("%s, with an old session that cannot be refreshed: %d at %s", route, b.status, b.url)
		}
	}
	env.server.SetFault(nil)
	b.openURL("/dashboard")
	b.expectPage("/dashboard", "Hello, ada")
	if after := b.cookieNames(sessionCookiePrefix); !slices.Equal(before, after) {
		t.Errorf("cookies %v, before %v", after, before)
	}

	env.server.SetFault(down)
	b = newBrowser(env)
	b.openURL("/dashboard") // without a session there is no refresh
	b.fillInLogin("ada")
	if b.status != http.StatusServiceUnavailable || !strings.Contains(b.body, "Nothing is lost") || b.cookieNames(sessionCookiePrefix) != nil {
		t.Errorf("the exchange fails: %d %s", b.status, b.body)
	}
	env.server.SetFault(nil)
	b.followLink(signInLinkIn(t, b.body))
	b.expectPage("/dashboard", "Hello, ada") // the login knows who it is
}

// TestDoubtsDoNotBlockSignIn has a browser hold an old session that nobody can tell
// anything about, for every reason there is. Its user can sign in anew.
func TestDoubtsDoNotBlockSignIn(t *testing.T) {
	for name, doubt := range map[string]struct {
		op    string // that fails
		fault cognitotest.Fault
		edit  func(*cognitotest.Draft)
	}{
		"a trigger refuses the user": {opRefresh, cognitotest.Fault{Code: "UserLambdaValidationException"}, cognitotest.Expired},
		"a trigger fails":            {opRefresh, cognitotest.Fault{Code: "UnexpectedLambdaException"}, cognitotest.Expired},
		"a parameter is refused":     {opRefresh, cognitotest.Fault{Code: "InvalidParameterException"}, cognitotest.Expired},
		"Cognito throttles":          {opRefresh, cognitotest.Fault{Status: 429}, cognitotest.Expired},
		"the client secret is wrong": {opRefresh, cognitotest.Fault{Code: "NotAuthorizedException", Message: "Unable to verify secret hash for client 1abc"}, cognitotest.Expired},
		"the keys cannot be fetched": {"JWKS", cognitotest.Fault{Status: 503}, nil},
		"a token is not yet valid":   {"", cognitotest.Fault{}, func(d *cognitotest.Draft) { d.Claims["nbf"] = d.Claims["exp"] }},
		"an issuer that nobody uses": {"", cognitotest.Fault{}, func(d *cognitotest.Draft) {
			d.Claims["iss"] = "https://issuer-" + strings.TrimPrefix(d.Claims["iss"].(string), "https://")
		}},
		"an issuer of another pool": {"", cognitotest.Fault{}, func(d *cognitotest.Draft) { d.Claims["iss"] = "https://issuer.example" }},
	} {
		t.Run(name, func(t *testing.T) {
			env := newRoutesEnv(t)
			prefix := sessionCookiePrefix + env.server.UserPool().ClientID
			set := env.server.Issue("ada", doubt.edit)
			cookies := []*http.Cookie{
				{Name: prefix + ".LastAuthUser", Value: "ada"}, {Name: prefix + ".ada.accessToken", Value: set.Access}, {Name: prefix + ".ada.refreshToken", Value: set.Refresh},
			}
			env.server.SetFault(func(op string) cognitotest.Fault {
				if op == doubt.op {
					return doubt.fault
				}
				return cognitotest.Fault{}
			})
			defer env.server.SetFault(nil)
			for _, route := range []string{"sign-in", "sign-up", "sign-in?prompt=login"} {
				resp := env.get("/api/auth/"+route, cookies...)
				to := resp.Header.Get("Location")
				if resp.StatusCode != http.StatusFound || to != "/" && !strings.HasPrefix(to, env.server.UserPool().LoginURL()) {
					t.Errorf("%s: %d to %q", route, resp.StatusCode, to)
				}
				if doubt.op != "" && !strings.HasPrefix(to, env.server.UserPool().LoginURL()) {
					t.Errorf("%s: to %q", route, to)
				}
			}
		})
	}
}

// TestTokensThatSayAClockIsWrong: if tokens of this exchange have expired, a clock is
// wrong. The user may try again.
func TestTokensThatSayAClockIsWrong(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withLog(&log))
	authorize, flow := env.startFlow("/api/auth/sign-in")
	to, err := env.server.Authorize(authorize.String(), "ada", cognitotest.Expired)
	if err != nil {
		t.Fatal(err)
	}
	resp := env.get(mustParse(to).RequestURI(), flow)
	if resp.StatusCode != http.StatusServiceUnavailable || sessionUser(resp) != "" || !strings.Contains(log.String(), "clock") {
		t.Errorf("%d, log %s", resp.StatusCode, log.String())
	}
	if strings.Contains(log.String(), "eyJ") {
		t.Error("a token is in the log")
	}
}

func TestParametersOfTheAuthorizationRequest(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.Login.Scopes = []string{"openid", "email"}
		cfg.Login.State = func(r *http.Request) string { return r.URL.Query().Get("campaign") }
	})
	q := url.Values{
		"provider": {"AMAZON"}, "lang": {"pt-BR"}, "login_hint": {"a&b=c"}, "prompt": {"select_account"}, "campaign": {"é\n"},
	}
	authorize, _ := env.startFlow("/api/auth/sign-in?" + q.Encode())
	got := authorize.Query()
	for name, want := range map[string]string{
		"identity_provider": "LoginWithAmazon", "lang": "pt-BR", "login_hint": "a&b=c", "prompt": "select_account",
		"redirect_uri": origin + "/api/auth/sign-in-callback", "client_id": env.server.UserPool().ClientID, "scope": "openid email",
		"code_challenge_method": "S256", "response_type": "code",
	} {
		if len(got[name]) != 1 || got.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !strings.HasSuffix(got.Get("state"), "-e9a") {
		t.Errorf("state %q", got.Get("state"))
	}
	if got.Has("campaign") || len(got) != 12 {
		t.Errorf("parameters %v", got)
	}
	other, _ := env.startFlow("/api/auth/sign-in?prompt=login")
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if v := got.Get(name); len(v) < 22 || v == other.Query().Get(name) {
			t.Errorf("%s %q is not random", name, v)
		}
	}
	plain := newRoutesEnv(t)
	if authorize, _ := plain.startFlow("/api/auth/sign-in?provider=&lang="); len(authorize.Query()) != 7 {
		t.Errorf("parameters %v", authorize.Query())
	}
}

// TestLongReturnPath: a return path that no cookie holds must not prevent the sign-in.
func TestLongReturnPath(t *testing.T) {
	env := newRoutesEnv(t)
	for _, n := range []int{0, 700, 1200, 2000, 5000} {
		b := newBrowser(env)
		next := "/dashboard?q=" + strings.Repeat("&", n)
		b.openURL("/api/auth/sign-in?next=" + url.QueryEscape(next))
		b.fillInLogin("ada")
		if b.status != http.StatusOK || b.url.Path != "/dashboard" && b.url.Path != "/" {
			t.Errorf("%d: at %.80s: %d %.200s", n, b.url, b.status, b.body)
		}
		if n <= 1200 && b.url.RequestURI() != next {
			t.Errorf("%d: a return path that fits is lost", n)
		}
	}
	b := newBrowser(env)
	for i := range 5 {
		b.openURL(fmt.Sprintf("/dashboard?tab=%d&q=%s", i, strings.Repeat("a", 1000)))
	}
	header := 0
	for _, c := range b.jar.Cookies(mustParse(origin + "/")) {
		header += len(c.Name) + len(c.Value) + 3
	}
	if header > 7<<10 {
		t.Errorf("the Cookie line has %d bytes, which proxies refuse", header)
	}
	b.fillInLogin("ada")
	if b.status != http.StatusOK {
		t.Errorf("the last of five tabs: %d", b.status)
	}
}

// TestStateThatIsTooLong: the application's mistake is logged as an error.
func TestStateThatIsTooLong(t *testing.T) {
	var log strings.Builder
	env := newRoutesEnv(t, withLog(&log), func(cfg *cognito.Config) {
		cfg.Login.State = func(r *http.Request) string { return strings.Repeat("x", len(r.URL.Query().Get("n"))) }
	})
	if authorize, _ := env.startFlow("/api/auth/sign-in?n=" + strings.Repeat("1", 500)); len(authorize.Query().Get("state")) < 1000 {
		t.Errorf("state %q", authorize.Query().Get("state"))
	}
	resp := env.get("/api/auth/sign-in?n=" + strings.Repeat("1", 1500))
	if resp.StatusCode != http.StatusInternalServerError || resp.Header["Set-Cookie"] != nil || !strings.Contains(log.String(), "Login.State is too long") {
		t.Errorf("%d, log %s", resp.StatusCode, log.String())
	}
}
