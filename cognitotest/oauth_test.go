package cognitotest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/cognitotest"
)

const callback = "http://localhost:8080/callback"

// oauthConfig is the configuration of an app with server's app client.
func oauthConfig(server *cognitotest.Server, scopes ...string) *oauth2.Config {
	userPool := server.UserPool()
	style := oauth2.AuthStyleInParams
	if userPool.ClientSecret != "" {
		style = oauth2.AuthStyleInHeader
	}
	return &oauth2.Config{
		ClientID:     userPool.ClientID,
		ClientSecret: userPool.ClientSecret,
		RedirectURL:  callback,
		Scopes:       scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL:   userPool.LoginURL() + "/oauth2/authorize",
			TokenURL:  userPool.LoginURL() + "/oauth2/token",
			AuthStyle: style,
		},
	}
}

// with is an edit that sets parameters of a request. An empty value removes the
// parameter.
func with(pairs ...string) func(url.Values) {
	return func(q url.Values) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] == "" {
				q.Del(pairs[i])
			} else {
				q.Set(pairs[i], pairs[i+1])
			}
		}
	}
}

// authorizeURL is an authorization request of server's app client, edited.
func authorizeURL(server *cognitotest.Server, edits ...func(url.Values)) string {
	q := url.Values{
		"response_type": {"code"},
		"client_id":     {server.UserPool().ClientID},
		"redirect_uri":  {callback},
		"state":         {"st"},
		"scope":         {"openid email"},
	}
	for _, edit := range edits {
		edit(q)
	}
	return server.UserPool().LoginURL() + "/oauth2/authorize?" + q.Encode()
}

// exchangeCode exchanges the code in a callback URL at the token endpoint.
func exchangeCode(t *testing.T, server *cognitotest.Server, cfg *oauth2.Config, redirect string, opts ...oauth2.AuthCodeOption) *oauth2.Token {
	t.Helper()
	u, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	token, err := cfg.Exchange(context.WithValue(t.Context(), oauth2.HTTPClient, server.Client()), u.Query().Get("code"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// signedIn returns the tokens of a sign-in with these scopes.
func signedIn(t *testing.T, server *cognitotest.Server, username string, scopes ...string) *oauth2.Token {
	t.Helper()
	cfg := oauthConfig(server, scopes...)
	redirect, err := server.Authorize(cfg.AuthCodeURL("st"), username)
	if err != nil {
		t.Fatal(err)
	}
	return exchangeCode(t, server, cfg, redirect)
}

// oauthResponse is the response of an OAuth endpoint.
type oauthResponse struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// postForm posts a form to a path of the managed login. basic may hold the user and
// password of HTTP Basic.
func postForm(t *testing.T, server *cognitotest.Server, path string, form url.Values, basic ...string) *oauthResponse {
	t.Helper()
	r, err := http.NewRequest("POST", server.UserPool().LoginURL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic != nil {
		r.SetBasicAuth(basic[0], basic[1])
	}
	return do(t, server, r)
}

func do(t *testing.T, server *cognitotest.Server, r *http.Request) *oauthResponse {
	t.Helper()
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := &oauthResponse{status: resp.StatusCode, header: resp.Header, raw: string(b)}
	if len(b) > 0 && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(b, &a.body); err != nil {
			t.Errorf("%s: %v", b, err)
		}
	}
	return a
}

// wantError checks that a is an OAuth error.
func (a *oauthResponse) wantError(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.body["error"] != code {
		t.Errorf("status %d, %s; want %d, %s", a.status, a.raw, status, code)
	}
	if a.header.Get("Content-Type") != "application/json;charset=UTF-8" || !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
		t.Errorf("header %v", a.header)
	}
}
