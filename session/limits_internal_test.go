package session

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// TestMemory forgets by time, by number, and whatever the clock does.
func TestMemory(t *testing.T) {
	m := memory[int]{keep: time.Minute}
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	key := func(i int) digest { return digestOf(fmt.Sprint(i)) }
	for i := range 100_000 {
		m.put(key(i), i, now)
		if got, ok := m.get(key(i), now); !ok || got != i {
			t.Fatalf("entry %d: %v, %v", i, got, ok)
		}
		if n := len(m.young) + len(m.old); n > 2*maxNoted {
			t.Fatalf("%d entries", n)
		}
	}
	if !m.has(key(99_999-maxNoted+1), now) || m.has(key(99_999-2*maxNoted), now) {
		t.Error("not the oldest are forgotten")
	}
	last := key(99_999)
	for after, want := range map[time.Duration]bool{59 * time.Second: true, time.Minute: false, -59 * time.Second: true, -time.Minute: false} {
		if m.has(last, now.Add(after)) != want {
			t.Errorf("after %v: remembered %v", after, !want)
		}
	}
}

// TestBudgets bounds the calls for a user, gives back what was taken, and is bounded
// itself.
func TestBudgets(t *testing.T) {
	l := newLimits()
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	refused := &tokens.APIError{Code: "NotAuthorizedException", Message: "Invalid Refresh Token"}
	down := fmt.Errorf("down: %w", tokens.ErrUnavailable)
	// calls makes calls for a user until there is to be none.
	n := 0
	calls := func(user string, err error) (made int) {
		for range 1000 {
			n++
			token := fmt.Sprint(n)
			b, no := l.take(token, user, now)
			if no != nil {
				if !errors.Is(no, tokens.ErrUnavailable) {
					t.Error(no)
				}
				return made
			}
			made++
			l.give(b, token, "ada", err, now)
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

	var taken []*budget
	for i := range 1000 {
		b, err := l.take(fmt.Sprint("at once", i), "ada", now)
		if err != nil {
			break
		}
		taken = append(taken, b)
	}
	if len(taken) != unknownBurst {
		t.Errorf("%d calls at once", len(taken))
	}
	for i := range 100_000 { // users come and go meanwhile
		b, err := l.take("token", fmt.Sprint("user", i), now)
		if err != nil {
			t.Fatal(err)
		}
		l.give(b, "token", "ada", nil, now)
	}
	if n := len(l.budgets.young) + len(l.budgets.old); n > 2*maxNoted {
		t.Errorf("%d budgets", n)
	}
	for _, b := range taken {
		l.give(b, "token", "ada", nil, now)
		if b.flying < 0 {
			t.Fatal("more is given back than was taken")
		}
	}
}
