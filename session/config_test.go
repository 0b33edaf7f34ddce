package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestConfigMistakes reports every mistake by its field.
func TestConfigMistakes(t *testing.T) {
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
