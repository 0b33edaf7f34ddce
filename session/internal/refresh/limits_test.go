package refresh

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// TestLimits bounds the calls for a user, gives back what was taken, and is bounded
// itself.
func TestLimits(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	l := newLimits(func() time.Time { return now })
	refused := &tokens.APIError{Code: "NotAuthorizedException", Message: "Invalid Refresh Token"}
	down := fmt.Errorf("down: %w", tokens.ErrUnavailable)
	// calls makes calls for a user until there is to be none.
	n := 0
	calls := func(user string, err error) (made int) {
		for range 1000 {
			n++
			token := fmt.Sprint(n)
			b, no := l.startCall(token, user)
			if no != nil {
				if !errors.Is(no, tokens.ErrUnavailable) {
					t.Error(no)
				}
				return made
			}
			made++
			l.finishCall(b, token, "ada", err)
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
		{"refused at once again", 0, refused, 0},
		{"half a minute later", 30 * time.Second, nil, 0},
		{"a minute later", 30 * time.Second, refused, 5},
		{"the clock is set back", -time.Hour, refused, 5},
		{"the clock is set forth", 2 * time.Hour, nil, 1000},
		{"in an outage", 0, down, 40},
		{"in an outage, later", 10 * time.Second, down, 40},
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

	var taken []*userLimits
	for i := range 1000 {
		b, err := l.startCall(fmt.Sprint("at once", i), "ada")
		if err != nil {
			break
		}
		taken = append(taken, b)
	}
	if len(taken) != maxRunning {
		t.Errorf("%d calls at once", len(taken))
	}
	for i := range 100_000 { // users come and go meanwhile
		b, err := l.startCall("token", fmt.Sprint("user", i))
		if err != nil {
			t.Fatal(err)
		}
		l.finishCall(b, "token", "ada", nil)
	}
	if n := l.users.Len(); n > 2*maxNotes {
		t.Errorf("the limits of %d users are remembered", n)
	}
	for _, b := range taken {
		l.finishCall(b, "token", "ada", nil)
		if b.running < 0 {
			t.Fatal("more is given back than was taken")
		}
	}
}
