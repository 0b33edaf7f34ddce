package middleware_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// resources are the parts of Amplify's parsed configuration that Outputs holds.
type resources struct {
	Auth struct {
		Cognito struct {
			UserPoolID, UserPoolClientID, IdentityPoolID string
			AllowGuestAccess                             bool
			LoginWith                                    struct {
				OAuth struct {
					Domain                                             string
					Scopes, RedirectSignIn, RedirectSignOut, Providers []string
				}
			}
		}
	}
	API struct {
		GraphQL struct{ Endpoint, Region, APIKey, DefaultAuthMode string }
		REST    map[string]struct{ Endpoint, Region, Service string }
	}
	Storage struct {
		S3 struct {
			Bucket, Region string
			Buckets        map[string]struct{ BucketName, Region string }
		}
	}
}

// outputs converts Amplify's parse result.
func (r resources) outputs() *cognito.Outputs {
	c, o := r.Auth.Cognito, r.Auth.Cognito.LoginWith.OAuth
	out := &cognito.Outputs{
		UserPool:   cognito.UserPool{ID: c.UserPoolID, ClientID: c.UserPoolClientID, IdentityPoolID: c.IdentityPoolID, Domain: o.Domain},
		AllowGuest: c.AllowGuestAccess,
		OAuth:      cognito.OAuth{Scopes: o.Scopes, Providers: o.Providers, RedirectSignIn: uris(o.RedirectSignIn), RedirectSignOut: uris(o.RedirectSignOut)},
		Data:       cognito.Data{URL: r.API.GraphQL.Endpoint, Region: r.API.GraphQL.Region, APIKey: r.API.GraphQL.APIKey, AuthMode: r.API.GraphQL.DefaultAuthMode},
	}
	for _, name := range slices.Sorted(maps.Keys(r.API.REST)) {
		api := r.API.REST[name]
		out.REST = append(out.REST, cognito.REST{Name: name, Endpoint: api.Endpoint, Region: api.Region, Service: api.Service})
	}
	if s := r.Storage.S3; s.Bucket != "" {
		out.Buckets = []cognito.Bucket{{Bucket: s.Bucket, Region: s.Region}}
		for name, b := range s.Buckets {
			if b.BucketName == s.Bucket {
				out.Buckets[0].Name = name
			} else {
				out.Buckets = append(out.Buckets, cognito.Bucket{Name: name, Bucket: b.BucketName, Region: b.Region})
			}
		}
	}
	return out
}

// uris removes the white space and the empty members that Amplify leaves in a list.
func uris(list []string) (tidy []string) {
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			tidy = append(tidy, s)
		}
	}
	return tidy
}

// TestReadOutputsLikeAmplify reads the recorded files. Some files that Amplify accepts
// are errors here: a server needs a user pool, an app client and one generation, and no
// call can be made with an authorization that is not known.
func TestReadOutputsLikeAmplify(t *testing.T) {
	text, err := os.ReadFile("../testdata/amplify/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var records []struct {
		Name          string
		Input, Output json.RawMessage
	}
	if err := json.Unmarshal(text, &records); err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{
		"gen1-identity-pool-only":   "aws_user_pools_id",
		"gen1-no-auth":              "aws_user_pools_id",
		"gen1-no-region":            "aws_project_region",
		"gen1-unknown-appsync-type": "aws_appsync_authenticationType",
		"gen2-duplicate-bucket":     "storage.buckets[1].name",
		"gen2-version-2":            "version",
		"gen2-no-version":           "version",
		"gen2-with-aws-key":         "aws_project_region",
		"resources-config":          "version",
		"empty":                     "version",
	}
	for _, rec := range records {
		got, err := cognito.ReadOutputs(bytes.NewReader(rec.Input))
		if member, ok := refused[rec.Name]; ok {
			if err == nil || !strings.Contains(err.Error(), "\n"+member+": ") {
				t.Errorf("%s: %v, want a mistake of %s", rec.Name, err, member)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", rec.Name, err)
			continue
		}
		var r resources
		if err := json.Unmarshal(rec.Output, &r); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got.REST, func(a, b cognito.REST) int { return cmp.Compare(a.Name, b.Name) })
		if want := r.outputs(); !reflect.DeepEqual(normal(got), normal(want)) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", rec.Name, *got, *want)
		}
	}
}

