package cognitotest_test

import (
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func TestSignupForm(t *testing.T) {
	server := cognitotest.New(ada)
	b := newBrowser(t, server.Client())
	p := b.click(b.get(authorizeURL(server, with("scope", ""))), "Create an account")
	for _, c := range []struct{ name, username, email, password, want string }{
		{"a taken name", "ada", "new@example.com", "Difference-2", "User already exists"},
		{"the e-mail address of another for a name", "ada@example.com", "new@example.com", "Difference-2", "User already exists"},
		{"a taken address", "new", "ada@example.com", "Difference-2", "An account with the given email already exists."},
		{"no name", " ", "new@example.com", "Difference-2", "A username has 1 to 128 characters and no spaces."},
		{"a name with a space", "n ew", "new@example.com", "Difference-2", "A username has 1 to 128 characters and no spaces."},
		{"no address", "new", "new", "Difference-2", "Invalid email address format."},
		{"a short password", "new", "new@example.com", "Diff-2", "Password did not conform with policy: Password not long enough"},
		{"no capital", "new", "new@example.com", "difference-2", "Password did not conform with policy: Password must have uppercase characters"},
		{"no small letter", "new", "new@example.com", "DIFFERENCE-2", "Password did not conform with policy: Password must have lowercase characters"},
		{"no number", "new", "new@example.com", "Difference-", "Password did not conform with policy: Password must have numeric characters"},
		{"no symbol", "new", "new@example.com", "Difference2", "Password did not conform with policy: Password must have symbol characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p = b.submit(p, "username", c.username, "email", c.email, "password", c.password)
			if p.status != 400 || !strings.Contains(p.body, `role="alert" id="fault">`+c.want+"<") {
				t.Errorf("status %d, %s", p.status, p.body)
			}
		})
	}
	if p.url.Path != "/signup" {
		t.Fatalf("at %s", p.url)
	}
	p = b.submit(p, "username", "grace", "email", "grace@example.com", "password", "Difference-2")
	cfg := oauthConfig(server)
	token := exchangeCode(t, server, cfg, p.app.String())
	attributes, err := getUser(server, token.AccessToken)
	if err != nil || attributes["email"] != "grace@example.com" {
		t.Errorf("attributes %v, %v", attributes, err)
	}
	b.get(authorizeURL(server)).code(t, "st")
	// The new user can sign in with the password.
	b = newBrowser(t, server.Client())
	b.submit(b.get(authorizeURL(server)), "username", "grace", "password", "Difference-2").code(t, "st")
	if b.click(b.click(b.get(authorizeURL(server, with("prompt", "login"))), "Create an account"), "Sign in").url.Path != "/login" {
		t.Error("no way back to the sign-in page")
	}
}

func TestLoginFormRefuses(t *testing.T) {
	server := cognitotest.New(ada,
		cognitotest.User{Username: "bob"},
		cognitotest.User{Username: "eve", Password: "x", Disabled: true})
	for _, c := range []struct{ name, username, password, want string }{
		{"nobody", "", "", "Incorrect username or password."},
		{"an unknown name", "carol", "x", "Incorrect username or password."},
		{"a wrong password", "ada", "x", "Incorrect username or password."},
		{"a user without a password", "bob", "", "Incorrect username or password."},
		{"a disabled user", "eve", "x", "User is disabled."},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBrowser(t, server.Client())
			p := b.submit(b.get(authorizeURL(server)), "username", c.username, "password", c.password)
			if p.status != 400 || p.app != nil || !strings.Contains(p.body, c.want) {
				t.Errorf("status %d, to %v", p.status, p.app)
			}
			b.get(authorizeURL(server, with("prompt", "none"))).wantError(t, "login_required", "st")
		})
	}
}

func TestProviderForm(t *testing.T) {
	server := cognitotest.New(ada)
	server.SetLogin(cognitotest.Login{Providers: []string{"Google", "LoginWithAmazon", "SignInWithApple", "EmulatorProvider"}})
	b := newBrowser(t, server.Client())
	p := b.get(authorizeURL(server))
	for _, label := range []string{"Google", "Amazon", "Apple"} {
		if p := b.click(p, "Continue with "+label); p.url.Path != "/idp" || !strings.Contains(p.body, "Your name at "+label) {
			t.Errorf("%s: at %s", label, p.url)
		}
	}
	p = b.click(p, "Continue with Emulator Provider")
	if p := b.submit(p, "name", "two words"); p.status != 400 {
		t.Errorf("two words: status %d", p.status)
	}
	b.submit(p, "cancel", "cancel").wantError(t, "access_denied", "st")
	cfg := oauthConfig(server)
	first := exchangeCode(t, server, cfg, b.submit(p, "name", "grace@example.com").app.String())
	_, access := decodeToken(t, first.AccessToken)
	_, id := decodeToken(t, first.Extra("id_token").(string))
	identities, _ := id["identities"].([]any)
	if access["username"] != "emulatorprovider_grace@example.com" || id["email"] != "grace@example.com" || id["email_verified"] != false ||
		len(identities) != 1 || identities[0].(map[string]any)["providerName"] != "EmulatorProvider" {
		t.Errorf("username %v, email %v, identities %v", access["username"], id["email"], identities)
	}
	if groups := access["cognito:groups"].([]any); len(groups) != 1 || groups[0] != server.UserPool().ID+"_EmulatorProvider" {
		t.Errorf("groups %v", groups)
	}

	// The session is of that provider. The next sign-in finds the same user.
	b.get(authorizeURL(server)).code(t, "st")
	b.get(authorizeURL(server, with("identity_provider", "EmulatorProvider"))).code(t, "st")
	b.get(authorizeURL(server, with("identity_provider", "Google", "prompt", "none"))).wantError(t, "login_required", "st")
	p = b.get(authorizeURL(server, with("identity_provider", "EmulatorProvider", "prompt", "login", "login_hint", "grace@example.com")))
	if !strings.Contains(p.body, `value="grace@example.com"`) {
		t.Error("the hint is lost")
	}
	second := exchangeCode(t, server, cfg, b.submit(p, "name", "grace@example.com").app.String())
	if _, again := decodeToken(t, second.AccessToken); again["sub"] != access["sub"] {
		t.Errorf("sub %v, want %v", again["sub"], access["sub"])
	}
	server.SetUser(cognitotest.User{Username: "emulatorprovider_grace@example.com", Disabled: true})
	if p := b.submit(p, "name", "grace@example.com"); p.status != 400 || !strings.Contains(p.body, "User is disabled.") {
		t.Errorf("a disabled user: status %d", p.status)
	}
	// Without a provider there is no provider page.
	if p := b.get(strings.Replace(authorizeURL(server), "/oauth2/authorize", "/idp", 1)); p.url.Path != "/login" {
		t.Errorf("at %s", p.url)
	}
}
