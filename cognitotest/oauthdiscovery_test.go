package cognitotest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestDiscovery: every endpoint in the document exists.
func TestDiscovery(t *testing.T) {
	server := cognitotest.New(ada)
	get := func(issuer string) map[string]any {
		t.Helper()
		resp, err := server.Client().Get(issuer + "/.well-known/openid-configuration")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var doc map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil || resp.StatusCode != 200 {
			t.Fatalf("status %d, %v", resp.StatusCode, err)
		}
		if doc["issuer"] != issuer {
			t.Errorf("issuer %v, want %s", doc["issuer"], issuer)
		}
		return doc
	}
	original := server.UserPool().IssuerURL()
	doc := get(original)
	if doc["jwks_uri"] != server.UserPool().KeySetURL() {
		t.Errorf("jwks_uri %v", doc["jwks_uri"])
	}
	for name, path := range map[string]string{
		"authorization_endpoint": "/oauth2/authorize", "token_endpoint": "/oauth2/token", "revocation_endpoint": "/oauth2/revoke",
		"userinfo_endpoint": "/oauth2/userInfo", "end_session_endpoint": "/logout",
	} {
		if doc[name] != server.UserPool().LoginURL()+path {
			t.Errorf("%s is %v", name, doc[name])
		}
		if resp, err := server.Client().Get(doc[name].(string)); err != nil || resp.StatusCode == 404 {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
	if n := server.Calls("OpenIDConfiguration"); n != 1 {
		t.Errorf("%d calls", n)
	}
	server.SwitchIssuer()
	get(original)
	get(strings.Replace(original, "https://", "https://issuer-", 1))
	server.SetURL("http://127.0.0.1:9")
	if doc := get(server.UserPool().Issuer); doc["token_endpoint"] != "http://127.0.0.1:9/oauth2/token" {
		t.Errorf("token_endpoint %v", doc["token_endpoint"])
	}
}
