package session_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestUnusedIssuerIsNoOutage plants a forged token that names the user pool's updated
// issuer, whose key set answers 403. Nobody's page answers 503 for it.
func TestUnusedIssuerIsNoOutage(t *testing.T) {
	t.Parallel()
	for _, warm := range []bool{false, true} { // whether somebody was verified before
		e := newEnv(t, func(c *session.Config) { c.Bearer = true })
		if warm {
			if _, _, err := e.fetch(pageRequest(e.cookies("bob", e.server.Issue("bob"))...)); err != nil {
				t.Fatal(err)
			}
		}
		junk := e.server.Issue("ada", func(d *cognitotest.Draft) {
			d.Claims["iss"] = strings.Replace(d.Claims["iss"].(string), "://", "://issuer-", 1)
			d.Sign = func([]byte) []byte { return make([]byte, 256) }
		})
		planted := e.prefixed("ada.accessToken=") + junk.Access
		alone := e.cookies("ada", &tokens.Set{Access: junk.Access})
		for _, r := range []string{"page", "script", "bearer"} {
			request := pageRequest(alone...)
			switch r {
			case "script":
				request = scriptRequest(alone...)
			case "bearer":
				request = pageRequest()
				request.Header.Set("Authorization", "Bearer "+junk.Access)
			}
			for range 2 {
				if _, lines, err := e.fetch(request); !errors.Is(err, session.ErrSignedOut) || !errors.Is(err, tokens.UnknownKey) || len(lines) > 0 {
					t.Errorf("warm %t, %s: %v, %v", warm, r, err, lines)
				}
			}
		}
		for _, own := range []*tokens.Set{e.server.Issue("ada"), e.server.Issue("ada", cognitotest.Expired)} {
			for _, cookies := range [][]string{append([]string{planted}, e.cookies("ada", own)...), append(e.cookies("ada", own), planted)} {
				if s, _, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" {
					t.Errorf("warm %t, beside her own: %v, %v", warm, s, err)
				}
			}
		}
	}
}
