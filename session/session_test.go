package session_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cognitogate/cognitogate/session"
)

// TestFormattingPrintsNoTokens formats sessions and tokens. TestMain searches the texts.
func TestFormattingPrintsNoTokens(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	s, _, err := e.fetch(pageRequest(e.cookies("ada", e.server.Issue("ada"))...))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		logError(fmt.Errorf(format, s))
		logError(fmt.Errorf(format, *s))
		logError(fmt.Errorf(format, s.AccessToken()))
	}
}

// TestZeroSessionIsNobody asks a nil Session and a zero one.
func TestZeroSessionIsNobody(t *testing.T) {
	t.Parallel()
	if s, ok := session.FromContext(session.NewContext(context.Background(), nil)); ok || s != nil {
		t.Error("a context with a nil session has a session")
	}
	e := newEnv(t, nil)
	for _, s := range []*session.Session{nil, new(session.Session)} {
		if s.User() != (session.User{}) || s.AccessToken() != nil || s.IDToken() != nil || s.InGroup("") || !s.ExpiresAt().IsZero() || s.HasScope("x") {
			t.Errorf("%v is somebody", s)
		}
		if _, err := e.manager.UserAttributes(t.Context(), s); !errors.Is(err, session.ErrSignedOut) {
			t.Error(err)
		}
		r := pageRequest()
		if got, _, err := e.fetch(r.WithContext(session.NewContext(r.Context(), s))); err == nil {
			t.Errorf("with %v in the context, %v is fetched", s, got)
		}
	}
}
