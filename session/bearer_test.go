package session_test

import (
	"errors"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestBearerTokenDecidesAlone sends Authorization headers beside ada's cookies. With
// Config.Bearer, a bearer token alone decides. Without it, the header is ignored.
func TestBearerTokenDecidesAlone(t *testing.T) {
	t.Parallel()
	on := newEnv(t, func(c *session.Config) { c.Bearer = true })
	off := newEnv(t, nil)
	for _, e := range []*env{on, off} {
		adas, bobs := e.server.Issue("ada"), e.server.Issue("bob")
		expired := e.server.Issue("bob", cognitotest.Expired)
		for name, test := range map[string]struct {
			header []string
			want   string // the user, with Config.Bearer
		}{
			"valid":                {[]string{"Bearer " + bobs.Access}, "bob"},
			"lower case":           {[]string{"bearer  " + bobs.Access + " "}, "bob"},
			"expired":              {[]string{"Bearer " + expired.Access}, ""},
			"ID token":             {[]string{"Bearer " + bobs.ID}, ""},
			"refresh token":        {[]string{"Bearer " + bobs.Refresh}, ""},
			"empty":                {[]string{"Bearer "}, ""},
			"no token":             {[]string{"Bearer"}, ""},
			"twice":                {[]string{"Bearer " + bobs.Access, "Bearer " + bobs.Access}, ""},
			"beside another":       {[]string{"Basic YTpi", "Bearer " + bobs.Access}, ""},
			"another scheme":       {[]string{"Basic YTpi"}, "ada"},
			"a longer scheme":      {[]string{"BearerX " + bobs.Access}, "ada"},
			"no scheme":            {[]string{bobs.Access}, "ada"},
			"an empty header line": {[]string{""}, "ada"},
		} {
			for _, opts := range []*session.FetchOptions{nil, forced} {
				r := pageRequest(e.cookies("ada", adas)...)
				r.Header["Authorization"] = test.header
				s, lines, err := e.fetchWith(r, opts)
				want := test.want
				if e == off {
					want = "ada"
				}
				if opts != nil && e == on && test.want != "ada" {
					// It cannot be refreshed, which says nothing about the user.
					if err == nil || errors.Is(err, session.ErrSignedOut) || errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
						t.Errorf("%s, forced: %v, %v, %q", name, s, err, lines)
					}
					continue
				}
				if s.User().Username != want || (want == "") != errors.Is(err, session.ErrSignedOut) {
					t.Errorf("%s, on: %v: %v, %v", name, e == on, s, err)
				}
				if want != "ada" && len(lines) > 0 {
					t.Errorf("%s: %q", name, lines)
				}
			}
		}
	}
}
