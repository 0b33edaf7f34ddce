package session_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestEndUser ends all sign-ins of ada. Her sessions are refused wherever they stand, and
// what a refresh still brings is revoked. bob's session and her next sign-in go on.
func TestEndUser(t *testing.T) {
	t.Parallel()
	for _, rotation := range []bool{true, false} {
		e := newEnv(t, func(c *session.Config) { c.RefreshBefore = 50 * time.Minute })
		e.server.SetRotation(rotation, time.Minute)
		due, unseen := e.server.Issue("ada"), e.server.Issue("ada")
		early := e.server.Issue("ada")
		e.advance(30*time.Minute + time.Second)
		_, lines, err := e.fetch(pageRequest(e.cookies("ada", early)...)) // the result is remembered
		if err != nil {
			t.Fatal(err)
		}
		refreshed := e.tokensOf("ada", lines)
		valid, bobs := e.server.Issue("ada"), e.server.Issue("bob")
		e.fetch(pageRequest(e.cookies("bob", bobs)...))
		if _, _, err := e.fetch(pageRequest(e.cookies("ada", valid)...)); err != nil {
			t.Fatal(err)
		}
		if err := e.manager.EndUser(t.Context(), e.subject(valid)); err != nil {
			t.Fatal(err)
		}
		if s, _, err := e.fetch(pageRequest(e.cookies("bob", bobs)...)); err != nil {
			t.Errorf("bob: %v, %v", s, err)
		}
		for _, after := range []time.Duration{0, 10 * time.Minute, 23 * time.Hour} {
			e.advance(after)
			for name, set := range map[string]*tokens.Set{
				"cached": valid, "never shown": unseen, "due": due, "refreshed": early, "the result": refreshed,
			} {
				s, lines, err := e.fetch(pageRequest(e.cookies("ada", set)...))
				if !errors.Is(err, session.ErrSignedOut) || e.value(lines, "ada.accessToken") != "" {
					t.Errorf("rotation %t, after %v, %s: %v, %v, %v", rotation, after, name, s, err, lines)
				}
			}
		}
		if n := e.server.Calls(opRevoke); n == 0 {
			t.Error("no token of a refresh is revoked")
		}
		if _, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), e.server.Issue("ada")); err != nil {
			t.Errorf("her next sign-in: %v", err)
		}
		if err := e.manager.EndUser(t.Context(), ""); err == nil {
			t.Error("no error without a subject")
		}
	}
}

// TestEndUserDuringRefresh ends a user's sign-ins while a refresh runs.
func TestEndUserDuringRefresh(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	subject := e.subject(set)
	e.advance(2 * time.Hour)
	called, held := make(chan struct{}), make(chan struct{})
	e.server.SetFault(func(op string) cognitotest.Fault {
		if op == opRefresh {
			close(called)
			<-held
		}
		return cognitotest.Fault{}
	})
	done := make(chan error)
	go func() {
		_, lines, err := e.fetch(pageRequest(e.cookies("ada", set)...))
		if e.value(lines, "ada.accessToken") != "" {
			err = errors.New("a cookie is written")
		}
		done <- err
	}()
	<-called
	if err := e.manager.EndUser(t.Context(), subject); err != nil {
		t.Error(err)
	}
	close(held)
	if err := <-done; !errors.Is(err, session.ErrSignedOut) {
		t.Error(err)
	}
}

// TestEndUserByCognitosClock has Cognito's clock be ahead. Refreshes show it.
func TestEndUserByCognitosClock(t *testing.T) {
	t.Parallel()
	const ahead = 90 * time.Second
	e := newEnv(t, nil)
	e.server.SetNow(func() time.Time { return e.clock().Add(ahead) })
	old := e.server.Issue("ada")
	if _, err := e.manager.Fetch(httptest.NewRecorder(), pageRequest(e.cookies("ada", old)...), forced); err != nil {
		t.Fatal(err)
	}
	set := e.server.Issue("ada")
	e.manager.EndUser(t.Context(), e.subject(set))
	if _, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("her sign-in goes on: %v", err)
	}
	e.advance(2 * time.Second)
	if s, _, err := e.fetch(pageRequest(e.cookies("ada", e.server.Issue("ada"))...)); err != nil {
		t.Errorf("her next sign-in: %v, %v", s, err)
	}
}

// TestStartOfEndedSignIn starts sessions of sign-ins that were signed out.
func TestStartOfEndedSignIn(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	ended, user := e.server.Issue("ada"), e.server.Issue("bob")
	e.end(pageRequest(e.cookies("ada", ended)...))
	e.manager.EndUser(t.Context(), e.subject(user))
	for name, set := range map[string]*tokens.Set{"End": ended, "EndUser": user} {
		w := httptest.NewRecorder()
		_, err := e.manager.Start(w, pageRequest(), set)
		if !errors.Is(err, session.ErrSignInEnded) || !errors.Is(err, session.ErrSignedOut) || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: %v, %v", name, err, w.Header())
		}
	}
}
