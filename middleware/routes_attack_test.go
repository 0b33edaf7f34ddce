package middleware_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// attack is a callback that must not sign anybody in.
type attack struct {
	name string
	// run gets a flow of this browser and the callback that belongs to it, and
	// returns what arrives instead.
	run func(t *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (callback *url.URL, cookies []*http.Cookie)
	// exchanged: the attack is only found out by what the token endpoint answers.
	exchanged bool
}

// with returns a copy of u with another parameter; "" takes it away.
func with(u *url.URL, name, value string) *url.URL {
	c := *u
	q := c.Query()
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	c.RawQuery = q.Encode()
	return &c
}

func tampered(c *http.Cookie, edit func(string) string) *http.Cookie {
	copied := *c
	copied.Value = edit(c.Value)
	return &copied
}

var attacks = []attack{
	{name: "replayed after a success", run: func(t *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		callback := a.consent(authorize, "ada")
		resp := a.get(callback.RequestURI(), flow)
		if sessionUser(resp) != "ada" {
			t.Fatal("the callback itself does not work")
		}
		return callback, nil // the browser has been told to delete the flow
	}},
	{name: "replayed with a copy of the flow's cookie", exchanged: true, run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		callback := a.consent(authorize, "ada")
		a.get(callback.RequestURI(), flow)
		return callback, []*http.Cookie{flow}
	}},
	{name: "a state of another flow of this browser", exchanged: true, run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		other, second := a.begin("/api/auth/sign-in", flow)
		callback := with(a.consent(authorize, "ada"), "state", other.Query().Get("state"))
		return callback, []*http.Cookie{flow, second}
	}},
	{name: "a flow's cookie under another's name", run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		other, second := a.begin("/api/auth/sign-in")
		swapped := *flow
		swapped.Name = second.Name
		callback := with(a.consent(authorize, "ada"), "state", other.Query().Get("state"))
		return callback, []*http.Cookie{&swapped}
	}},
	{name: "no flow in this browser", run: func(_ *testing.T, a *app, _ *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return a.consent(authorize, "ada"), nil
	}},
	{name: "another browser's flow", run: func(_ *testing.T, a *app, _ *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		_, others := a.begin("/api/auth/sign-in")
		return a.consent(authorize, "ada"), []*http.Cookie{others}
	}},
	{name: "another user's code in this browser's flow", exchanged: true, run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		mallorys, _ := a.begin("/api/auth/sign-in")
		code := a.consent(mallorys, "grace").Query().Get("code")
		return with(a.consent(authorize, "ada"), "code", code), []*http.Cookie{flow}
	}},
	{name: "a code without a challenge (PKCE downgrade)", exchanged: true, run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		bare := with(with(authorize, "code_challenge", ""), "code_challenge_method", "")
		return a.consent(bare, "ada"), []*http.Cookie{flow}
	}},
	{name: "a code with this flow's challenge and another nonce", exchanged: true, run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return a.consent(with(authorize, "nonce", "mallorys"), "grace"), []*http.Cookie{flow}
	}},
	{name: "no nonce", exchanged: true, run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return a.consent(with(authorize, "nonce", ""), "grace"), []*http.Cookie{flow}
	}},
	{name: "a nonce that is no string", exchanged: true, run: edited(func(d *cognitotest.Draft) { d.Claims["nonce"] = []string{"x"} })},
	{name: "no ID token", exchanged: true, run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return a.consent(with(authorize, "scope", "aws.cognito.signin.user.admin"), "ada"), []*http.Cookie{flow}
	}},
	{name: "an ID token of another user", exchanged: true, run: edited(func(d *cognitotest.Draft) {
		if d.Use == "id" {
			d.Claims["sub"] = "00000000-0000-0000-0000-000000000000"
		}
	})},
	{name: "tokens of another app client", exchanged: true, run: edited(func(d *cognitotest.Draft) {
		d.Claims["client_id"], d.Claims["aud"] = "another", "another"
	})},
	{name: "tokens that nobody signed", exchanged: true, run: edited(func(d *cognitotest.Draft) {
		d.Sign = func([]byte) []byte { return make([]byte, 256) }
	})},
	{name: "a code for another redirect URI", exchanged: true, run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		elsewhere := a.consent(with(authorize, "redirect_uri", "https://evil.example/cb"), "ada")
		return with(mustParse("/api/auth/sign-in-callback?"+elsewhere.RawQuery), "iss", ""), []*http.Cookie{flow}
	}},
	{name: "ten minutes later", run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		a.clock.advance(10 * time.Minute)
		return a.consent(authorize, "ada"), []*http.Cookie{flow}
	}},
	{name: "a flow's cookie that was changed", run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return a.consent(authorize, "ada"), []*http.Cookie{tampered(flow, func(v string) string { return v[:40] + "A" + v[41:] })}
	}},
	{name: "a flow's cookie that was cut", run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return a.consent(authorize, "ada"), []*http.Cookie{tampered(flow, func(v string) string { return v[:len(v)/2] })}
	}},
	{name: "a flow's cookie without a seal", run: func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return a.consent(authorize, "ada"), []*http.Cookie{tampered(flow, func(string) string {
			return `{"s":"` + authorize.Query().Get("state") + `","n":"","v":"","to":"//evil.example"}`
		})}
	}},
	{name: "a flow that another secret has sealed", run: func(t *testing.T, a *app, _ *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		other := newSite(t, func(cfg *cognito.Config) { cfg.Secret = []byte(strings.Repeat("x", 32)) })
		theirs, flow := other.begin("/api/auth/sign-in")
		return a.consent(theirs, "ada"), []*http.Cookie{flow}
	}},
	{name: "no state", run: changed("state", "")},
	{name: "a state that is longer", run: suffixed("-1")},
	{name: "a state with a path", run: suffixed("/../x")},
	{name: "a state with a line break", run: suffixed("\r\nSet-Cookie: a=b")},
	{name: "a state of a megabyte", run: changed("state", strings.Repeat("A", 1<<20))},
	{name: "no code", run: changed("code", "")},
	{name: "a code that nobody issued", exchanged: true, run: changed("code", "guessed")},
	{name: "a state that comes twice", run: doubled("state")},
	{name: "a code that comes twice", run: doubled("code")},
	{name: "an error beside the code", run: changed("error", "access_denied")},
	{name: "only a description of an error", run: changed("error_description", "no")},
}

