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

// TestOutage has Cognito fail in every way while a session is to be refreshed:
// nobody is signed out, no cookie changes, and afterwards all is as before.
func TestOutage(t *testing.T) {
	faults := map[string]cognitotest.Fault{
		"down":                   {Status: 503},
		"an error page":          {Body: "<html>Bad gateway"},
		"half an answer":         {Status: 200, Body: `{"AuthenticationResult":{"AccessToken":"eyJhbGciOiJub25lIn0.eyJ`},
		"another shape":          {Status: 200, Body: `{"ChallengeName":"SMS_MFA","Session":"eyJhbGciOiJub25lIn0"}`},
		"no connection":          {Drop: true},
		"throttled":              {Status: 429},
		"a wrong client secret":  {Status: 400, Code: "NotAuthorizedException", Message: "Unable to verify secret hash for client 1abc"},
		"no such client":         {Status: 400, Code: "ResourceNotFoundException", Message: "User pool client 1abc does not exist."},
		"a Lambda trigger fails": {Status: 400, Code: "UserLambdaValidationException", Message: "PreTokenGeneration failed"},
		"an unknown error":       {Status: 418, Code: "TeapotException"},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			p := open(t, nil)
			pairs := p.cookies("ada", p.pool.Issue("ada"))
			if _, _, err := p.fetch(page(pairs...)); err != nil { // the keys are known
				t.Fatal(err)
			}
			p.wait(2 * time.Hour)
			p.pool.SetFault(func(string) cognitotest.Fault { return fault })
			for range 3 {
				if _, lines, err := p.fetch(page(pairs...)); !errors.Is(err, tokens.ErrUnavailable) || errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
					t.Fatalf("%v, %v", err, lines)
				}
			}
			p.pool.SetFault(nil)
			if s, _, err := p.fetch(page(pairs...)); err != nil || s.User().Username != "ada" {
				t.Errorf("afterwards: %v, %v", s, err)
			}
		})
	}
}

