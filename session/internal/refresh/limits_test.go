package refresh

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestCallsOfOneUserAreLimited makes calls for users until none is allowed. The memory of
// the limits is bounded too.
func TestCallsOfOneUserAreLimited(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	l := newLimits(func() time.Time { return now })
	refused := &tokens.APIError{Code: "NotAuthorizedException", Message: "Invalid Refresh Token"}
	down := fmt.Errorf("down: %w", tokens.ErrUnavailable)
	n := 0
	// calls makes up to 1000 calls for a user and counts those that are allowed.
	calls := func(user string, err error) (made int) {
		for range 1000 {
			n++
			token := fmt.Sprint(n)
			limits, refusal := l.startCall(token, "", user)
			if refusal != nil {
				if !errors.Is(refusal, tokens.ErrUnavailable) {
					t.Error(refusal)
				}
				return made
			}
			made++
			l.finishCall(limits, token, "", user, err)
		}
		return made
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		err   error
		want  int
	}{
		{"refused", 0, refused, 5},
		{"refused a moment ago", 0, refused, 0},
		{"half a minute later", 30 * time.Second, nil, 0},
		{"a minute later", 30 * time.Second, refused, 5},
		{"the clock is set back", -time.Hour, refused, 5},
		{"the clock is set forth", 2 * time.Hour, nil, 1000},
		{"in an outage", 0, down, 40},
		{"ten seconds later in the outage", 10 * time.Second, down, 40},
		{"the clock is set back a little", -20 * time.Second, down, 40},
		{"after the outage", 10 * time.Second, nil, 1000},
	} {
		now = now.Add(step.after)
		if got := calls("ada", step.err); got != step.want {
			t.Errorf("%s: %d calls, want %d", step.name, got, step.want)
		}
	}
	calls("bob", refused)
	if got := calls("ada", nil); got != 1000 {
		t.Errorf("bob's refusals leave ada %d calls", got)
	}

	var running []*userLimits
	for i := range 1000 {
		limits, err := l.startCall(fmt.Sprint("at once", i), "", "ada")
		if err != nil {
			break
		}
		running = append(running, limits)
	}
	if len(running) != maxRunning {
		t.Errorf("%d calls at once", len(running))
	}
	for i := range longtest.Scale(20_000, 100_000) { // other users come and go meanwhile
		limits, err := l.startCall("token", "", fmt.Sprint("user", i))
		if err != nil {
			t.Fatal(err)
		}
		l.finishCall(limits, "token", "", "ada", nil)
	}
	if n := l.users.Len(); n > 2*maxNotes {
		t.Errorf("the limits of %d users are remembered", n)
	}
	for _, limits := range running {
		l.finishCall(limits, "token", "", "ada", nil)
		if limits.running < 0 {
			t.Fatal("more calls have finished than were started")
		}
	}
}
