package cognitotest_test

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/endpoints"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

const callback = "http://localhost:8080/callback"

// loginConfig is an app of srv's app client, as golang.org/x/oauth2 knows it.
func loginConfig(srv *cognitotest.Server, scopes ...string) *oauth2.Config {
	pool := srv.UserPool()
	style := oauth2.AuthStyleInParams
	if pool.ClientSecret != "" {
		style = oauth2.AuthStyleInHeader
	}
	return &oauth2.Config{
		ClientID:     pool.ClientID,
		ClientSecret: pool.ClientSecret,
		RedirectURL:  callback,
		Scopes:       scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL:   pool.LoginURL() + "/oauth2/authorize",
			TokenURL:  pool.LoginURL() + "/oauth2/token",
			AuthStyle: style,
		},
	}
}

// browser keeps cookies, and follows redirects until one leads to the app.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T, client *http.Client) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *client
	c.Jar = jar
	c.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &browser{t, &c}
}

// page is where the browser has come to: a page of the managed login, or the
// URL of the app that it was sent to.
type page struct {
	status int
	url    *url.URL
	header http.Header
	body   string
	app    *url.URL
}

func (b *browser) do(r *http.Request, err error) *page {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	p := &page{status: resp.StatusCode, url: resp.Request.URL, header: resp.Header, body: string(body)}
	if resp.StatusCode/100 == 3 {
		if p.app, err = resp.Location(); err != nil {
			b.t.Fatal(err)
		}
	}
	return p
}

func (b *browser) get(u string) *page {
	b.t.Helper()
	return b.do(http.NewRequest("GET", u, nil))
}

var (
	formTag   = regexp.MustCompile(`<form method="post" action="([^"]*)">`)
	hiddenTag = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	linkTag   = regexp.MustCompile(`<a (?:class="button" )?href="([^"]*)">([^<]*)</a>`)
)

// submit fills in the form of p and sends it.
func (b *browser) submit(p *page, fields ...string) *page {
	b.t.Helper()
	action := formTag.FindStringSubmatch(p.body)
	if action == nil {
		b.t.Fatalf("no form on %s: status %d, %s", p.url, p.status, p.body)
	}
	values := url.Values{}
	for _, m := range hiddenTag.FindAllStringSubmatch(p.body, -1) {
		values.Set(m[1], html.UnescapeString(m[2]))
	}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequest("POST", b.resolve(p, action[1]), strings.NewReader(values.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.do(r, err)
}

// click follows the link of that text.
func (b *browser) click(p *page, text string) *page {
	b.t.Helper()
	for _, m := range linkTag.FindAllStringSubmatch(p.body, -1) {
		if html.UnescapeString(m[2]) == text {
			return b.get(b.resolve(p, m[1]))
		}
	}
	b.t.Fatalf("no link %q on %s", text, p.url)
	return nil
}

func (b *browser) resolve(p *page, ref string) string {
	b.t.Helper()
	u, err := p.url.Parse(html.UnescapeString(ref))
	if err != nil {
		b.t.Fatal(err)
	}
	return u.String()
}

// code checks that the browser is back at the app with this state, and returns
// the code.
func (p *page) code(t *testing.T, state string) string {
	t.Helper()
	if p.app == nil {
		t.Fatalf("on %s: status %d, %s", p.url, p.status, p.body)
	}
	q := p.app.Query()
	if !strings.HasPrefix(p.app.String(), callback+"?") || q.Get("code") == "" || q.Get("state") != state {
		t.Fatalf("sent to %s, want a code and the state %q", p.app, state)
	}
	return q.Get("code")
}

// refused checks that the browser is back at the app with an error.
func (p *page) refused(t *testing.T, code, state string) {
	t.Helper()
	if p.app == nil {
		t.Fatalf("on %s: status %d", p.url, p.status)
	}
	q := p.app.Query()
	if q.Get("error") != code || q.Get("state") != state || q.Has("code") {
		t.Errorf("sent to %s, want the error %s", p.app, code)
	}
}

// TestCodeFlow signs a user in through the pages, in memory and over a port,
// with golang.org/x/oauth2 as the app.
func TestCodeFlow(t *testing.T) {
	for _, network := range []bool{false, true} {
		srv := cognitotest.New(ada)
		client := srv.Client()
		if network {
			ts := httptest.NewServer(srv)
			defer ts.Close()
			srv.SetURL(ts.URL)
			client = ts.Client()
		}
		if err := srv.UserPool().Validate(); err != nil {
			t.Error(err)
		}
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, client)
		cfg := loginConfig(srv, "openid", "email", "profile", "aws.cognito.signin.user.admin")
		verifier := oauth2.GenerateVerifier()
		b := newBrowser(t, client)
		p := b.get(cfg.AuthCodeURL("s t&te", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("nonce", "n0nce")))
		if p.url.Path != "/login" || p.status != 200 {
			t.Fatalf("status %d at %s", p.status, p.url)
		}
		p = b.submit(p, "username", "ada", "password", "wrong")
		if p.status != 400 || !strings.Contains(p.body, "Incorrect username or password.") {
			t.Fatalf("status %d, %s", p.status, p.body)
		}
		code := b.submit(p, "username", "ada@example.com", "password", ada.Password).code(t, "s t&te")
		token, err := cfg.Exchange(ctx, code, oauth2.VerifierOption(verifier))
		if err != nil {
			t.Fatal(err)
		}
		if token.Type() != "Bearer" || token.RefreshToken == "" || token.ExpiresIn != 3600 {
			t.Errorf("type %s, expires in %d", token.Type(), token.ExpiresIn)
		}
		v, err := tokens.NewVerifier(srv.UserPool(), &tokens.Options{HTTPClient: client})
		if err != nil {
			t.Fatal(err)
		}
		access, err := v.Verify(ctx, token.AccessToken, tokens.Access)
		if err != nil || access.Username() != "ada" || strings.Join(access.Scopes(), " ") != strings.Join(cfg.Scopes, " ") {
			t.Errorf("access token of %v: %v", access, err)
		}
		id, err := v.Verify(ctx, token.Extra("id_token").(string), tokens.ID)
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Nonce, Email, AtHash string
		}
		if err := id.Claims(&claims); err != nil || claims.Nonce != "n0nce" || claims.Email != "ada@example.com" || id.Subject() != access.Subject() {
			t.Errorf("claims %+v, %v", claims, err)
		}

		token.Expiry = time.Now().Add(-time.Hour)
		again, err := cfg.TokenSource(ctx, token).Token()
		if err != nil || again.AccessToken == token.AccessToken || again.RefreshToken != token.RefreshToken {
			t.Errorf("refresh: %v", err)
		}
		for op, want := range map[string]int{"Authorize": 1, "Login": 3, "Token": 2, "GetTokensFromRefreshToken": 0} {
			if n := srv.Calls(op); n != want {
				t.Errorf("%s: %d calls, want %d", op, n, want)
			}
		}
	}
}