// normal makes empty lists nil.
func normal(o *cognito.Outputs) cognito.Outputs {
	c := *o
	for _, list := range []*[]string{&c.OAuth.Scopes, &c.OAuth.RedirectSignIn, &c.OAuth.RedirectSignOut, &c.OAuth.Providers} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return c
}

func TestReadOutputsReportsEverything(t *testing.T) {
	_, err := cognito.ReadOutputs(strings.NewReader(`{
		"version": "1.3", "unknown": {"a": [1]},
		"auth": {"user_pool_id": 5, "unauthenticated_identities_enabled": "yes", "oauth": {"scopes": "openid", "domain": "https://x/"}},
		"storage": [], "data": {"url": "https://x", "api_key": null, "aws_region": {}, "default_authorization_type": "FOO"}
	}`))
	if err == nil {
		t.Fatal("no error")
	}
	for _, member := range []string{"auth.user_pool_id: is not a string", "auth.user_pool_id: is required", "auth.user_pool_client_id: is required", "auth.oauth.domain: ",
		"auth.unauthenticated_identities_enabled: is not true or false", "auth.oauth.scopes: is not a list of strings", "storage: is not an object", "data.aws_region: ", `data.default_authorization_type: "FOO" is not known`} {
		if !strings.Contains(err.Error(), "\n"+member) {
			t.Errorf("no line begins with %q in:\n%v", member, err)
		}
	}
	for _, text := range []string{"", "[]", "null", "nonsense", `{"version":"1"} x`, "\ufeff{}", strings.Repeat("[", 1<<20)} {
		if _, err := cognito.ReadOutputs(strings.NewReader(text)); err == nil {
			t.Errorf("%.20q is accepted", text)
		}
	}
	const auth = `"auth": {"user_pool_id": "eu-west-1_a", "user_pool_client_id": "a"%s}`
	file := func(version, inAuth, more string) string {
		return `{"version": ` + version + ", " + fmt.Sprintf(auth, inAuth) + more + "}"
	}
	for text, mistake := range map[string]string{
		file(`"1"`, "", ""):   "",
		file(`"1.4"`, "", ""): "",
		file(`""`, "", ""):    "version: ",
		file(`null`, "", ""):  "version: ",
		file(`1`, "", ""):     "version: is not a string",
		file(`"11"`, "", ""):  "version: ",
		// Names are case-sensitive, as in Amplify, and the last of two members counts.
		`{"version": "1", "Auth": {"user_pool_id": "eu-west-1_a", "user_pool_client_id": "a"}}`: "auth.user_pool_id: ",
		file(`"2"`, "", `, "version": "1"`):                                                     "",
		file(`"1"`, "", `, "auth": null`):                                                       "auth.user_pool_id: ",
		file(`"1"`, `, "oauth": null, "identity_pool_id": null`, `, "storage": null`):           "",
		file(`"1"`, `, "oauth": {"scopes": ["openid", null]}`, ""):                              "auth.oauth.scopes: is not a list of strings",
		file(`"1"`, "", `, "storage": {"buckets": [null]}`):                                     "storage.buckets[0].bucket_name: is missing",
		file(`"1"`, "", `, "storage": {"buckets": [{"name": "a"}]}`):                            "storage.buckets[0].bucket_name: is missing",
		file(`"1"`, "", `, "storage": {"buckets": ["a"]}`):                                      "storage.buckets: is not a list of objects",
	} {
		_, err := cognito.ReadOutputs(strings.NewReader(text))
		if mistake == "" && err != nil || mistake != "" && (err == nil || !strings.Contains(err.Error(), "\n"+mistake)) {
			t.Errorf("%s: %v, want %q", text, err, mistake)
		}
	}
}

