package session_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestMistakesOfTheDeployment configures one thing wrong. No browser loses a cookie for it,
// and the log names it. Once it is right again, all sessions go on.
func TestMistakesOfTheDeployment(t *testing.T) {
	t.Parallel()
	for name, mistake := range map[string]struct {
		edit func(*tokens.UserPool)
		log  []string // parts of an Error
	}{
		"another user pool's id": {func(p *tokens.UserPool) { p.ID = "eu-west-1_Other1" }, []string{"UserPool.ID may be wrong", "eu-west-1_Other1", "eu-west-1_Emulator"}},
		"another region":         {func(p *tokens.UserPool) { p.ID = strings.Replace(p.ID, "eu-west", "us-east", 1) }, []string{"UserPool.ID may be wrong", "us-east-1", "eu-west-1"}},
		"another issuer":         {func(p *tokens.UserPool) { p.Issuer = "https://issuer.example" }, []string{"UserPool.ID may be wrong", "https://issuer.example", "eu-west-1_Emulator"}},
		"no client secret":       {func(p *tokens.UserPool) { p.ClientSecret = "" }, []string{"wrong configuration", "look_at=UserPool.ClientSecret", "secret"}},
		"another client secret":  {func(p *tokens.UserPool) { p.ClientSecret = "other" }, []string{"wrong configuration", "look_at=UserPool.ClientSecret", "secret"}},
		"another client's id":    {func(p *tokens.UserPool) { p.ClientID = "1other" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, nil)
			e.server = e.server.AddClient("1confidential", "s3cr3t")
			e.server.SetNow(e.clock)
			userPool := e.server.UserPool()
			mistake.edit(&userPool)
			wrong := e.newManager(func(c *session.Config) { c.UserPool, c.Bearer = userPool, true })
			right := e.newManager(nil)
			e.manager = wrong
			expired, valid := e.server.Issue("ada", cognitotest.Expired), e.server.Issue("ada")
			for range 3 {
				for _, set := range []*tokens.Set{expired, valid, {Access: valid.Access}, {ID: valid.ID, Refresh: valid.Refresh}} {
					for _, r := range []*http.Request{pageRequest(e.cookies("ada", set)...), scriptRequest(e.cookies("ada", set)...)} {
						if _, lines, _ := e.fetch(r); e.changes(lines)["LastAuthUser"] == "cleared" {
							t.Errorf("the cookies are cleared: %v", lines)
						}
					}
				}
			}
			bearer := pageRequest()
			bearer.Header.Set("Authorization", "Bearer "+valid.Access)
			e.fetch(bearer)
			errorLines := strings.Count(e.logs.String(), "level=ERROR")
			if want := min(len(mistake.log), 2); errorLines > want || errorLines == 0 && want > 0 {
				t.Errorf("%d errors in a minute: %s", errorLines, e.logs)
			}
			for _, part := range mistake.log {
				if !strings.Contains(e.logs.String(), part) {
					t.Errorf("the log lacks %q: %s", part, e.logs)
				}
			}
			e.manager = right
			for _, set := range []*tokens.Set{expired, valid} {
				if s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); err != nil || s.User().Username != "ada" {
					t.Errorf("afterwards: %v, %v", s, err)
				}
			}
		})
	}
}

// foreign makes tokens of the same app client from another issuer.
func foreign(d *cognitotest.Draft) {
	d.Claims["iss"] = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other1\nlevel=ERROR" + strings.Repeat("x", 500)
}

