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

// TestAuthorizeRefuses: errors for the app are sent to it, and all others are pages,
// on every path that takes an authorization request.
func TestAuthorizeRefuses(t *testing.T) {
	server := cognitotest.New(ada)
	strict := server.AddClient("2strict", "")
	strict.SetLogin(cognitotest.Login{
		RedirectURIs: []string{"https://app.example.com/cb", "myapp://signed-in"},
		Scopes:       []string{"openid", "notes/read"},
		RequirePKCE:  true,
	})
	none := server.AddClient("3none", "")
	none.SetLogin(cognitotest.Login{RedirectURIs: []string{}})
	challenge := oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())
	proven := with("code_challenge", challenge, "code_challenge_method", "S256", "scope", "openid", "redirect_uri", "https://app.example.com/cb")
	const shown = "page"
	for _, c := range []struct {
		name   string
		server *cognitotest.Server
		edits  []func(url.Values)
		want   string // an error, shown on a page, or "" for a sign-in page
	}{
		{"an honest request", server, nil, ""},
		{"PKCE", server, []func(url.Values){with("code_challenge", challenge, "code_challenge_method", "S256")}, ""},
		{"no scope", server, []func(url.Values){with("scope", "")}, ""},
		{"no state", server, []func(url.Values){with("state", "")}, ""},
		{"an https callback", server, []func(url.Values){with("redirect_uri", "https://app.example.com/x?y=z")}, ""},
		{"the loopback address", server, []func(url.Values){with("redirect_uri", "http://127.0.0.1:1/")}, ""},
		{"the loopback address of IPv6", server, []func(url.Values){with("redirect_uri", "http://[::1]:1/")}, ""},
		{"the user pool's own users", server, []func(url.Values){with("identity_provider", "COGNITO")}, ""},
		{"a language and an unknown parameter", server, []func(url.Values){with("lang", "de", "x", "y")}, ""},
		{"a strict client", strict, []func(url.Values){proven}, ""},
		{"a strict client's own scope", strict, []func(url.Values){proven, with("scope", "notes/read")}, ""},

		{"no client", server, []func(url.Values){with("client_id", "")}, shown},
		{"an unknown client", server, []func(url.Values){with("client_id", "2unknown")}, shown},
		{"two clients", server, []func(url.Values){func(q url.Values) { q.Add("client_id", "2strict") }}, shown},
		{"no callback", server, []func(url.Values){with("redirect_uri", "")}, shown},
		{"two callbacks", server, []func(url.Values){func(q url.Values) { q.Add("redirect_uri", "http://localhost/") }}, shown},
		{"a relative callback", server, []func(url.Values){with("redirect_uri", "/callback")}, shown},
		{"a callback over http", server, []func(url.Values){with("redirect_uri", "http://app.example.com/cb")}, shown},
		{"a callback with a fragment", server, []func(url.Values){with("redirect_uri", "https://app.example.com/cb#f")}, shown},
		{"a callback that is a script", server, []func(url.Values){with("redirect_uri", "javascript:alert(1)")}, shown},
		{"an app's scheme that is not registered", server, []func(url.Values){with("redirect_uri", "myapp://signed-in")}, shown},
		{"a callback that is not registered", strict, []func(url.Values){proven, with("redirect_uri", callback)}, shown},
		{"a callback with one more slash", strict, []func(url.Values){proven, with("redirect_uri", "https://app.example.com/cb/")}, shown},
		{"a callback with a query", strict, []func(url.Values){proven, with("redirect_uri", "https://app.example.com/cb?x")}, shown},
		{"a callback with another case", strict, []func(url.Values){proven, with("redirect_uri", "https://app.example.com/CB")}, shown},
		{"no callback is registered", none, nil, shown},

		{"no response type", server, []func(url.Values){with("response_type", "")}, "invalid_request"},
		{"the implicit grant", server, []func(url.Values){with("response_type", "token")}, "unauthorized_client"},
		{"another response type", server, []func(url.Values){with("response_type", "code id_token")}, "unsupported_response_type"},
		{"an unknown scope", server, []func(url.Values){with("scope", "openid notes/read")}, "invalid_scope"},
		{"e-mail without openid", server, []func(url.Values){with("scope", "email")}, "invalid_scope"},
		{"a scope that the client does not have", strict, []func(url.Values){proven, with("scope", "openid email")}, "invalid_scope"},
		{"two states", server, []func(url.Values){func(q url.Values) { q.Add("state", "other") }}, "invalid_request"},
		{"a challenge without its method", server, []func(url.Values){with("code_challenge", challenge)}, "invalid_request"},
		{"a method without a challenge", server, []func(url.Values){with("code_challenge_method", "S256")}, "invalid_request"},
		{"a plain challenge", server, []func(url.Values){with("code_challenge", challenge, "code_challenge_method", "plain")}, "invalid_request"},
		{"a short challenge", server, []func(url.Values){with("code_challenge", "abc", "code_challenge_method", "S256")}, "invalid_request"},
		{"a challenge with padding", server, []func(url.Values){with("code_challenge", challenge+"=", "code_challenge_method", "S256")}, "invalid_request"},
		{"a missing challenge", strict, []func(url.Values){proven, with("code_challenge", "", "code_challenge_method", "")}, "invalid_request"},
		{"an unknown prompt", server, []func(url.Values){with("prompt", "always")}, "invalid_request"},
		{"no session and no prompt", server, []func(url.Values){with("prompt", "none")}, "login_required"},
		{"an unknown provider", server, []func(url.Values){with("identity_provider", "Google")}, "invalid_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := authorizeURL(c.server, c.edits...)
			u, err := url.Parse(target)
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"/oauth2/authorize", "/login", "/signup"} {
				u.Path = path
				p := newBrowser(t, server.Client()).get(u.String())
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
					p.wantError(t, c.want, "st")
				}
			}
			// Authorize decides the same.
			if c.want == "login_required" {
				return
			}
			redirect, err := c.server.Authorize(target, "ada")
			to, _ := url.Parse(redirect)
			if (err != nil) != (c.want == shown) || err == nil && to.Query().Get("error") != c.want || c.want == "" && !to.Query().Has("code") {
				t.Errorf("Authorize: %q, %v", redirect, err)
			}
		})
	}
}

