package middleware_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// TestTwoAuthsDoNotShareSessions nests guards of two app clients of one user pool, both
// ways.
func TestTwoAuthsDoNotShareSessions(t *testing.T) {
	env := newEnv(t)
	client := env.server.AddClient("client"+rand.Text(), "")
	other, err := cognito.New(cognito.Config{UserPool: client.UserPool(), HTTPClient: env.server.Client(), Now: env.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	var seen *session.Session
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen, _ = session.FromContext(r.Context()) })
	try := func(h http.Handler, r *http.Request) int {
		seen = nil
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	r := scriptRequest("/x")
	env.server.SignIn(r, "ada") // in the group admins, of the first client only
	if got := try(env.auth.Require(other.Require(handler)), r); got != 401 || seen != nil {
		t.Errorf("the inner guard accepts the outer's session: %d", got)
	}
	if got := try(env.auth.Require(other.RequireGroup("admins")(handler)), r); got != 401 || seen != nil {
		t.Errorf("the inner guard accepts the outer's groups: %d", got)
	}
	if got := try(env.auth.Require(other.Load(handler)), r); got != 200 || seen.User().Username != "ada" {
		t.Errorf("Load without a session: %d, %v", got, seen)
	}
	client.SignIn(r, "grace") // both clients' cookies in one request
	if got := try(env.auth.Require(other.Require(handler)), r); got != 200 || seen.User().Username != "grace" {
		t.Errorf("the inner session does not win: %d, %v", got, seen)
	}
	if got := try(other.Require(env.auth.Require(handler)), r); got != 200 || seen.User().Username != "ada" {
		t.Errorf("the other way: %d, %v", got, seen)
	}
	if got := try(env.auth.Require(other.RequireGroup("admins")(handler)), r); got != 403 {
		t.Errorf("groups cross: %d", got)
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
