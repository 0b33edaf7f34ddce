package session_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestConfigMistakes reports every mistake by its field.
func TestConfigMistakes(t *testing.T) {
	t.Parallel()
	_, err := session.NewManager(session.Config{
		UserPool: tokens.UserPool{ID: "x"},
		Cookies:  session.Cookies{Domain: "a b", SameSite: 9, MaxAge: -time.Second, Insecure: true},
	})
	for _, field := range []string{"UserPool.ID", "UserPool.ClientID", "Cookies.Domain", "Cookies.SameSite", "Cookies.MaxAge"} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+field+": ") {
			t.Errorf("no word of %s in %v", field, err)
		}
	}
	for _, domain := range []string{"example.com; Secure", "a..b", "https://example.com", "example.com/", "é.example", strings.Repeat("a", 64) + ".com"} {
		if _, err := session.NewManager(session.Config{UserPool: tokens.UserPool{ID: "eu-west-1_Abc", ClientID: "abc"}, Cookies: session.Cookies{Domain: domain}}); err == nil {
			t.Errorf("the domain %q is accepted", domain)
		}
	}
}

// TestCookieConfigMistakes has browsers refuse the cookies, or the session outlive what was
// meant.
func TestCookieConfigMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cookies session.Cookies
		field   string // "" if nothing is wrong
	}{
		{session.Cookies{Domain: "com"}, "Cookies.Domain"},
		{session.Cookies{Domain: "co.uk"}, "Cookies.Domain"},
		{session.Cookies{Domain: ".CO.UK"}, "Cookies.Domain"},
		{session.Cookies{Domain: "amplifyapp.com"}, "Cookies.Domain"},
		{session.Cookies{Domain: "foo.ck"}, "Cookies.Domain"},
		{session.Cookies{Domain: "."}, "Cookies.Domain"},
		{session.Cookies{Domain: "d1.amplifyapp.com"}, ""},
		{session.Cookies{Domain: "example.co.uk"}, ""},
		{session.Cookies{Domain: "localhost"}, ""},
		{session.Cookies{Domain: "127.0.0.1"}, ""},
		{session.Cookies{Path: "app"}, "Cookies.Path"},
		{session.Cookies{Path: "/app; Domain=example.com"}, "Cookies.Path"},
		{session.Cookies{Path: "/é"}, "Cookies.Path"},
		{session.Cookies{Path: "/app/"}, ""},
		{session.Cookies{UntilClosed: true, MaxAge: time.Hour}, "Cookies.UntilClosed"},
		{session.Cookies{UntilClosed: true}, ""},
		{session.Cookies{Partitioned: true}, "Cookies.Partitioned"},
		{session.Cookies{Partitioned: true, SameSite: http.SameSiteStrictMode}, "Cookies.Partitioned"},
		{session.Cookies{Partitioned: true, SameSite: http.SameSiteNoneMode, Insecure: true}, "Cookies.Partitioned"},
		{session.Cookies{Partitioned: true, SameSite: http.SameSiteNoneMode}, ""},
	} {
		_, err := session.NewManager(session.Config{UserPool: tokens.UserPool{ID: "eu-west-1_Abc", ClientID: "abc"}, Cookies: test.cookies})
		var mistake *tokens.ConfigError
		if test.field == "" && err != nil {
			t.Errorf("%+v: %v", test.cookies, err)
		}
		if test.field != "" && (!errors.As(err, &mistake) || !strings.Contains("\n"+err.Error(), "\n"+test.field+": ")) {
			t.Errorf("%+v: no word of %s in %v", test.cookies, test.field, err)
		}
	}
}
