package cognitotest_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func userInfo(t *testing.T, server *cognitotest.Server, method, authorization string) *oauthResponse {
	t.Helper()
	r, err := http.NewRequest(method, server.UserPool().LoginURL()+"/oauth2/userInfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return do(t, server, r)
}

func TestUserInfo(t *testing.T) {
	server := cognitotest.New(ada)
	move := stopClock(server)
	token := signedIn(t, server, "ada", "openid", "email")
	_, claims := decodeToken(t, token.AccessToken)
	want := map[string]any{"sub": claims["sub"], "username": "ada", "email": "ada@example.com", "email_verified": "true"}
	for _, method := range []string{"GET", "POST"} {
		if got := userInfo(t, server, method, "Bearer "+token.AccessToken); got.status != 200 || !reflect.DeepEqual(got.body, want) {
			t.Errorf("%s: status %d, %v", method, got.status, got.body)
		}
	}
	if got := userInfo(t, server, "GET", "Bearer "+signedIn(t, server, "ada", "openid", "profile").AccessToken); got.body["custom:tier"] != "gold" {
		t.Errorf("profile: %v", got.body)
	}

	revoked := signedIn(t, server, "ada", "openid")
	postForm(t, server, "/oauth2/revoke", url.Values{"token": {revoked.RefreshToken}, "client_id": {server.UserPool().ClientID}})
	for _, c := range []struct {
		name, authorization string
		status              int
		code                string
	}{
		{"no token", "", 400, "invalid_request"},
		{"an empty token", "Bearer ", 400, "invalid_request"},
		{"another scheme", "Basic eDp5", 400, "invalid_request"},
		{"rubbish", "Bearer x", 401, "invalid_token"},
		{"an ID token", "Bearer " + token.Extra("id_token").(string), 401, "invalid_token"},
		{"a revoked session", "Bearer " + revoked.AccessToken, 401, "invalid_token"},
		{"a token without openid", "Bearer " + server.Issue("ada").Access, 401, "invalid_token"},
		{"another pool's token", "Bearer " + signedIn(t, cognitotest.New(ada), "ada", "openid").AccessToken, 401, "invalid_token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := userInfo(t, server, "GET", c.authorization)
			got.wantError(t, c.status, c.code)
			if h := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(h, `Bearer error="`+c.code+`", error_description="`) {
				t.Errorf("WWW-Authenticate %s", h)
			}
		})
	}
	move(time.Hour)
	userInfo(t, server, "GET", "Bearer "+token.AccessToken).wantError(t, 401, "invalid_token")
}