// TestAuthorizeMalformed: an unreadable query is refused with a page.
func TestAuthorizeMalformed(t *testing.T) {
	server := cognitotest.New(ada)
	b := newBrowser(t, server.Client())
	for _, path := range []string{"/oauth2/authorize", "/login", "/signup", "/logout"} {
		if p := b.get(server.UserPool().LoginURL() + path + "?" + "client_id=%zz"); p.status != 400 || p.app != nil {
			t.Errorf("%s: status %d, sent to %v", path, p.status, p.app)
		}
	}
	if p := b.do(http.NewRequest("POST", authorizeURL(server), nil)); p.status != 405 || p.header.Get("Allow") != "GET" {
		t.Errorf("POST: status %d, Allow %q", p.status, p.header.Get("Allow"))
	}
}

func TestCallbackKeepsItsQuery(t *testing.T) {
	server := cognitotest.New(ada)
	redirect, err := server.Authorize(authorizeURL(server, with("redirect_uri", "https://app.example.com/cb?a=b%20c", "state", "x&y=ü")), "ada")
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

// TestAuthorize: Authorize is not counted, meets no fault, and edits tokens.
func TestAuthorize(t *testing.T) {
	server := cognitotest.New(ada, cognitotest.User{Username: "eve", Disabled: true})
	server.SetFault(func(op string) cognitotest.Fault {
		return cognitotest.Fault{Drop: op == "Authorize" || op == "Login"}
	})
	cfg := oauthConfig(server, "openid")
	redirect, err := server.Authorize(cfg.AuthCodeURL("st"), "ada", nil, cognitotest.Expired)
	if err != nil {
		t.Fatal(err)
	}
	_, claims := decodeToken(t, exchangeCode(t, server, cfg, redirect).Extra("id_token").(string))
	if exp := int64(claims["exp"].(float64)); exp > time.Now().Add(-time.Minute).Unix() {
		t.Errorf("expires at %d: the edit is lost", exp)
	}
	if n := server.Calls("Authorize") + server.Calls("Login"); n != 0 {
		t.Errorf("%d calls", n)
	}
	for name, target := range map[string]string{
		"another path":    server.UserPool().LoginURL() + "/login?" + strings.SplitN(authorizeURL(server), "?", 2)[1],
		"another host":    "https://example.com/oauth2/authorize",
		"no URL":          ":",
		"a broken query":  server.UserPool().LoginURL() + "/oauth2/authorize?%zz",
		"the API's host":  "https://cognito-idp.eu-west-1.amazonaws.com/oauth2/authorize",
		"a disabled user": "",
	} {
		user := "ada"
		if target == "" {
			target, user = authorizeURL(server), "eve"
		}
		if redirect, err := server.Authorize(target, user); err == nil {
			t.Errorf("%s: %q", name, redirect)
		}
	}
}
