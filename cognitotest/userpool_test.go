package cognitotest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestOperationsOverTheNetwork calls every operation with the real SDK, on a real
// port.
func TestOperationsOverTheNetwork(t *testing.T) {
	server := cognitotest.New(ada)
	ts := httptest.NewServer(server)
	defer ts.Close()
	server.SetURL(ts.URL)
	userPool := server.UserPool()
	sent := &sentCounter{RoundTripper: ts.Client().Transport, n: make(map[string]int)}
	api := cip.New(cip.Options{
		Region:       userPool.Region(),
		BaseEndpoint: aws.String(userPool.Endpoint),
		HTTPClient:   &http.Client{Transport: sent},
		Credentials:  aws.AnonymousCredentials{},
	})
	ctx := t.Context()

	in, err := api.InitiateAuth(ctx, &cip.InitiateAuthInput{
		AuthFlow:       types.AuthFlowTypeUserPasswordAuth,
		ClientId:       aws.String(userPool.ClientID),
		AuthParameters: map[string]string{"USERNAME": "ada@example.com", "PASSWORD": ada.Password},
	})
	if err != nil {
		t.Fatal(err)
	}
	first := in.AuthenticationResult
	if first.ExpiresIn != 3600 || aws.ToString(first.TokenType) != "Bearer" {
		t.Errorf("expires in %d, type %s", first.ExpiresIn, aws.ToString(first.TokenType))
	}
	claims, ok := verifies(t, publishedKeys(t, ts.Client(), userPool.IssuerURL()), aws.ToString(first.AccessToken))
	if !ok || claims["iss"] != userPool.Issuer {
		t.Errorf("iss %v, want %s; verifies: %t", claims["iss"], userPool.Issuer, ok)
	}

	user, err := api.GetUser(ctx, &cip.GetUserInput{AccessToken: first.AccessToken})
	if err != nil || aws.ToString(user.Username) != "ada" {
		t.Errorf("GetUser: %v, %v", user, err)
	}
	for _, flow := range []types.AuthFlowType{types.AuthFlowTypeRefreshTokenAuth, types.AuthFlowTypeRefreshToken} {
		again, err := api.InitiateAuth(ctx, &cip.InitiateAuthInput{
			AuthFlow:       flow,
			ClientId:       aws.String(userPool.ClientID),
			AuthParameters: map[string]string{"REFRESH_TOKEN": aws.ToString(first.RefreshToken)},
		})
		if err != nil || again.AuthenticationResult.RefreshToken != nil {
			t.Errorf("%s: %v, %v", flow, again, err)
		}
	}
	refresh := &cip.GetTokensFromRefreshTokenInput{ClientId: aws.String(userPool.ClientID), RefreshToken: first.RefreshToken}
	second, err := api.GetTokensFromRefreshToken(ctx, refresh)
	if err != nil || second.AuthenticationResult.RefreshToken != nil {
		t.Fatalf("refresh: %v, %v", second, err)
	}
	revoke := &cip.RevokeTokenInput{ClientId: aws.String(userPool.ClientID), Token: first.RefreshToken}
	for range 2 {
		if _, err := api.RevokeToken(ctx, revoke); err != nil {
			t.Error(err)
		}
	}
	_, err = api.GetTokensFromRefreshToken(ctx, refresh)
	wantAPIError(t, err, "NotAuthorizedException", "Refresh Token has been revoked")
	for _, access := range []*string{first.AccessToken, second.AuthenticationResult.AccessToken} {
		_, err = api.GetUser(ctx, &cip.GetUserInput{AccessToken: access})
		wantAPIError(t, err, "NotAuthorizedException", "Access Token has been revoked")
	}

	set, bystander := server.Issue("ada"), server.Issue("ada")
	if _, err := api.GlobalSignOut(ctx, &cip.GlobalSignOutInput{AccessToken: &set.Access}); err != nil {
		t.Fatal(err)
	}
	_, err = getUser(server, bystander.Access)
	wantAPIError(t, err, "NotAuthorizedException", "Access Token has been revoked")
	_, err = api.GlobalSignOut(ctx, &cip.GlobalSignOutInput{AccessToken: &set.Access})
	wantAPIError(t, err, "NotAuthorizedException", "Access Token has been revoked")
	for op, want := range map[string]int{
		"InitiateAuth": 3, "GetUser": 4, "GetTokensFromRefreshToken": 2, "RevokeToken": 2, "GlobalSignOut": 2,
	} {
		if op == "GetUser" {
			sent.n[op]++ // the bystander's, which went no such way
		}
		if n := server.Calls(op); n != sent.n[op] || n < want {
			t.Errorf("%s was called %d times, sent %d times, want %d", op, n, sent.n[op], want)
		}
	}
	if n := server.Calls("JWKS"); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestSignInRefused(t *testing.T) {
	server := cognitotest.New(ada, cognitotest.User{Username: "bob"}, cognitotest.User{Username: "eve", Password: "x", Disabled: true})
	clientID := server.UserPool().ClientID
	for _, c := range []struct {
		name             string
		flow             string
		clientID         string
		params           map[string]string
		code, wantReason string
	}{
		{"wrong password", "USER_PASSWORD_AUTH", clientID, map[string]string{"USERNAME": "ada", "PASSWORD": "guess"}, "NotAuthorizedException", "Incorrect username or password."},
		{"unknown user", "USER_PASSWORD_AUTH", clientID, map[string]string{"USERNAME": "mallory", "PASSWORD": "guess"}, "NotAuthorizedException", "Incorrect username or password."},
		{"user without password", "USER_PASSWORD_AUTH", clientID, map[string]string{"USERNAME": "bob", "PASSWORD": ""}, "InvalidParameterException", "Missing required parameter PASSWORD"},
		{"disabled user", "USER_PASSWORD_AUTH", clientID, map[string]string{"USERNAME": "eve", "PASSWORD": "x"}, "NotAuthorizedException", "User is disabled."},
		{"no username", "USER_PASSWORD_AUTH", clientID, nil, "InvalidParameterException", "Missing required parameter USERNAME"},
		{"unknown client", "USER_PASSWORD_AUTH", "nobody", map[string]string{"USERNAME": "ada", "PASSWORD": ada.Password}, "ResourceNotFoundException", "User pool client nobody does not exist."},
		{"hash without secret", "USER_PASSWORD_AUTH", clientID, map[string]string{"USERNAME": "ada", "PASSWORD": ada.Password, "SECRET_HASH": "x"}, "NotAuthorizedException", "Client " + clientID + " is not configured for secret but secret was received"},
		{"SRP", "USER_SRP_AUTH", clientID, nil, "InvalidParameterException", "USER_SRP_AUTH flow not enabled for this client"},
		{"no refresh token", "REFRESH_TOKEN_AUTH", clientID, nil, "InvalidParameterException", "Missing required parameter REFRESH_TOKEN"},
		{"unknown refresh token", "REFRESH_TOKEN_AUTH", clientID, map[string]string{"REFRESH_TOKEN": "x"}, "NotAuthorizedException", "Invalid Refresh Token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := userPoolClient(server).InitiateAuth(context.Background(), &cip.InitiateAuthInput{
				AuthFlow: types.AuthFlowType(c.flow), ClientId: aws.String(c.clientID), AuthParameters: c.params,
			})
			wantAPIError(t, err, c.code, c.wantReason)
		})
	}
}

