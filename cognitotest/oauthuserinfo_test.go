package cognitotest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/cognitotest"
)

func userInfo(t *testing.T, srv *cognitotest.Server, method, authorization string) *answer {
	t.Helper()
	r, err := http.NewRequest(method, srv.UserPool().LoginURL()+"/oauth2/userInfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return receive(t, srv, r)
}

func TestUserInfo(t *testing.T) {
	srv := cognitotest.New(ada)
	move := clock(srv)
	token := signedIn(t, srv, "ada", "openid", "email")
	_, claims := decodeToken(t, token.AccessToken)
	want := map[string]any{"sub": claims["sub"], "username": "ada", "email": "ada@example.com", "email_verified": "true"}
	for _, method := range []string{"GET", "POST"} {
		if got := userInfo(t, srv, method, "Bearer "+token.AccessToken); got.status != 200 || !reflect.DeepEqual(got.body, want) {
			t.Errorf("%s: status %d, %v", method, got.status, got.body)
		}
	}
	if got := userInfo(t, srv, "GET", "Bearer "+signedIn(t, srv, "ada", "openid", "profile").AccessToken); got.body["custom:tier"] != "gold" {
		t.Errorf("profile: %v", got.body)
	}

	revoked := signedIn(t, srv, "ada", "openid")
	send(t, srv, "/oauth2/revoke", url.Values{"token": {revoked.RefreshToken}, "client_id": {srv.UserPool().ClientID}})
	for _, c := range []struct {
		name, authorization string
		status              int
		code                string
	}{
		{"no token", "", 400, "invalid_request"},
		{"an empty token", "Bearer ", 400, "invalid_request"},
		{"another scheme", "Basic eDp5", 400, "invalid_request"},
		{"rubbish", "Bearer x", 401, "invalid_token"},
		{"an ID token", "Bearer " + token.Extra("id_token").(string), 401, "invalid_token"},
		{"a revoked session", "Bearer " + revoked.AccessToken, 401, "invalid_token"},
		{"a token without openid", "Bearer " + srv.Issue("ada").Access, 401, "invalid_token"},
		{"another pool's token", "Bearer " + signedIn(t, cognitotest.New(ada), "ada", "openid").AccessToken, 401, "invalid_token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := userInfo(t, srv, "GET", c.authorization)
			got.refused(t, c.status, c.code)
			if h := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(h, `Bearer error="`+c.code+`", error_description="`) {
				t.Errorf("WWW-Authenticate %s", h)
			}
		})
	}
	move(time.Hour)
	userInfo(t, srv, "GET", "Bearer "+token.AccessToken).refused(t, 401, "invalid_token")
}

