package middleware_test

import (
	"bufio"
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

const (
	shopHost   = "shop.example.com"
	shopOrigin = "https://" + shopHost
)

// newSignInHost returns the environment of a host whose Routes sign in the users of a shop
// on another host, and a browser that knows both.
func newSignInHost(t *testing.T, host, shop func(*cognito.Config)) (*testEnv, *cognito.Auth, *browser) {
	t.Helper()
	env := newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.Cookies.Domain, cfg.ReturnOrigins = "example.com", []string{"https://other.example.com", shopOrigin}
		if host != nil {
			host(cfg)
		}
	})
	cfg := cognito.Config{
		UserPool: env.server.UserPool(), HTTPClient: env.server.Client(), Now: env.clock.Now,
		Origin: shopOrigin, SignIn: origin + "/api/auth/sign-in",
		Cookies: session.Cookies{Domain: "example.com", HTTPOnly: true},
	}
	if layout := layoutOfTests(); layout != session.LayoutAmplify {
		cfg.Layout, cfg.Secret, cfg.Shared = layout, routesSecret, records
	}
	if shop != nil {
		shop(&cfg)
	}
	auth, err := cognito.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(env)
	b.others = map[string]http.Handler{shopHost: http.StripPrefix(cfg.BasePath, auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		fmt.Fprint(w, "The shop greets ", s.User().Username)
	})))}
	return env, auth, b
}

// TestSignInOnAnotherHost: the way back that one Auth writes is what the Routes of the
// other accept, in every case in which there is one.
func TestSignInOnAnotherHost(t *testing.T) {
	long := func(n int) string { return "/x?q=" + strings.Repeat("q", n-5) }
	strict := func(c *cognito.Config) { c.Cookies.SameSite = http.SameSiteStrictMode }
	param := func(c *cognito.Config) { c.ReturnParam = "to" }
	prefix := func(c *cognito.Config) { c.BasePath = "/shop" }
	for _, tt := range []struct {
		name       string
		host, shop func(*cognito.Config)
		open       string // a path of the shop
		want       string // default the URL of this path
		before     string // the way back until the sign-in, if it is another
		signIn     bool   // in make test too
	}{
		{name: "a deep link", open: "/cart?item=7&q=a%20b%26c", signIn: true},
		{name: "the home page", open: "/"},
		{name: "a query alone", open: "/?x"},
		{name: "a URL in the query", open: "/x?to=https://evil.example/..//"},
		{name: "letters beyond ASCII", open: "/k%C3%A4se?%E2%82%AC"},
		{name: "a path that is kept", open: long(1400)},
		{name: "a path that Routes cannot keep", open: long(2048), before: shopOrigin + long(2048), want: shopOrigin + "/", signIn: true},
		{name: "a path that is too long", open: long(2049), want: shopOrigin + "/"},
		{name: "a path that is too long, and a home page", shop: func(c *cognito.Config) { c.AfterSignIn = "/welcome" }, open: long(2049), want: shopOrigin + "/welcome"},
		{name: "a path with dot segments", open: "/x/..//evil.example", want: shopOrigin + "/"},
		{name: "a prefix", shop: prefix, open: "/shop/cart?x", signIn: true},
		{name: "a home page below a prefix", shop: prefix, open: "/shop" + long(2049), want: shopOrigin + "/shop/"},
		{name: "no way back", shop: func(c *cognito.Config) { c.ReturnParam = "-" }, open: "/cart", want: origin + "/"},
		{name: "another parameter", host: param, shop: param, open: "/cart"},
		{name: "a SignIn with a query", shop: func(c *cognito.Config) { c.SignIn += "?lang=de" }, open: "/cart"},
		{name: "Strict cookies", host: strict, shop: strict, open: "/cart?item=7", signIn: true},
		{name: "a host that does not name the shop", host: func(c *cognito.Config) { c.ReturnOrigins = c.ReturnOrigins[:1] }, open: "/cart", want: origin + "/", signIn: true},
		{name: "a host that names another port", host: func(c *cognito.Config) { c.ReturnOrigins = []string{shopOrigin + ":8443"} }, open: "/cart", want: origin + "/"},
	} {
		tt.want = cmp.Or(tt.want, shopOrigin+tt.open)
		t.Run(tt.name, func(t *testing.T) {
			env, _, b := newSignInHost(t, tt.host, tt.shop)
			w := httptest.NewRecorder()
			b.others[shopHost].ServeHTTP(w, pageRequest(tt.open))
			to := env.auth.ReturnTo(httptest.NewRequest("GET", w.Header().Get("Location"), nil))
			if want := cmp.Or(tt.before, tt.want); want != origin+to && want != to {
				t.Errorf("%.200s leads to %.200s, want %.200s", w.Header().Get("Location"), to, want)
			}
			if !longtest.Scale(tt.signIn, true) {
				return
			}
			b.openURL(shopOrigin + tt.open)
			b.fillInLogin("ada")
			if got := b.url.String(); got != tt.want || b.status != http.StatusOK || !strings.Contains(b.body, "ada") {
				t.Errorf("a user who signs in arrives at %.100s: %d %.300s, want %.100s", got, b.status, b.body, tt.want)
			}
			b.openURL(shopOrigin + tt.open)
			if !strings.Contains(b.body, "The shop greets ada") || env.calls("Token") != 1 {
				t.Errorf("then at %s: %d %.300s; %d exchanges", b.url, b.status, b.body, env.calls("Token"))
			}
		})
	}
}

