package session_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestBearerClients shows tokens of three app clients of one user pool, as bearers and in
// cookies, twice, because the first answer may be cached.
func TestBearerClients(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) {
		c.Bearer = true
		c.BearerClients = []string{"2mobile", "3program"}
	})
	mobile, other := e.server.AddClient("2mobile", ""), e.server.AddClient("4other", "")
	ours, mobiles, others := e.server.Issue("ada"), mobile.Issue("ada"), other.Issue("ada")
	program := e.server.AddClient("3program", "secret").Issue("ada", machine)
	for name, test := range map[string]struct {
		set      *tokens.Set
		bearer   error // nil if it is accepted
		inCookie error
	}{
		"our own":             {ours, nil, nil},
		"a further client's":  {mobiles, nil, tokens.BadClient},
		"an unknown client's": {others, tokens.BadClient, tokens.BadClient},
		"a program's":         {program, errNoSession, tokens.BadClient},
	} {
		asBearer := pageRequest()
		asBearer.Header.Set("Authorization", "Bearer "+test.set.Access)
		asCookie := func() *http.Request { return pageRequest(e.cookies("ada", test.set)...) }
		withID := pageRequest()
		withID.Header.Set("Authorization", "Bearer "+test.set.ID)
		for range 2 {
			calls := e.server.Calls(opRefresh)
			if s, lines, err := e.fetch(asCookie()); !errors.Is(err, test.inCookie) || len(lines) > 0 && err == nil || e.server.Calls(opRefresh) > calls {
				t.Errorf("%s, in a cookie: %v, %v", name, s, err)
			}
			s, lines, err := e.fetch(asBearer)
			if want := test.bearer; want == errNoSession && !errors.Is(err, session.ErrSignedOut) || want != errNoSession && !errors.Is(err, want) || len(lines) > 0 {
				t.Errorf("%s, as a bearer: %v, %v", name, s, err)
			}
			if s, _, err := e.fetch(withID); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("%s, an ID token: %v, %v", name, s, err)
			}
		}
	}
	// Its session is found again in a guard's context, and nowhere else.
	r := pageRequest()
	r.Header.Set("Authorization", "Bearer "+mobiles.Access)
	s, _, err := e.fetch(r)
	if err != nil || s.AccessToken().ClientID() != "2mobile" {
		t.Fatal(s, err)
	}
	if got := e.manager.FromContext(e.manager.NewContext(t.Context(), s)); got != s {
		t.Errorf("in the guard's context: %v", got)
	}
	if got := e.manager.FromContext(session.NewContext(t.Context(), s)); got != nil {
		t.Errorf("in any context: %v", got)
	}
	if _, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), mobiles); !errors.Is(err, tokens.BadClient) {
		t.Errorf("Start: %v", err)
	}
	// Planted in front of a user's cookies, a further client's token hides nothing.
	if layoutName() != session.LayoutAmplify {
		return
	}
	planted := e.cookies("ada", &tokens.Set{Access: mobiles.Access})[1]
	if s, _, err := e.fetch(pageRequest(append([]string{planted}, e.cookies("ada", ours)...)...)); s.AccessToken().Raw() != ours.Access {
		t.Errorf("planted: %v, %v", s, err)
	}
}

// errNoSession stands for an error without a tokens.Reason.
var errNoSession = errors.New("no session")

// TestBearerFrom: the function decides, and the Authorization header says nothing.
func TestBearerFrom(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) {
		c.Bearer = true
		c.BearerFrom = func(r *http.Request) string { return r.Header.Get("X-Token") }
	})
	adas, bobs := e.server.Issue("ada"), e.server.Issue("bob")
	expired := e.server.Issue("bob", cognitotest.Expired)
	for name, test := range map[string]struct{ token, want string }{
		"none": {"", "ada"}, "bob's": {bobs.Access, "bob"}, "expired": {expired.Access, ""}, "no token": {"x", ""}, "with a scheme": {"Bearer " + bobs.Access, ""},
	} {
		r := pageRequest(e.cookies("ada", adas)...)
		r.Header.Set("Authorization", "Bearer "+expired.Access)
		r.Header.Set("X-Token", test.token)
		s, _, err := e.fetch(r)
		if s.User().Username != test.want || (test.want == "") != errors.Is(err, session.ErrSignedOut) || e.manager.HasBearerToken(r) != (test.token != "") {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// TestBearerConfigMistakes reports every mistake by its field.
func TestBearerConfigMistakes(t *testing.T) {
	t.Parallel()
	from := func(*http.Request) string { return "" }
	for _, test := range []struct {
		cfg   session.Config
		field string // "" if nothing is wrong
	}{
		{session.Config{Bearer: true, BearerClients: []string{"2b", "3c"}, BearerFrom: from}, ""},
		{session.Config{BearerClients: []string{"2b"}}, "BearerClients"},
		{session.Config{BearerFrom: from}, "BearerFrom"},
		{session.Config{Bearer: true, BearerClients: []string{"abc"}}, "BearerClients[0]"},
		{session.Config{Bearer: true, BearerClients: []string{"2b", ""}}, "BearerClients[1]"},
		{session.Config{Bearer: true, BearerClients: []string{"https://api.example.com"}}, "BearerClients[0]"},
	} {
		test.cfg.UserPool = tokens.UserPool{ID: "eu-west-1_Abc", ClientID: "abc"}
		_, err := session.NewManager(test.cfg)
		if (err != nil) != (test.field != "") || err != nil && !strings.HasPrefix(err.Error(), test.field+": ") {
			t.Errorf("%q: %v", test.field, err)
		}
	}
}