// TestLoginsAtOnce: everything is safe for concurrent use.
func TestLoginsAtOnce(t *testing.T) {
	srv := cognitotest.New(ada)
	for i := range 8 {
		name := fmt.Sprintf("user%d", i)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrowser(t, srv.Client())
			p := b.submit(b.get(authorizeURL(srv)), "username", "ada", "password", ada.Password)
			p.code(t, "st")
			srv.SetLogin(cognitotest.Login{Scopes: []string{"openid", "email"}})
			p = b.submit(b.click(b.get(authorizeURL(srv, with("prompt", "login"))), "Create an account"),
				"username", name, "email", name+"@example.com", "password", "Difference-2")
			token := redeem(t, srv, loginConfig(srv), p.app.String())
			if got := userInfo(t, srv, "GET", "Bearer "+token.AccessToken); got.body["username"] != name {
				t.Errorf("status %d, username %v, want %s", got.status, got.body["username"], name)
			}
			b.get(srv.UserPool().LoginURL() + "/logout?" + strings.SplitN(authorizeURL(srv), "?", 2)[1])
		})
	}
}

// An app's test of its sign-in: the callback that the browser would come with,
// without a browser.
func ExampleServer_Authorize() {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	srv.SetLogin(cognitotest.Login{RedirectURIs: []string{"https://app.example.com/callback"}})
	pool := srv.UserPool()
	cfg := oauth2.Config{
		ClientID:    pool.ClientID,
		RedirectURL: "https://app.example.com/callback",
		Scopes:      []string{"openid"},
		Endpoint:    endpoints.AWSCognito(pool.LoginURL()),
	}
	verifier := oauth2.GenerateVerifier()
	callback, err := srv.Authorize(cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), "ada")
	if err != nil {
		fmt.Println(err)
		return
	}
	u, _ := url.Parse(callback)
	fmt.Println(u.Host, u.Path, u.Query().Get("state"))

	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, srv.Client())
	token, err := cfg.Exchange(ctx, u.Query().Get("code"), oauth2.VerifierOption(verifier))
	fmt.Println(token.Type(), err)

	// The app has forgotten to register another one.
	cfg.RedirectURL = "https://app.example.com/other"
	_, err = srv.Authorize(cfg.AuthCodeURL("state"), "ada")
	fmt.Println(err)
	// Output:
	// app.example.com /callback state
	// Bearer <nil>
	// cognitotest: Authorize: redirect_mismatch: redirect_uri is none of the app client's callback URLs.
}
