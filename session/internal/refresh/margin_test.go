package refresh_test

import (
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestNewTokensAreNotDue has this server's clock be ahead of Cognito's, so that new tokens
// have less than half of their life left. For half of the rest neither they are due, nor
// does their result cause another call.
func TestNewTokensAreNotDue(t *testing.T) {
	for _, next := range []string{"old", "new"} { // with and without rotation
		e := newEnv(t)
		e.config.Margin = time.Hour
		e.Engine = refresh.New(e.config)
		set := e.issue("ada", next)
		e.exchange = func(string) (*tokens.Set, error) { return set, nil }
		e.advance(59 * time.Minute)
		got := e.mustRefresh("old")
		for after, due := range map[time.Duration]bool{0: false, 29 * time.Second: false, 31 * time.Second: true} {
			now := e.clock().Add(after)
			if !now.After(e.FreshUntil(got.Access)) {
				t.Error("the token has most of its life left")
			}
			if e.IsDue(got.Access, next, now) != due {
				t.Errorf("%q after %v: due %t", next, after, !due)
			}
		}
		if !e.IsDue(got.Access, "another", e.clock()) || !e.IsDue(e.accessToken("bob"), next, e.clock().Add(time.Hour)) {
			t.Error("a token that did not come with the refresh is not due")
		}
		e.advance(29 * time.Second)
		e.mustRefresh("old")
		if len(e.exchanged) != 1 {
			t.Errorf("%q: %d calls", next, len(e.exchanged))
		}
	}
}
