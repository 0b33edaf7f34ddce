package cognitotest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestAuthorizationCodeFlow signs a user in through the pages, in memory and over a port,
// with golang.org/x/oauth2 as the app.
func TestAuthorizationCodeFlow(t *testing.T) {
	for _, network := range []bool{false, true} {
		server := cognitotest.New(ada)
		client := server.Client()
		if network {
			ts := httptest.NewServer(server)
			defer ts.Close()
			server.SetURL(ts.URL)
			client = ts.Client()
		}
		if err := server.UserPool().Validate(); err != nil {
			t.Error(err)
		}
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, client)
		cfg := oauthConfig(server, "openid", "email", "profile", "aws.cognito.signin.user.admin")
		verifier := oauth2.GenerateVerifier()
		b := newBrowser(t, client)
		p := b.get(cfg.AuthCodeURL("s t&te", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("nonce", "n0nce")))
		if p.url.Path != "/login" || p.status != 200 {
			t.Fatalf("status %d at %s", p.status, p.url)
		}
		p = b.submit(p, "username", "ada", "password", "wrong")
		if p.status != 400 || !strings.Contains(p.body, "Incorrect username or password.") {
			t.Fatalf("status %d, %s", p.status, p.body)
		}
		code := b.submit(p, "username", "ada@example.com", "password", ada.Password).code(t, "s t&te")
		token, err := cfg.Exchange(ctx, code, oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatal(err)
		}
		if token.Type() != "Bearer" || token.RefreshToken == "" || token.ExpiresIn != 3600 {
			t.Errorf("type %s, expires in %d", token.Type(), token.ExpiresIn)
		}
		v, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		access, err := v.Verify(ctx, token.AccessToken, tokens.Access)
		if err != nil || access.Username() != "ada" || strings.Join(access.Scopes(), " ") != strings.Join(cfg.Scopes, " ") {
			t.Errorf("access token of %v: %v", access, err)
		}
		id, err := v.Verify(ctx, token.Extra("id_token").(string), tokens.ID)
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Nonce, Email, AtHash string
		}
		if err := id.Claims(&claims); err != nil || claims.Nonce != "n0nce" || claims.Email != "ada@example.com" || id.Subject() != access.Subject() {
			t.Errorf("claims %+v, %v", claims, err)
		}

		token.Expiry = time.Now().Add(-time.Hour)
		again, err := cfg.TokenSource(ctx, token).Token()
		if err != nil || again.AccessToken == token.AccessToken || again.RefreshToken != token.RefreshToken {
			t.Errorf("refresh: %v", err)
		}
		for op, want := range map[string]int{"Authorize": 1, "Login": 3, "Token": 2, "GetTokensFromRefreshToken": 0} {
			if n := server.Calls(op); n != want {
				t.Errorf("%s: %d calls, want %d", op, n, want)
			}
		}
	}
}

// TestConcurrentLogins: the managed login is safe for concurrent use.
func TestConcurrentLogins(t *testing.T) {
	server := cognitotest.New(ada)
	for i := range 8 {
		name := fmt.Sprintf("user%d", i)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrowser(t, server.Client())
			p := b.submit(b.get(authorizeURL(server)), "username", "ada", "password", ada.Password)
			p.code(t, "st")
			server.SetLogin(cognitotest.Login{Scopes: []string{"openid", "email"}})
			p = b.submit(b.click(b.get(authorizeURL(server, with("prompt", "login"))), "Create an account"),
				"username", name, "email", name+"@example.com", "password", "Difference-2")
			token := exchangeCode(t, server, oauthConfig(server), p.app.String())
			if got := userInfo(t, server, "GET", "Bearer "+token.AccessToken); got.body["username"] != name {
				t.Errorf("status %d, username %v, want %s", got.status, got.body["username"], name)
			}
			b.get(server.UserPool().LoginURL() + "/logout?" + strings.SplitN(authorizeURL(server), "?", 2)[1])
		})
	}
}

func TestSetLoginPanics(t *testing.T) {
	server := cognitotest.New(ada)
	for _, uri := range []string{"", "/callback", "http://app.example.com/", "https://app.example.com/#f", "https://", ":"} {
		for _, l := range []cognitotest.Login{{RedirectURIs: []string{uri}}, {LogoutURIs: []string{uri}}} {
			func() {
				defer func() {
					if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "cognitotest: SetLogin: ") {
						t.Errorf("%q: panic %q", uri, s)
					}
				}()
				server.SetLogin(l)
			}()
		}
	}
	defer func() {
		if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "cognitotest: Authorize: ") {
			t.Errorf("an unknown user: panic %q", s)
		}
		server.Issue("ada") // and the lock is free
	}()
	server.Authorize(authorizeURL(server), "bob")
}
