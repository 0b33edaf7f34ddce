package session_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

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

// TestCachedSessionsKnowHowTheyArrived shows one access token in a cookie and as a bearer,
// in both orders. Neither answers for the other, and neither displaces the other.
func TestCachedSessionsKnowHowTheyArrived(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.Bearer = true })
	for _, cookieFirst := range []bool{true, false} {
		set := e.server.Issue("ada", accessOnly)
		asCookie := pageRequest(e.cookies("ada", &tokens.Set{Access: set.Access})...)
		asBearer := pageRequest()
		asBearer.Header.Set("Authorization", "Bearer "+set.Access)
		requests := []*http.Request{asCookie, asBearer}
		if !cookieFirst {
			slices.Reverse(requests)
		}
		var sessions [2]*session.Session
		for range 2 {
			for i, r := range requests {
				s, _, err := e.fetch(r)
				if err != nil {
					t.Fatal(err)
				}
				if sessions[i] != nil && sessions[i] != s {
					t.Error("a session is verified again")
				}
				sessions[i] = s
			}
		}
		if sessions[0] == sessions[1] {
			t.Error("a cached session answers for a token that arrives in another way")
		}
		// A sign-out ends both.
		if _, err := e.end(asCookie); err != nil {
			t.Fatal(err)
		}
		for _, r := range requests {
			if s, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("after a sign-out: %v, %v", s, err)
			}
		}
	}
}

// TestIDTokenIsNoBearer shows ID tokens that were cached, or are the only ones.
func TestIDTokenIsNoBearer(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.Bearer = true })
	set := e.server.Issue("ada")
	if _, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); err != nil {
		t.Fatal(err)
	}
	for _, opts := range []*session.FetchOptions{nil, {AllowMachine: true}} {
		r := pageRequest(e.cookies("ada", set)...)
		r.Header.Set("Authorization", "Bearer "+set.ID)
		if s, _, err := e.fetchWith(r, opts); !errors.Is(err, tokens.BadUse) {
			t.Errorf("%v, %v", s, err)
		}
	}
}

// TestMachineIsNoUser shows a program's token in every place. Only a bearer that may be
// a program's is accepted.
func TestMachineIsNoUser(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.Bearer = true })
	allowed := &session.FetchOptions{AllowMachine: true}
	program := e.server.Issue("ada", machine)
	r := pageRequest()
	r.Header.Set("Authorization", "Bearer "+program.Access)
	for range 2 { // the second time it is cached
		if s, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("unasked: %v, %v", s, err)
		}
		s, _, err := e.fetchWith(r, allowed)
		if err != nil || s.User() != (session.User{}) || !s.HasScope("orders/read") || s.AccessToken().Subject() != e.server.UserPool().ClientID {
			t.Errorf("%v, %v", s, err)
		}
		if _, err := e.manager.UserAttributes(t.Context(), s); !errors.Is(err, session.ErrSignedOut) || e.server.Calls("GetUser") > 0 {
			t.Errorf("attributes: %v", err)
		}
		inContext := pageRequest()
		inContext = inContext.WithContext(session.NewContext(inContext.Context(), s))
		if s, _, err := e.fetch(inContext); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("in a context: %v, %v", s, err)
		}
		if got, _, err := e.fetchWith(inContext, allowed); got != s {
			t.Errorf("in a context, allowed: %v, %v", got, err)
		}
	}
	if _, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), program); err == nil {
		t.Error("a program is signed in")
	}

	old, oldExpired := program.Access, e.server.Issue("ada", cognitotest.Expired, machine).Access
	inCookies := func(name, access string) {
		adas, expired := e.server.Issue("ada"), e.server.Issue("ada", cognitotest.Expired)
		for _, user := range []string{"ada", "username", e.server.UserPool().ClientID} {
			for _, opts := range []*session.FetchOptions{nil, allowed} {
				calls := e.server.Calls(opRefresh)
				r := pageRequest(e.cookies(user, &tokens.Set{Access: access, ID: adas.ID, Refresh: adas.Refresh})...)
				if s, _, err := e.fetchWith(r, opts); !errors.Is(err, session.ErrSignedOut) || e.server.Calls(opRefresh) > calls {
					t.Errorf("%s, in a cookie of %s: %v, %v", name, user, s, err)
				}
			}
		}
		// Planted in front of a user's cookies, it hides nothing.
		planted := e.prefixed("ada.accessToken=") + access
		for _, set := range []*tokens.Set{adas, expired} {
			s, _, err := e.fetch(pageRequest(append([]string{planted}, e.cookies("ada", set)...)...))
			if s.User().Username != "ada" {
				t.Errorf("%s, planted: %v, %v", name, s, err)
			}
		}
	}
	inCookies("valid", old)
	inCookies("expired", oldExpired)
	e.server.AddKeys()
	e.server.DropOldKeys()
	e.advance(time.Minute)
	inCookies("of a removed key", old)

	// A sign-out does not end a program's token that is in its cookies.
	program = e.server.Issue("ada", machine)
	if _, err := e.end(pageRequest(e.cookies("ada", &tokens.Set{Access: program.Access})...)); err != nil {
		t.Error(err)
	}
	r.Header.Set("Authorization", "Bearer "+program.Access)
	if s, _, err := e.fetchWith(r, allowed); err != nil {
		t.Errorf("after a sign-out: %v, %v", s, err)
	}
}
