package cognitotest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// with is an edit of an authorization request; an empty value removes the
// parameter.
func with(pairs ...string) func(url.Values) {
	return func(q url.Values) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] == "" {
				q.Del(pairs[i])
			} else {
				q.Set(pairs[i], pairs[i+1])
			}
		}
	}
}

// authorizeURL is a request of srv's app client, edited.
func authorizeURL(srv *cognitotest.Server, edits ...func(url.Values)) string {
	q := url.Values{
		"response_type": {"code"},
		"client_id":     {srv.UserPool().ClientID},
		"redirect_uri":  {callback},
		"state":         {"st"},
		"scope":         {"openid email"},
	}
	for _, edit := range edits {
		edit(q)
	}
	return srv.UserPool().LoginURL() + "/oauth2/authorize?" + q.Encode()
}

// TestAuthorizeRefuses: what the app may hear of is sent to it; the rest is a
// page, at every place that takes an authorization request.
func TestAuthorizeRefuses(t *testing.T) {
	srv := cognitotest.New(ada)
	strict := srv.AddClient("2strict", "")
	strict.SetLogin(cognitotest.Login{
		RedirectURIs: []string{"https://app.example.com/cb", "myapp://signed-in"},
		Scopes:       []string{"openid", "notes/read"},
		RequirePKCE:  true,
	})
	none := srv.AddClient("3none", "")
	none.SetLogin(cognitotest.Login{RedirectURIs: []string{}})
	challenge := oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())
	proven := with("code_challenge", challenge, "code_challenge_method", "S256", "scope", "openid", "redirect_uri", "https://app.example.com/cb")
	const shown = "page"
	for _, c := range []struct {
		name  string
		srv   *cognitotest.Server
		edits []func(url.Values)
		want  string // an error, shown on a page, or "" for a sign-in page
	}{
		{"an honest request", srv, nil, ""},
		{"PKCE", srv, []func(url.Values){with("code_challenge", challenge, "code_challenge_method", "S256")}, ""},
		{"no scope", srv, []func(url.Values){with("scope", "")}, ""},
		{"no state", srv, []func(url.Values){with("state", "")}, ""},
		{"an https callback", srv, []func(url.Values){with("redirect_uri", "https://app.example.com/x?y=z")}, ""},
		{"the loopback address", srv, []func(url.Values){with("redirect_uri", "http://127.0.0.1:1/")}, ""},
		{"the loopback address of IPv6", srv, []func(url.Values){with("redirect_uri", "http://[::1]:1/")}, ""},
		{"the pool's own users", srv, []func(url.Values){with("identity_provider", "COGNITO")}, ""},
		{"a language and an unknown parameter", srv, []func(url.Values){with("lang", "de", "x", "y")}, ""},
		{"a strict client", strict, []func(url.Values){proven}, ""},
		{"a strict client's own scope", strict, []func(url.Values){proven, with("scope", "notes/read")}, ""},

		{"no client", srv, []func(url.Values){with("client_id", "")}, shown},
		{"an unknown client", srv, []func(url.Values){with("client_id", "2unknown")}, shown},
		{"two clients", srv, []func(url.Values){func(q url.Values) { q.Add("client_id", "2strict") }}, shown},
		{"no callback", srv, []func(url.Values){with("redirect_uri", "")}, shown},
		{"two callbacks", srv, []func(url.Values){func(q url.Values) { q.Add("redirect_uri", "http://localhost/") }}, shown},
		{"a relative callback", srv, []func(url.Values){with("redirect_uri", "/callback")}, shown},
		{"a callback over http", srv, []func(url.Values){with("redirect_uri", "http://app.example.com/cb")}, shown},
		{"a callback with a fragment", srv, []func(url.Values){with("redirect_uri", "https://app.example.com/cb#f")}, shown},
		{"a callback that is a script", srv, []func(url.Values){with("redirect_uri", "javascript:alert(1)")}, shown},
		{"an app's scheme that is not registered", srv, []func(url.Values){with("redirect_uri", "myapp://signed-in")}, shown},
		{"a callback that is not registered", strict, []func(url.Values){proven, with("redirect_uri", callback)}, shown},
		{"a callback with one more slash", strict, []func(url.Values){proven, with("redirect_uri", "https://app.example.com/cb/")}, shown},
		{"a callback with a query", strict, []func(url.Values){proven, with("redirect_uri", "https://app.example.com/cb?x")}, shown},
		{"a callback with another case", strict, []func(url.Values){proven, with("redirect_uri", "https://app.example.com/CB")}, shown},
		{"no callback is registered", none, nil, shown},

		{"no response type", srv, []func(url.Values){with("response_type", "")}, "invalid_request"},
		{"the implicit grant", srv, []func(url.Values){with("response_type", "token")}, "unauthorized_client"},
		{"another response type", srv, []func(url.Values){with("response_type", "code id_token")}, "unsupported_response_type"},
		{"an unknown scope", srv, []func(url.Values){with("scope", "openid notes/read")}, "invalid_scope"},
		{"e-mail without openid", srv, []func(url.Values){with("scope", "email")}, "invalid_scope"},
		{"a scope that the client does not have", strict, []func(url.Values){proven, with("scope", "openid email")}, "invalid_scope"},
		{"two states", srv, []func(url.Values){func(q url.Values) { q.Add("state", "other") }}, "invalid_request"},
		{"a challenge without its method", srv, []func(url.Values){with("code_challenge", challenge)}, "invalid_request"},
		{"a method without a challenge", srv, []func(url.Values){with("code_challenge_method", "S256")}, "invalid_request"},
		{"a plain challenge", srv, []func(url.Values){with("code_challenge", challenge, "code_challenge_method", "plain")}, "invalid_request"},
		{"a short challenge", srv, []func(url.Values){with("code_challenge", "abc", "code_challenge_method", "S256")}, "invalid_request"},
		{"a challenge with padding", srv, []func(url.Values){with("code_challenge", challenge+"=", "code_challenge_method", "S256")}, "invalid_request"},
		{"a missing challenge", strict, []func(url.Values){proven, with("code_challenge", "", "code_challenge_method", "")}, "invalid_request"},
		{"an unknown prompt", srv, []func(url.Values){with("prompt", "always")}, "invalid_request"},
		{"no session and no prompt", srv, []func(url.Values){with("prompt", "none")}, "login_required"},
		{"an unknown provider", srv, []func(url.Values){with("identity_provider", "Google")}, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := authorizeURL(c.srv, c.edits...)
			u, err := url.Parse(target)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"/oauth2/authorize", "/login", "/signup"} {
				u.Path = path
				p := newBrowser(t, srv.Client()).get(u.String())
				switch {
				case c.want == shown:
					if p.status != 400 || p.app != nil || strings.Contains(p.body, "<form") {
						t.Errorf("%s: status %d, sent to %v", path, p.status, p.app)
					}
				case c.want == "login_required" && path != "/oauth2/authorize":
				case c.want == "":
					if p.status != 200 || p.app != nil || !strings.Contains(p.body, "<form") {
						t.Errorf("%s: status %d at %s, sent to %v", path, p.status, p.url, p.app)
					}
				default:
					p.refused(t, c.want, "st")
				}
			}
			// The way without a browser judges the same.
			if c.want == "login_required" {
				return
			}
			redirect, err := c.srv.Authorize(target, "ada")
			to, _ := url.Parse(redirect)
			if (err != nil) != (c.want == shown) || err == nil && to.Query().Get("error") != c.want || c.want == "" && !to.Query().Has("code") {
				t.Errorf("Authorize: %q, %v", redirect, err)
			}
		})
	}
}

