package middleware_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// twoAuths are two Auths of one program, and the servers that sign their users in. ada, in
// the group admins, signs in at the first one, and grace at the second.
type twoAuths struct {
	first, second             *cognito.Auth
	firstServer, secondServer *cognitotest.Server
	refused                   *http.Request // what the second one's ErrorHandler got last
}

func newTwoAuths(t *testing.T, second *cognitotest.Server) *twoAuths {
	env := newEnv(t)
	two := &twoAuths{first: env.auth, firstServer: env.server, secondServer: second}
	if second == nil {
		two.secondServer = env.server.AddClient("client"+rand.Text(), "")
	}
	two.second = env.newAuthAt(two.secondServer, func(cfg *cognito.Config) {
		cfg.Matcher = []string{documented}
		cfg.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
			two.refused = r
			two.second.ServeError(w, r, err)
		}
	})
	return two
}

// TestTwoAuthsDoNotShareSessions nests every guard of one Auth in one of another, with
// the session of the first in the request, and with both.
func TestTwoAuthsDoNotShareSessions(t *testing.T) {
	t.Run("one user pool", func(t *testing.T) { testTwoAuths(t, newTwoAuths(t, nil)) })
	t.Run("two user pools", func(t *testing.T) {
		users := []cognitotest.User{{Username: "ada", Groups: []string{"admins"}}, {Username: "grace"}}
		testTwoAuths(t, newTwoAuths(t, cognitotest.New(users...)))
	})
}

func testTwoAuths(t *testing.T, two *twoAuths) {
	second := two.second
	everybody := func(*http.Request, *session.Session) bool { return true }
	for name, test := range map[string]struct {
		guard func(http.Handler) http.Handler
		path  string

		status    int    // with the first session alone
		innermost string // the user of FromContext then
		both      int    // the status with both sessions
		bothUser  string
	}{
		"Protect":             {second.Protect, "/x", 401, "", 200, "grace"},
		"Protect, public":     {second.Protect, "/api/x", 200, "ada", 200, "ada"},
		"Require":             {second.Require, "/x", 401, "", 200, "grace"},
		"Require, public":     {second.Require, "/api/x", 401, "", 200, "grace"},
		"RequireGroup":        {second.RequireGroup("admins"), "/x", 401, "", 403, "grace"},
		"RequireScope":        {second.RequireScope("aws.cognito.signin.user.admin"), "/x", 401, "", 200, "grace"},
		"RequireScope, other": {second.RequireScope("other"), "/x", 401, "", 403, "grace"},
		"RequireFunc":         {second.RequireFunc(everybody), "/x", 401, "", 200, "grace"},
		"Load":                {second.Load, "/x", 200, "", 200, "grace"},
	} {
		check := func(outer func(http.Handler) http.Handler, r *http.Request, status int, innermost, ofSecond string) {
			t.Helper()
			var inside *http.Request
			handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inside = r })
			w := httptest.NewRecorder()
			two.refused = nil
			outer(test.guard(handler)).ServeHTTP(w, r)
			if w.Code != status || (inside != nil) != (status == 200) {
				t.Errorf("%s: status %d, want %d", name, w.Code, status)
			}
			if inside == nil {
				inside = two.refused
			}
			s, ok := session.FromContext(inside.Context())
			if s.User().Username != innermost || ok != (innermost != "") {
				t.Errorf("%s: FromContext returns %v, want %q", name, s, innermost)
			}
			if got := second.Session(inside).User().Username; got != ofSecond {
				t.Errorf("%s: the second one's session is %q, want %q", name, got, ofSecond)
			}
			if got := two.first.Session(inside); got.User().Username != "ada" || !got.InGroup("admins") {
				t.Errorf("%s: the first one's session is %v", name, got)
			}
			if s, _ := second.Sessions().Fetch(nil, inside, nil); s != nil && s.User().Username != "grace" {
				t.Errorf("%s: the second one fetches %v", name, s)
			}
		}
		for _, outer := range []func(http.Handler) http.Handler{two.first.Require, two.first.Load, two.first.RequireGroup("admins")} {
			r := scriptRequest(test.path)
			two.firstServer.SignIn(r, "ada")
			check(outer, r, test.status, test.innermost, "")
			two.secondServer.SignIn(r, "grace")
			ofSecond := "grace"
			if test.bothUser == "ada" {
				ofSecond = "" // it has not judged the request
			}
			check(outer, r, test.both, test.bothUser, ofSecond)
		}
	}

	// The other way round, and back again.
	r := scriptRequest("/x")
	two.firstServer.SignIn(r, "ada")
	two.secondServer.SignIn(r, "grace")
	var inside *http.Request
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inside = r })
	two.first.Load(second.Require(two.first.RequireGroup("admins")(handler))).ServeHTTP(httptest.NewRecorder(), r)
	if inside == nil {
		t.Fatal("the handler did not run")
	}
	if s, _ := session.FromContext(inside.Context()); s.User().Username != "ada" || two.first.Session(inside) != s || second.Session(inside).User().Username != "grace" {
		t.Errorf("nested thrice: %v", s)
	}
	if second.Session(scriptRequest("/x")) != nil {
		t.Error("a request that nobody judged has a session")
	}
}

// TestTwoAuthsOfOneClient: only the outer Auth takes bearer tokens. Its session does not
// get one past the inner.
func TestTwoAuthsOfOneClient(t *testing.T) {
	env := newEnv(t, withBearer)
	cookiesOnly, err := cognito.New(cognito.Config{UserPool: env.server.UserPool(), HTTPClient: env.server.Client(), Now: env.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	r := scriptRequest("/x")
	r.Header.Set("Authorization", "Bearer "+env.server.Issue("ada").Access)
	for status, h := range map[int]http.Handler{
		200: env.auth.Require(env.auth.Require(http.HandlerFunc(emptyHandler))),
		401: env.auth.Require(cookiesOnly.Require(http.HandlerFunc(emptyHandler))),
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("got %d, want %d", w.Code, status)
		}
	}
}

// TestSessionFromNewContextCounts: a session of this user pool and app client counts if
// a program puts it into the context.
func TestSessionFromNewContextCounts(t *testing.T) {
	env := newEnv(t)
	r := scriptRequest("/x")
	env.server.SignIn(r, "ada")
	s, err := env.auth.Sessions().Fetch(nil, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	bare := scriptRequest("/dashboard")
	if resp := env.do(bare.WithContext(session.NewContext(bare.Context(), s))); resp.StatusCode != 200 {
		t.Errorf("got %d", resp.StatusCode)
	}
	other := newAuth(t)
	w := httptest.NewRecorder()
	other.Require(http.HandlerFunc(emptyHandler)).ServeHTTP(w, bare.WithContext(session.NewContext(bare.Context(), s)))
	if w.Code != 401 {
		t.Errorf("another user pool accepts it: %d", w.Code)
	}
	if _, err := other.Sessions().Fetch(nil, bare, nil); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("got %v", err)
	}
}
