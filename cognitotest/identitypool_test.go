package cognitotest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// identityResponse is the response of an operation of the identity pool.
type identityResponse struct {
	Status      int    `json:"-"`
	Type        string `json:"__type"`
	Message     string `json:"message"`
	IdentityID  string `json:"IdentityId"`
	Credentials struct {
		AccessKeyID  string `json:"AccessKeyId"`
		SecretKey    string
		SessionToken string
		Expiration   float64
	}
}

// callIdentityPool calls an operation of the identity pool at a URL.
func callIdentityPool(t *testing.T, client *http.Client, url, op string, in map[string]any) identityResponse {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityService."+op)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := identityResponse{Status: resp.StatusCode}
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if code := resp.Header.Get("X-Amzn-Errortype"); code != a.Type {
		t.Errorf("the header says %q, the body %q", code, a.Type)
	}
	return a
}

const identityURL = "https://cognito-identity.eu-west-1.amazonaws.com/"

func TestIdentityPoolKnowsItsUsers(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"}, cognitotest.User{Username: "bob"})
	userPool := server.UserPool()
	provider := strings.TrimPrefix(userPool.IssuerURL(), "https://")
	identityOf := func(username string) string {
		a := callIdentityPool(t, server.Client(), identityURL, "GetId", map[string]any{
			"IdentityPoolId": userPool.IdentityPoolID, "Logins": map[string]string{provider: server.Issue(username).ID},
		})
		if a.Status != 200 || !strings.HasPrefix(a.IdentityID, "eu-west-1:") {
			t.Fatalf("%+v", a)
		}
		return a.IdentityID
	}
	ada := identityOf("ada")
	if ada != identityOf("ada") || ada == identityOf("bob") {
		t.Error("identities are mixed up")
	}
	a := callIdentityPool(t, server.Client(), identityURL, "GetCredentialsForIdentity", map[string]any{
		"IdentityId": ada, "Logins": map[string]string{provider: server.Issue("ada").ID},
	})
	expires := time.Unix(int64(a.Credentials.Expiration), 0)
	if left := time.Until(expires); a.Status != 200 || a.IdentityID != ada || left < 59*time.Minute || left > time.Hour ||
		!strings.HasPrefix(a.Credentials.AccessKeyID, "ASIA") || a.Credentials.SecretKey == "" || a.Credentials.SessionToken == "" {
		t.Errorf("%d, %v left", a.Status, left)
	}
	if server.Calls("GetId") != 3 || server.Calls("GetCredentialsForIdentity") != 1 {
		t.Error("calls are not counted")
	}
}

