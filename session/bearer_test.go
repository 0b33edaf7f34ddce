package session_test

import (
	"errors"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestBearer decides alone, if it is on.
func TestBearer(t *testing.T) {
	on := open(t, func(c *session.Config) { c.Bearer = true })
	off := open(t, nil)
	for _, p := range []*place{on, off} {
		ada, bob := p.pool.Issue("ada"), p.pool.Issue("bob")
		expired := p.pool.Issue("bob", cognitotest.Expired)
		for name, test := range map[string]struct {
			header []string
			want   string // whose, if on
		}{
			"valid":                {[]string{"Bearer " + bob.Access}, "bob"},
			"lower case":           {[]string{"bearer  " + bob.Access + " "}, "bob"},
			"expired":              {[]string{"Bearer " + expired.Access}, ""},
			"ID token":             {[]string{"Bearer " + bob.ID}, ""},
			"refresh token":        {[]string{"Bearer " + bob.Refresh}, ""},
			"empty":                {[]string{"Bearer "}, ""},
			"nothing":              {[]string{"Bearer"}, ""},
			"twice":                {[]string{"Bearer " + bob.Access, "Bearer " + bob.Access}, ""},
			"beside another":       {[]string{"Basic YTpi", "Bearer " + bob.Access}, ""},
			"another scheme":       {[]string{"Basic YTpi"}, "ada"},
			"a longer scheme":      {[]string{"BearerX " + bob.Access}, "ada"},
			"no scheme":            {[]string{bob.Access}, "ada"},
			"an empty header line": {[]string{""}, "ada"},
		} {
			for _, opts := range []*session.FetchOptions{nil, {ForceRefresh: true}} {
				r := page(p.cookies("ada", ada)...)
				r.Header["Authorization"] = test.header
				s, lines, err := p.fetchWith(r, opts)
				want := test.want
				if p == off {
					want = "ada"
				}
				if opts != nil && p == on && test.want != "ada" {
					// It cannot be refreshed, which says nothing about the user.
					if err == nil || errors.Is(err, session.ErrSignedOut) || errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
						t.Errorf("%s, forced: %v, %v, %q", name, s, err, lines)
					}
					continue
				}
				if s.User().Username != want || (want == "") != errors.Is(err, session.ErrSignedOut) {
					t.Errorf("%s, on: %v: %v, %v", name, p == on, s, err)
				}
				if want != "ada" && len(lines) > 0 {
					t.Errorf("%s: %q", name, lines)
				}
			}
		}
	}
}