// TestReadOutputsRefuses has one fault in each file.
func TestReadOutputsRefuses(t *testing.T) {
	const gen2 = `{"version": "1", "auth": {"user_pool_id": "eu-west-1_AbCdEf123", "user_pool_client_id": "1abc"%s}%s}`
	const gen1 = `{"aws_project_region": "eu-west-1", "aws_user_pools_id": "eu-west-1_AbCdEf123", "aws_user_pools_web_client_id": "1abc", %s}`
	for text, member := range map[string]string{
		fmt.Sprintf(gen2, `, "identity_pool_id": "eu-west-1_x"`, ""):                                     "auth.identity_pool_id",
		fmt.Sprintf(gen2, `, "identity_pool_id": "x:11111111-2222"`, ""):                                 "auth.identity_pool_id",
		fmt.Sprintf(gen2, "", `, "data": {"url": "abc.appsync-api/graphql"}`):                            "data.url",
		fmt.Sprintf(gen2, "", `, "data": {"url": "https://"}`):                                           "data.url",
		fmt.Sprintf(gen2, "", `, "data": {"url": "https://a", "default_authorization_type": "api_key"}`): "data.default_authorization_type",
		fmt.Sprintf(gen1, `"aws_cognito_identity_pool_id": "eu-west-1:X"`):                               "aws_cognito_identity_pool_id",
		fmt.Sprintf(gen1, `"aws_appsync_graphqlEndpoint": "ftp://a/b"`):                                  "aws_appsync_graphqlEndpoint",
		fmt.Sprintf(gen1, `"aws_cloud_logic_custom": [{"endpoint": "https://u@a"}]`):                     "aws_cloud_logic_custom[0].endpoint",
	} {
		if _, err := cognito.ReadOutputs(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "\n"+member+": ") || strings.Count(err.Error(), "\n") != 1 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOutputsLogin(t *testing.T) {
	var configError *cognito.ConfigError
	if _, err := new(cognito.Outputs).Login("https://app.example.com", ""); !errors.As(err, &configError) || configError.Field != "oauth" || strings.Contains(err.Error(), "\n") ||
		!strings.Contains(err.Error(), `callbackUrls ["https://app.example.com/api/auth/sign-in-callback"]`) {
		t.Errorf("without a managed login: %v", err)
	}
	out := cognito.Outputs{OAuth: cognito.OAuth{
		Scopes:          []string{"openid"},
		RedirectSignIn:  []string{"http://localhost:3000/api/auth/sign-in-callback", "https://app.example.com/api/auth/sign-in-callback"},
		RedirectSignOut: []string{"https://app.example.com/api/auth/sign-out-callback"},
	}}
	l, err := out.Login("https://app.example.com", "")
	if err != nil || l.RedirectURI != out.OAuth.RedirectSignIn[1] || l.LogoutURI != out.OAuth.RedirectSignOut[0] || len(l.Scopes) != 1 {
		t.Errorf("got %+v, %v", l, err)
	}
	if _, err := out.Login("http://localhost:3000", ""); err == nil || !strings.Contains(err.Error(), "\nredirect_sign_out_uri: ") || strings.Contains(err.Error(), "sign_in_uri") {
		t.Errorf("no sign-out URI: %v", err)
	}
	out.OAuth.Scopes = []string{"email"}
	_, err = out.Login("https://app.example.com", "/auth")
	for _, member := range []string{"redirect_sign_in_uri", "scopes"} {
		if err == nil || !strings.Contains(err.Error(), "\n"+member+": ") {
			t.Errorf("no mistake of %s in %v", member, err)
		}
	}
	if _, err := out.Login("https://app.example.co", ""); err == nil {
		t.Error("the beginning of another origin is accepted")
	}
}
