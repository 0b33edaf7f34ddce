package appsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/appsync"
	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
)

const whoami = "query Q { viewer { mode username } }"

func TestModes(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	server.SetAuthorizer(func(token string) bool { return token == "let me in" })
	identityPool, err := identity.NewPool(server.UserPool(), &identity.Options{HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	guests, err := identity.NewPool(server.UserPool(), &identity.Options{HTTPClient: server.Client(), AllowGuest: true})
	if err != nil {
		t.Fatal(err)
	}
	ada, nobody := signedIn(server, "ada"), context.Background()
	adaSession, _ := session.FromContext(ada)
	for _, tt := range []struct {
		name   string
		client appsync.Client
		ctx    context.Context
		mode   string // as the API sees it; empty: nothing is sent
		user   string
		is     error
	}{
		{"a user", appsync.Client{AuthMode: appsync.UserPool}, ada, "userPool", "ada", nil},
		{"a user, as oidc", appsync.Client{AuthMode: appsync.OIDC}, ada, "userPool", "ada", nil},
		{"a token that is given", appsync.Client{AuthMode: appsync.UserPool, AuthToken: adaSession.IDToken().Raw()}, nobody, "userPool", "ada", nil},
		{"a signature", appsync.Client{AuthMode: appsync.IAM, Pool: identityPool}, ada, "iam", "ada", nil},
		{"a signature, by default", appsync.Client{Pool: identityPool}, ada, "iam", "ada", nil},
		{"a signature, as identityPool", appsync.Client{AuthMode: appsync.IdentityPool, Pool: identityPool}, ada, "iam", "ada", nil},
		{"a guest's signature", appsync.Client{AuthMode: appsync.IAM, Pool: guests}, nobody, "iam", "", nil},
		{"an API key", appsync.Client{AuthMode: appsync.APIKey, APIKey: server.APIKey()}, nobody, "apiKey", "", nil},
		{"an authorizer's token", appsync.Client{AuthMode: appsync.Lambda, AuthToken: "let me in"}, ada, "lambda", "", nil},
		{"an authorizer's token as a header", appsync.Client{AuthMode: appsync.Lambda, Header: http.Header{"Authorization": {"let me in"}}}, ada, "lambda", "", nil},

		{"nobody", appsync.Client{AuthMode: appsync.UserPool}, nobody, "", "", session.ErrSignedOut},
		{"nobody, where guests are not allowed", appsync.Client{Pool: identityPool}, nobody, "", "", session.ErrSignedOut},
		{"no identity pool", appsync.Client{AuthMode: appsync.IAM}, ada, "", "", nil},
		{"no API key", appsync.Client{AuthMode: appsync.APIKey}, ada, "", "", nil},
		{"no token for the authorizer", appsync.Client{AuthMode: appsync.Lambda}, ada, "", "", nil},
		{"an unknown mode", appsync.Client{AuthMode: "AWS_IAM"}, ada, "", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := server.Calls("GraphQL")
			tt.client.URL, tt.client.HTTPClient = server.GraphQLURL(), server.Client()
			var data struct{ Viewer cognitotest.Viewer }
			err := tt.client.Do(tt.ctx, whoami, nil, &data)
			if tt.mode == "" {
				if err == nil || tt.is != nil && !errors.Is(err, tt.is) || server.Calls("GraphQL") != before {
					t.Errorf("%v, and %d calls", err, server.Calls("GraphQL")-before)
				}
				return
			}
			if err != nil || data.Viewer.Mode != tt.mode || data.Viewer.Username != tt.user {
				t.Errorf("seen as %+v, %v", data.Viewer, err)
			}
		})
	}
}

func TestQueryAndVariablesArriveAsGiven(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	api := &appsync.Client{URL: server.GraphQLURL(), AuthMode: appsync.APIKey, APIKey: server.APIKey(), HTTPClient: server.Client()}
	const query = "query Q($a: Int)   { hello(a: $a) # <&> \"ü\"\n}"
	var data struct {
		Echo struct {
			Query     string
			Variables map[string]int
		}
	}
	if err := api.Do(t.Context(), query, map[string]int{"a": 1}, &data); err != nil || data.Echo.Query != query || data.Echo.Variables["a"] != 1 {
		t.Errorf("%+v, %v", data, err)
	}
	if err := api.Do(t.Context(), query, func() {}, nil); err == nil {
		t.Error("variables that are no JSON are sent")
	}
}

func TestErrorsOfTheAPI(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	api := &appsync.Client{URL: server.GraphQLURL(), AuthMode: appsync.APIKey, APIKey: server.APIKey(), HTTPClient: server.Client()}
	for name, want := range map[string]string{
		"syntax":    "InvalidSyntaxError",
		"wrong key": "UnauthorizedException",
		"throttled": "",
		"html":      "",
		"null data": "",
	} {
		t.Run(name, func(t *testing.T) {
			client, query, fault := *api, whoami, cognitotest.Fault{}
			switch name {
			case "syntax":
				query = "hello"
			case "wrong key":
				client.APIKey = "da2-wrong"
			case "throttled":
				fault.Status = 429
			case "html":
				fault.Body, fault.Status = "<h1>busy</h1>", 200
			case "null data":
				fault.Body, fault.Status = `{"data":{"viewer":7}}`, 200
			}
			server.SetFault(func(string) cognitotest.Fault { return fault })
			var data struct{ Viewer cognitotest.Viewer }
			err := client.Do(t.Context(), query, nil, &data)
			var answered appsync.Errors
			if err == nil || errors.As(err, &answered) != (want != "") || want != "" && answered[0].Type != want {
				t.Errorf("%v", err)
			}
			if want != "" && !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not name %s", err, want)
			}
		})
	}
}

