package tokens_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestRefreshWithRotation(t *testing.T) {
	runClientTest(t, func(ct *clientTest) {
		ct.server.SetRotation(true, 0)
		set, err := ct.refresh(ct.Context())
		if err != nil || set.Refresh == "" || set.Refresh == ct.set.Refresh {
			t.Fatalf("%v, %v", set, err)
		}
		_, err = ct.refresh(ct.Context())
		var answer *tokens.APIError
		if !errors.As(err, &answer) || answer.SignedOut() || errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("a reused token: %v", err)
		}
	})
}

func TestRevoke(t *testing.T) {
	runClientTest(t, func(ct *clientTest) {
		if err := ct.client.Revoke(ct.Context(), ct.set.Refresh); err != nil {
			t.Error(err)
		}
		_, err := ct.refresh(ct.Context())
		var answer *tokens.APIError
		if !errors.As(err, &answer) || !answer.SignedOut() {
			t.Errorf("a refresh after it was revoked: %v", err)
		}
		ct.setFault(cognitotest.Fault{Code: "UnsupportedOperationException", Message: "Token revocation is not enabled for this client"})
		if err := ct.client.Revoke(ct.Context(), ct.set.Refresh); err != nil {
			t.Errorf("revocation that is not enabled: %v", err)
		}
		for _, code := range []string{"UnauthorizedException", "UnsupportedTokenTypeException", "InternalErrorException"} {
			ct.setFault(cognitotest.Fault{Code: code, Message: ct.set.Refresh})
			err := ct.client.Revoke(ct.Context(), ct.set.Refresh)
			if !errors.Is(err, tokens.ErrUnavailable) || !errors.As(err, &answer) || answer.Code != code || answer.Op != "RevokeToken" {
				t.Errorf("%s: %v", code, err)
			}
			ct.showsNoToken(err)
		}
	})
}

func TestGlobalSignOut(t *testing.T) {
	runClientTest(t, func(ct *clientTest) {
		if err := ct.client.GlobalSignOut(ct.Context(), ct.set.Access); err != nil {
			t.Error(err)
		}
		var answer *tokens.APIError
		if _, err := ct.refresh(ct.Context()); !errors.As(err, &answer) || !answer.SignedOut() {
			t.Errorf("a refresh after it: %v", err)
		}
		err := ct.client.GlobalSignOut(ct.Context(), ct.set.Access)
		if !errors.As(err, &answer) || !answer.SignedOut() || answer.Op != "GlobalSignOut" {
			t.Errorf("a second one: %v", err)
		}
		ct.showsNoToken(err)
	})
}

func TestUserAttributes(t *testing.T) {
	runClientTest(t, func(ct *clientTest) {
		got, err := ct.client.UserAttributes(ct.Context(), ct.set.Access)
		if err != nil || got["email"] != "ada@example.com" || got["sub"] == "" {
			t.Errorf("%v, %v", got, err)
		}
		var answer *tokens.APIError
		_, err = ct.client.UserAttributes(ct.Context(), ct.server.Issue("ada", cognitotest.Expired).Access)
		if !errors.As(err, &answer) || !answer.SignedOut() || answer.Op != "GetUser" {
			t.Errorf("with an expired token: %v", err)
		}
		ct.showsNoToken(err)
		// A token of the managed login may lack the scope. The user is not signed out.
		scoped := ct.server.Issue("ada", func(t *cognitotest.Draft) { t.Claims["scope"] = "openid" })
		_, err = ct.client.UserAttributes(ct.Context(), scoped.Access)
		if !errors.As(err, &answer) || answer.SignedOut() || !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("without the scope: %v", err)
		}
	})
}

// TestRequests checks the members of each request, and that only the tokens authorize
// it.
func TestRequests(t *testing.T) {
	const tokensAnswer = `{"AuthenticationResult":{"AccessToken":"a"}}`
	for _, secret := range []string{"", "s3cr3t"} {
		rec := &recorder{answer: tokensAnswer}
		userPool := tokens.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1abc", ClientSecret: secret}
		c, err := tokens.NewClient(userPool, &tokens.Options{HTTPClient: rec.client()})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		c.Refresh(ctx, "r", nil)
		c.Refresh(ctx, "r", &tokens.RefreshOptions{DeviceKey: "eu-west-1_device", ClientMetadata: map[string]string{"k": "v"}})
		c.Revoke(ctx, "r")
		c.GlobalSignOut(ctx, "a")
		c.UserAttributes(ctx, "a")
		want := []map[string]any{
			{"op": opRefresh, "ClientId": "1abc", "RefreshToken": "r", "ClientSecret": secret},
			{"op": opRefresh, "ClientId": "1abc", "RefreshToken": "r", "ClientSecret": secret,
				"DeviceKey": "eu-west-1_device", "ClientMetadata": map[string]any{"k": "v"}},
			{"op": "RevokeToken", "ClientId": "1abc", "Token": "r", "ClientSecret": secret},
			{"op": "GlobalSignOut", "AccessToken": "a"},
			{"op": "GetUser", "AccessToken": "a"},
		}
		if len(rec.requests) != len(want) {
			t.Fatalf("%d requests", len(rec.requests))
		}
		for i, req := range rec.requests {
			got := maps.Clone(rec.bodies[i])
			got["op"] = strings.TrimPrefix(req.Header.Get("X-Amz-Target"), "AWSCognitoIdentityProviderService.")
			if secret == "" {
				delete(want[i], "ClientSecret")
			}
			if !reflect.DeepEqual(got, want[i]) {
				t.Errorf("sent %v, want %v", got, want[i])
			}
			if req.Method != "POST" || req.URL.String() != "https://cognito-idp.eu-west-1.amazonaws.com/" || req.Header.Get("Authorization") != "" {
				t.Errorf("%s %s with Authorization %q", req.Method, req.URL, req.Header.Get("Authorization"))
			}
		}
	}
}

// TestRedirectsAreNotFollowed checks that no answer makes the Client send a token to
// another host.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var hosts []string
		c, err := tokens.NewClient(goldenUserPool, &tokens.Options{HTTPClient: &http.Client{Transport: redirect{status, &hosts}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Refresh(context.Background(), "r", nil); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("%d: %v", status, err)
		}
		if len(hosts) != 1 {
			t.Errorf("%d: requests went to %q", status, hosts)
		}
	}
}

type redirect struct {
	status int
	hosts  *[]string
}

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	*r.hosts = append(*r.hosts, req.URL.Host)
	return &http.Response{
		StatusCode: r.status, Request: req, Body: http.NoBody,
		Header: http.Header{"Location": {"https://evil.example/"}},
	}, nil
}
