package cognitotest_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestTokenRefuses changes one thing at a time in a good request.
func TestTokenRefuses(t *testing.T) {
	server := cognitotest.New(ada)
	secret := server.AddClient("2secret", "s3cr+t/=")
	strict := server.AddClient("3strict", "")
	strict.SetLogin(cognitotest.Login{RedirectURIs: []string{callback}})
	verifier := oauth2.GenerateVerifier()
	const other = "http://localhost:8080/other"
	for _, c := range []struct {
		name   string
		server *cognitotest.Server
		edit   func(url.Values)
		basic  []string
		want   string
	}{
		{"an honest request", server, with(), nil, ""},
		{"a secret in the form", secret, with("client_secret", "s3cr+t/="), nil, ""},
		{"a secret in the header", secret, with("client_id", ""), []string{"2secret", "s3cr%2Bt%2F%3D"}, ""},
		{"a secret in the header and the id in both", secret, with(), []string{"2secret", "s3cr%2Bt%2F%3D"}, ""},

		{"no client", server, with("client_id", ""), nil, "invalid_request"},
		{"an unknown client", server, with("client_id", "9unknown"), nil, "invalid_client"},
		{"another client", server, with("client_id", "3strict"), nil, "invalid_grant"},
		{"another client's secret", server, with("client_secret", "s3cr+t/="), nil, "invalid_client"},
		{"a public client in the header", server, with(), []string{server.UserPool().ClientID, ""}, "invalid_client"},
		{"no secret", secret, with(), nil, "invalid_client"},
		{"a wrong secret", secret, with("client_secret", "s3cret"), nil, "invalid_client"},
		{"a wrong secret in the header", secret, with(), []string{"2secret", "s3cret"}, "invalid_client"},
		{"a secret twice", secret, with("client_secret", "s3cr+t/="), []string{"2secret", "s3cr%2Bt%2F%3D"}, "invalid_client"},
		{"another client in the header", secret, with("client_id", "3strict"), []string{"2secret", "s3cr%2Bt%2F%3D"}, "invalid_client"},
		{"no grant type", server, with("grant_type", ""), nil, "invalid_request"},
		{"a client's own grant", server, with("grant_type", "client_credentials"), nil, "unauthorized_client"},
		{"the password grant", server, with("grant_type", "password"), nil, "unsupported_grant_type"},
		{"no code", server, with("code", ""), nil, "invalid_request"},
		{"two codes", server, func(q url.Values) { q.Add("code", "x") }, nil, "invalid_request"},
		{"an unknown code", server, with("code", "c0de"), nil, "invalid_grant"},
		{"no callback", server, with("redirect_uri", ""), nil, "invalid_request"},
		{"another callback", server, with("redirect_uri", other), nil, "invalid_grant"},
		{"a callback that is not registered", strict, with("redirect_uri", other), nil, "unauthorized_client"},
		{"no verifier", server, with("code_verifier", ""), nil, "invalid_grant"},
		{"another verifier", server, with("code_verifier", oauth2.GenerateVerifier()), nil, "invalid_grant"},
		{"the challenge for a verifier", server, with("code_verifier", oauth2.S256ChallengeFromVerifier(verifier)), nil, "invalid_grant"},
		{"a short verifier", server, with("code_verifier", "abc"), nil, "invalid_grant"},
		{"a verifier of other characters", server, with("code_verifier", verifier+"+"), nil, "invalid_grant"},
		{"a refresh without a token", server, with("grant_type", "refresh_token"), nil, "invalid_request"},
		{"an unknown refresh token", server, with("grant_type", "refresh_token", "refresh_token", "r"), nil, "invalid_grant"},
	} {
		t.Run(c.name, func(t *testing.T) {
			redirect, err := c.server.Authorize(oauthConfig(c.server, "openid").AuthCodeURL("st", oauth2.S256ChallengeOption(verifier)), "ada")
			if err != nil {
				t.Fatal(err)
			}
			u, _ := url.Parse(redirect)
			form := url.Values{
				"grant_type":    {"authorization_code"},
				"client_id":     {c.server.UserPool().ClientID},
				"code":          {u.Query().Get("code")},
				"redirect_uri":  {callback},
				"code_verifier": {verifier},
			}
			honest := form.Encode()
			c.edit(form)
			got := postForm(t, server, "/oauth2/token", form, c.basic...)
			if c.want != "" {
				got.wantError(t, 400, c.want)
			} else if got.status != 200 || got.body["token_type"] != "Bearer" {
				t.Errorf("status %d", got.status)
			}
			// A code is valid for one attempt. Attempts by another client, or
			// by an unauthenticated one, do not count.
			if c.server != secret && c.basic == nil {
				form, _ = url.ParseQuery(honest)
				again := postForm(t, server, "/oauth2/token", form)
				if spent := c.want == "" || strings.Contains(c.name, "verifier") || c.name == "another callback"; spent {
					again.wantError(t, 400, "invalid_grant")
				} else if again.status != 200 {
					t.Errorf("the honest request after it: status %d, %s", again.status, again.raw)
				}
			}
		})
	}
}

