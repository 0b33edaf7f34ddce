package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

func TestSignOut(t *testing.T) {
	for _, how := range []string{"a form", "a link", "an old browser"} {
		t.Run(how, func(t *testing.T) {
			env, b := newSignedInBrowser(t, func(cfg *cognito.Config) { cfg.AfterSignOut = "/api/public?bye" })
			switch how {
			case "a form":
				b.submitForm("/api/auth/sign-out")
			case "a link":
				b.followLink("/api/auth/sign-out")
			default:
				b.sendsNoMetadata = true
				b.followLink("/api/auth/sign-out")
				b.expectPage("/api/auth/sign-out", `<form method="post" action="/api/auth/sign-out">`)
				if b.cookieNames(sessionCookiePrefix) == nil {
					t.Error("signed out without a confirmation")
				}
				b.submitForm("/api/auth/sign-out")
			}
			b.expectPage("/api/public?bye", "Hello, ")
			if left := slices.Concat(b.cookieNames(sessionCookiePrefix), b.cookieNames("__Host-"), b.cookieNames("cognitogate")); left != nil {
				t.Errorf("the browser still holds %v", left)
			}
			if n := env.calls("RevokeToken"); n != 1 {
				t.Errorf("%d revocations", n)
			}
			b.openURL("/dashboard")
			if b.url.Path != "/login" {
				t.Errorf("the managed login's session has not ended: at %s", b.url)
			}
		})
	}
}

