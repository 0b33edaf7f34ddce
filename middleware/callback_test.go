package middleware_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// attack is a callback that must not start a session.
type attack struct {
	name string
	// run gets a flow's cookie of this browser and its authorization request. It
	// returns the attacker's callback and the cookies that come with it.
	run func(t *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (callback *url.URL, cookies []*http.Cookie)
	// exchanged: only the token endpoint's answer shows the attack.
	exchanged bool
}

// withParam returns a copy of u with another value of a parameter; "" removes it.
func withParam(u *url.URL, name, value string) *url.URL {
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
	{name: "replayed after a success", run: func(t *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		callback := env.completeLogin(authorize, "ada")
		resp := env.get(callback.RequestURI(), flow)
		if sessionUser(resp) != "ada" {
			t.Fatal("the callback itself does not work")
		}
		return callback, nil // the browser has been told to delete the flow
	}},
	{name: "replayed with a copy of the flow's cookie", run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		callback := env.completeLogin(authorize, "ada")
		env.get(callback.RequestURI(), flow)
		return callback, []*http.Cookie{flow}
	}},
	{name: "a state of another flow of this browser", exchanged: true, run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		other, second := env.startFlow("/api/auth/sign-in", flow)
		callback := withParam(env.completeLogin(authorize, "ada"), "state", other.Query().Get("state"))
		return callback, []*http.Cookie{flow, second}
	}},
	{name: "a flow's cookie under another's name", run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		other, second := env.startFlow("/api/auth/sign-in")
		swapped := *flow
		swapped.Name = second.Name
		callback := withParam(env.completeLogin(authorize, "ada"), "state", other.Query().Get("state"))
		return callback, []*http.Cookie{&swapped}
	}},
	{name: "no flow in this browser", run: func(_ *testing.T, env *testEnv, _ *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return env.completeLogin(authorize, "ada"), nil
	}},
	{name: "another browser's flow", run: func(_ *testing.T, env *testEnv, _ *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		_, others := env.startFlow("/api/auth/sign-in")
		return env.completeLogin(authorize, "ada"), []*http.Cookie{others}
	}},
	{name: "another user's code in this browser's flow", exchanged: true, run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		mallorys, _ := env.startFlow("/api/auth/sign-in")
		code := env.completeLogin(mallorys, "grace").Query().Get("code")
		return withParam(env.completeLogin(authorize, "ada"), "code", code), []*http.Cookie{flow}
	}},
	{name: "a code without a challenge (PKCE downgrade)", exchanged: true, run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		bare := withParam(withParam(authorize, "code_challenge", ""), "code_challenge_method", "")
		return env.completeLogin(bare, "ada"), []*http.Cookie{flow}
	}},
	{name: "a code with this flow's challenge and another nonce", exchanged: true, run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return env.completeLogin(withParam(authorize, "nonce", "mallorys"), "grace"), []*http.Cookie{flow}
	}},
	{name: "no nonce", exchanged: true, run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return env.completeLogin(withParam(authorize, "nonce", ""), "grace"), []*http.Cookie{flow}
	}},
	{name: "a nonce that is no string", exchanged: true, run: edited(func(d *cognitotest.Draft) { d.Claims["nonce"] = []string{"x"} })},
	{name: "no ID token", exchanged: true, run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return env.completeLogin(withParam(authorize, "scope", "aws.cognito.signin.user.admin"), "ada"), []*http.Cookie{flow}
	}},
	{name: "an ID token of another user", exchanged: true, run: edited(func(d *cognitotest.Draft) {
		if d.Use == "id" {
			d.Claims["sub"] = "00000000-0000-0000-0000-000000000000"
		}
	})},
	{name: "tokens of another app client", exchanged: true, run: edited(func(d *cognitotest.Draft) {
		d.Claims["client_id"], d.Claims["aud"] = "another", "another"
	})},
	{name: "tokens with a forged signature", exchanged: true, run: edited(func(d *cognitotest.Draft) {
		d.Sign = func([]byte) []byte { return make([]byte, 256) }
	})},
	{name: "a code for another redirect URI", exchanged: true, run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		stolen := env.completeLogin(withParam(authorize, "redirect_uri", "https://evil.example/cb"), "ada")
		return withParam(mustParse("/api/auth/sign-in-callback?"+stolen.RawQuery), "iss", ""), []*http.Cookie{flow}
	}},
	{name: "an hour later", run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		env.clock.advance(time.Hour)
		return env.completeLogin(authorize, "ada"), []*http.Cookie{flow}
	}},
	{name: "a flow's cookie that was changed", run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return env.completeLogin(authorize, "ada"), []*http.Cookie{tampered(flow, func(v string) string { return v[:40] + "A" + v[41:] })}
	}},
	{name: "a flow's cookie that was cut", run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return env.completeLogin(authorize, "ada"), []*http.Cookie{tampered(flow, func(v string) string { return v[:len(v)/2] })}
	}},
	{name: "a flow's cookie without a seal", run: func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return env.completeLogin(authorize, "ada"), []*http.Cookie{tampered(flow, func(string) string {
			return `{"s":"` + authorize.Query().Get("state") + `","n":"","v":"","to":"//evil.example"}`
		})}
	}},
	{name: "a flow that another secret has sealed", run: func(t *testing.T, env *testEnv, _ *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		other := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Secret = otherSecret })
		theirs, flow := other.startFlow("/api/auth/sign-in")
		return env.completeLogin(theirs, "ada"), []*http.Cookie{flow}
	}},
	{name: "a state that is longer", run: suffixed("-1")},
	{name: "a state with a path", run: suffixed("/../x")},
	{name: "a state with a line break", run: suffixed("\r\nSet-Cookie: a=b")},
	{name: "a state of a megabyte", run: changed("state", strings.Repeat("A", 1<<20))},
	{name: "no code", run: changed("code", "")},
	{name: "a guessed code", exchanged: true, run: changed("code", "guessed")},
	{name: "a state that comes twice", run: doubled("state")},
	{name: "a code that comes twice", run: doubled("code")},
	{name: "an error beside the code", run: changed("error", "access_denied")},
	{name: "only a description of an error", run: changed("error_description", "no")},
}

