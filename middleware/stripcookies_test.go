package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// TestStripCookies takes the cookies off that a browser has collected: of a session with
// duplicates and a device, of sign-ins that go on, and of other programs.
func TestStripCookies(t *testing.T) {
	env := newEnv(t)
	client := env.server.UserPool().ClientID
	other := env.server.AddClient(client+"2", "")
	own := "CognitoIdentityServiceProvider." + client + "."
	r := pageRequest("/x")
	r.Header.Set("Cookie", strings.Join([]string{
		"theme=dark", "cognitogate=1", "__Host-session=2", "CognitoIdentityServiceProvider.other.ada.accessToken=3",
		own + "ada.deviceKey=d", own + "ada.randomPasswordKey=p", own + "ada%2540x.refreshToken=r", own + "ada.oauthMetadata=m", own + "unknown=u",
		"__Host-cognitogate.flow." + client + ".abc=f", "cognitogate.flow." + client + ".abc=f",
		"__Host-cognitogate.signed-in." + client + "=1", "cognitogate.signed-in." + client + "=2.large",
		"__Host-cognitogate.flow." + client + "2.abc=4", "cognitogate.signed-in.other=5",
	}, "; "))
	setSessions(other, &cognito.Config{Layout: layoutOfTests(), Secret: routesSecret, Shared: records})
	before := len(r.Cookies())
	other.SignIn(r, "grace")
	others := len(r.Cookies()) - before
	rest := r.Header.Get("Cookie")
	env.server.SignIn(r, "ada")
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("X-User", "mallory")
	unchanged := r.Header.Clone()

	stripped := env.auth.StripCookies(r)
	for pair := range strings.SplitSeq(stripped.Header.Get("Cookie"), "; ") {
		if name, _, _ := strings.Cut(pair, "="); strings.Contains(name, client+".") || strings.HasSuffix(name, client) {
			t.Errorf("%s is left", name)
		}
		if !strings.Contains(rest, pair) {
			t.Errorf("%s is not as it was", pair)
		}
	}
	if got, want := len(strings.Split(stripped.Header.Get("Cookie"), "; ")), 6+others; got != want {
		t.Errorf("%d other cookies are left, want %d", got, want)
	}
	if stripped.Header.Get("Authorization") != "Bearer x" || stripped.Header.Get("X-User") != "mallory" {
		t.Error("more is taken off than was asked for")
	}
	stripped = env.auth.StripCookies(r, "authorization", "X-User", "X-None")
	if len(stripped.Header["Authorization"]) > 0 || len(stripped.Header["X-User"]) > 0 {
		t.Error("a header is left")
	}
	for name, values := range unchanged {
		if r.Header.Get(name) != values[0] {
			t.Errorf("%s of the request itself is changed", name)
		}
	}
	bare := pageRequest("/x")
	bare.Header.Set("Cookie", "theme=dark")
	if env.auth.StripCookies(bare, "Authorization") != bare {
		t.Error("a request without our cookies is copied")
	}
	bare.Header.Set("Authorization", "Bearer x")
	if got := env.auth.StripCookies(bare, "Authorization"); got == bare || got.Header.Get("Authorization") != "" || bare.Header.Get("Authorization") == "" {
		t.Error("Authorization alone")
	}
}

// TestUpstreamGetsNoTokens has a ReverseProxy behind Protect when the tokens are refreshed:
// the new ones are in the request that the proxy gets.
func TestUpstreamGetsNoTokens(t *testing.T) {
	env := newEnv(t)
	var got http.Header
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
		pr.SetURL(target)
		pr.Out = env.auth.StripCookies(pr.Out, "Authorization")
		if s, _ := session.FromContext(pr.In.Context()); s != env.auth.Session(pr.In) || s == nil {
			t.Error("the proxy does not know the user")
		}
	}}
	r := env.expiredRequest("ada", "/x")
	r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
	r.Header.Set("Authorization", "Basic YTpi")
	w, before := httptest.NewRecorder(), recordsOf(r)
	env.auth.Protect(proxy).ServeHTTP(w, r)
	if w.Code != 200 || got.Get("Cookie") != "theme=dark" || got.Get("Authorization") != "" {
		t.Errorf("status %d, the upstream gets %q", w.Code, got)
	}
	resp := w.Result()
	addChangedRecords(resp, r, before)
	if set, _ := changedCookies(resp); len(set) < 4 {
		t.Errorf("the browser gets %q", set)
	}
}

// TestStripCookiesOfRoutes takes off what Routes sets at the beginning of a sign-in.
func TestStripCookiesOfRoutes(t *testing.T) {
	for origin, insecure := range map[string]bool{"https://app.example.com": false, "http://localhost:8080": true} {
		env := newEnv(t, func(c *cognito.Config) {
			c.Origin, c.Secret = origin, []byte("32 random bytes, the same for all")
		})
		w := httptest.NewRecorder()
		env.auth.Routes().ServeHTTP(w, pageRequest(origin+"/api/auth/sign-in"))
		set := w.Result().Cookies()
		if len(set) == 0 || strings.HasPrefix(set[0].Name, "__Host-") == insecure {
			t.Fatalf("%d, %q", w.Code, set)
		}
		r := pageRequest("/x")
		for _, c := range set {
			r.AddCookie(c)
		}
		if got := env.auth.StripCookies(r).Header["Cookie"]; len(got) > 0 {
			t.Errorf("%q is left", got)
		}
	}
}