// TestAuthorizeMalformed: an unreadable query is no request of anybody's.
func TestAuthorizeMalformed(t *testing.T) {
	srv := cognitotest.New(ada)
	b := newBrowser(t, srv.Client())
	for _, path := range []string{"/oauth2/authorize", "/login", "/signup", "/logout"} {
		if p := b.get(srv.UserPool().LoginURL() + path + "?" + "client_id=%zz"); p.status != 400 || p.app != nil {
			t.Errorf("%s: status %d, sent to %v", path, p.status, p.app)
		}
	}
	if p := b.do(http.NewRequest("POST", authorizeURL(srv), nil)); p.status != 405 || p.header.Get("Allow") != "GET" {
		t.Errorf("POST: status %d, Allow %q", p.status, p.header.Get("Allow"))
	}
}

func TestCallbackKeepsItsQuery(t *testing.T) {
	srv := cognitotest.New(ada)
	redirect, err := srv.Authorize(authorizeURL(srv, with("redirect_uri", "https://app.example.com/cb?a=b%20c", "state", "x&y=ü")), "ada")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); !strings.HasPrefix(redirect, "https://app.example.com/cb?a=b%20c&code=") || q.Get("a") != "b c" || q.Get("state") != "x&y=ü" {
		t.Error(redirect)
	}
}

// TestAuthorize: the way without a browser leaves no trace, and edits tokens.
func TestAuthorize(t *testing.T) {
	srv := cognitotest.New(ada, cognitotest.User{Username: "eve", Disabled: true})
	srv.SetFault(func(op string) cognitotest.Fault {
		return cognitotest.Fault{Drop: op == "Authorize" || op == "Login"}
	})
	cfg := loginConfig(srv, "openid")
	redirect, err := srv.Authorize(cfg.AuthCodeURL("st"), "ada", nil, cognitotest.Expired)
	if err != nil {
		t.Fatal(err)
	}
	_, claims := decodeToken(t, redeem(t, srv, cfg, redirect).Extra("id_token").(string))
	if exp := int64(claims["exp"].(float64)); exp > time.Now().Add(-time.Minute).Unix() {
		t.Errorf("expires at %d: the edit is lost", exp)
	}
	if n := srv.Calls("Authorize") + srv.Calls("Login"); n != 0 {
		t.Errorf("%d calls", n)
	}
	for name, target := range map[string]string{
		"another path":    srv.UserPool().LoginURL() + "/login?" + strings.SplitN(authorizeURL(srv), "?", 2)[1],
		"another host":    "https://example.com/oauth2/authorize",
		"no URL":          ":",
		"a broken query":  srv.UserPool().LoginURL() + "/oauth2/authorize?%zz",
		"the API's host":  "https://cognito-idp.eu-west-1.amazonaws.com/oauth2/authorize",
		"a disabled user": "",
	} {
		user := "ada"
		if target == "" {
			target, user = authorizeURL(srv), "eve"
		}
		if redirect, err := srv.Authorize(target, user); err == nil {
			t.Errorf("%s: %q", name, redirect)
		}
	}
}