func edited(edit func(*cognitotest.Draft)) func(*testing.T, *testEnv, *http.Cookie, *url.URL) (*url.URL, []*http.Cookie) {
	return func(t *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		to, err := env.server.Authorize(authorize.String(), "ada", edit)
		if err != nil {
			t.Fatal(err)
		}
		return mustParse(to), []*http.Cookie{flow}
	}
}

func changed(name, value string) func(*testing.T, *testEnv, *http.Cookie, *url.URL) (*url.URL, []*http.Cookie) {
	return func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		return withParam(env.completeLogin(authorize, "ada"), name, value), []*http.Cookie{flow}
	}
}

func suffixed(suffix string) func(*testing.T, *testEnv, *http.Cookie, *url.URL) (*url.URL, []*http.Cookie) {
	return func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		callback := env.completeLogin(authorize, "ada")
		return withParam(callback, "state", callback.Query().Get("state")+suffix), []*http.Cookie{flow}
	}
}

func doubled(name string) func(*testing.T, *testEnv, *http.Cookie, *url.URL) (*url.URL, []*http.Cookie) {
	return func(_ *testing.T, env *testEnv, flow *http.Cookie, authorize *url.URL) (*url.URL, []*http.Cookie) {
		callback := *env.completeLogin(authorize, "ada")
		callback.RawQuery += "&" + name + "=" + url.QueryEscape(callback.Query().Get(name))
		return &callback, []*http.Cookie{flow}
	}
}

// TestCallbackAttacks: no attack starts a session or learns the reason of the refusal.
// Without a flow of this browser, none reaches the token endpoint.
func TestCallbackAttacks(t *testing.T) {
	for _, at := range attacks {
		t.Run(at.name, func(t *testing.T) {
			var log strings.Builder
			env := newRoutesEnv(t, withLog(&log))
			authorize, flow := env.startFlow("/api/auth/sign-in?next=/dashboard")
			callback, cookies := at.run(t, env, flow, authorize)
			before := env.calls("Token")
			resp := env.get(callback.RequestURI(), cookies...)
			body := readBody(t, resp)
			if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Location") != "" {
				t.Errorf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
			}
			for _, c := range resp.Cookies() {
				if c.MaxAge >= 0 {
					t.Errorf("the cookie %s is set", c.Name)
				}
			}
			if n := env.calls("Token") - before; (n == 1) != at.exchanged || n > 1 {
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

// TestFlowIsSpentByItsCallback: a program keeps the flow's cookie. Cognito is asked about
// one code all the same.
func TestFlowIsSpentByItsCallback(t *testing.T) {
	env := newRoutesEnv(t)
	authorize, flow := env.startFlow("/api/auth/sign-in")
	state := authorize.Query().Get("state")
	for i := range 20 {
		resp := env.get(fmt.Sprintf("/api/auth/sign-in-callback?code=junk%d&state=%s", i, state), flow)
		if resp.StatusCode != http.StatusBadRequest {
			t.Errorf("callback %d: %d", i, resp.StatusCode)
		}
	}
	if n := env.calls("Token"); n != 1 {
		t.Errorf("Cognito is asked %d times", n)
	}
}
