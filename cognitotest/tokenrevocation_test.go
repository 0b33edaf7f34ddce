package cognitotest_test

import (
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestTokenRevocationDisabled: only the tokens of this app client lack the claims of
// token revocation, and they cannot be revoked. GlobalSignOut ends their sessions.
func TestTokenRevocationDisabled(t *testing.T) {
	server := cognitotest.New(ada)
	client := server.AddClient("2norevocation", "")
	client.SetTokenRevocation(false)
	checkClaims := func(name, raw string, want bool) {
		t.Helper()
		_, claims := decodeToken(t, raw)
		for _, claim := range []string{"origin_jti", "jti"} {
			if has := claims[claim] != nil; has != want {
				t.Errorf("%s: has %s: %v, want %v", name, claim, has, want)
			}
		}
	}
	first := client.Issue("ada")
	second, err := refresh(client, first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	login := signedIn(t, client, "ada", "openid")
	for name, raw := range map[string]string{
		"access": first.Access, "ID": first.ID, "refreshed access": second.Access, "refreshed ID": second.ID,
		"managed login's access": login.AccessToken, "managed login's ID": login.Extra("id_token").(string),
	} {
		checkClaims(name, raw, false)
	}
	checkClaims("another app client's access", server.Issue("ada").Access, true)

	_, err = userPoolClient(client).RevokeToken(t.Context(), &cip.RevokeTokenInput{ClientId: aws.String("2norevocation"), Token: &first.Refresh})
	wantAPIError(t, err, "UnsupportedOperationException", "Token revocation is not enabled for this client")
	form := url.Values{"token": {first.Refresh}, "client_id": {"2norevocation"}}
	postForm(t, client, "/oauth2/revoke", form).wantError(t, 400, "invalid_request")
	if _, err := refresh(client, first.Refresh); err != nil {
		t.Errorf("the refresh token was revoked: %v", err)
	}
	if _, err := userPoolClient(client).GlobalSignOut(t.Context(), &cip.GlobalSignOutInput{AccessToken: &second.Access}); err != nil {
		t.Error(err)
	}
	_, err = getUser(client, first.Access)
	wantAPIError(t, err, "NotAuthorizedException", "Access Token has been revoked")

	client.SetTokenRevocation(true)
	set := client.Issue("ada")
	checkClaims("with token revocation", set.Access, true)
	if _, err := userPoolClient(client).RevokeToken(t.Context(), &cip.RevokeTokenInput{ClientId: aws.String("2norevocation"), Token: &set.Refresh}); err != nil {
		t.Error(err)
	}
}
