package cognitotest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// userPoolClient returns the AWS SDK's client of the user pool API, in memory.
func userPoolClient(server *cognitotest.Server) *cip.Client {
	return cip.New(cip.Options{
		Region:           server.UserPool().Region(),
		HTTPClient:       server.Client(),
		Credentials:      aws.AnonymousCredentials{},
		RetryMaxAttempts: 1,
	})
}

// refresh refreshes tokens with the SDK.
func refresh(server *cognitotest.Server, token string) (*tokens.Set, error) {
	userPool := server.UserPool()
	in := &cip.GetTokensFromRefreshTokenInput{ClientId: aws.String(userPool.ClientID), RefreshToken: aws.String(token)}
	if userPool.ClientSecret != "" {
		in.ClientSecret = aws.String(userPool.ClientSecret)
	}
	out, err := userPoolClient(server).GetTokensFromRefreshToken(context.Background(), in)
	if err != nil {
		return nil, err
	}
	r := out.AuthenticationResult
	return &tokens.Set{
		Access:  aws.ToString(r.AccessToken),
		ID:      aws.ToString(r.IdToken),
		Refresh: aws.ToString(r.RefreshToken),
	}, nil
}

// getUser returns the attributes of an access token's user.
func getUser(server *cognitotest.Server, access string) (map[string]string, error) {
	out, err := userPoolClient(server).GetUser(context.Background(), &cip.GetUserInput{AccessToken: aws.String(access)})
	if err != nil {
		return nil, err
	}
	attributes := make(map[string]string)
	for _, a := range out.UserAttributes {
		attributes[aws.ToString(a.Name)] = aws.ToString(a.Value)
	}
	return attributes, nil
}

// wantAPIError checks that err is Cognito's error of this code and message.
func wantAPIError(t *testing.T, err error, code, message string) {
	t.Helper()
	var e interface {
		ErrorCode() string
		ErrorMessage() string
	}
	if !errors.As(err, &e) {
		t.Errorf("error %v, want %s: %s", err, code, message)
	} else if e.ErrorCode() != code || e.ErrorMessage() != message {
		t.Errorf("error %s: %s, want %s: %s", e.ErrorCode(), e.ErrorMessage(), code, message)
	}
}

// sentCounter counts requests by operation. The SDK repeats a request whose response
// it could not read.
type sentCounter struct {
	http.RoundTripper
	n map[string]int
}

func (c *sentCounter) RoundTrip(r *http.Request) (*http.Response, error) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	c.n[op]++
	return c.RoundTripper.RoundTrip(r)
}