// TestDiscovery: the document leads to endpoints that answer.
func TestDiscovery(t *testing.T) {
	srv := cognitotest.New(ada)
	get := func(issuer string) map[string]any {
		t.Helper()
		resp, err := srv.Client().Get(issuer + "/.well-known/openid-configuration")
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
	original := srv.UserPool().IssuerURL()
	doc := get(original)
	if doc["jwks_uri"] != srv.UserPool().KeySetURL() {
		t.Errorf("jwks_uri %v", doc["jwks_uri"])
	}
	for name, path := range map[string]string{
		"authorization_endpoint": "/oauth2/authorize", "token_endpoint": "/oauth2/token", "revocation_endpoint": "/oauth2/revoke",
		"userinfo_endpoint": "/oauth2/userInfo", "end_session_endpoint": "/logout",
	} {
		if doc[name] != srv.UserPool().LoginURL()+path {
			t.Errorf("%s is %v", name, doc[name])
		}
		if resp, err := srv.Client().Get(doc[name].(string)); err != nil || resp.StatusCode == 404 {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
	if n := srv.Calls("OpenIDConfiguration"); n != 1 {
		t.Errorf("%d calls", n)
	}
	srv.SwitchIssuer()
	get(original)
	get(strings.Replace(original, "https://", "https://issuer-", 1))
	srv.SetURL("http://127.0.0.1:9")
	if doc := get(srv.UserPool().Issuer); doc["token_endpoint"] != "http://127.0.0.1:9/oauth2/token" {
		t.Errorf("token_endpoint %v", doc["token_endpoint"])
	}
}

// TestLoginHosts: as on AWS, the managed login and the API have hosts of their
// own; behind a URL of the test, both have that.
func TestLoginHosts(t *testing.T) {
	srv := cognitotest.New(ada)
	pool := srv.UserPool()
	for target, want := range map[string]int{
		"https://" + pool.Domain + "/oauth2/userInfo":                       400,
		"https://" + pool.Domain + "/":                                      404,
		"https://" + pool.Domain + "/favicon.ico":                           404,
		"https://" + pool.Domain + "/" + pool.ID + "/.well-known/jwks.json": 404,
		pool.IssuerURL() + "/.well-known/jwks.json":                         200,
		"https://cognito-idp.eu-west-1.amazonaws.com/oauth2/userInfo":       404,
		"http://" + pool.Domain + "/oauth2/userInfo":                        0,
	} {
		resp, err := srv.Client().Get(target)
		if want == 0 {
			if err == nil {
				t.Errorf("%s answers", target)
			}
		} else if err != nil || resp.StatusCode != want {
			t.Errorf("%s: %v, %v, want %d", target, resp, err, want)
		}
	}
	srv.SetURL("http://127.0.0.1:9")
	if d := srv.UserPool().Domain; d != "127.0.0.1:9" {
		t.Errorf("Domain %q", d)
	}
	for _, path := range []string{"/oauth2/userInfo", "/" + pool.ID + "/.well-known/jwks.json"} {
		if resp, err := srv.Client().Get("http://127.0.0.1:9" + path); err != nil || resp.StatusCode == 404 {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
	}
}

// TestLoginFaults: programs get JSON, people a page, and an error without a
// status goes back to the app.
func TestLoginFaults(t *testing.T) {
	srv := cognitotest.New(ada)
	var f cognitotest.Fault
	srv.SetFault(func(string) cognitotest.Fault { return f })
	id := srv.UserPool().ClientID
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
			send(t, srv, path, url.Values{"client_id": {id}}).refused(t, c.status, c.code)
		}
		f = cognitotest.Fault{Body: "<html>"}
		if got := send(t, srv, path, nil); got.status != 503 || got.raw != "<html>" {
			t.Errorf("%s: status %d, %q", path, got.status, got.raw)
		}
	}
	b := newBrowser(t, srv.Client())
	for _, path := range []string{"/oauth2/authorize", "/login", "/signup"} {
		target := strings.Replace(authorizeURL(srv), "/oauth2/authorize", path, 1)
		f = cognitotest.Fault{Status: 503}
		if p := b.get(target); p.status != 503 || !strings.Contains(p.body, "server_error") {
			t.Errorf("%s: status %d", path, p.status)
		}
		f = cognitotest.Fault{Code: "server_error", Message: "<b>"}
		p := b.get(target)
		p.refused(t, "server_error", "st")
		if p.app.Query().Get("error_description") != "<b>" {
			t.Error(p.app)
		}
		if p := b.get(srv.UserPool().LoginURL() + path); p.status != 400 || p.app != nil || strings.Contains(p.body, "<b>") {
			t.Errorf("%s: status %d, to %v", path, p.status, p.app)
		}
	}

	// After: the code is spent, and the answer lost.
	f = cognitotest.Fault{}
	cfg := loginConfig(srv, "openid")
	redirect, err := srv.Authorize(cfg.AuthCodeURL("st"), "ada")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(redirect)
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {id}, "redirect_uri": {callback}, "code": {u.Query().Get("code")}}
	f = cognitotest.Fault{Status: 500, After: true}
	send(t, srv, "/oauth2/token", form).refused(t, 500, "server_error")
	f = cognitotest.Fault{}
	send(t, srv, "/oauth2/token", form).refused(t, 400, "invalid_grant")
}

func TestSetLoginPanics(t *testing.T) {
	srv := cognitotest.New(ada)
	for _, uri := range []string{"", "/callback", "http://app.example.com/", "https://app.example.com/#f", "https://", ":"} {
		for _, l := range []cognitotest.Login{{RedirectURIs: []string{uri}}, {LogoutURIs: []string{uri}}} {
			func() {
				defer func() {
					if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "cognitotest: SetLogin: ") {
						t.Errorf("%q: panic %q", uri, s)
					}
				}()
				srv.SetLogin(l)
			}()
		}
	}
	defer func() {
		if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "cognitotest: Authorize: ") {
			t.Errorf("an unknown user: panic %q", s)
		}
		srv.Issue("ada") // and the lock is free
	}()
	srv.Authorize(authorizeURL(srv), "bob")
}

// TestOAuthOfVectors sends what Amplify's routes sent, with values of ours, and
// compares what Cognito answered them: errors to the letter, successes by their
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
	srv := cognitotest.New(ada)
	pool := srv.UserPool()
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
			form.Set("client_id", pool.ClientID)
			switch {
			case !honest:
				srv.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Code: code, Message: "x"} })
			case u.Path == "/oauth2/revoke":
				form.Set("token", signedIn(t, srv, "ada", "openid").RefreshToken)
			default:
				cfg := loginConfig(srv, "openid")
				cfg.RedirectURL = form.Get("redirect_uri")
				redirect, err := srv.Authorize(cfg.AuthCodeURL("st", oauth2.S256ChallengeOption(form.Get("code_verifier"))), "ada")
				if err != nil {
					t.Fatal(err)
				}
				back, _ := url.Parse(redirect)
				form.Set("code", back.Query().Get("code"))
			}
			r, err := http.NewRequest(x.Expect.Method, pool.LoginURL()+u.Path, strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range x.Expect.Headers {
				r.Header.Set(k, v)
			}
			got := receive(t, srv, r)
			srv.SetFault(nil)
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

// TestRevokeHasNoBody: Amplify's routes take a Content-Length of zero for
// success, and parse everything else.
func TestRevokeHasNoBody(t *testing.T) {
	srv := cognitotest.New(ada)
	form := url.Values{"token": {srv.Issue("ada").Refresh}, "client_id": {srv.UserPool().ClientID}}
	resp, err := srv.Client().PostForm(srv.UserPool().LoginURL()+"/oauth2/revoke", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || len(b) != 0 || resp.ContentLength != 0 || resp.StatusCode != 200 {
		t.Errorf("status %d, length %d, %q, %v", resp.StatusCode, resp.ContentLength, b, err)
	}
}