// roundTrip answers requests.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, header http.Header, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

func TestPartialDataIsDecoded(t *testing.T) {
	api := &appsync.Client{URL: "https://api.example.com/graphql", AuthMode: appsync.None, HTTPClient: &http.Client{
		Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return answer(200, nil, `{"data":{"a":1,"b":null},"errors":[{"message":"no","errorType":"Unauthorized","path":["b",0],"errorInfo":{"x":1}}]}`), nil
		}),
	}}
	var data struct{ A int }
	err := api.Do(t.Context(), "{a b}", nil, &data)
	var answered appsync.Errors
	if !errors.As(err, &answered) || data.A != 1 {
		t.Fatalf("%v, %+v", err, data)
	}
	if e := answered[0]; e.Message != "no" || e.Type != "Unauthorized" || len(e.Path) != 2 || !json.Valid(e.Info) {
		t.Errorf("%+v", e)
	}
}

func TestNothingIsSentElsewhere(t *testing.T) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	sent := 0
	client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		sent++
		return answer(307, http.Header{"Location": {"https://evil.example.com/"}}, ""), nil
	})}
	for _, mode := range []string{appsync.UserPool, appsync.APIKey, appsync.None} {
		sent = 0
		api := &appsync.Client{URL: "https://api.example.com/graphql", AuthMode: mode, APIKey: "da2-x", HTTPClient: client}
		if err := api.Do(signedIn(server, "ada"), whoami, nil, nil); err == nil || sent != 1 {
			t.Errorf("%s follows a redirect: %v, %d sent", mode, err, sent)
		}
		for _, url := range []string{"http://api.example.com/graphql", "", "::"} {
			sent = 0
			api.URL = url
			if err := api.Do(signedIn(server, "ada"), whoami, nil, nil); err == nil || sent != 0 {
				t.Errorf("%s goes to %q: %v", mode, url, err)
			}
		}
	}
}

func TestAnswersAreBounded(t *testing.T) {
	api := &appsync.Client{URL: "https://api.example.com/graphql", AuthMode: appsync.None, HTTPClient: &http.Client{
		Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return answer(200, nil, `{"data":"`+strings.Repeat("x", 9<<20)+`"}`), nil
		}),
	}}
	if err := api.Do(t.Context(), "{a}", nil, nil); err == nil {
		t.Error("accepted")
	}
}