func TestIdentityPoolRefuses(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"}, cognitotest.User{Username: "bob"})
	other := cognitotest.New(cognitotest.User{Username: "ada"})
	userPool := server.UserPool()
	provider := strings.TrimPrefix(userPool.IssuerURL(), "https://")
	login := func(token string) map[string]string { return map[string]string{provider: token} }
	claim := func(name string, value any) func(*cognitotest.Draft) {
		return func(d *cognitotest.Draft) { d.Claims[name] = value }
	}
	ask := func(op string, in map[string]any) identityResponse {
		if op == "GetId" && in["IdentityPoolId"] == nil {
			in["IdentityPoolId"] = userPool.IdentityPoolID
		}
		return callIdentityPool(t, server.Client(), identityURL, op, in)
	}
	ada := ask("GetId", map[string]any{"Logins": login(server.Issue("ada").ID)}).IdentityID
	guest := ask("GetId", map[string]any{}).IdentityID
	server.SetGuests(false)
	for _, tt := range []struct {
		name, op      string
		in            map[string]any
		code, message string
	}{
		{"another identity pool", "GetId", map[string]any{"IdentityPoolId": "eu-west-1:x"}, "ResourceNotFoundException", "IdentityPool 'eu-west-1:x' not found."},
		{"a guest who is not allowed", "GetId", map[string]any{}, "NotAuthorizedException", "Unauthenticated access is not supported for this identity pool."},
		{"credentials of a guest who is not allowed", "GetCredentialsForIdentity", map[string]any{"IdentityId": guest}, "NotAuthorizedException", "Unauthenticated access is not supported for this identity pool."},
		{"an access token", "GetId", map[string]any{"Logins": login(server.Issue("ada").Access)}, "NotAuthorizedException", "Invalid login token. Missing a required claim: aud"},
		{"no token", "GetId", map[string]any{"Logins": login("x")}, "NotAuthorizedException", "Invalid login token. Token signature invalid"},
		{"a token of another pool", "GetId", map[string]any{"Logins": login(other.Issue("ada").ID)}, "NotAuthorizedException", "Invalid login token. Token signature invalid"},
		{"an expired token", "GetId", map[string]any{"Logins": login(server.Issue("ada", cognitotest.Expired).ID)}, "NotAuthorizedException", "Invalid login token. Token expired"},
		{"a token for another app client", "GetId", map[string]any{"Logins": login(server.Issue("ada", claim("aud", "elsewhere")).ID)}, "NotAuthorizedException", "Invalid login token. Incorrect token audience."},
		{"a token of another issuer", "GetId", map[string]any{"Logins": login(server.Issue("ada", claim("iss", "https://example.com")).ID)}, "NotAuthorizedException", "Invalid login token. Token is not from a supported provider"},
		{"a token under another name", "GetId", map[string]any{"Logins": map[string]string{"example.com": server.Issue("ada").ID}}, "NotAuthorizedException", "Invalid login token. Issuer doesn't match providerName"},
		{"two logins", "GetId", map[string]any{"Logins": map[string]string{provider: "x", "y": "z"}}, "InvalidParameterException", "Please provide a single login."},
		{"an unknown identity", "GetCredentialsForIdentity", map[string]any{"IdentityId": "eu-west-1:x"}, "ResourceNotFoundException", "Identity 'eu-west-1:x' not found."},
		{"somebody else's identity", "GetCredentialsForIdentity", map[string]any{"IdentityId": ada, "Logins": login(server.Issue("bob").ID)}, "NotAuthorizedException", "Logins don't match."},
		{"a user's identity without a login", "GetCredentialsForIdentity", map[string]any{"IdentityId": ada}, "NotAuthorizedException", "Access to Identity"},
		{"an operation that is not emulated", "ListIdentities", map[string]any{}, "UnknownOperationException", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(tt.op, tt.in)
			if a.Status != 400 || a.Type != tt.code || !strings.HasPrefix(a.Message, tt.message) {
				t.Errorf("%d %s: %s", a.Status, a.Type, a.Message)
			}
			if a.IdentityID != "" || a.Credentials.SecretKey != "" {
				t.Error("a refusal names an identity or gives credentials")
			}
		})
	}
}

func TestIdentityPoolFails(t *testing.T) {
	server := cognitotest.New()
	server.SetFault(func(op string) cognitotest.Fault {
		if op == "GetId" {
			return cognitotest.Fault{Status: 429}
		}
		return cognitotest.Fault{}
	})
	a := callIdentityPool(t, server.Client(), identityURL, "GetId", map[string]any{"IdentityPoolId": server.UserPool().IdentityPoolID})
	if a.Status != 429 || a.Type != "TooManyRequestsException" {
		t.Errorf("%+v", a)
	}
}

func TestIdentityPoolOverTheNetwork(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	ts := httptest.NewServer(server)
	defer ts.Close()
	server.SetURL(ts.URL)
	userPool := server.UserPool()
	_, provider, _ := strings.Cut(userPool.IssuerURL(), "://")
	for _, token := range []string{server.Issue("ada").ID, ""} {
		logins := map[string]string{}
		if token != "" {
			logins[provider] = token
		}
		a := callIdentityPool(t, ts.Client(), ts.URL, "GetId", map[string]any{"IdentityPoolId": userPool.IdentityPoolID, "Logins": logins})
		if a.Status != 200 {
			t.Fatalf("%+v", a)
		}
		a = callIdentityPool(t, ts.Client(), ts.URL, "GetCredentialsForIdentity", map[string]any{"IdentityId": a.IdentityID, "Logins": logins})
		if a.Status != 200 || a.Credentials.SecretKey == "" {
			t.Errorf("%d %s", a.Status, a.Message)
		}
	}
}

func TestUserPoolNamesItsIdentityPool(t *testing.T) {
	first, second := cognitotest.New().UserPool(), cognitotest.New().UserPool()
	if first.IdentityPoolID == second.IdentityPoolID || !strings.HasPrefix(first.IdentityPoolID, tokens.UserPool{ID: first.ID}.Region()+":") {
		t.Errorf("%s, %s", first.IdentityPoolID, second.IdentityPoolID)
	}
}