func TestClientSecret(t *testing.T) {
	server := cognitotest.New(ada).AddClient("2confidential", "s3cret")
	hash := func(secret, username string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(username + "2confidential"))
		return base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	auth := func(flow types.AuthFlowType, params map[string]string, secretHash string) error {
		params = maps.Clone(params)
		if secretHash != "" {
			params["SECRET_HASH"] = secretHash
		}
		_, err := userPoolClient(server).InitiateAuth(context.Background(), &cip.InitiateAuthInput{
			AuthFlow: flow, ClientId: aws.String("2confidential"), AuthParameters: params,
		})
		return err
	}
	const (
		unverified = "Unable to verify secret hash for client 2confidential"
		missing    = "Client 2confidential is configured with secret but SECRET_HASH was not received"
	)
	set := server.Issue("ada")
	for flow, params := range map[types.AuthFlowType]map[string]string{
		types.AuthFlowTypeUserPasswordAuth: {"USERNAME": "ada", "PASSWORD": ada.Password},
		types.AuthFlowTypeRefreshTokenAuth: {"REFRESH_TOKEN": set.Refresh},
	} {
		if err := auth(flow, params, hash("s3cret", "ada")); err != nil {
			t.Errorf("%s: %v", flow, err)
		}
		wantAPIError(t, auth(flow, params, hash("wrong", "ada")), "NotAuthorizedException", unverified)
		wantAPIError(t, auth(flow, params, hash("s3cret", "bob")), "NotAuthorizedException", unverified)
		wantAPIError(t, auth(flow, params, ""), "NotAuthorizedException", missing)
	}

	for _, secret := range []*string{nil, aws.String("wrong")} {
		_, err := userPoolClient(server).GetTokensFromRefreshToken(context.Background(), &cip.GetTokensFromRefreshTokenInput{
			ClientId: aws.String("2confidential"), ClientSecret: secret, RefreshToken: &set.Refresh,
		})
		wantAPIError(t, err, "NotAuthorizedException", unverified)
		_, err = userPoolClient(server).RevokeToken(context.Background(), &cip.RevokeTokenInput{
			ClientId: aws.String("2confidential"), ClientSecret: secret, Token: &set.Refresh,
		})
		wantAPIError(t, err, "UnauthorizedException", unverified)
	}
	if _, err := refresh(server, set.Refresh); err != nil {
		t.Error(err)
	}
}

