package cognitotest_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// sdk returns the AWS SDK's client of the pool, in memory.
func sdk(srv *cognitotest.Server) *cip.Client {
	return cip.New(cip.Options{
		Region:           srv.UserPool().Region(),
		HTTPClient:       srv.Client(),
		Credentials:      aws.AnonymousCredentials{},
		RetryMaxAttempts: 1,
	})
}

func TestRefresh(t *testing.T) {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	set := srv.Issue("ada", nil)
	out, err := sdk(srv).GetTokensFromRefreshToken(context.Background(), &cip.GetTokensFromRefreshTokenInput{
		ClientId:     aws.String(srv.UserPool().ClientID),
		RefreshToken: aws.String(set.Refresh),
	})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.AuthenticationResult.AccessToken) == set.Access {
		t.Error("the refreshed token is the old one")
	}
}