func edited(edit func(*cognitotest.Draft)) func(*testing.T, *app, *http.Cookie, *url.URL) (*url.URL, []*http.Cookie) {
	return func(t *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		to, err := a.cognito.Authorize(authorize.String(), "ada", edit)
		if err != nil {
			t.Fatal(err)
		}
		return mustParse(to), []*http.Cookie{flow}
	}
}

func changed(name, value string) func(*testing.T, *app, *http.Cookie, *url.URL) (*url.URL, []*http.Cookie) {
	return func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return with(a.consent(authorize, "ada"), name, value), []*http.Cookie{flow}
	}
}

func suffixed(suffix string) func(*testing.T, *app, *http.Cookie, *url.URL) (*url.URL, []*http.Cookie) {
	return func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		callback := a.consent(authorize, "ada")
		return with(callback, "state", callback.Query().Get("state")+suffix), []*http.Cookie{flow}
	}
}

func doubled(name string) func(*testing.T, *app, *http.Cookie, *url.URL) (*url.URL, []*http.Cookie) {
	return func(_ *testing.T, a *app, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		callback := *a.consent(authorize, "ada")
		callback.RawQuery += "&" + name + "=" + url.QueryEscape(callback.Query().Get(name))
		return &callback, []*http.Cookie{flow}
	}
}

// TestAttacksOnTheCallback: none begins a session, says why beyond a line of text,
// or reaches the token endpoint without a flow of this browser.
func TestAttacksOnTheCallback(t *testing.T) {
	for _, at := range attacks {
		t.Run(at.name, func(t *testing.T) {
			var log strings.Builder
			a := newSite(t, logged(&log))
			authorize, flow := a.begin("/api/auth/sign-in?next=/dashboard")
			callback, cookies := at.run(t, a, flow, authorize)
			before := a.calls("Token")
			resp := a.get(callback.RequestURI(), cookies...)
			body := bodyOf(t, resp)
			if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
				t.Errorf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
			}
			for _, c := range resp.Cookies() {
				if c.MaxAge >= 0 {
					t.Errorf("the cookie %s is set", c.Name)
				}
			}
			if n := a.calls("Token") - before; (n == 1) != at.exchanged || n > 1 {
				t.Errorf("%d exchanges", n)
			}
			for _, secret := range []string{"eyJ", callback.Query().Get("code"), flow.Value, authorize.Query().Get("nonce")} {
				if secret != "" && (strings.Contains(body, secret) || strings.Contains(log.String(), secret)) {
					t.Errorf("%.20q is on the page or in the log:\n%s\n%s", secret, body, log.String())
				}
			}
			if !strings.Contains(body, `href="/api/auth/sign-in`) {
				t.Error("no way to start again")
			}
		})
	}
}

