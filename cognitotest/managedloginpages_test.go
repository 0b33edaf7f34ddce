package cognitotest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestLoginSession: once signed in, a browser is not asked again, for an hour.
func TestLoginSession(t *testing.T) {
	srv := cognitotest.New(ada)
	move := clock(srv)
	other := srv.AddClient("2other", "")
	b := newBrowser(t, srv.Client())
	signIn := func() *page {
		return b.submit(b.get(authorizeURL(srv, with("prompt", "login"))), "username", "ada", "password", ada.Password)
	}
	p := signIn()
	p.code(t, "st")
	var line string
	for _, c := range p.header.Values("Set-Cookie") {
		if strings.HasPrefix(c, "cognito=") {
			line = c
		}
	}
	for _, attribute := range []string{"; Path=/;", "; Max-Age=3600;", "; HttpOnly;", "; Secure;", "; SameSite=Lax"} {
		if !strings.Contains(line, attribute) {
			t.Errorf("cookie without %q: %s", attribute, line)
		}
	}
	signedInAt := srv.Now()

	move(59 * time.Minute)
	for name, target := range map[string]string{
		"the same client":        authorizeURL(srv),
		"another client":         authorizeURL(other),
		"no prompt":              authorizeURL(srv, with("prompt", "none")),
		"the pool's own users":   authorizeURL(srv, with("identity_provider", "COGNITO")),
		"a prompt of other ways": authorizeURL(srv, with("prompt", "consent")),
	} {
		t.Run(name, func(t *testing.T) { b.get(target).code(t, "st") })
	}
	cfg := loginConfig(srv, "openid")
	token := redeem(t, srv, cfg, b.get(cfg.AuthCodeURL("st")).app.String())
	if _, claims := decodeToken(t, token.AccessToken); int64(claims["auth_time"].(float64)) != signedInAt.Unix() {
		t.Errorf("auth_time %v, want that of the sign-in", claims["auth_time"])
	}
	if p := b.get(authorizeURL(srv, with("prompt", "login"))); p.url.Path != "/login" {
		t.Errorf("prompt=login: at %s", p.url)
	}
	if p := newBrowser(t, srv.Client()).get(authorizeURL(srv)); p.url.Path != "/login" {
		t.Errorf("another browser: at %s", p.url)
	}

	srv.SetUser(cognitotest.User{Username: "ada", Disabled: true})
	b.get(authorizeURL(srv, with("prompt", "none"))).refused(t, "login_required", "st")
	srv.SetUser(ada)
	move(time.Minute)
	b.get(authorizeURL(srv, with("prompt", "none"))).refused(t, "login_required", "st")
	signIn().code(t, "st")
	b.get(authorizeURL(srv, with("prompt", "none"))).code(t, "st")
}

func TestLogout(t *testing.T) {
	srv := cognitotest.New(ada)
	strict := srv.AddClient("2strict", "")
	strict.SetLogin(cognitotest.Login{RedirectURIs: []string{callback}, LogoutURIs: []string{"https://app.example.com/bye"}})
	const page = "page"
	for _, c := range []struct {
		name  string
		query url.Values
		want  string // where it leads
	}{
		{"a sign-out URL", url.Values{"client_id": {srv.UserPool().ClientID}, "logout_uri": {"http://localhost:8080/bye"}}, "http://localhost:8080/bye"},
		{"a registered sign-out URL", url.Values{"client_id": {"2strict"}, "logout_uri": {"https://app.example.com/bye"}}, "https://app.example.com/bye"},
		{"sign in again", url.Values{"client_id": {"2strict"}, "redirect_uri": {callback}, "response_type": {"code"}, "state": {"s"}}, "login?client_id="},
		{"sign in again without a response type", url.Values{"client_id": {"2strict"}, "redirect_uri": {callback}}, callback + "?error=invalid_request"},
		{"no client", url.Values{"logout_uri": {"http://localhost:8080/bye"}}, page},
		{"an unknown client", url.Values{"client_id": {"9unknown"}, "logout_uri": {"http://localhost:8080/bye"}}, page},
		{"a sign-out URL that is not registered", url.Values{"client_id": {"2strict"}, "logout_uri": {"https://app.example.com/"}}, page},
		{"a callback for a sign-out URL", url.Values{"client_id": {"2strict"}, "logout_uri": {callback}}, page},
		{"a callback that is not registered", url.Values{"client_id": {"2strict"}, "redirect_uri": {"https://app.example.com/bye"}, "response_type": {"code"}}, page},
		{"nowhere", url.Values{"client_id": {"2strict"}}, page},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBrowser(t, srv.Client())
			b.submit(b.get(authorizeURL(srv)), "username", "ada", "password", ada.Password).code(t, "st")
			b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			p := b.get(srv.UserPool().LoginURL() + "/logout?" + c.query.Encode())
			if location := p.header.Get("Location"); c.want == page && p.status != 400 || c.want != page && !strings.HasPrefix(location, c.want) {
				t.Errorf("status %d, to %s", p.status, location)
			}
			// Signed out it is unless there was nowhere to go.
			if p = b.get(authorizeURL(srv, with("prompt", "none"))); p.app.Query().Has("code") != (c.want == page) {
				t.Errorf("afterwards: to %s", p.app)
			}
		})
	}
}

