package cognitotest_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestErrorsOfVectors makes every recorded error of Cognito by a Fault, and compares
// the responses exactly.
func TestErrorsOfVectors(t *testing.T) {
	server := cognitotest.New(ada)
	seen := make(map[string]bool)
	for _, rec := range records(t) {
		for _, x := range rec.Cognito {
			op, ours := strings.CutPrefix(x.Expect.Target, "AWSCognitoIdentityProviderService.")
			var want recordedResponse
			if err := json.Unmarshal(x.Reply, &want); err != nil {
				t.Fatal(err)
			}
			code, _ := want.Body["__type"].(string)
			var f cognitotest.Fault
			switch {
			case !ours || seen[op+string(x.Reply)]:
				continue
			case want.NetworkError:
				f.Drop = true
			case want.Raw != "":
				f.Status, f.Body = want.Status, want.Raw
			case code != "" && code == want.Headers["x-amzn-errortype"]:
				f.Status, f.Code, f.Message = want.Status, code, want.Body["message"].(string)
			default:
				continue
			}
			seen[op+string(x.Reply)] = true
			server.SetFault(func(string) cognitotest.Fault { return f })
			if got := post(t, server.Client(), awsURL, op, "{}"); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", rec.Name, got, want)
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("compared %d answers only", len(seen))
	}
}

// TestResponsesOfVectors compares responses without a Fault: errors exactly, successes
// by their members and kinds of values.
func TestResponsesOfVectors(t *testing.T) {
	server := cognitotest.New(ada)
	move := stopClock(server)
	client := server.Client()
	set := server.Issue("ada")
	same := func(got recordedResponse, name, op string) {
		t.Helper()
		want := vector(t, name, op)
		if got.Status != want.Status || !reflect.DeepEqual(kinds(got.Body), kinds(want.Body)) {
			t.Errorf("%s: status %d, %v; want %d, %v", name, got.Status, kinds(got.Body), want.Status, kinds(want.Body))
		}
		if want.Status != 200 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	const refresh = "GetTokensFromRefreshToken"
	same(post(t, client, awsURL, refresh, refreshBody(server, set.Refresh)), "expired-access-refresh", refresh)
	server.SetRotation(true, 0)
	rotated := post(t, client, awsURL, refresh, refreshBody(server, set.Refresh))
	same(rotated, "expired-both-refresh-rotated", refresh)
	same(post(t, client, awsURL, "GetUser", `{"AccessToken":"`+set.Access+`"}`), "valid-session-fetch-user-attributes", "GetUser")

	next := rotated.Body["AuthenticationResult"].(map[string]any)["RefreshToken"].(string)
	expiring := server.Issue("ada")
	got := post(t, client, awsURL, "RevokeToken", `{"ClientId":"`+server.UserPool().ClientID+`","Token":"`+next+`"}`)
	if got.Status != 200 || len(got.Body) != 0 {
		t.Errorf("RevokeToken: %+v", got)
	}
	same(post(t, client, awsURL, "GetUser", `{"AccessToken":"`+set.Access+`"}`), "fetch-user-attributes-not-authorized", "GetUser")
	move(31 * 24 * 3600e9)
	same(post(t, client, awsURL, refresh, refreshBody(server, expiring.Refresh)), "refresh-not-authorized", refresh)
}

// kinds replaces the values in v by the names of their types. A list becomes the
// type of its first element.
func kinds(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any)
		for k, v := range v {
			m[k] = kinds(v)
		}
		return m
	case []any:
		return kinds(v[0])
	}
	return reflect.TypeOf(v).String()
}

// TestKeySetOfVectors compares the members of a key.
func TestKeySetOfVectors(t *testing.T) {
	var rec []struct {
		JWKS map[string]any
	}
	b, err := os.ReadFile("../testdata/amplify/session.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		t.Fatal(err)
	}
	server := cognitotest.New()
	resp, err := server.Client().Get(server.UserPool().KeySetURL())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	for uri, want := range rec[0].JWKS {
		if !reflect.DeepEqual(kinds(got), kinds(want)) || len(got["keys"].([]any)) != 2 {
			t.Errorf("key set %v, want as at %s: %v", kinds(got), uri, kinds(want))
		}
	}
	for _, k := range got["keys"].([]any) {
		if kid := k.(map[string]any)["kid"].(string); !strings.HasSuffix(kid, "=") {
			t.Errorf("kid %q is not like Cognito's", kid)
		}
	}
}

// recordedResponse is a response of Cognito in the vectors.
type recordedResponse struct {
	Status       int
	Headers      map[string]string
	Body         map[string]any
	Raw          string
	NetworkError bool
}

type exchange struct {
	Expect struct{ Target string }
	Reply  json.RawMessage
}

type record struct {
	Name    string
	Cognito []exchange
}

