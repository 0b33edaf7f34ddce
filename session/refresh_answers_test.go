package session_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestUnverifiableAnswerIsKept has the user pool rotate its keys while the key set is
// down, so that the answer to a refresh cannot be verified. Only its refresh token works
// from now on. So the answer is kept for as long as somebody asks for it.
func TestUnverifiableAnswerIsKept(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	old := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	e.manager.Fetch(nil, pageRequest(old...), nil)
	e.server.RotateKeys()
	e.failOnly(opKeys, down)
	for range 10 {
		if s, lines, err := e.fetch(pageRequest(old...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Fatalf("%v, %v, %v", s, err, lines)
		}
		e.advance(time.Minute)
	}
	if n := e.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
	e.recover()
	if s, lines, err := e.fetch(pageRequest(old...)); err != nil || e.value(lines, "ada.refreshToken") == "" {
		t.Errorf("afterwards: %v, %v", s, err)
	}
	if n := e.server.Calls(opRefresh); n != 1 {
		t.Errorf("afterwards: %d calls", n)
	}
}

// TestForgedAnswerIsForgotten has somebody answer for Cognito with tokens that will never
// verify. After two minutes Cognito is asked again.
func TestForgedAnswerIsForgotten(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	old := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	forged := fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q}}`, forge(e.server.Issue("ada").Access, 1))
	e.manager.Fetch(nil, pageRequest(old...), nil)
	e.fail(cognitotest.Fault{Status: 200, Body: forged})
	for range 7 {
		if s, _, err := e.fetch(pageRequest(old...)); !errors.Is(err, tokens.ErrUnavailable) {
			t.Fatalf("%v, %v", s, err)
		}
		e.advance(20 * time.Second)
	}
	if n := e.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
	e.recover()
	if s, _, err := e.fetch(pageRequest(old...)); err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestForgedAnswerIsRefused has the endpoint answer with tokens that are not ada's.
func TestForgedAnswerIsRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	forged, bobs := e.server.Issue("ada"), e.server.Issue("bob")
	for name, answer := range map[string]string{
		"forged access token": fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q}}`, forge(forged.Access, 1)),
		"forged ID token":     fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q,"IdToken":%q}}`, forged.Access, forge(forged.ID, 1)),
		"a program's token":   fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q}}`, e.server.Issue("ada", machine).Access),
		"tokens of two users": fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q,"IdToken":%q}}`, forged.Access, bobs.ID),
		"ID token as access":  fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q}}`, forged.ID),
		"no access token":     `{"AuthenticationResult":{}}`,
		"no result at all":    `{}`,
	} {
		e.manager = e.newManager(nil)
		e.failButKeys(cognitotest.Fault{Status: 200, Body: answer})
		if s, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Errorf("%s: %v, %v, %d lines", name, s, err, len(lines))
		}
	}
	e.manager = e.newManager(nil)
	e.failButKeys(cognitotest.Fault{Status: 200, Body: fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q,"IdToken":%q}}`, bobs.Access, bobs.ID)})
	if s, _, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("another user's tokens: %v, %v", s, err)
	}
}

// TestErrorPageAfterEffect: a forced refresh takes effect, and a gateway's error page
// or nothing comes back. ada goes on with her valid token, and asks again within the grace.
func TestErrorPageAfterEffect(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cognitotest.Fault{
		"no answer":          {After: true, Drop: true},
		"error page":         {After: true, Status: 502, Body: "<html>bad gateway"},
		"error page in JSON": {After: true, Status: 502, Body: `{"message":"Bad Gateway"}`},
		"an empty page":      {After: true, Status: 504, Body: "{}"},
	} {
		e := newEnv(t, nil)
		e.server.SetRotation(true, time.Minute)
		own := e.server.Issue("ada")
		if _, _, err := e.fetch(pageRequest(e.cookies("ada", own)...)); err != nil {
			t.Fatal(err)
		}
		e.advance(time.Minute)
		e.failOnly(opRefresh, fault)
		if _, _, err := e.fetchWith(pageRequest(e.cookies("ada", own)...), forced); err == nil {
			t.Fatalf("%s: refreshed", name)
		}
		e.recover()
		set := own
		for range 5 {
			e.advance(11 * time.Second)
			_, lines, err := e.fetch(pageRequest(e.cookies("ada", set)...))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if e.value(lines, "ada.accessToken") != "" {
				set = e.tokensOf("ada", lines)
			}
		}
		e.advance(2 * time.Hour)
		if s, lines, err := e.fetch(pageRequest(e.cookies("ada", set)...)); err != nil {
			t.Errorf("%s: two hours later: %v, %v, %v", name, s, err, e.changes(lines))
		}
	}
}
