package cognitotest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestLoginBelowPath: links and redirects work wherever the server is mounted.
// Domain is empty then.
func TestLoginBelowPath(t *testing.T) {
	server := cognitotest.New(ada)
	server.SetLogin(cognitotest.Login{Providers: []string{"Google"}})
	mux := http.NewServeMux()
	mux.Handle("/cognito/", http.StripPrefix("/cognito", server))
	ts := httptest.NewServer(mux)
	defer ts.Close()
	base := ts.URL + "/cognito"
	query := strings.SplitN(authorizeURL(server), "?", 2)[1]
	server.SetURL(base)
	if d := server.UserPool().Domain; d != "" {
		t.Errorf("Domain %q", d)
	}
	for _, client := range []*http.Client{ts.Client(), server.Client()} {
		b := newBrowser(t, client)
		p := b.get(base + "/oauth2/authorize?" + query)
		if p.url.Path != "/cognito/login" {
			t.Fatalf("at %s", p.url)
		}
		for _, c := range p.header.Values("Set-Cookie") {
			if !strings.Contains(c, "; Path=/cognito/;") || strings.Contains(c, "; Secure") {
				t.Errorf("cookie %s", c)
			}
		}
		if q := b.click(p, "Continue with Google"); q.url.Path != "/cognito/idp" {
			t.Errorf("at %s", q.url)
		}
		p = b.click(b.click(p, "Create an account"), "Sign in")
		b.submit(p, "username", "ada", "password", ada.Password).code(t, "st")
		b.get(base+"/oauth2/authorize?"+query).code(t, "st")
		if p := b.get(base + "/logout?" + query); p.url.Path != "/cognito/login" {
			t.Errorf("at %s", p.url)
		}
	}
}

// TestLoginHosts: as on AWS, the managed login and the API have hosts of their own.
// Behind SetURL they share one.
func TestLoginHosts(t *testing.T) {
	server := cognitotest.New(ada)
	userPool := server.UserPool()
	for target, want := range map[string]int{
		"https://" + userPool.Domain + "/oauth2/userInfo":                           400,
		"https://" + userPool.Domain + "/":                                          404,
		"https://" + userPool.Domain + "/favicon.ico":                               404,
		"https://" + userPool.Domain + "/" + userPool.ID + "/.well-known/jwks.json": 404,
		userPool.IssuerURL() + "/.well-known/jwks.json":                             200,
		"https://cognito-idp.eu-west-1.amazonaws.com/oauth2/userInfo":               404,
		"http://" + userPool.Domain + "/oauth2/userInfo":                            0,
	} {
		resp, err := server.Client().Get(target)
		if want == 0 {
			if err == nil {
				t.Errorf("%s answers", target)
			}
		} else if err != nil || resp.StatusCode != want {
			t.Errorf("%s: %v, %v, want %d", target, resp, err, want)
		}
	}
	server.SetURL("http://127.0.0.1:9")
	if d := server.UserPool().Domain; d != "127.0.0.1:9" {
		t.Errorf("Domain %q", d)
	}
	for _, path := range []string{"/oauth2/userInfo", "/" + userPool.ID + "/.well-known/jwks.json"} {
		if resp, err := server.Client().Get("http://127.0.0.1:9" + path); err != nil || resp.StatusCode == 404 {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
	}
}

// TestLoginFaults: apps get JSON, browsers a page. An error without a status is sent
// to the app.
func TestLoginFaults(t *testing.T) {
	server := cognitotest.New(ada)
	var f cognitotest.Fault
	server.SetFault(func(string) cognitotest.Fault { return f })
	id := server.UserPool().ClientID
	for _, path := range []string{"/oauth2/token", "/oauth2/revoke", "/oauth2/userInfo"} {
		for _, c := range []struct {
			fault  cognitotest.Fault
			status int
			code   string
		}{
			{cognitotest.Fault{Status: 503}, 503, "server_error"},
			{cognitotest.Fault{Status: 429}, 429, "temporarily_unavailable"},
			{cognitotest.Fault{Status: 400}, 400, "invalid_request"},
			{cognitotest.Fault{Code: "invalid_grant", Message: "gone"}, 400, "invalid_grant"},
		} {
			f = c.fault
			postForm(t, server, path, url.Values{"client_id": {id}}).wantError(t, c.status, c.code)
		}
		f = cognitotest.Fault{Body: "<html>"}
		if got := postForm(t, server, path, nil); got.status != 503 || got.raw != "<html>" {
			t.Errorf("%s: status %d, %q", path, got.status, got.raw)
		}
	}
	b := newBrowser(t, server.Client())
	for _, path := range []string{"/oauth2/authorize", "/login", "/signup"} {
		target := strings.Replace(authorizeURL(server), "/oauth2/authorize", path, 1)
		f = cognitotest.Fault{Status: 503}
		if p := b.get(target); p.status != 503 || !strings.Contains(p.body, "server_error") {
			t.Errorf("%s: status %d", path, p.status)
		}
		f = cognitotest.Fault{Code: "server_error", Message: "<b>"}
		p := b.get(target)
		p.wantError(t, "server_error", "st")
		if p.app.Query().Get("error_description") != "<b>" {
			t.Error(p.app)
		}
		if p := b.get(server.UserPool().LoginURL() + path); p.status != 400 || p.app != nil || strings.Contains(p.body, "<b>") {
			t.Errorf("%s: status %d, to %v", path, p.status, p.app)
		}
	}

	// With After the code is used up, and the response lost.
	f = cognitotest.Fault{}
	cfg := oauthConfig(server, "openid")
	redirect, err := server.Authorize(cfg.AuthCodeURL("st"), "ada")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(redirect)
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {id}, "redirect_uri": {callback}, "code": {u.Query().Get("code")}}
	f = cognitotest.Fault{Status: 500, After: true}
	postForm(t, server, "/oauth2/token", form).wantError(t, 500, "server_error")
	f = cognitotest.Fault{}
	postForm(t, server, "/oauth2/token", form).wantError(t, 400, "invalid_grant")
}