func records(t *testing.T) []record {
	t.Helper()
	b, err := os.ReadFile("../testdata/amplify/session.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []record
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// vector finds the first response to op in the record of that name.
func vector(t *testing.T, name, op string) recordedResponse {
	t.Helper()
	all := records(t)
	i := slices.IndexFunc(all, func(r record) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no record %s", name)
	}
	for _, x := range all[i].Cognito {
		if strings.HasSuffix(x.Expect.Target, "."+op) {
			var r recordedResponse
			if err := json.Unmarshal(x.Reply, &r); err != nil {
				t.Fatal(err)
			}
			return r
		}
	}
	t.Fatalf("record %s has no answer to %s", name, op)
	return recordedResponse{}
}

// TestOAuthOfVectors sends the recorded requests of Amplify's routes, with values of
// ours. It compares the responses with Cognito's: errors exactly, successes by their
// members and kinds of values.
func TestOAuthOfVectors(t *testing.T) {
	var all []struct {
		Name  string
		OAuth []struct {
			Expect struct {
				Method, URL, Body string
				Headers           map[string]string
			}
			Reply struct {
				Status int
				Body   map[string]any
				Raw    string
			}
		}
	}
	b, err := os.ReadFile("../testdata/amplify/routes.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	server := cognitotest.New(ada)
	userPool := server.UserPool()
	compared := 0
	for _, rec := range all {
		for _, x := range rec.OAuth {
			u, err := url.Parse(x.Expect.URL)
			if err != nil {
				t.Fatal(err)
			}
			form, err := url.ParseQuery(x.Expect.Body)
			if err != nil {
				t.Fatal(err)
			}
			code, _ := x.Reply.Body["error"].(string)
			honest := x.Reply.Status == 200 && x.Reply.Raw == "" && (x.Reply.Body == nil || x.Reply.Body["refresh_token"] != nil)
			if !honest && (x.Reply.Status != 400 || code == "") {
				continue // answers that Cognito never gives
			}
			form.Set("client_id", userPool.ClientID)
			switch {
			case !honest:
				server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Code: code, Message: "x"} })
			case u.Path == "/oauth2/revoke":
				form.Set("token", signedIn(t, server, "ada", "openid").RefreshToken)
			default:
				cfg := oauthConfig(server, "openid")
				cfg.RedirectURL = form.Get("redirect_uri")
				redirect, err := server.Authorize(cfg.AuthCodeURL("st", oauth2.S256ChallengeOption(form.Get("code_verifier"))), "ada")
				if err != nil {
					t.Fatal(err)
				}
				back, _ := url.Parse(redirect)
				form.Set("code", back.Query().Get("code"))
			}
			r, err := http.NewRequest(x.Expect.Method, userPool.LoginURL()+u.Path, strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range x.Expect.Headers {
				r.Header.Set(k, v)
			}
			got := do(t, server, r)
			server.SetFault(nil)
			compared++
			switch {
			case got.status != x.Reply.Status:
				t.Errorf("%s: status %d, want %d", rec.Name, got.status, x.Reply.Status)
			case code != "" && got.body["error"] != code:
				t.Errorf("%s: error %v, want %s", rec.Name, got.body["error"], code)
			case x.Reply.Body == nil && (got.raw != "" || got.header.Get("Content-Length") != ""):
				t.Errorf("%s: body %q", rec.Name, got.raw)
			case code == "" && x.Reply.Body != nil && !reflect.DeepEqual(kinds(got.body), kinds(x.Reply.Body)):
				t.Errorf("%s: %v, want %v", rec.Name, kinds(got.body), kinds(x.Reply.Body))
			}
		}
	}
	if compared < 5 {
		t.Errorf("compared %d answers only", compared)
	}
}

// TestTokensOfVectors compares members and JSON types with tokens of Cognito as
// they were recorded.
func TestTokensOfVectors(t *testing.T) {
	user := cognitotest.User{Username: "alice", Attributes: map[string]string{"email": "alice@example.com"}}
	set := cognitotest.New(user).Issue("alice")
	result := vector(t, "expired-both-refresh-rotated", "GetTokensFromRefreshToken").Body["AuthenticationResult"].(map[string]any)
	for _, c := range []struct{ name, raw string }{{"AccessToken", set.Access}, {"IdToken", set.ID}} {
		wantHeader, wantClaims := decodeToken(t, result[c.name].(string))
		header, claims := decodeToken(t, c.raw)
		if got, want := shape(header), shape(wantHeader); !maps.Equal(got, want) {
			t.Errorf("header of %s: %v, want %v", c.name, got, want)
		}
		if got, want := shape(claims), shape(wantClaims); !maps.Equal(got, want) {
			t.Errorf("claims of %s: %v, want %v", c.name, got, want)
		}
		if claims["scope"] != wantClaims["scope"] || claims["token_use"] != wantClaims["token_use"] {
			t.Errorf("%s: scope %v, token_use %v", c.name, claims["scope"], claims["token_use"])
		}
	}
	if got, want := strings.Split(set.Refresh, "."), strings.Split(result["RefreshToken"].(string), "."); len(got) != len(want) || got[0] != want[0] {
		t.Errorf("refresh token of %d parts begins %q, want %d and %q", len(got), got[0], len(want), want[0])
	}
}

// shape maps members to the types of their values.
func shape(m map[string]any) map[string]string {
	kinds := make(map[string]string)
	for k, v := range m {
		kinds[k] = reflect.TypeOf(v).String()
	}
	return kinds
}
