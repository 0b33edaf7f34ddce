package cognitotest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestConversation leads the real SDK through every operation over a real port.
func TestConversation(t *testing.T) {
	srv := cognitotest.New(ada)
	ts := httptest.NewServer(srv)
	defer ts.Close()
	srv.SetURL(ts.URL)
	pool := srv.UserPool()
	sent := &sentCounter{RoundTripper: ts.Client().Transport, n: make(map[string]int)}
	api := cip.New(cip.Options{
		Region:       pool.Region(),
		BaseEndpoint: aws.String(pool.Endpoint),
		HTTPClient:   &http.Client{Transport: sent},
		Credentials:  aws.AnonymousCredentials{},
	})
	ctx := t.Context()

	in, err := api.InitiateAuth(ctx, &cip.InitiateAuthInput{
		AuthFlow:       types.AuthFlowTypeUserPasswordAuth,
		ClientId:       aws.String(pool.ClientID),
		AuthParameters: map[string]string{"USERNAME": "ada@example.com", "PASSWORD": ada.Password},
	})
	if err != nil {
		t.Fatal(err)
	}
	first := in.AuthenticationResult
	if first.ExpiresIn != 3600 || aws.ToString(first.TokenType) != "Bearer" {
		t.Errorf("expires in %d, type %s", first.ExpiresIn, aws.ToString(first.TokenType))
	}
	claims, ok := verifies(t, publishedKeys(t, ts.Client(), pool.IssuerURL()), aws.ToString(first.AccessToken))
	if !ok || claims["iss"] != pool.Issuer {
		t.Errorf("iss %v, want %s; verifies: %t", claims["iss"], pool.Issuer, ok)
	}

	user, err := api.GetUser(ctx, &cip.GetUserInput{AccessToken: first.AccessToken})
	if err != nil || aws.ToString(user.Username) != "ada" {
		t.Errorf("GetUser: %v, %v", user, err)
	}
	for _, flow := range []types.AuthFlowType{types.AuthFlowTypeRefreshTokenAuth, types.AuthFlowTypeRefreshToken} {
		again, err := api.InitiateAuth(ctx, &cip.InitiateAuthInput{
			AuthFlow:       flow,
			ClientId:       aws.String(pool.ClientID),
			AuthParameters: map[string]string{"REFRESH_TOKEN": aws.ToString(first.RefreshToken)},
		})
		if err != nil || again.AuthenticationResult.RefreshToken != nil {
			t.Errorf("%s: %v, %v", flow, again, err)
		}
	}
	refresh := &cip.GetTokensFromRefreshTokenInput{ClientId: aws.String(pool.ClientID), RefreshToken: first.RefreshToken}
	second, err := api.GetTokensFromRefreshToken(ctx, refresh)
	if err != nil || second.AuthenticationResult.RefreshToken != nil {
		t.Fatalf("refresh: %v, %v", second, err)
	}
	revoke := &cip.RevokeTokenInput{ClientId: aws.String(pool.ClientID), Token: first.RefreshToken}
	for range 2 {
		if _, err := api.RevokeToken(ctx, revoke); err != nil {
			t.Error(err)
		}
	}
	_, err = api.GetTokensFromRefreshToken(ctx, refresh)
	refused(t, err, "NotAuthorizedException", "Refresh Token has been revoked")
	for _, access := range []*string{first.AccessToken, second.AuthenticationResult.AccessToken} {
		_, err = api.GetUser(ctx, &cip.GetUserInput{AccessToken: access})
		refused(t, err, "NotAuthorizedException", "Access Token has been revoked")
	}

	set, bystander := srv.Issue("ada"), srv.Issue("ada")
	if _, err := api.GlobalSignOut(ctx, &cip.GlobalSignOutInput{AccessToken: &set.Access}); err != nil {
		t.Fatal(err)
	}
	_, err = getUser(srv, bystander.Access)
	refused(t, err, "NotAuthorizedException", "Access Token has been revoked")
	_, err = api.GlobalSignOut(ctx, &cip.GlobalSignOutInput{AccessToken: &set.Access})
	refused(t, err, "NotAuthorizedException", "Access Token has been revoked")
	for op, want := range map[string]int{
		"InitiateAuth": 3, "GetUser": 4, "GetTokensFromRefreshToken": 2, "RevokeToken": 2, "GlobalSignOut": 2,
	} {
		if op == "GetUser" {
			sent.n[op]++ // the bystander's, which went no such way
		}
		if n := srv.Calls(op); n != sent.n[op] || n < want {
			t.Errorf("%s was called %d times, sent %d times, want %d", op, n, sent.n[op], want)
		}
	}
	if n := srv.Calls("JWKS"); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// sentCounter counts requests by their operation: the SDK repeats one whose answer it
// could not read.
type sentCounter struct {
	http.RoundTripper
	n map[string]int
}

func (c *sentCounter) RoundTrip(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	c.n[op]++
	return c.RoundTripper.RoundTrip(r)
}

func TestSignInRefused(t *testing.T) {
	srv := cognitotest.New(ada, cognitotest.User{Username: "bob"}, cognitotest.User{Username: "eve", Password: "x", Disabled: true})
	clientID := srv.UserPool().ClientID
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
			_, err := sdk(srv).InitiateAuth(context.Background(), &cip.InitiateAuthInput{
				AuthFlow: types.AuthFlowType(c.flow), ClientId: aws.String(c.clientID), AuthParameters: c.params,
			})
			refused(t, err, c.code, c.wantReason)
		})
	}
}