// TestSignOutOfOtherSites: only requests of this origin sign a user out, and a GET only in
// a whole tab.
func TestSignOutOfOtherSites(t *testing.T) {
	const yes, no, asks = http.StatusFound, http.StatusForbidden, http.StatusOK
	env := newRoutesEnv(t)
	for _, c := range []struct {
		name, method string
		header       map[string]string
		want         int
	}{
		{"a link of this site", "GET", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, yes},
		{"a link of a sibling", "GET", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, asks},
		{"typed", "GET", map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, yes},
		{"a link of another site", "GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, asks},
		{"a frame of this site", "GET", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, asks},
		{"a frame of another site", "GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, asks},
		{"an image of another site", "GET", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, no},
		{"an image in a comment", "GET", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, no},
		{"a script that loads links ahead", "GET", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, no},
		{"a value of the future", "GET", map[string]string{"Sec-Fetch-Site": "cross-planet", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, asks},
		{"a browser that does not say what the page is for", "GET", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}, asks},
		{"an old browser's image", "GET", map[string]string{"Accept": "image/*"}, no},
		{"a browser that does not say", "GET", nil, asks},
		{"one that says where it came from", "GET", map[string]string{"Referer": "https://evil.example/"}, asks},
		{"a form of this site", "POST", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": origin}, http.StatusSeeOther},
		{"a form of a sibling", "POST", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example.com"}, no},
		{"a form of another site", "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, no},
		{"a sandboxed form", "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "null"}, no},
		{"a form of this site in an old browser", "POST", map[string]string{"Origin": origin}, http.StatusSeeOther},
		{"a form of a sibling in an old browser", "POST", map[string]string{"Origin": "https://evil.example.com"}, no},
		{"a form of another site in an old browser", "POST", map[string]string{"Origin": "https://evil.example"}, no},
		{"a sandboxed form in an old browser", "POST", map[string]string{"Origin": "null"}, no},
		{"a form of a site with our name before it", "POST", map[string]string{"Origin": origin + ".evil.example"}, no},
		{"a form through a proxy that hides the host", "POST", map[string]string{"Origin": origin, "Host": "10.0.0.1:8080"}, http.StatusSeeOther},
		{"a framed form of this site", "POST", map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "iframe", "Origin": origin}, http.StatusSeeOther},
		{"a framed form of a sibling", "POST", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "iframe", "Origin": "https://evil.example.com"}, no},
		{"a program", "POST", nil, http.StatusSeeOther},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "/api/auth/sign-out", nil)
			r.Host = host
			r.Header.Set("Accept", "text/html")
			for k, v := range c.header {
				if r.Header.Set(k, v); k == "Host" {
					r.Host = v
				}
			}
			env.server.SignIn(r, "ada")
			before := env.calls("RevokeToken")
			resp := env.do(r)
			_, cleared := changedCookies(resp)
			ended := c.want == yes || c.want == http.StatusSeeOther
			if resp.StatusCode != c.want || (len(cleared) > 0) != ended || (env.calls("RevokeToken") > before) != ended {
				t.Errorf("%d, cleared %v; want %d", resp.StatusCode, cleared, c.want)
			}
			if cc := resp.Header.Get("Cache-Control"); !strings.Contains(cc, "no-store") {
				t.Errorf("Cache-Control %q", cc)
			}
		})
	}
}

// TestSignOutAlwaysClears: the cookies are cleared whatever Cognito answers, and however
// many of them are left.
func TestSignOutAlwaysClears(t *testing.T) {
	var slots []string
	if !isSealedRun() {
		slots = []string{"accessToken", "idToken", "refreshToken", "LastAuthUser"}
	}
	env := newRoutesEnv(t)
	for _, fault := range []struct {
		name  string
		fault cognitotest.Fault
	}{
		{"revoked", cognitotest.Fault{}},
		{"an error", cognitotest.Fault{Status: 500}},
		{"throttled", cognitotest.Fault{Status: 429}},
		{"no answer", cognitotest.Fault{Drop: true}},
		{"a proxy's page", cognitotest.Fault{Body: "<html></html>"}},
		{"not authorized", cognitotest.Fault{Code: "NotAuthorizedException", Message: "Unable to verify secret hash for client x"}},
	} {
		for _, missing := range append([]string{""}, slots...) {
			t.Run(fault.name+", without "+missing, func(t *testing.T) {
				env.T = t
				r := pageRequest("/")
				addSession(r, env.server, "ada", env.server.Issue("ada"))
				var held []*http.Cookie
				for _, c := range r.Cookies() {
					if missing == "" || !strings.HasSuffix(c.Name, missing) {
						held = append(held, c)
					}
				}
				env.server.SetFault(func(op string) cognitotest.Fault {
					if op == "RevokeToken" {
						return fault.fault
					}
					return cognitotest.Fault{}
				})
				resp := env.get("/api/auth/sign-out", held...)
				if u := mustParse(resp.Header.Get("Location")); resp.StatusCode != http.StatusFound || u.Path != "/logout" || u.Host != env.server.UserPool().Domain {
					t.Errorf("%d to %s", resp.StatusCode, u)
				}
				gone := make(map[string]bool)
				for _, c := range resp.Cookies() {
					if c.MaxAge >= 0 {
						t.Errorf("%s is set", c.Name)
					}
					gone[c.Name] = true
				}
				for _, c := range held {
					if !gone[c.Name] {
						t.Errorf("%s stays", c.Name)
					}
				}
			})
		}
	}
}

// TestSignOutWhileRevocationHangs: the user is signed out after five seconds.
func TestSignOutWhileRevocationHangs(t *testing.T) {
	env := newRoutesEnv(t)
	synctest.Test(t, func(t *testing.T) {
		r := pageRequest("/api/auth/sign-out")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		env.server.SignIn(r, "ada")
		env.do(r.Clone(r.Context())) // the keys are known
		env.server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Delay: time.Hour} })
		defer env.server.SetFault(nil)
		start := time.Now()
		resp := env.do(r)
		if _, cleared := changedCookies(resp); resp.StatusCode != http.StatusFound || len(cleared) < 4 {
			t.Errorf("%d, cleared %v", resp.StatusCode, cleared)
		}
		if d := time.Since(start); d > 6*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// TestSignOutKeepsTheSessionsHeaders: the headers that Manager.End sets reach the browser.
func TestSignOutKeepsTheSessionsHeaders(t *testing.T) {
	env := newRoutesEnv(t)
	ended := pageRequest("/")
	env.server.SignIn(ended, "ada")
	w := httptest.NewRecorder()
	if err := env.auth.Sessions().End(w, ended); err != nil {
		t.Fatal(err)
	}
	r := pageRequest("/api/auth/sign-out")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	env.server.SignIn(r, "ada")
	resp := env.do(r)
	for name, want := range w.Header() {
		if got := resp.Header[name]; name != "Set-Cookie" && !slices.Equal(got, want) {
			t.Errorf("%s is %q, End says %q", name, got, want)
		}
	}
	// Chromium takes seconds for it, and no-store does the same.
	if got := resp.Header.Get("Clear-Site-Data"); got != "" {
		t.Errorf("Clear-Site-Data %q", got)
	}
	if len(resp.Header["Set-Cookie"]) < len(w.Header()["Set-Cookie"]) {
		t.Error("deletions are missing")
	}
}

func TestLogoutParameters(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Login.LogoutURI = origin + "/bye?from=logout" })
	u := mustParse(env.get("/api/auth/sign-out").Header.Get("Location"))
	want := url.Values{"client_id": {env.server.UserPool().ClientID}, "logout_uri": {origin + "/bye?from=logout"}}
	if u.Query().Encode() != want.Encode() || u.Path != "/logout" {
		t.Errorf("%s", u)
	}
}

// TestSignOutCallbackDoesNothing: anybody may send a browser there.
func TestSignOutCallbackDoesNothing(t *testing.T) {
	env := newRoutesEnv(t)
	r := pageRequest("/api/auth/sign-out-callback?error=x&state=y")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	env.server.SignIn(r, "ada")
	resp := env.do(r)
	if resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/" || resp.Header["Set-Cookie"] != nil {
		t.Errorf("%d to %q, %v", resp.StatusCode, resp.Header.Get("Location"), resp.Header["Set-Cookie"])
	}
}