func TestSignup(t *testing.T) {
	srv := cognitotest.New(ada)
	b := newBrowser(t, srv.Client())
	p := b.click(b.get(authorizeURL(srv, with("scope", ""))), "Create an account")
	for _, c := range []struct{ name, username, email, password, want string }{
		{"a taken name", "ada", "new@example.com", "Difference-2", "User already exists"},
		{"the e-mail address of another for a name", "ada@example.com", "new@example.com", "Difference-2", "User already exists"},
		{"a taken address", "new", "ada@example.com", "Difference-2", "An account with the given email already exists."},
		{"no name", " ", "new@example.com", "Difference-2", "A username has 1 to 128 characters and no spaces."},
		{"a name with a space", "n ew", "new@example.com", "Difference-2", "A username has 1 to 128 characters and no spaces."},
		{"no address", "new", "new", "Difference-2", "Invalid email address format."},
		{"a short password", "new", "new@example.com", "Diff-2", "Password did not conform with policy: Password not long enough"},
		{"no capital", "new", "new@example.com", "difference-2", "Password did not conform with policy: Password must have uppercase characters"},
		{"no small letter", "new", "new@example.com", "DIFFERENCE-2", "Password did not conform with policy: Password must have lowercase characters"},
		{"no number", "new", "new@example.com", "Difference-", "Password did not conform with policy: Password must have numeric characters"},
		{"no symbol", "new", "new@example.com", "Difference2", "Password did not conform with policy: Password must have symbol characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p = b.submit(p, "username", c.username, "email", c.email, "password", c.password)
			if p.status != 400 || !strings.Contains(p.body, `role="alert" id="fault">`+c.want+"<") {
				t.Errorf("status %d, %s", p.status, p.body)
			}
		})
	}
	if p.url.Path != "/signup" {
		t.Fatalf("at %s", p.url)
	}
	p = b.submit(p, "username", "grace", "email", "grace@example.com", "password", "Difference-2")
	cfg := loginConfig(srv)
	token := redeem(t, srv, cfg, p.app.String())
	attributes, err := getUser(srv, token.AccessToken)
	if err != nil || attributes["email"] != "grace@example.com" {
		t.Errorf("attributes %v, %v", attributes, err)
	}
	b.get(authorizeURL(srv)).code(t, "st")
	// And once more, by the password.
	b = newBrowser(t, srv.Client())
	b.submit(b.get(authorizeURL(srv)), "username", "grace", "password", "Difference-2").code(t, "st")
	if b.click(b.click(b.get(authorizeURL(srv, with("prompt", "login"))), "Create an account"), "Sign in").url.Path != "/login" {
		t.Error("no way back to the sign-in page")
	}
}

func TestSignInRefuses(t *testing.T) {
	srv := cognitotest.New(ada,
		cognitotest.User{Username: "bob"},
		cognitotest.User{Username: "eve", Password: "x", Disabled: true})
	for _, c := range []struct{ name, username, password, want string }{
		{"nobody", "", "", "Incorrect username or password."},
		{"an unknown name", "carol", "x", "Incorrect username or password."},
		{"a wrong password", "ada", "x", "Incorrect username or password."},
		{"a user without a password", "bob", "", "Incorrect username or password."},
		{"a disabled user", "eve", "x", "User is disabled."},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBrowser(t, srv.Client())
			p := b.submit(b.get(authorizeURL(srv)), "username", c.username, "password", c.password)
			if p.status != 400 || p.app != nil || !strings.Contains(p.body, c.want) {
				t.Errorf("status %d, to %v", p.status, p.app)
			}
			b.get(authorizeURL(srv, with("prompt", "none"))).refused(t, "login_required", "st")
		})
	}
}