func TestClientSecret(t *testing.T) {
	srv := cognitotest.New(ada).AddClient("2confidential", "s3cret")
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
		_, err := sdk(srv).InitiateAuth(context.Background(), &cip.InitiateAuthInput{
			AuthFlow: flow, ClientId: aws.String("2confidential"), AuthParameters: params,
		})
		return err
	}
	const (
		unverified = "Unable to verify secret hash for client 2confidential"
		missing    = "Client 2confidential is configured with secret but SECRET_HASH was not received"
	)
	set := srv.Issue("ada")
	for flow, params := range map[types.AuthFlowType]map[string]string{
		types.AuthFlowTypeUserPasswordAuth: {"USERNAME": "ada", "PASSWORD": ada.Password},
		types.AuthFlowTypeRefreshTokenAuth: {"REFRESH_TOKEN": set.Refresh},
	} {
		if err := auth(flow, params, hash("s3cret", "ada")); err != nil {
			t.Errorf("%s: %v", flow, err)
		}
		refused(t, auth(flow, params, hash("wrong", "ada")), "NotAuthorizedException", unverified)
		refused(t, auth(flow, params, hash("s3cret", "bob")), "NotAuthorizedException", unverified)
		refused(t, auth(flow, params, ""), "NotAuthorizedException", missing)
	}

	for _, secret := range []*string{nil, aws.String("wrong")} {
		_, err := sdk(srv).GetTokensFromRefreshToken(context.Background(), &cip.GetTokensFromRefreshTokenInput{
			ClientId: aws.String("2confidential"), ClientSecret: secret, RefreshToken: &set.Refresh,
		})
		refused(t, err, "NotAuthorizedException", unverified)
		_, err = sdk(srv).RevokeToken(context.Background(), &cip.RevokeTokenInput{
			ClientId: aws.String("2confidential"), ClientSecret: secret, Token: &set.Refresh,
		})
		refused(t, err, "UnauthorizedException", unverified)
	}
	if _, err := refresh(srv, set.Refresh); err != nil {
		t.Error(err)
	}
}

func TestRotation(t *testing.T) {
	srv := cognitotest.New(ada)
	move := clock(srv)
	srv.SetRefreshLifetime(time.Hour)
	srv.SetRotation(true, 10*time.Second)
	first := srv.Issue("ada")
	_, before := decodeToken(t, first.Access)

	move(30 * time.Minute)
	second, err := refresh(srv, first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if second.Refresh == "" || second.Refresh == first.Refresh || second.ID == "" {
		t.Error("the refresh token was not rotated, or there is no ID token")
	}
	_, after := decodeToken(t, second.Access)
	for _, name := range []string{"sub", "origin_jti", "auth_time"} {
		if before[name] != after[name] {
			t.Errorf("%s changes from %v to %v", name, before[name], after[name])
		}
	}
	if after["iat"] != before["iat"].(float64)+1800 || after["jti"] == before["jti"] {
		t.Errorf("iat %v, jti %v", after["iat"], after["jti"])
	}

	move(10*time.Second - 1)
	third, err := refresh(srv, first.Refresh)
	if err != nil || third.Refresh == second.Refresh {
		t.Errorf("within the grace: %v, %v", third, err)
	}
	move(1)
	_, err = refresh(srv, first.Refresh)
	refused(t, err, "RefreshTokenReuseException", "Refresh token reuse detected")
	var last *tokens.Set
	for _, token := range []string{second.Refresh, third.Refresh} {
		if last, err = refresh(srv, token); err != nil {
			t.Fatalf("reuse of the old token ended the chain: %v", err)
		}
	}
	_, err = sdk(srv).InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeRefreshTokenAuth, ClientId: aws.String(srv.UserPool().ClientID),
		AuthParameters: map[string]string{"REFRESH_TOKEN": second.Refresh},
	})
	refused(t, err, "InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client")

	srv.SetRotation(true, 0)
	fourth, err := refresh(srv, srv.Issue("ada").Refresh)
	if err != nil {
		t.Fatal(err)
	}
	fifth, err := refresh(srv, fourth.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	_, err = refresh(srv, fourth.Refresh)
	refused(t, err, "RefreshTokenReuseException", "Refresh token reuse detected")
	if _, err := sdk(srv).RevokeToken(t.Context(), &cip.RevokeTokenInput{ClientId: aws.String(srv.UserPool().ClientID), Token: &fourth.Refresh}); err != nil {
		t.Error(err)
	}
	_, err = refresh(srv, fifth.Refresh)
	refused(t, err, "NotAuthorizedException", "Refresh Token has been revoked")

	// Rotation does not prolong the session: an hour after the sign-in, all of
	// its refresh tokens have expired.
	move(29 * time.Minute)
	if last, err = refresh(srv, last.Refresh); err != nil {
		t.Fatal(err)
	}
	move(time.Minute)
	_, err = refresh(srv, last.Refresh)
	refused(t, err, "NotAuthorizedException", "Refresh Token has expired")
}

