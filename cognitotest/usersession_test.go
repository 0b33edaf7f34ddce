package cognitotest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestRotation(t *testing.T) {
	server := cognitotest.New(ada)
	move := stopClock(server)
	server.SetRefreshLifetime(time.Hour)
	server.SetRotation(true, 10*time.Second)
	first := server.Issue("ada")
	_, before := decodeToken(t, first.Access)

	move(30 * time.Minute)
	second, err := refresh(server, first.Refresh)
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
	third, err := refresh(server, first.Refresh)
	if err != nil || third.Refresh == second.Refresh {
		t.Errorf("within the grace: %v, %v", third, err)
	}
	move(1)
	_, err = refresh(server, first.Refresh)
	wantAPIError(t, err, "RefreshTokenReuseException", "Refresh token reuse detected")
	var last *tokens.Set
	for _, token := range []string{second.Refresh, third.Refresh} {
		if last, err = refresh(server, token); err != nil {
			t.Fatalf("reuse of the old token ended the chain: %v", err)
		}
	}
	_, err = userPoolClient(server).InitiateAuth(t.Context(), &cip.InitiateAuthInput{
		AuthFlow: types.AuthFlowTypeRefreshTokenAuth, ClientId: aws.String(server.UserPool().ClientID),
		AuthParameters: map[string]string{"REFRESH_TOKEN": second.Refresh},
	})
	wantAPIError(t, err, "InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client")

	server.SetRotation(true, 0)
	fourth, err := refresh(server, server.Issue("ada").Refresh)
	if err != nil {
		t.Fatal(err)
	}
	fifth, err := refresh(server, fourth.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	_, err = refresh(server, fourth.Refresh)
	wantAPIError(t, err, "RefreshTokenReuseException", "Refresh token reuse detected")
	if _, err := userPoolClient(server).RevokeToken(t.Context(), &cip.RevokeTokenInput{ClientId: aws.String(server.UserPool().ClientID), Token: &fourth.Refresh}); err != nil {
		t.Error(err)
	}
	_, err = refresh(server, fifth.Refresh)
	wantAPIError(t, err, "NotAuthorizedException", "Refresh Token has been revoked")

	// Rotation does not extend the session. An hour after the sign-in, all of its
	// refresh tokens have expired.
	move(29 * time.Minute)
	if last, err = refresh(server, last.Refresh); err != nil {
		t.Fatal(err)
	}
	move(time.Minute)
	_, err = refresh(server, last.Refresh)
	wantAPIError(t, err, "NotAuthorizedException", "Refresh Token has expired")
}

// TestReuseRace: of many refreshes with one token and no grace, one succeeds.
func TestReuseRace(t *testing.T) {
	server := cognitotest.New(ada)
	server.SetRotation(true, 0)
	set := server.Issue("ada")
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = refresh(server, set.Refresh) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			wantAPIError(t, err, "RefreshTokenReuseException", "Refresh token reuse detected")
		}
	}
	if won != 1 {
		t.Errorf("%d refreshes succeeded, want 1", won)
	}
}
