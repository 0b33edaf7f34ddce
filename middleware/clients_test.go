package middleware_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
)

// client is a kind of client, with the headers that identify it.
type client struct {
	name    string
	methods []string
	headers map[string]string
	page    bool // a GET is sent to the sign-in page and back
	form    bool // another navigation, sent to the sign-in page
	unsure  bool // a page that may be a script's fetch: nothing is cleared

	prefetch bool // nothing is refreshed
}

var clients = []client{
	{name: "a page in a browser", methods: []string{"GET", "HEAD"}, page: true,
		headers: map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}},
	{name: "a page in an old browser", methods: []string{"GET", "HEAD"}, page: true, headers: map[string]string{"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}},
	{name: "a page in a frame", methods: []string{"GET"}, page: true, headers: map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}},
	{name: "a page fetched ahead", methods: []string{"GET"}, prefetch: true, headers: map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Purpose": "prefetch;prerender"}},
	{name: "curl", methods: []string{"GET", "HEAD"}, page: true, unsure: true, headers: map[string]string{"Accept": "*/*", "User-Agent": "curl/8.0"}},
	{name: "a client that sends nothing", methods: []string{"GET", "HEAD"}, page: true, unsure: true},
	{name: "a WebView behind a proxy", methods: []string{"GET"}, page: true,
		headers: map[string]string{"Sec-Fetch-Mode": "navigate", "X-Requested-With": "com.example.app", "Authorization": "Bearer x", "Upgrade": "h2c"}},
	{name: "an older WebView", methods: []string{"GET"}, page: true, headers: map[string]string{"X-Requested-With": "com.example.app", "Accept": "text/html"}},
	{name: "a form", methods: []string{"POST"}, form: true,
		headers: map[string]string{"Sec-Fetch-Mode": "navigate", "Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}},
	{name: "a form in an old browser", methods: []string{"POST"}, form: true, headers: map[string]string{"Content-Type": "multipart/form-data; boundary=x", "Accept": "text/html"}},
	{name: "fetch", methods: []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"}, headers: map[string]string{"Sec-Fetch-Mode": "cors", "Accept": "*/*"}},
	{name: "fetch of this origin", methods: []string{"GET"}, headers: map[string]string{"Sec-Fetch-Mode": "same-origin", "Accept": "text/html"}},
	{name: "an image", methods: []string{"GET"}, headers: map[string]string{"Sec-Fetch-Mode": "no-cors", "Accept": "image/avif,*/*"}},
	{name: "XMLHttpRequest", methods: []string{"GET", "POST"}, headers: map[string]string{"X-Requested-With": "XMLHttpRequest", "Accept": "text/html"}},
	{name: "an API's client", methods: []string{"GET", "POST", "DELETE"}, headers: map[string]string{"Accept": "application/json"}},
	{name: "JSON from an old client", methods: []string{"POST"}, headers: map[string]string{"Content-Type": "application/json", "Accept": "*/*"}},
	{name: "a method that no form has", methods: []string{"PUT", "DELETE", "OPTIONS"}},
	{name: "EventSource", methods: []string{"GET"}, headers: map[string]string{"Accept": "text/event-stream"}},
	{name: "a WebSocket", methods: []string{"GET"}, headers: map[string]string{"Sec-Fetch-Mode": "websocket", "Connection": "Upgrade", "Upgrade": "websocket"}},
	{name: "a WebSocket of a program", methods: []string{"GET"}, headers: map[string]string{"Connection": "Upgrade", "Upgrade": "websocket"}},
	{name: "htmx", methods: []string{"GET", "POST"}, headers: map[string]string{"HX-Request": "true", "Sec-Fetch-Mode": "cors", "Accept": "*/*"}},
	{name: "gRPC", methods: []string{"POST"}, headers: map[string]string{"Content-Type": "application/grpc", "Te": "trailers"}},
	{name: "htmx's preload", methods: []string{"GET"}, prefetch: true, headers: map[string]string{"HX-Request": "true", "HX-Preloaded": "true"}},
	{name: "Turbo's hover", methods: []string{"GET"}, prefetch: true, headers: map[string]string{"X-Sec-Purpose": "prefetch", "Accept": "text/html"}},
	{name: "a prefetched link", methods: []string{"GET"}, prefetch: true, headers: map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Purpose": "prefetch"}},
	{name: "a bearer token that is off", methods: []string{"GET"}, page: true, headers: map[string]string{"Authorization": "Bearer x", "Accept": "text/html"}},
}

// state is what the cookies of a request mean.
type state struct {
	name    string
	user    string
	arrange func(*testEnv)
	status  int // 0: depends on the client, because the user is signed out
	writes  string
}

var states = []state{
	{name: "no session"},
	{name: "valid", user: "ada", status: 200},
	{name: "expired", user: "ada", status: 200, writes: "set", arrange: func(env *testEnv) { env.clock.advance(2 * time.Hour) }},
	{name: "refused", user: "ada", writes: "cleared", arrange: func(env *testEnv) {
		env.clock.advance(2 * time.Hour)
		env.server.RemoveUser("ada")
	}},
	{name: "forbidden", user: "grace", status: 403},
	{name: "unavailable", user: "ada", status: 503, arrange: func(env *testEnv) {
		env.clock.advance(2 * time.Hour)
		env.server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Drop: true} }) // not tried again, unlike an error
	}},
}

// TestEveryClientInEveryState requests a page for admins as every kind of client.
func TestEveryClientInEveryState(t *testing.T) {
	for _, st := range states {
		shared := newEnv(t) // by requests of a state that changes nothing
		for _, c := range clients {
			for _, method := range c.methods[:longtest.Scale(1, len(c.methods))] {
				t.Run(st.name+", "+c.name+", "+method, func(t *testing.T) {
					env := shared
					if env.T, env.handled = t, nil; st.arrange != nil {
						env = newEnv(t)
					}
					r := httptest.NewRequest(method, "/admin?q=1", nil)
					for k, v := range c.headers {
						r.Header.Set(k, v)
					}
					if st.user != "" {
						env.server.SignIn(r, st.user)
						env.do(r.Clone(r.Context())) // learns the keys
					}
					if st.arrange != nil {
						st.arrange(env)
					}
					checkAnswer(t, c, st, method, env.do(r), env.handled != nil)
				})
			}
		}
	}
}

func checkAnswer(t *testing.T, c client, st state, method string, resp *http.Response, ran bool) {
	want, location, wantWrites := st.status, "", st.writes
	if c.prefetch && (st.name == "expired" || st.name == "unavailable") { // a refresh would be tried
		want, wantWrites = http.StatusUnauthorized, ""
	}
	if want == 0 {
		switch {
		case c.page:
			want, location = http.StatusTemporaryRedirect, "/sign-in?next=%2Fadmin%3Fq%3D1"
		case c.form:
			want, location = http.StatusSeeOther, "/sign-in"
		default:
			want = http.StatusUnauthorized
		}
	}
	if resp.StatusCode != want || resp.Header.Get("Location") != location || ran != (want == 200) {
		t.Errorf("%d to %q, handler ran %v; want %d to %q", resp.StatusCode, resp.Header.Get("Location"), ran, want, location)
	}
	cache := "no-store"
	if want == http.StatusOK {
		cache = "private, no-store"
	}
	if got := resp.Header.Get("Cache-Control"); got != cache {
		t.Errorf("Cache-Control %q, want %q", got, cache)
	}
	if got := resp.Header.Get("Vary"); got != "Cookie" {
		t.Errorf("Vary %q", got)
	}
	for name, when := range map[string]bool{
		"WWW-Authenticate": want == 401,
		"Retry-After":      want == 503,
		"HX-Redirect":      want == 401 && c.headers["HX-Request"] != "" && !c.prefetch,
	} {
		if got := resp.Header.Get(name); (got != "") != when {
			t.Errorf("%s: %q", name, got)
		}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case want == 200, want < 400:
	case method == "HEAD":
		if len(body) > 0 {
			t.Errorf("a HEAD is answered with %q", body)
		}
	case c.unsure || c.headers["Sec-Fetch-Dest"] == "iframe":
		if got := strings.TrimSpace(string(body)); got != http.StatusText(want) {
			t.Errorf("a tool or a frame gets %q", got)
		}
	case c.page || c.form:
		if text := string(body); !strings.Contains(text, `<a href="/">Home page</a>`) || strings.Contains(text, "Try again<") != (want == 503 && c.page) {
			t.Errorf("a page gets %q", text)
		}
	default:
		var problem struct {
			Type, Title string
			Status      int
		}
		if err := json.Unmarshal(body, &problem); err != nil || problem.Status != want || problem.Title != http.StatusText(want) || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("a program gets %q", body)
		}
	}
	set, cleared := changedCookies(resp)
	writes := ""
	switch {
	case len(set) > 0:
		writes = "set"
	case len(cleared) > 0:
		writes = "cleared"
	}
	if wantWrites == "cleared" && (!c.page || c.unsure) {
		wantWrites = "" // a script's answer may arrive late, so that it deletes nothing
	}
	if writes != wantWrites {
		t.Errorf("cookies set %v, cleared %v; want %q", set, cleared, wantWrites)
	}
}

func TestBearer(t *testing.T) {
	env := newEnv(t, withBearer)
	set := env.server.Issue("ada")
	try := func(authorization string, cookies bool) *http.Response {
		r := scriptRequest("/admin")
		if cookies {
			env.server.SignIn(r, "ada")
		}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		return env.do(r)
	}
	for name, c := range map[string]struct {
		authorization string
		cookies       bool
		want          int
	}{
		"the access token":                       {"Bearer " + set.Access, false, 200},
		"the scheme in another case":             {"bearer " + set.Access, false, 200},
		"the ID token":                           {"Bearer " + set.ID, false, 401},
		"garbage, though the cookies are good":   {"Bearer garbage", true, 401},
		"an empty token, cookies are good":       {"Bearer ", true, 401},
		"another scheme, cookies are good":       {"Basic YTpi", true, 200},
		"no authorization, cookies are good":     {"", true, 200},
		"another user's token beats the cookies": {"Bearer " + env.server.Issue("grace").Access, true, 403},
	} {
		resp := try(c.authorization, c.cookies)
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
		}
		if resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s: cookies are written", name)
		}
	}
	env.clock.advance(2 * time.Hour)
	if resp := try("Bearer "+set.Access, true); resp.StatusCode != 401 || env.calls(opRefresh) != 0 {
		t.Errorf("an expired token: %d, %d refreshes", resp.StatusCode, env.calls(opRefresh))
	}
}

func TestUpgradeIsNotRefreshedEarly(t *testing.T) {
	env := newEnv(t)
	r := scriptRequest("/dashboard")
	r.Header.Set("Upgrade", "websocket")
	env.server.SignIn(r, "ada")
	env.clock.advance(time.Hour - 2*time.Second) // within RefreshBefore
	if resp := env.do(r); resp.StatusCode != 200 || env.calls(opRefresh) != 0 {
		t.Errorf("a session that is still good: %d, %d refreshes", resp.StatusCode, env.calls(opRefresh))
	}
	env.clock.advance(time.Minute)
	if resp := env.do(r.Clone(r.Context())); resp.StatusCode != 200 || env.calls(opRefresh) != 1 {
		t.Errorf("an expired one: %d, %d refreshes", resp.StatusCode, env.calls(opRefresh))
	}
	// A minute later the browser still has the old cookies: the 101 set none.
	env.clock.advance(time.Minute)
	env.server.SetRotation(true, 0)
	if resp := env.do(r); resp.StatusCode != 200 || env.calls(opRefresh) != 1 {
		t.Errorf("a minute later: %d, %d refreshes", resp.StatusCode, env.calls(opRefresh))
	}
}
