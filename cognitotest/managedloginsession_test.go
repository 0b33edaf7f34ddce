package cognitotest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// TestLoginSession: for an hour after a sign-in, a browser sees no sign-in page.
func TestLoginSession(t *testing.T) {
	server := cognitotest.New(ada)
	move := stopClock(server)
	other := server.AddClient("2other", "")
	b := newBrowser(t, server.Client())
	signIn := func() *page {
		return b.submit(b.get(authorizeURL(server, with("prompt", "login"))), "username", "ada", "password", ada.Password)
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
	signedInAt := server.Now()

	move(59 * time.Minute)
	for name, target := range map[string]string{
		"the same client":        authorizeURL(server),
		"another client":         authorizeURL(other),
		"no prompt":              authorizeURL(server, with("prompt", "none")),
		"the user pool's users":  authorizeURL(server, with("identity_provider", "COGNITO")),
		"a prompt of other ways": authorizeURL(server, with("prompt", "consent")),
	} {
		t.Run(name, func(t *testing.T) { b.get(target).code(t, "st") })
	}
	cfg := oauthConfig(server, "openid")
	token := exchangeCode(t, server, cfg, b.get(cfg.AuthCodeURL("st")).app.String())
	if _, claims := decodeToken(t, token.AccessToken); int64(claims["auth_time"].(float64)) != signedInAt.Unix() {
		t.Errorf("auth_time %v, want that of the sign-in", claims["auth_time"])
	}
	if p := b.get(authorizeURL(server, with("prompt", "login"))); p.url.Path != "/login" {
		t.Errorf("prompt=login: at %s", p.url)
	}
	if p := newBrowser(t, server.Client()).get(authorizeURL(server)); p.url.Path != "/login" {
		t.Errorf("another browser: at %s", p.url)
	}

	server.SetUser(cognitotest.User{Username: "ada", Disabled: true})
	b.get(authorizeURL(server, with("prompt", "none"))).wantError(t, "login_required", "st")
	server.SetUser(ada)
	move(time.Minute)
	b.get(authorizeURL(server, with("prompt", "none"))).wantError(t, "login_required", "st")
	signIn().code(t, "st")
	b.get(authorizeURL(server, with("prompt", "none"))).code(t, "st")
}