// TestLostReply has Cognito rotate the refresh token while its reply is lost. Within the
// grace the next request gets another; without one the session is lost, as for everybody
// who rotates with a grace of 0, but its cookies stay: Amplify may hold newer ones.
func TestLostReply(t *testing.T) {
	for name, fault := range map[string]cognitotest.Fault{
		"dropped": {After: true, Drop: true}, "a proxy's page": {After: true, Body: "<html>"}, "too late": {After: true, Delay: time.Hour},
	} {
		for _, grace := range []time.Duration{time.Minute, 0} {
			t.Run(fmt.Sprint(name, ", grace ", grace), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := open(t, nil)
					p.pool.SetRotation(true, grace)
					pairs := p.cookies("ada", p.pool.Issue("ada"))
					if _, err := p.m.Fetch(nil, page(pairs...), nil); err != nil { // the keys are known
						t.Fatal(err)
					}
					p.wait(2 * time.Hour)
					p.pool.SetFault(func(op string) cognitotest.Fault {
						if op == opRefresh {
							return fault
						}
						return cognitotest.Fault{}
					})
					if _, lines, err := p.fetch(page(pairs...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
						t.Errorf("%v, %v", err, lines)
					}
					if n := p.pool.Calls(opRefresh); n != 1 {
						t.Errorf("%d calls: a second one may be the reuse of a token", n)
					}
					p.pool.SetFault(nil)
					p.wait(20 * time.Second)
					_, lines, err := p.fetch(page(pairs...))
					if grace > 0 && (err != nil || p.value(lines, "ada.refreshToken") == "") {
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

// TestOutageServesWhatIsValid refreshes a session whose access token is still good.
func TestOutageServesWhatIsValid(t *testing.T) {
	for after, hasID := range map[time.Duration]bool{time.Minute: true, 9 * time.Minute: false} {
		p := open(t, func(c *session.Config) { c.RefreshBefore = 10 * time.Minute })
		pairs := p.cookies("ada", p.pool.Issue("ada", func(d *cognitotest.Draft) {
			d.Claims["exp"] = p.time().Add(10 * time.Minute).Unix()
			if d.Use == tokens.ID {
				d.Claims["exp"] = p.time().Add(5 * time.Minute).Unix()
			}
		}))
		if _, err := p.m.Fetch(nil, page(pairs...), nil); err != nil { // fetches the keys
			t.Fatal(err)
		}
		p.wait(after)
		p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
		s, lines, err := p.fetch(page(pairs...))
		if err != nil || len(lines) > 0 || s.User().Username != "ada" {
			t.Errorf("after %v: %v, %v, %v", after, s, err, lines)
		}
		if (s.IDToken() != nil) != hasID {
			t.Errorf("after %v: ID token %v: an expired one is not shown", after, s.IDToken())
		}
		if p.pool.Calls("GetTokensFromRefreshToken") == 0 {
			t.Errorf("after %v: no refresh was tried", after)
		}
		if _, lines, err := p.fetchWith(page(pairs...), &session.FetchOptions{ForceRefresh: true}); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Errorf("forced: %v, %v", err, lines)
		}
	}
}

// TestOutageOfTheKeys has the key set unreachable from the start.
func TestOutageOfTheKeys(t *testing.T) {
	p := open(t, func(c *session.Config) { c.Bearer = true })
	set := p.pool.Issue("ada")
	p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
	bearer := page()
	bearer.Header.Set("Authorization", "Bearer "+set.Access)
	for name, r := range map[string]*http.Request{
		"page": page(p.cookies("ada", set)...), "script": script(p.cookies("ada", set)...), "bearer": bearer,
	} {
		if _, lines, err := p.fetch(r); !errors.Is(err, tokens.ErrUnavailable) || errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
			t.Errorf("%s: %v, %v", name, err, lines)
		}
		if _, err := p.m.Fetch(nil, r, nil); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("%s, only read: %v", name, err)
		}
	}
	p.pool.SetFault(nil)
	p.wait(time.Minute)
	if s, _, err := p.fetch(page(p.cookies("ada", set)...)); err != nil {
		t.Errorf("afterwards: %v, %v", s, err)
	}
}

// TestWrongClock has Cognito issue tokens that this server's clock finds expired.
// Nobody is signed out, Cognito is asked once, and the log says by how much.
func TestWrongClock(t *testing.T) {
	p := open(t, nil)
	pairs := p.cookies("ada", p.pool.Issue("ada"))
	if _, _, err := p.fetch(page(pairs...)); err != nil {
		t.Fatal(err)
	}
	p.wait(3 * time.Hour)
	p.pool.SetNow(func() time.Time { return p.time().Add(-2 * time.Hour) })
	for range 5 {
		if _, lines, err := p.fetch(page(pairs...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Fatalf("%v, %v", err, lines)
		}
	}
	if n := p.pool.Calls("GetTokensFromRefreshToken"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	if log := p.logs.String(); strings.Count(log, "level=ERROR") != 1 || !strings.Contains(log, "off=1h0m0s") {
		t.Errorf("the log: %s", log)
	}
}

// TestDeadSession asks what is cleared when Cognito refuses a refresh.
func TestDeadSession(t *testing.T) {
	type fault = cognitotest.Fault
	for _, test := range []struct {
		name  string
		fault fault
		clear bool
	}{
		{"revoked", fault{Status: 400, Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"}, true},
		{"expired", fault{Status: 400, Code: "NotAuthorizedException", Message: "Refresh Token has expired"}, true},
		{"user gone", fault{Status: 400, Code: "UserNotFoundException", Message: "User does not exist."}, true},
		{"password reset", fault{Status: 400, Code: "PasswordResetRequiredException"}, true},
		{"unconfirmed", fault{Status: 400, Code: "UserNotConfirmedException"}, true},
		{"token revoked", fault{Status: 400, Code: "TokenRevokedException"}, true},
		{"already rotated", fault{Status: 400, Code: "RefreshTokenReuseException"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := open(t, nil)
			pairs := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
			p.pool.SetFault(func(op string) cognitotest.Fault {
				if op == "JWKS" {
					return cognitotest.Fault{}
				}
				return test.fault
			})
			_, lines, err := p.fetch(script(pairs...))
			if !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("a script: %v, %v", err, lines)
			}
			var api *tokens.APIError
			if !errors.As(err, &api) || api.Code != test.fault.Code {
				t.Errorf("the reason is lost: %v", err)
			}
			_, lines, err = p.fetch(page(pairs...))
			if !errors.Is(err, session.ErrSignedOut) || p.cleared(lines) != test.clear || !test.clear && len(lines) > 0 {
				t.Errorf("a page: %v, %v", err, lines)
			}
			if n := p.pool.Calls("GetTokensFromRefreshToken"); n != 1 {
				t.Errorf("%d calls: a refusal is remembered", n)
			}
		})
	}
}

// TestAlreadyRotatedTwin has the first of two refresh tokens be rotated away and
// the second dead: the newer cookies of the first's holder must survive.
func TestAlreadyRotatedTwin(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, 0)
	set := p.pool.Issue("ada", cognitotest.Expired)
	if _, _, err := p.fetch(page(p.cookies("ada", set)...)); err != nil {
		t.Fatal(err)
	}
	p.m = p.manager(nil) // another process
	pairs := append(p.cookies("ada", set), p.key("ada.refreshToken")+"=dead")
	for range 2 {
		if _, lines, err := p.fetch(page(pairs...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
			t.Errorf("%v, %v", err, lines)
		}
	}
}