func TestBadInput(t *testing.T) {
	server := cognitotest.New(ada)
	for _, c := range []struct{ op, body, code string }{
		{"GetUser", `{`, "SerializationException"},
		{"GetTokensFromRefreshToken", `{"RefreshToken":1}`, "SerializationException"},
		{"GetUser", `{}`, "InvalidParameterException"},
		{"GlobalSignOut", `{}`, "InvalidParameterException"},
		{"RevokeToken", `{}`, "InvalidParameterException"},
		{"InitiateAuth", `{}`, "InvalidParameterException"},
		{"GetTokensFromRefreshToken", `{}`, "InvalidParameterException"},
		{"AdminDeleteUser", `{}`, "UnknownOperationException"},
	} {
		got := post(t, server.Client(), awsURL, c.op, c.body)
		if got.Status != 400 || got.Body["__type"] != c.code || !strings.HasPrefix(got.Headers["x-amzn-errortype"], c.code) {
			t.Errorf("%s %s: %+v, want %s", c.op, c.body, got, c.code)
		}
	}
}

func TestRemoveOperation(t *testing.T) {
	server := cognitotest.New(ada)
	server.RemoveOperation("GetTokensFromRefreshToken")
	for op, want := range map[string]string{"GetTokensFromRefreshToken": "UnknownOperationException", "GetUser": "NotAuthorizedException"} {
		resp := post(t, server.Client(), awsURL, op, `{"AccessToken":"x","RefreshToken":"x"}`)
		if code := resp.Headers["x-amzn-errortype"]; code != want || server.Calls(op) != 1 {
			t.Errorf("%s: %q, want %q; %d calls", op, code, want, server.Calls(op))
		}
	}
}

// post calls an operation as Amplify does, and returns the response decoded like a
// recorded one.
func post(t *testing.T, client *http.Client, url, op, body string) recordedResponse {
	t.Helper()
	r, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	resp, err := client.Do(r)
	if err != nil {
		return recordedResponse{NetworkError: true}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := recordedResponse{Status: resp.StatusCode}
	if code := resp.Header.Get("X-Amzn-Errortype"); code != "" {
		got.Headers = map[string]string{"x-amzn-errortype": code}
	}
	if resp.Header.Get("Content-Type") == "text/html" {
		got.Raw = string(b)
	} else if err := json.Unmarshal(b, &got.Body); err != nil || resp.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("%s: body %q, %v", op, b, err)
	}
	return got
}

// refreshBody is the input of GetTokensFromRefreshToken.
func refreshBody(server *cognitotest.Server, token string) string {
	return `{"ClientId":"` + server.UserPool().ClientID + `","RefreshToken":"` + token + `"}`
}

// awsURL is the regional endpoint of the user pool API.
const awsURL = "https://cognito-idp.eu-west-1.amazonaws.com/"