// TestForeignIssuerIsClearedInTheEnd sends tokens of another issuer before and after a
// token of the user pool has been verified.
func TestForeignIssuerIsClearedInTheEnd(t *testing.T) {
	t.Parallel()
	for name, verify := range map[string]func(e *env) error{
		"a valid session": func(e *env) error {
			_, _, err := e.fetch(pageRequest(e.cookies("bob", e.server.Issue("bob"))...))
			return err
		},
		"an expired session": func(e *env) error {
			_, _, err := e.fetch(pageRequest(e.cookies("bob", e.server.Issue("bob", cognitotest.Expired))...))
			return err
		},
		"a sign-in": func(e *env) error {
			_, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), e.server.Issue("bob"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the log has the bubble's clock
				e := newEnv(t, nil)
				cookies := e.cookies("ada", e.server.Issue("ada", foreign))
				for range 5 {
					_, lines, err := e.fetch(pageRequest(cookies...))
					if !errors.Is(err, session.ErrSignedOut) || !errors.Is(err, tokens.BadIssuer) || len(lines) > 0 {
						t.Errorf("before: %v, %v", err, lines)
					}
					time.Sleep(11 * time.Second)
				}
				log := e.logs.String()
				if strings.Count(log, "level=ERROR msg") != 1 || strings.Count(log, "\n") != 1 || len(log) > 600 {
					t.Errorf("the log: %s", log)
				}
				if n := e.server.Calls(opRefresh); n != 0 {
					t.Errorf("%d refreshes: with rotation, each costs a session", n)
				}
				if err := verify(e); err != nil {
					t.Fatal(err)
				}
				if _, lines, err := e.fetch(scriptRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
					t.Errorf("afterwards, a script: %v, %v", err, lines)
				}
				if _, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) || !e.cleared(lines) {
					t.Errorf("afterwards: %v, %v", err, lines)
				}
			})
		})
	}
}

// TestForeignIssuerBesideGenuineTokens plants a token of another issuer beside ada's own,
// in a process that has verified nothing. The outcome is that of her own tokens.
func TestForeignIssuerBesideGenuineTokens(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for name, test := range map[string]struct {
		edit    func(*cognitotest.Draft)
		revoked bool
		want    error
		cleared bool
	}{
		"valid":                {nil, false, nil, false},
		"expired":              {cognitotest.Expired, false, nil, false},
		"expired, and refused": {cognitotest.Expired, true, session.ErrSignedOut, true},
	} {
		for _, where := range []string{"before", "behind"} {
			t.Run(name+", "+where, func(t *testing.T) {
				e := newEnv(t, nil)
				own := e.server.Issue("ada", test.edit)
				if test.revoked {
					own.Refresh = "refused"
				}
				planted := e.cookies("ada", e.server.Issue("ada", foreign))[1]
				cookies := append(e.cookies("ada", own), planted)
				if where == "before" {
					cookies = append([]string{planted}, e.cookies("ada", own)...)
				}
				_, lines, err := e.fetch(pageRequest(cookies...))
				if !errors.Is(err, test.want) || e.cleared(lines) != test.cleared {
					t.Errorf("%v, %v", err, lines)
				}
			})
		}
	}
	// Neither a forged token nor a refresh token that Cognito refuses shows that the user
	// pool is right.
	for _, state := range []string{"forged", "no access token"} {
		e := newEnv(t, nil)
		other := e.server.Issue("bob")
		other.Access, other.ID, other.Refresh = forge(other.Access, 1), forge(other.ID, 1), "refused"
		if state == "no access token" {
			other = &tokens.Set{Refresh: "refused"}
		}
		cookies := append(e.cookies("ada", e.server.Issue("ada", foreign)), e.cookies("bob", other)...)
		for range 2 {
			if _, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("beside %s: %v, %v", state, err, lines)
			}
		}
	}
}

// TestTriggersTextIsNotLogged has a trigger write about its user.
func TestTriggersTextIsNotLogged(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))...)
	e.server.SetFault(func(op string) cognitotest.Fault {
		if op != opRefresh {
			return cognitotest.Fault{}
		}
		return cognitotest.Fault{Code: "UserLambdaValidationException", Message: "PreTokenGeneration failed with error Rivendell is no home."}
	})
	_, _, err := e.fetch(r)
	if text := e.manager.Explain(r, err); strings.Contains(text, "Rivendell") || !strings.Contains(text, "UserLambdaValidationException") {
		t.Errorf("the explanation: %s", text)
	}
	if log := e.logs.String(); strings.Contains(log, "Rivendell") || !strings.Contains(log, `look_at="the user pool's Lambda trigger"`) {
		t.Errorf("the log: %s", log)
	}
}

// TestExplanationIsShort explains an error with a long text of several lines.
func TestExplanationIsShort(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	text := e.manager.Explain(pageRequest(), errors.New("session: "+strings.Repeat("long\n", 999)))
	if len(text) > 1000 || !strings.HasPrefix(text, "long\uFFFDlong") {
		t.Errorf("the explanation: %q", text)
	}
	if text := e.manager.Explain(pageRequest(), nil); text != "" {
		t.Errorf("without an error: %q", text)
	}
}