// TestSignedInOnTheOtherHost: the sign-in host sends a user on whose session the shop does
// not see, and the browser does not go back and forth for ever.
func TestSignedInOnTheOtherHost(t *testing.T) {
	_, _, b := newSignInHost(t, func(c *cognito.Config) { c.Cookies.Domain = "" }, func(c *cognito.Config) { c.Cookies.Domain = "" })
	b.openURL(shopOrigin + "/cart")
	b.fillInLogin("ada")
	if b.status != http.StatusBadRequest || b.url.Host != shopHost || !strings.Contains(b.body, "several times") {
		t.Errorf("%s: %d %.300s", b.url, b.status, b.body)
	}
	b.openURL("/dashboard")
	b.expectPage("/dashboard", "Hello, ada")
}

// TestSignOutOnEitherHost: the sign-out of one host ends the session on both.
func TestSignOutOnEitherHost(t *testing.T) {
	_, shop, b := newSignInHost(t, nil, nil)
	pages := b.others[shopHost]
	b.others[shopHost] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" {
			pages.ServeHTTP(w, r)
		} else if err := shop.Sessions().End(w, r); err != nil {
			t.Error(err)
		}
	})
	send := func(method, target string) *http.Response {
		t.Helper()
		r, err := http.NewRequest(method, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Sec-Fetch-Dest", "document")
		return b.send(r, false)
	}
	for _, signOut := range []struct{ method, target string }{{"GET", origin + "/api/auth/sign-out"}, {"POST", shopOrigin + "/sign-out"}} {
		b.openURL(shopOrigin + "/cart")
		if b.url.Path == "/login" { // the managed login remembers ada
			b.fillInLogin("ada")
		}
		b.openURL("/dashboard")
		b.expectPage("/dashboard", "Hello, ada")
		send(signOut.method, signOut.target)
		if left := b.cookieNames(sessionCookiePrefix); left != nil {
			t.Errorf("after %s the browser holds %v", signOut.target, left)
		}
		for _, page := range []string{origin + "/dashboard", shopOrigin + "/cart"} {
			if resp := send("GET", page); resp.StatusCode != http.StatusTemporaryRedirect {
				t.Errorf("after %s: %s is %d", signOut.target, page, resp.StatusCode)
			}
		}
	}
}

// TestSignInElsewhereWithoutAWayBack: a form and htmx have no way back of their own. Their
// users come back to the shop all the same.
func TestSignInElsewhereWithoutAWayBack(t *testing.T) {
	_, shop, _ := newSignInHost(t, nil, func(c *cognito.Config) { c.AfterSignIn = "/welcome" })
	want := origin + "/api/auth/sign-in?next=" + url.QueryEscape(shopOrigin+"/welcome")
	form := httptest.NewRequest("POST", "/cart", strings.NewReader("x=y"))
	form.Header.Set("Sec-Fetch-Mode", "navigate")
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	htmx := scriptRequest("/cart")
	htmx.Header.Set("HX-Request", "true")
	star := pageRequest("/cart")
	star.RequestURI = "*"
	for name, r := range map[string]*http.Request{"Location": form, "HX-Redirect": htmx} {
		w := httptest.NewRecorder()
		shop.Protect(http.NotFoundHandler()).ServeHTTP(w, r)
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %d to %q, want %q", name, w.Code, got, want)
		}
	}
	w := httptest.NewRecorder()
	shop.Protect(http.NotFoundHandler()).ServeHTTP(w, star)
	if got := w.Header().Get("Location"); got != want {
		t.Errorf("a target without a path: %d to %q, want %q", w.Code, got, want)
	}
}

// TestAbsoluteFormTarget sends request targets in absolute form over a real connection
// (RFC 9112 §3.2.2). The way back is their path and query, of Origin, whatever they name.
func TestAbsoluteFormTarget(t *testing.T) {
	_, shop, _ := newSignInHost(t, nil, nil)
	local := newEnv(t)
	prefixed := newEnv(t, func(cfg *cognito.Config) { cfg.BasePath = "/app" })
	for _, site := range []struct {
		handler          http.Handler
		signIn, origin   string
		before, received string // what precedes the path in browsers and here
	}{
		{shop.Protect(http.NotFoundHandler()), origin + "/api/auth/sign-in", shopOrigin, "", ""},
		{local.handler, "/sign-in", "", "", ""},
		{prefixed.handler, "/app/sign-in", "", "/app", ""},                               // a proxy has taken it off
		{http.StripPrefix("/app", prefixed.handler), "/app/sign-in", "", "/app", "/app"}, // net/http does
	} {
		server := httptest.NewServer(site.handler)
		for _, tt := range []struct{ authority, path, want string }{
			{"http://shop.example.com", "/cart?item=7&q=a%20b", "/cart?item=7&q=a%20b"},
			{"https://evil.example:8443", "/cart", "/cart"},
			{"http://ada@evil.example", "/cart?", "/cart?"},
			{"http://evil.example", "/a//b", "/a//b"},
		} {
			got := locationOf(t, server, tt.authority+site.received+tt.path)
			if want := site.signIn + "?next=" + url.QueryEscape(site.origin+site.before+tt.want); got != want {
				t.Errorf("%s%s: to %q, want %q", tt.authority, tt.path, got, want)
			}
		}
		for _, target := range []string{"//evil.example", "/../evil", "/%2e%2e//evil.example"} {
			if got := locationOf(t, server, "http://evil.example"+site.received+target); strings.Contains(got, "evil") || !strings.HasPrefix(got, site.signIn) {
				t.Errorf("%s: to %q", target, got)
			}
		}
		server.Close()
	}
}

// locationOf sends one request target, and returns where the answer redirects.
func locationOf(t *testing.T, server *httptest.Server, target string) string {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: app.example.com\r\nAccept: text/html\r\nConnection: close\r\n\r\n", target)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Header.Get("Location")
}
