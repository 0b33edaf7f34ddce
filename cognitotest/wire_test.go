package cognitotest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// post sends an operation as Amplify does, and returns the answer decoded like
// a recorded one.
func post(t *testing.T, client *http.Client, url, op, body string) recorded {
	t.Helper()
	r, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	resp, err := client.Do(r)
	if err != nil {
		return recorded{NetworkError: true}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := recorded{Status: resp.StatusCode}
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
func refreshBody(srv *cognitotest.Server, token string) string {
	return `{"ClientId":"` + srv.UserPool().ClientID + `","RefreshToken":"` + token + `"}`
}

// awsURL is the regional endpoint of the user pool API.
const awsURL = "https://cognito-idp.eu-west-1.amazonaws.com/"

// TestErrorsOfVectors makes every error that was recorded with Cognito's code,
// by a Fault, and compares the answers to the letter.
func TestErrorsOfVectors(t *testing.T) {
	srv := cognitotest.New(ada)
	seen := make(map[string]bool)
	for _, rec := range records(t) {
		for _, x := range rec.Cognito {
			op, ours := strings.CutPrefix(x.Expect.Target, "AWSCognitoIdentityProviderService.")
			var want recorded
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
			srv.SetFault(func(string) cognitotest.Fault { return f })
			if got := post(t, srv.Client(), awsURL, op, "{}"); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", rec.Name, got, want)
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("compared %d answers only", len(seen))
	}
}

// TestAnswersOfVectors compares what the operations answer of themselves:
// errors to the letter, successes by their members and kinds of values.
func TestAnswersOfVectors(t *testing.T) {
	srv := cognitotest.New(ada)
	move := clock(srv)
	client := srv.Client()
	set := srv.Issue("ada")
	same := func(got recorded, name, op string) {
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
	same(post(t, client, awsURL, refresh, refreshBody(srv, set.Refresh)), "expired-access-refresh", refresh)
	srv.SetRotation(true, 0)
	rotated := post(t, client, awsURL, refresh, refreshBody(srv, set.Refresh))
	same(rotated, "expired-both-refresh-rotated", refresh)
	same(post(t, client, awsURL, "GetUser", `{"AccessToken":"`+set.Access+`"}`), "valid-session-fetch-user-attributes", "GetUser")

	next := rotated.Body["AuthenticationResult"].(map[string]any)["RefreshToken"].(string)
	expiring := srv.Issue("ada")
	got := post(t, client, awsURL, "RevokeToken", `{"ClientId":"`+srv.UserPool().ClientID+`","Token":"`+next+`"}`)
	if got.Status != 200 || len(got.Body) != 0 {
		t.Errorf("RevokeToken: %+v", got)
	}
	same(post(t, client, awsURL, "GetUser", `{"AccessToken":"`+set.Access+`"}`), "fetch-user-attributes-not-authorized", "GetUser")
	move(31 * 24 * 3600e9)
	same(post(t, client, awsURL, refresh, refreshBody(srv, expiring.Refresh)), "refresh-not-authorized", refresh)
}

// kinds replaces the values in v by the names of their kinds; of a list, it
// keeps the first.
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
	srv := cognitotest.New()
	resp, err := srv.Client().Get(srv.UserPool().KeySetURL())
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

// recorded is an answer of Cognito's in the vectors.
type recorded struct {
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

// vector finds the first answer to op in the record of that name.
func vector(t *testing.T, name, op string) recorded {
	t.Helper()
	all := records(t)
	i := slices.IndexFunc(all, func(r record) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no record %s", name)
	}
	for _, x := range all[i].Cognito {
		if strings.HasSuffix(x.Expect.Target, "."+op) {
			var r recorded
			if err := json.Unmarshal(x.Reply, &r); err != nil {
				t.Fatal(err)
			}
			return r
		}
	}
	t.Fatalf("record %s has no answer to %s", name, op)
	return recorded{}
}
