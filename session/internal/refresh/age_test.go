package refresh_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestAges asks for the ages of tokens that came from Cognito, and of others.
func TestAges(t *testing.T) {
	e := newEnv(t)
	check := func(token *tokens.Token, maxAge time.Duration, want bool) {
		t.Helper()
		if got := e.IsOlder(token, maxAge); got != want {
			t.Errorf("older than %v: %v", maxAge, got)
		}
	}
	check(e.adas, 0, false)
	check(e.adas, 10*time.Second, false)
	e.advance(11 * time.Second)
	check(e.adas, 11*time.Second, false)
	check(e.adas, 10*time.Second, true)
	check(e.adas, 0, false)
	e.advance(-72 * time.Second) // a minute and a second before its iat
	check(e.adas, time.Hour, true)
	e.advance(time.Second)
	check(e.adas, time.Hour, false)

	// Cognito's clock is forty seconds behind.
	e.server.SetNow(func() time.Time { return e.clock().Add(-40 * time.Second) })
	got := e.mustRefresh("a").Access
	check(got, 10*time.Second, false)
	check(e.accessToken("ada"), 10*time.Second, false)
	e.advance(11 * time.Second)
	check(got, 10*time.Second, true)
	e.advance(-12 * time.Second) // the clock was set back: iat says that the token is forty seconds old, or new
	check(got, 10*time.Second, false)
	got = e.mustRefresh("b").Access
	e.advance(11 * time.Minute) // no exchange tells Cognito's time any more
	check(got, 11*time.Minute, false)
	check(got, 11*time.Minute-1, true)
	e.Engine = refresh.New(e.config)
	check(got, 11*time.Minute, true) // another process does not know better
}

// TestOldAnswerThatIsVerifiedLate: an answer waits for its keys, and is too old then. With
// its refresh token Cognito is called once more.
func TestOldAnswerThatIsVerifiedLate(t *testing.T) {
	e := newEnv(t)
	e.verifyErr = tokens.ErrUnavailable
	if _, err := e.refresh("a"); !errors.Is(err, tokens.ErrUnavailable) {
		t.Fatal(err)
	}
	e.verifyErr = nil
	e.advance(15 * time.Second)
	req := refresh.Request{RefreshToken: "a", MaxAge: 10 * time.Second, Evidence: refresh.Evidence{Genuine: []*tokens.Token{e.adas}}}
	got, err := e.refreshWith(req)
	if err != nil || !got.Access.IssuedAt().Equal(e.clock()) || got.Refresh != "a''" || len(e.exchanged) != 2 {
		t.Errorf("%v after %q", err, e.exchanged)
	}
}
