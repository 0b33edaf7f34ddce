package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestStartReplacesEarlierSessions leaves no cookie of an earlier session of any user.
func TestStartReplacesEarlierSessions(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	cookies := append(e.cookies("bob", e.server.Issue("bob")), e.prefixed("bob.clockDrift")+"=1", e.prefixed("carol.refreshToken")+"=x",
		e.prefixed("ada.signInDetails")+"={}", e.prefixed("ada.deviceKey")+"=d", e.prefixed("a%zz.accessToken")+"=x", e.prefixed("ada.idToken")+"=old")
	w := httptest.NewRecorder()
	set := e.server.Issue("ada")
	set.ID = ""
	s, err := e.manager.Start(w, pageRequest(cookies...), set)
	if err != nil || s.User().Username != "ada" || s.IDToken() != nil {
		t.Fatal(s, err)
	}
	want := map[string]string{
		"LastAuthUser": "set", "ada.accessToken": "set", "ada.refreshToken": "set", "ada.idToken": "cleared", "ada.signInDetails": "cleared",
		"bob.accessToken": "cleared", "bob.idToken": "cleared", "bob.refreshToken": "cleared", "bob.clockDrift": "cleared",
		"carol.refreshToken": "cleared", "a%zz.accessToken": "cleared",
	}
	if got := e.changes(w.Header()["Set-Cookie"]); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestStartVerifiesTokens starts no session of unverified tokens, and writes nothing.
func TestStartVerifiesTokens(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	adas, bobs := e.server.Issue("ada"), e.server.Issue("bob")
	for name, test := range map[string]struct {
		set  *tokens.Set
		want error
	}{
		"no token":               {&tokens.Set{}, tokens.Malformed},
		"forged":                 {&tokens.Set{Access: forge(adas.Access, 1)}, tokens.BadSignature},
		"ID token as access":     {&tokens.Set{Access: adas.ID}, tokens.BadUse},
		"another app client's":   {e.server.AddClient("otherclient", "").Issue("ada"), tokens.BadClient},
		"forged ID token":        {&tokens.Set{Access: adas.Access, ID: forge(adas.ID, 1)}, tokens.BadSignature},
		"tokens of two users":    {&tokens.Set{Access: adas.Access, ID: bobs.ID}, nil},
		"expired: a wrong clock": {e.server.Issue("ada", cognitotest.Expired), tokens.ErrUnavailable},
		"without a user":         {e.server.Issue("ada", func(d *cognitotest.Draft) { delete(d.Claims, "username") }), nil},
		"a key not known yet":    {e.server.Issue("ada", func(d *cognitotest.Draft) { d.Header["kid"] = "new" }), tokens.ErrUnavailable},
	} {
		w := httptest.NewRecorder()
		s, err := e.manager.Start(w, pageRequest(), test.set)
		logError(err)
		if s != nil || err == nil || test.want != nil && !errors.Is(err, test.want) || len(w.Header()) > 0 {
			t.Errorf("%s: %v, %v, %v", name, s, err, w.Header())
		}
	}
}

// TestPageAfterSignIn sends the cookies of a sign-in. Its tokens are not verified again.
func TestPageAfterSignIn(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	verified, err := e.manager.Verify(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	started, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), set)
	if err != nil || started.AccessToken() != verified.AccessToken() {
		t.Fatalf("verified again: %v", err)
	}
	s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...))
	if err != nil || s.AccessToken() != started.AccessToken() || s.IDToken() != started.IDToken() {
		t.Errorf("the session is not the one of the sign-in: %v", err)
	}
	if _, err := e.end(pageRequest(e.cookies("ada", set)...)); err != nil {
		t.Error(err)
	}
	if _, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("after the sign-out: %v", err)
	}

	verified, err = e.manager.Verify(t.Context(), e.server.Issue("ada"))
	if err != nil {
		t.Fatal(err)
	}
	other := &tokens.Set{Access: verified.AccessToken().Raw(), ID: verified.IDToken().Raw(), Refresh: set.Refresh}
	if _, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), other); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("with a refresh token that was signed out: %v", err)
	}
}
