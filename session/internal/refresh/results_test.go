package refresh_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestResultLifetime(t *testing.T) {
	for _, test := range []struct {
		name      string
		delivered bool
		upgrade   bool
		want      time.Duration
	}{
		{"not delivered", false, false, 2 * time.Minute},
		{"delivered", true, false, 30 * time.Second},
		{"of an upgrade", true, true, 2 * time.Minute},
	} {
		e := newEnv(t)
		got, err := e.refreshWith(refresh.Request{RefreshToken: "a", Upgrade: test.upgrade})
		if err != nil {
			t.Fatal(err)
		}
		if test.delivered {
			e.NoteDelivered(got.Access.Raw())
		}
		e.advance(test.want)
		if again := e.mustRefresh("a"); again != got {
			t.Errorf("%s: forgotten after %v", test.name, test.want)
		}
		e.advance(time.Second)
		e.mustRefresh("a")
		if len(e.exchanged) != 2 {
			t.Errorf("%s: remembered for more than %v", test.name, test.want)
		}
		if running, results, _ := e.Size(); running != 0 || results != 1 {
			t.Errorf("%s: %d calls run, %d results", test.name, running, results)
		}
	}
}

// TestResultLeadsToNewestTokens shows the oldest of three refresh tokens that rotation has
// made of each other.
func TestResultLeadsToNewestTokens(t *testing.T) {
	e := newEnv(t)
	e.mustRefresh("a")
	e.mustRefresh("a'")
	if got := e.mustRefresh("a"); got.Refresh != "a''" {
		t.Errorf("%q", got.Refresh)
	}
	if last := e.sources[len(e.sources)-1]; last != refresh.SourceKept || len(e.exchanged) != 2 {
		t.Errorf("source %q, exchanged %q", last, e.exchanged)
	}
}

// TestResultExpires asks for a result that expires soon. The refresh token that came with
// it is exchanged.
func TestResultExpires(t *testing.T) {
	e := newEnv(t)
	e.server.SetLifetime(time.Minute)
	defer e.server.SetLifetime(time.Hour)
	e.mustRefresh("a")
	e.advance(58 * time.Second)
	if got := e.mustRefresh("a"); got.Refresh != "a''" {
		t.Errorf("%q", got.Refresh)
	}
}

func TestSupersededTokens(t *testing.T) {
	for _, rotation := range []bool{true, false} {
		e := newEnv(t)
		if !rotation {
			e.exchange = func(refreshToken string) (*tokens.Set, error) { return e.issue("ada", refreshToken), nil }
		}
		older := e.accessToken("ada")
		e.advance(10 * time.Second)
		sameSecond, bobs := e.accessToken("ada"), e.accessToken("bob")
		got := e.mustRefresh("a")
		e.advance(10 * time.Second)
		for _, test := range []struct {
			name  string
			shown *tokens.Token
			want  bool
		}{
			{"older", older, true},
			{"of the same second", sameSecond, rotation}, // without rotation, nobody can tell
			{"itself", got.Access, false},
			{"newer", e.accessToken("ada"), false},
			{"another user's", bobs, false},
		} {
			if is := e.IsSuperseded("a", test.shown); is != test.want {
				t.Errorf("rotation %t, %s: superseded %t", rotation, test.name, is)
			}
			if has := e.HasNewerResult("a", test.shown); has != test.want {
				t.Errorf("rotation %t, %s: has a newer result %t", rotation, test.name, has)
			}
		}
		if e.IsSuperseded("b", older) || e.HasNewerResult("b", older) {
			t.Error("another refresh token has a result")
		}
	}
}

// TestLostReply asks again after a reply was lost, because it may have had its effect.
func TestLostReply(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"lost":      {tokens.ErrUnavailable, true},
		"throttled": {&tokens.APIError{Code: "TooManyRequestsException"}, false},
		"refused":   {&tokens.APIError{Code: "NotAuthorizedException", Message: "Refresh Token has expired"}, false},
	} {
		e := newEnv(t)
		shown := e.accessToken("ada")
		e.exchange = func(string) (*tokens.Set, error) { return nil, test.err }
		if _, err := e.refreshWith(refresh.Request{RefreshToken: "a", Genuine: []*tokens.Token{shown}}); !errors.Is(err, test.err) {
			t.Errorf("%s: %v", name, err)
		}
		if has := e.HasNewerResult("a", shown); has != test.want {
			t.Errorf("%s: %t", name, has)
		}
		if e.HasNewerResult("a", e.accessToken("bob")) {
			t.Errorf("%s: for another user", name)
		}
		e.Pause("a", shown.Subject())
		if e.HasNewerResult("a", shown) {
			t.Errorf("%s: while refreshes are paused", name)
		}
		e.advance(time.Minute)
		if e.HasNewerResult("a", shown) {
			t.Errorf("%s: after the longest grace", name)
		}
	}
}