// TestAttackSpendsTheFlow: a flow is good for one callback, whatever comes of it.
func TestAttackSpendsTheFlow(t *testing.T) {
	a := newSite(t)
	authorize, flow := a.begin("/api/auth/sign-in")
	state := authorize.Query().Get("state")
	for _, target := range []string{
		"/api/auth/sign-in-callback?code=x&state=" + state,
		"/api/auth/sign-in-callback?error=access_denied&state=" + state,
		"/api/auth/sign-in-callback?code=x&state=" + state + "-1",
	} {
		dropped := false
		for _, c := range a.get(target, flow).Cookies() {
			dropped = dropped || c.Name == flow.Name && c.MaxAge < 0 && c.Secure && c.HttpOnly && c.Path == "/"
		}
		if !dropped {
			t.Errorf("%s: the flow stays", target)
		}
	}
	// Somebody else's callback takes nothing away.
	if resp := a.get("/api/auth/sign-in-callback?code=x&state=other", flow); len(resp.Cookies()) != 0 {
		t.Errorf("cookies %v", resp.Cookies())
	}
	if resp := a.get("/api/auth/sign-in-callback?code=x&state=", flow); len(resp.Cookies()) != 0 {
		t.Errorf("an empty state: cookies %v", resp.Cookies())
	}
}

// TestFlowCookie: browsers must not take it from a sibling domain, show it to
// scripts, or keep it longer than it is good for.
func TestFlowCookie(t *testing.T) {
	a := newSite(t, func(cfg *cognito.Config) { cfg.Cookies.Domain = "example.com" })
	authorize, c := a.begin("/api/auth/sign-in")
	if c.Name != flowCookie+a.cognito.UserPool().ClientID+"."+authorize.Query().Get("state") ||
		!c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 600 {
		t.Errorf("%+v", c)
	}
	for _, open := range []string{authorize.Query().Get("nonce"), authorize.Query().Get("state")} {
		if strings.Contains(c.Value, open) {
			t.Error("the flow is not encrypted")
		}
	}
	local := newSite(t, func(cfg *cognito.Config) { cfg.Origin = "http://localhost:8080" })
	r := page("/api/auth/sign-in")
	r.Host = "localhost:8080"
	for _, c := range local.do(r).Cookies() {
		if !strings.HasPrefix(c.Name, "cognitogate.flow.") || c.Secure || !c.HttpOnly {
			t.Errorf("on http: %+v", c)
		}
	}
}

// TestNineMinutes: the last second of a flow is as good as the first.
func TestNineMinutes(t *testing.T) {
	a := newSite(t)
	authorize, flow := a.begin("/api/auth/sign-in")
	a.clock.advance(10*time.Minute - time.Second)
	if resp := a.get(a.consent(authorize, "ada").RequestURI(), flow); sessionUser(resp) != "ada" {
		t.Errorf("%d", resp.StatusCode)
	}
}

// TestSecretIsReplaced: what was begun under the old secret ends well under the
// new one.
func TestSecretIsReplaced(t *testing.T) {
	a := newSite(t)
	authorize, flow := a.begin("/api/auth/sign-in?next=/dashboard")
	b := newSite(t, func(cfg *cognito.Config) {
		cfg.Secret, cfg.OldSecrets = []byte(strings.Repeat("n", 32)), [][]byte{routesSecret}
	})
	resp := b.get(b.consent(authorize, "ada").RequestURI(), flow)
	if sessionUser(resp) != "ada" || resp.Header.Get("Location") != "/dashboard" {
		t.Errorf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
}

// TestTwoAppClientsOnOneSite: their flows and markers are nothing to each other,
// even with one secret.
func TestTwoAppClientsOnOneSite(t *testing.T) {
	a := newSite(t)
	second := a.cognito.AddClient("second"+strings.ToLower(t.Name()), "")
	auth, err := cognito.New(cognito.Config{
		UserPool: second.UserPool(), HTTPClient: second.Client(), Now: a.clock.Now,
		Origin: origin, Secret: routesSecret, RoutesPath: "/second/auth",
	})
	if err != nil {
		t.Fatal(err)
	}
	a.mount("/second/auth/", auth.Routes())
	authorize, flow := a.begin("/api/auth/sign-in")
	_, theirs := a.begin("/second/auth/sign-in", flow)
	for _, c := range a.get("/second/auth/sign-in", flow).Cookies() {
		if c.Name == flow.Name {
			t.Error("one client deletes the other's flow")
		}
	}
	callback := a.consent(authorize, "ada")
	mixed := "/second/auth/sign-in-callback?" + callback.RawQuery
	renamed := *flow
	renamed.Name = strings.Replace(flow.Name, a.cognito.UserPool().ClientID, second.UserPool().ClientID, 1)
	before := a.calls("Token")
	if resp := a.get(mixed, flow, &renamed, theirs); resp.StatusCode != http.StatusBadRequest || a.calls("Token") != before {
		t.Errorf("a code of one client is sent for the other: %d", resp.StatusCode)
	}
	if resp := a.get(callback.RequestURI(), flow, theirs); sessionUser(resp) != "ada" {
		t.Errorf("%d", resp.StatusCode)
	}
}
