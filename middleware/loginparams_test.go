package middleware_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestRefusedParameters: a link with a parameter that it may not have gets a page that
// names it, and begins nothing.
func TestRefusedParameters(t *testing.T) {
	env := newRoutesEnv(t)
	signedIn := pageRequest("/")
	env.server.SignIn(signedIn, "ada")
	for _, link := range []string{
		"redirect_uri=https://evil.example/", "client_id=x", "scope=x", "state=x", "nonce=x", "code_challenge=x", "code_challenge_method=plain",
		"response_type=token", "resource=https://evil.example", "identity_provider=x", "ui_locales=de+en", "max_age=60", "acr_values=mfa", "max_age=",
		"response_mode=fragment", "claims=x", "claims_locales=de", "display=popup", "id_token_hint=x", "request=x", "request_uri=x", "registration=x",
		"authorization_details=x", "dpop_jkt=x", "vtr=x",
		"prompt=login&prompt=none", "provider=a&provider=b", "idp_identifier=a&idp_identifier=b", "lang=de&lang=en", "login_hint=a&login_hint=b",
		"provider=Google&idp_identifier=example.com",
	} {
		name, _, _ := strings.Cut(link, "=")
		for _, route := range []string{"sign-in", "sign-up"} {
			for _, cookies := range [][]string{nil, signedIn.Header["Cookie"]} {
				r := pageRequest("/api/auth/" + route + "?next=/dashboard&campaign=x&" + link)
				r.Host = host
				r.Header["Cookie"] = cookies
				resp := env.do(r)
				body := readBody(t, resp)
				if resp.StatusCode != http.StatusBadRequest || resp.Header["Set-Cookie"] != nil || !strings.Contains(body, name) || strings.Contains(body, "evil") {
					t.Errorf("%s: %d %v %s", link, resp.StatusCode, resp.Header, body)
				}
				if got := signInLinkIn(t, body); got != "/api/auth/sign-in?next=%2Fdashboard" {
					t.Errorf("%s: the page leads to %s", link, got)
				}
			}
		}
	}
}

// TestLinkParameters: the managed login gets the parameters that Cognito documents. A
// parameter of the program is none of OAuth's.
func TestLinkParameters(t *testing.T) {
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.ReturnParam = "redirect_uri" })
	for link, want := range map[string]url.Values{
		"idp_identifier=example.com&login_hint=ada":       {"idp_identifier": {"example.com"}, "login_hint": {"ada"}},
		"provider=&idp_identifier=example.com":            {"idp_identifier": {"example.com"}},
		"prompt=login+consent&lang=zh-CN":                 {"prompt": {"login consent"}, "lang": {"zh-CN"}},
		"provider=google&utm_source=mail&hl=de&audience=": {"identity_provider": {"Google"}},
		"redirect_uri=/dashboard&next=/x":                 {},
		"origin=1":                                        {},
	} {
		for _, route := range []string{"sign-in", "sign-up"} {
			authorize, _ := env.startFlow("/api/auth/" + route + "?" + link)
			got := authorize.Query()
			for _, own := range []string{"response_type", "client_id", "state", "nonce", "code_challenge", "code_challenge_method"} {
				got.Del(own)
			}
			if to := got.Get("redirect_uri"); to != origin+"/api/auth/sign-in-callback" {
				t.Errorf("%s: redirect_uri %q", link, to)
			}
			if got.Del("redirect_uri"); got.Encode() != want.Encode() {
				t.Errorf("%s: %v", link, got)
			}
		}
	}
}

// TestResource: access tokens for an API sign in, and only the Config names the API.
func TestResource(t *testing.T) {
	const resource = "https://api.example.com/v1"
	env := newRoutesEnv(t, func(cfg *cognito.Config) { cfg.Login.Resource = resource })
	authorize, flow := env.startFlow("/api/auth/sign-in")
	if got := authorize.Query().Get("resource"); got != resource {
		t.Errorf("resource %q", got)
	}
	to, err := env.server.Authorize(authorize.String(), "ada", func(d *cognitotest.Draft) {
		if d.Claims["token_use"] == "access" {
			d.Claims["aud"] = resource
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if resp := env.get(mustParse(to).RequestURI(), flow); sessionUser(resp) != "ada" {
		t.Errorf("%d", resp.StatusCode)
	}
	for value, ok := range map[string]bool{
		"https://api.example.com": true, "http://localhost:8080/x": true, "myapp://api": true, "https://api.example.com/?a=b": true,
		"api": false, "/api": false, "http://api.example.com": false, "https://api.example.com#x": false, "https://": false, "https://api.example.com/ä": false,
		"https://a b": false, "urn:api": false, "https://user@api.example.com": false, "http://localhost.evil.example": false,
	} {
		_, err := cognito.New(routesConfig(func(cfg *cognito.Config) { cfg.Login.Resource = value }))
		if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "Login.Resource") {
			t.Errorf("%q: %v", value, err)
		}
	}
}