// TestTokenForm: the endpoints take posted forms only.
func TestTokenForm(t *testing.T) {
	server := cognitotest.New(ada)
	for _, path := range []string{"/oauth2/token", "/oauth2/revoke"} {
		r, _ := http.NewRequest("POST", server.UserPool().LoginURL()+path, strings.NewReader(`{"grant_type":"refresh_token"}`))
		r.Header.Set("Content-Type", "application/json")
		do(t, server, r).wantError(t, 400, "invalid_request")
		r, _ = http.NewRequest("POST", server.UserPool().LoginURL()+path, strings.NewReader("grant_type=%zz"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		do(t, server, r).wantError(t, 400, "invalid_request")
		r, _ = http.NewRequest("GET", server.UserPool().LoginURL()+path, nil)
		if got := do(t, server, r); got.status != 405 || got.header.Get("Allow") != "POST" {
			t.Errorf("GET %s: status %d", path, got.status)
		}
	}
}

func TestVerifierWithoutChallenge(t *testing.T) {
	server := cognitotest.New(ada)
	cfg := oauthConfig(server, "openid")
	redirect, err := server.Authorize(cfg.AuthCodeURL("st"), "ada")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(redirect)
	postForm(t, server, "/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {cfg.ClientID}, "redirect_uri": {callback},
		"code": {u.Query().Get("code")}, "code_verifier": {oauth2.GenerateVerifier()},
	}).wantError(t, 400, "invalid_grant")
}

// TestCodeExpires: a code is valid for five minutes, while its user may sign in.
func TestCodeExpires(t *testing.T) {
	server := cognitotest.New(ada)
	move := stopClock(server)
	for _, c := range []struct {
		name string
		do   func()
		ok   bool
	}{
		{"almost five minutes", func() { move(5*time.Minute - time.Second) }, true},
		{"five minutes", func() { move(5 * time.Minute) }, false},
		{"a disabled user", func() { server.SetUser(cognitotest.User{Username: "ada", Disabled: true}) }, false},
		{"a user who is removed", func() { server.SetUser(ada); server.RemoveUser("ada") }, false},
	} {
		server.SetUser(ada)
		cfg := oauthConfig(server, "openid")
		redirect, err := server.Authorize(cfg.AuthCodeURL("st"), "ada")
		if err != nil {
			t.Fatal(err)
		}
		c.do()
		u, _ := url.Parse(redirect)
		got := postForm(t, server, "/oauth2/token", url.Values{
			"grant_type": {"authorization_code"}, "client_id": {cfg.ClientID}, "redirect_uri": {callback}, "code": {u.Query().Get("code")},
		})
		if (got.status == 200) != c.ok {
			t.Errorf("%s: status %d, %s", c.name, got.status, got.body["error"])
		}
	}
}

// TestScopes: the scopes decide which tokens are issued, with which claims.
func TestScopes(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada", Attributes: map[string]string{
		"email": "ada@example.com", "phone_number": "+441", "custom:tier": "gold",
	}})
	for _, c := range []struct {
		scopes, claims string // claims: of these three, in the ID token; "-" is no ID token
	}{
		{"openid", "email phone_number custom:tier"},
		{"openid email", "email"},
		{"openid phone", "phone_number"},
		{"openid email phone", "email phone_number"},
		{"openid email profile", "email phone_number custom:tier"},
		{"openid aws.cognito.signin.user.admin", "email phone_number custom:tier"},
		{"aws.cognito.signin.user.admin", "-"},
	} {
		token := signedIn(t, server, "ada", strings.Fields(c.scopes)...)
		_, access := decodeToken(t, token.AccessToken)
		if access["scope"] != c.scopes || access["version"] != 2.0 || access["username"] != "ada" {
			t.Errorf("%s: scope %v, version %v, username %v", c.scopes, access["scope"], access["version"], access["username"])
		}
		idToken, ok := token.Extra("id_token").(string)
		if !ok {
			if c.claims != "-" {
				t.Errorf("%s: no ID token", c.scopes)
			}
			continue
		}
		_, id := decodeToken(t, idToken)
		var got []string
		for _, name := range []string{"email", "phone_number", "custom:tier"} {
			if id[name] != nil {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != c.claims || id["at_hash"] == nil || id["nonce"] != nil || id["sub"] != access["sub"] {
			t.Errorf("%s: claims %v, at_hash %v, nonce %v", c.scopes, got, id["at_hash"], id["nonce"])
		}
		if _, err := getUser(server, token.AccessToken); (err == nil) != strings.Contains(c.scopes, "admin") {
			t.Errorf("%s: GetUser: %v", c.scopes, err)
		}
	}
	// A request without scopes gets all of the app client.
	token := signedIn(t, server, "ada")
	if _, access := decodeToken(t, token.AccessToken); access["scope"] != "openid email phone profile aws.cognito.signin.user.admin" {
		t.Errorf("scope %v", access["scope"])
	}
}

// TestRefreshGrant: the token endpoint and the API continue the same session, with
// its scopes and without its nonce.
func TestRefreshGrant(t *testing.T) {
	server := cognitotest.New(ada)
	move := stopClock(server)
	cfg := oauthConfig(server, "openid", "email")
	redirect, err := server.Authorize(cfg.AuthCodeURL("st", oauth2.SetAuthURLParam("nonce", "n")), "ada")
	if err != nil {
		t.Fatal(err)
	}
	first := exchangeCode(t, server, cfg, redirect)
	_, before := decodeToken(t, first.Extra("id_token").(string))
	if before["nonce"] != "n" {
		t.Errorf("nonce %v", before["nonce"])
	}
	move(time.Hour)
	form := url.Values{"grant_type": {"refresh_token"}, "client_id": {cfg.ClientID}, "refresh_token": {first.RefreshToken}}
	got := postForm(t, server, "/oauth2/token", form)
	if got.status != 200 || got.body["refresh_token"] != nil || got.body["expires_in"] != 3600.0 {
		t.Fatalf("status %d, expires in %v", got.status, got.body["expires_in"])
	}
	_, id := decodeToken(t, got.body["id_token"].(string))
	_, access := decodeToken(t, got.body["access_token"].(string))
	if id["origin_jti"] != before["origin_jti"] || id["auth_time"] != before["auth_time"] || id["nonce"] != nil || access["scope"] != "openid email" {
		t.Errorf("origin_jti %v, auth_time %v, nonce %v, scope %v", id["origin_jti"], id["auth_time"], id["nonce"], access["scope"])
	}
	set, err := refresh(server, first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, access := decodeToken(t, set.Access); access["scope"] != "openid email" {
		t.Errorf("by the API: scope %v", access["scope"])
	}

	server.SetRotation(true, 0)
	got = postForm(t, server, "/oauth2/token", form)
	if got.status != 200 || got.body["refresh_token"] == nil {
		t.Fatalf("rotation: status %d", got.status)
	}
	postForm(t, server, "/oauth2/token", form).wantError(t, 400, "invalid_grant")
	form.Set("refresh_token", got.body["refresh_token"].(string))
	move(31 * 24 * time.Hour)
	postForm(t, server, "/oauth2/token", form).wantError(t, 400, "invalid_grant")
}

// TestRevokeEndsTheSession: Cognito then refuses all refresh and access tokens of the
// session.
func TestRevokeEndsTheSession(t *testing.T) {
	server := cognitotest.New(ada)
	secret := server.AddClient("2secret", "s3cret")
	id := server.UserPool().ClientID
	token := signedIn(t, server, "ada", "openid", "aws.cognito.signin.user.admin")
	of := func(v string) url.Values { return url.Values{"token": {v}, "client_id": {id}} }
	for _, c := range []struct {
		name   string
		form   url.Values
		basic  []string
		status int
		want   string
	}{
		{"no token", url.Values{"client_id": {id}}, nil, 400, "invalid_request"},
		{"no client", url.Values{"token": {token.RefreshToken}}, nil, 400, "invalid_request"},
		{"an access token", of(token.AccessToken), nil, 400, "unsupported_token_type"},
		{"an unknown client", url.Values{"token": {token.RefreshToken}, "client_id": {"9unknown"}}, nil, 401, "invalid_client"},
		{"a wrong secret", url.Values{"token": {token.RefreshToken}}, []string{"2secret", "x"}, 401, "invalid_client"},
		{"another client's token", url.Values{"token": {token.RefreshToken}}, []string{"2secret", "s3cret"}, 400, "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			postForm(t, server, "/oauth2/revoke", c.form, c.basic...).wantError(t, c.status, c.want)
		})
	}
	if _, err := refresh(server, token.RefreshToken); err != nil {
		t.Fatalf("a refused revocation revoked: %v", err)
	}
	server.SetRotation(true, time.Minute)
	set, err := refresh(server, token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"unknown", token.RefreshToken, token.RefreshToken} {
		if got := postForm(t, server, "/oauth2/revoke", of(v)); got.status != 200 || got.raw != "" || got.header.Get("Content-Type") != "" {
			t.Errorf("status %d, %q", got.status, got.raw)
		}
	}
	postForm(t, server, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {id}, "refresh_token": {set.Refresh}}).wantError(t, 400, "invalid_grant")
	_, err = getUser(server, token.AccessToken)
	wantAPIError(t, err, "NotAuthorizedException", "Access Token has been revoked")
	if server.Calls("Revoke") != 9 || server.Calls("RevokeToken") != 0 {
		t.Errorf("%d and %d calls", server.Calls("Revoke"), server.Calls("RevokeToken"))
	}
	mine := signedIn(t, secret, "ada", "openid")
	if got := postForm(t, server, "/oauth2/revoke", url.Values{"token": {mine.RefreshToken}}, "2secret", "s3cret"); got.status != 200 {
		t.Errorf("with a secret: status %d", got.status)
	}
	if _, err := refresh(secret, mine.RefreshToken); err == nil {
		t.Error("a revoked token refreshes")
	}
}

// TestRevokeHasNoBody: for Amplify's routes, a Content-Length of zero means success.
// They parse any other body.
func TestRevokeHasNoBody(t *testing.T) {
	server := cognitotest.New(ada)
	form := url.Values{"token": {server.Issue("ada").Refresh}, "client_id": {server.UserPool().ClientID}}
	resp, err := server.Client().PostForm(server.UserPool().LoginURL()+"/oauth2/revoke", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || len(b) != 0 || resp.ContentLength != 0 || resp.StatusCode != 200 {
		t.Errorf("status %d, length %d, %q, %v", resp.StatusCode, resp.ContentLength, b, err)
	}
}