func TestProvider(t *testing.T) {
	srv := cognitotest.New(ada)
	srv.SetLogin(cognitotest.Login{Providers: []string{"Google", "LoginWithAmazon", "SignInWithApple", "EmulatorProvider"}})
	b := newBrowser(t, srv.Client())
	p := b.get(authorizeURL(srv))
	for _, label := range []string{"Google", "Amazon", "Apple"} {
		if p := b.click(p, "Continue with "+label); p.url.Path != "/idp" || !strings.Contains(p.body, "Your name at "+label) {
			t.Errorf("%s: at %s", label, p.url)
		}
	}
	p = b.click(p, "Continue with Emulator Provider")
	if p := b.submit(p, "name", "two words"); p.status != 400 {
		t.Errorf("two words: status %d", p.status)
	}
	b.submit(p, "cancel", "cancel").refused(t, "access_denied", "st")
	cfg := loginConfig(srv)
	first := redeem(t, srv, cfg, b.submit(p, "name", "grace@example.com").app.String())
	_, access := decodeToken(t, first.AccessToken)
	_, id := decodeToken(t, first.Extra("id_token").(string))
	identities, _ := id["identities"].([]any)
	if access["username"] != "emulatorprovider_grace@example.com" || id["email"] != "grace@example.com" || id["email_verified"] != false ||
		len(identities) != 1 || identities[0].(map[string]any)["providerName"] != "EmulatorProvider" {
		t.Errorf("username %v, email %v, identities %v", access["username"], id["email"], identities)
	}
	if groups := access["cognito:groups"].([]any); len(groups) != 1 || groups[0] != srv.UserPool().ID+"_EmulatorProvider" {
		t.Errorf("groups %v", groups)
	}

	// The session is that provider's, and the user the same the next time.
	b.get(authorizeURL(srv)).code(t, "st")
	b.get(authorizeURL(srv, with("identity_provider", "EmulatorProvider"))).code(t, "st")
	b.get(authorizeURL(srv, with("identity_provider", "Google", "prompt", "none"))).refused(t, "login_required", "st")
	p = b.get(authorizeURL(srv, with("identity_provider", "EmulatorProvider", "prompt", "login", "login_hint", "grace@example.com")))
	if !strings.Contains(p.body, `value="grace@example.com"`) {
		t.Error("the hint is lost")
	}
	second := redeem(t, srv, cfg, b.submit(p, "name", "grace@example.com").app.String())
	if _, again := decodeToken(t, second.AccessToken); again["sub"] != access["sub"] {
		t.Errorf("sub %v, want %v", again["sub"], access["sub"])
	}
	srv.SetUser(cognitotest.User{Username: "emulatorprovider_grace@example.com", Disabled: true})
	if p := b.submit(p, "name", "grace@example.com"); p.status != 400 || !strings.Contains(p.body, "User is disabled.") {
		t.Errorf("a disabled user: status %d", p.status)
	}
	// Without a provider there is no page of one.
	if p := b.get(strings.Replace(authorizeURL(srv), "/oauth2/authorize", "/idp", 1)); p.url.Path != "/login" {
		t.Errorf("at %s", p.url)
	}
}

func TestCancel(t *testing.T) {
	srv := cognitotest.New(ada)
	b := newBrowser(t, srv.Client())
	for _, path := range []string{"/login", "/signup"} {
		p := b.get(strings.Replace(authorizeURL(srv), "/oauth2/authorize", path, 1))
		b.submit(p, "cancel", "cancel").refused(t, "access_denied", "st")
	}
}

// TestLoginBelowPath: links and redirects hold wherever the server is mounted.
// Domain has no room for a path.
func TestLoginBelowPath(t *testing.T) {
	srv := cognitotest.New(ada)
	srv.SetLogin(cognitotest.Login{Providers: []string{"Google"}})
	mux := http.NewServeMux()
	mux.Handle("/cognito/", http.StripPrefix("/cognito", srv))
	ts := httptest.NewServer(mux)
	defer ts.Close()
	base := ts.URL + "/cognito"
	query := strings.SplitN(authorizeURL(srv), "?", 2)[1]
	srv.SetURL(base)
	if d := srv.UserPool().Domain; d != "" {
		t.Errorf("Domain %q", d)
	}
	for _, client := range []*http.Client{ts.Client(), srv.Client()} {
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

// TestTwoFlowsAtOnce: tabs do not disturb one another.
func TestTwoFlowsAtOnce(t *testing.T) {
	srv := cognitotest.New(ada)
	b := newBrowser(t, srv.Client())
	cfg := loginConfig(srv, "openid")
	v1, v2 := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	p1 := b.get(cfg.AuthCodeURL("1", oauth2.S256ChallengeOption(v1)))
	p2 := b.get(cfg.AuthCodeURL("2", oauth2.S256ChallengeOption(v2)))
	p2 = b.submit(p2, "username", "ada", "password", ada.Password)
	p1 = b.submit(p1, "username", "ada", "password", ada.Password)
	p1.code(t, "1")
	p2.code(t, "2")
	redeem(t, srv, cfg, p1.app.String(), oauth2.VerifierOption(v1))
	redeem(t, srv, cfg, p2.app.String(), oauth2.VerifierOption(v2))
}