// TestReuseRace: of many refreshes with one token and no grace, one wins.
func TestReuseRace(t *testing.T) {
	srv := cognitotest.New(ada)
	srv.SetRotation(true, 0)
	set := srv.Issue("ada")
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = refresh(srv, set.Refresh) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			refused(t, err, "RefreshTokenReuseException", "Refresh token reuse detected")
		}
	}
	if won != 1 {
		t.Errorf("%d refreshes succeeded, want 1", won)
	}
}

func TestAccessTokenRefused(t *testing.T) {
	srv := cognitotest.New(ada)
	claim := func(name string, value any) func(*cognitotest.Draft) {
		return func(d *cognitotest.Draft) { d.Claims[name] = value }
	}
	for _, c := range []struct{ name, token, reason string }{
		{"garbage", "garbage", "Invalid Access Token"},
		{"not base64", "a.b.c", "Invalid Access Token"},
		{"ID token", srv.Issue("ada").ID, "Invalid Access Token"},
		{"another issuer", srv.Issue("ada", claim("iss", "https://example.com")).Access, "Invalid Access Token"},
		{"another pool", cognitotest.New(ada).Issue("ada").Access, "Could not verify signature for Access Token"},
		{"expired", srv.Issue("ada", cognitotest.Expired).Access, "Access Token has expired"},
		{"without scope", srv.Issue("ada", claim("scope", "openid")).Access, "Access Token does not have required scopes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := getUser(srv, c.token)
			refused(t, err, "NotAuthorizedException", c.reason)
		})
	}
	_, err := sdk(srv).RevokeToken(t.Context(), &cip.RevokeTokenInput{
		ClientId: aws.String(srv.UserPool().ClientID), Token: aws.String(srv.Issue("ada").Access),
	})
	refused(t, err, "UnsupportedTokenTypeException", "Only refresh tokens can be revoked.")
	_, err = sdk(srv).RevokeToken(t.Context(), &cip.RevokeTokenInput{
		ClientId: aws.String(srv.UserPool().ClientID), Token: aws.String(srv.AddClient("2other", "").Issue("ada").Refresh),
	})
	refused(t, err, "UnauthorizedException", "Refresh Token has different Client")
}

// TestUsersChange: a session follows its user.
func TestUsersChange(t *testing.T) {
	srv := cognitotest.New(ada)
	set := srv.Issue("ada")
	attributes, err := getUser(srv, set.Access)
	_, claims := decodeToken(t, set.ID)
	if want := map[string]string{
		"email": "ada@example.com", "email_verified": "true", "custom:tier": "gold", "sub": claims["sub"].(string),
	}; err != nil || !maps.Equal(attributes, want) {
		t.Errorf("attributes %v, %v; want %v", attributes, err, want)
	}

	changed := ada
	changed.Groups = []string{"staff"}
	srv.SetUser(changed)
	next, err := refresh(srv, set.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, claims := decodeToken(t, next.Access); len(claims["cognito:groups"].([]any)) != 1 {
		t.Errorf("groups %v", claims["cognito:groups"])
	}

	changed.Disabled = true
	srv.SetUser(changed)
	_, err = refresh(srv, set.Refresh)
	refused(t, err, "NotAuthorizedException", "User is disabled.")
	_, err = getUser(srv, set.Access)
	refused(t, err, "NotAuthorizedException", "User is disabled.")

	srv.RemoveUser("ada")
	srv.RemoveUser("ada")
	srv.SetUser(ada)
	_, err = refresh(srv, set.Refresh)
	refused(t, err, "UserNotFoundException", "User does not exist.")
	_, err = getUser(srv, set.Access)
	refused(t, err, "UserNotFoundException", "User does not exist.")
	if _, err := getUser(srv, srv.Issue("ada").Access); err != nil {
		t.Errorf("the new ada: %v", err)
	}
}

func TestBadInput(t *testing.T) {
	srv := cognitotest.New(ada)
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
		got := post(t, srv.Client(), awsURL, c.op, c.body)
		if got.Status != 400 || got.Body["__type"] != c.code || !strings.HasPrefix(got.Headers["x-amzn-errortype"], c.code) {
			t.Errorf("%s %s: %+v, want %s", c.op, c.body, got, c.code)
		}
	}
}
