package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestOutageSignsNobodyOut has Cognito fail in every way while a session needs a
// refresh. No cookie changes, and afterwards the session goes on.
func TestOutageSignsNobodyOut(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cognitotest.Fault{
		"down":                   down,
		"an error page":          {Body: "<html>Bad gateway"},
		"half an answer":         {Status: 200, Body: `{"AuthenticationResult":{"AccessToken":"eyJhbGciOiJub25lIn0.eyJ`},
		"another shape":          {Status: 200, Body: `{"ChallengeName":"SMS_MFA","Session":"eyJhbGciOiJub25lIn0"}`},
		"no connection":          {Drop: true},
		"throttled":              {Status: 429},
		"a wrong client secret":  {Status: 400, Code: "NotAuthorizedException", Message: "Unable to verify secret hash for client 1abc"},
		"no such client":         {Status: 400, Code: "ResourceNotFoundException", Message: "User pool client 1abc does not exist."},
		"a Lambda trigger fails": {Status: 400, Code: "UserLambdaValidationException", Message: "PreTokenGeneration failed"},
		"an unknown error":       {Status: 418, Code: "TeapotException"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t, nil)
				cookies := e.cookies("ada", e.server.Issue("ada"))
				if _, _, err := e.fetch(pageRequest(cookies...)); err != nil { // fetches the keys
					t.Fatal(err)
				}
				e.advance(2 * time.Hour)
				e.fail(fault)
				for range 3 {
					if _, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) || errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
						t.Fatalf("%v, %v", err, lines)
					}
				}
				e.recover()
				if s, _, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" {
					t.Errorf("afterwards: %v, %v", s, err)
				}
			})
		})
	}
}

// TestLostReply has Cognito rotate the refresh token while its reply is lost. Within the
// grace, the next request gets new tokens. Without a grace the session is lost for
// everybody who rotates. Its cookies stay, because Amplify may have written newer ones.
func TestLostReply(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cognitotest.Fault{
		"dropped": {After: true, Drop: true}, "a proxy's page": {After: true, Body: "<html>"}, "too late": {After: true, Delay: time.Hour},
	} {
		for _, grace := range []time.Duration{time.Minute, 0} {
			t.Run(fmt.Sprint(name, ", grace ", grace), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := newEnv(t, nil)
					e.server.SetRotation(true, grace)
					cookies := e.cookies("ada", e.server.Issue("ada"))
					if _, err := e.manager.Fetch(nil, pageRequest(cookies...), nil); err != nil { // fetches the keys
						t.Fatal(err)
					}
					e.advance(2 * time.Hour)
					e.failOnly(opRefresh, fault)
					if _, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
						t.Errorf("%v, %v", err, lines)
					}
					if n := e.server.Calls(opRefresh); n != 1 {
						t.Errorf("%d calls: a second one may be the reuse of a token", n)
					}
					e.recover()
					e.advance(20 * time.Second)
					_, lines, err := e.fetch(pageRequest(cookies...))
					if grace > 0 && (err != nil || e.value(lines, "ada.refreshToken") == "") {
						t.Errorf("within the grace: %v, %v", err, lines)
					}
					if grace == 0 && (!errors.Is(err, session.ErrSignedOut) || len(lines) > 0) {
						t.Errorf("without a grace: %v, %v", err, lines)
					}
				})
			})
		}
	}
}

// TestOutageServesValidTokens has an outage while a session wants a refresh and its
// access token is still valid. An expired ID token is not served.
func TestOutageServesValidTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // a second attempt comes at once
		for after, hasID := range map[time.Duration]bool{3 * time.Minute: true, 9 * time.Minute: false} {
			e := newEnv(t, func(c *session.Config) { c.RefreshBefore = 10 * time.Minute })
			cookies := e.cookies("ada", e.server.Issue("ada", func(d *cognitotest.Draft) {
				d.Claims["exp"] = e.clock().Add(10 * time.Minute).Unix()
				if d.Use == tokens.ID {
					d.Claims["exp"] = e.clock().Add(5 * time.Minute).Unix()
				}
			}))
			if _, err := e.manager.Fetch(nil, pageRequest(cookies...), nil); err != nil { // fetches the keys
				t.Fatal(err)
			}
			e.advance(after)
			e.fail(down)
			s, lines, err := e.fetch(pageRequest(cookies...))
			if err != nil || len(lines) > 0 || s.User().Username != "ada" {
				t.Errorf("after %v: %v, %v, %v", after, s, err, lines)
			}
			if (s.IDToken() != nil) != hasID {
				t.Errorf("after %v: ID token %v", after, s.IDToken())
			}
			if e.server.Calls(opRefresh) == 0 {
				t.Errorf("after %v: no refresh was tried", after)
			}
			if _, lines, err := e.fetchWith(pageRequest(cookies...), forced); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
				t.Errorf("forced: %v, %v", err, lines)
			}
		}
	})
}

// TestKeySetUnavailable has the key set fail from the start.
func TestKeySetUnavailable(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.Bearer = true })
	set := e.server.Issue("ada")
	e.fail(down)
	bearer := pageRequest()
	bearer.Header.Set("Authorization", "Bearer "+set.Access)
	for name, r := range map[string]*http.Request{
		"page": pageRequest(e.cookies("ada", set)...), "script": scriptRequest(e.cookies("ada", set)...), "bearer": bearer,
	} {
		if _, lines, err := e.fetch(r); !errors.Is(err, tokens.ErrUnavailable) || errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
			t.Errorf("%s: %v, %v", name, err, lines)
		}
		if _, err := e.manager.Fetch(nil, r, nil); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("%s, without a writer: %v", name, err)
		}
	}
	e.recover()
	e.advance(time.Minute)
	if s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); err != nil {
		t.Errorf("afterwards: %v, %v", s, err)
	}
}

// TestWrongClock has Cognito issue tokens that are expired by this server's clock. Nobody
// is signed out, Cognito is asked once, and the log says how wrong the clock is.
func TestWrongClock(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada"))
	if _, _, err := e.fetch(pageRequest(cookies...)); err != nil {
		t.Fatal(err)
	}
	e.advance(3 * time.Hour)
	e.server.SetNow(func() time.Time { return e.clock().Add(-2 * time.Hour) })
	for range 5 {
		if _, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Fatalf("%v, %v", err, lines)
		}
	}
	if n := e.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	if log := e.logs.String(); strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "off=2h0m0s") {
		t.Errorf("the log: %s", log)
	}
}
