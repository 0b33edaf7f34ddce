package session_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestMarginIsHalfOfTheLife has a browser ask all the time for 20 minutes. RefreshBefore
// is as long as the tokens live, or longer. There is one call in half a life, whether
// tokens rotate, and whether the browser gets all answers. A clock that is ahead of
// Cognito's leaves less than half of a life, and one that is behind more than all of it.
func TestMarginIsHalfOfTheLife(t *testing.T) {
	withoutStore(t)
	t.Parallel()
	const life = 5 * time.Minute
	step := 60 * time.Second / time.Duration(longtest.Scale(2, 6))
	for _, before := range []time.Duration{10 * time.Minute, life, 48 * time.Hour}[:longtest.Scale(1, 3)] {
		for _, rotation := range []bool{false, true} {
			for _, script := range []bool{false, true}[:longtest.Scale(1, 2)] {
				for ahead, want := range map[time.Duration]int{0: 8, -4 * time.Minute: 4, 3 * time.Minute: 20, 4 * time.Minute: 40} {
					t.Run(fmt.Sprintf("%v before, rotation %t, scripts %t, %v ahead", before, rotation, script, ahead), func(t *testing.T) {
						e := newEnv(t, func(c *session.Config) { c.RefreshBefore = before })
						e.server.SetNow(func() time.Time { return e.clock().Add(-ahead) })
						e.server.SetLifetime(life)
						e.server.SetRotation(rotation, 0)
						cookies := e.cookies("ada", e.server.Issue("ada"))
						for range int(20 * time.Minute / step) {
							r := pageRequest(cookies...)
							if script {
								r = scriptRequest(cookies...)
							}
							_, lines, err := e.fetch(r)
							if err != nil {
								t.Fatal(err)
							}
							if len(lines) > 0 {
								cookies = e.cookies("ada", e.tokensOf("ada", lines))
							}
							e.advance(step)
						}
						if n := e.server.Calls(opRefresh); n > want || n < want/2 {
							t.Errorf("%d calls in 20 minutes, want at most %d", n, want)
						}
					})
				}
			}
		}
	}
}

// TestMarginOfEachToken has tokens of one session with other lives, or with times that
// make no sense. The margin is ten minutes, and calls stay bounded.
func TestMarginOfEachToken(t *testing.T) {
	t.Parallel()
	minutes := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	of := func(use tokens.Use, claim string, value any) func(*cognitotest.Draft) {
		return func(d *cognitotest.Draft) {
			if d.Use == use {
				d.Claims[claim] = value
			}
		}
	}
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		edit   func(*cognitotest.Draft)
		due    time.Duration // when the first call comes
		before time.Duration // RefreshBefore; default 10 minutes
	}{
		"an hour":                       {nil, minutes(50), 0},
		"no margin":                     {nil, minutes(60), -1},
		"a short ID token":              {of(tokens.ID, "exp", now.Add(minutes(4)).Unix()), minutes(2), 0},
		"a short access token":          {of(tokens.Access, "exp", now.Add(minutes(4)).Unix()), minutes(2), 0},
		"no iat":                        {func(d *cognitotest.Draft) { delete(d.Claims, "iat") }, minutes(60) - 5*time.Second, 0},
		"iat of 0":                      {of(tokens.Access, "iat", int64(0)), minutes(50), 0},
		"iat after exp":                 {of(tokens.Access, "iat", now.Add(minutes(90)).Unix()), minutes(50), 0}, // by the ID token
		"iat after exp, both":           {func(d *cognitotest.Draft) { d.Claims["iat"] = now.Add(minutes(90)).Unix() }, minutes(60) - 5*time.Second, 0},
		"iat in the future":             {func(d *cognitotest.Draft) { d.Claims["iat"] = now.Add(minutes(50)).Unix() }, minutes(55), 0},
		"five seconds of life":          {func(d *cognitotest.Draft) { d.Claims["exp"] = now.Add(5 * time.Second).Unix() }, 2500 * time.Millisecond, 0},
		"a margin of less than a half":  {nil, minutes(31), minutes(29)},
		"a margin of more than a half":  {nil, minutes(30), minutes(31)},
		"a margin of more than the day": {nil, minutes(30), 25 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			before := test.before
			if before == 0 {
				before = 10 * time.Minute
			}
			e := newEnv(t, func(c *session.Config) { c.RefreshBefore = before })
			cookies := e.cookies("ada", e.server.Issue("ada", test.edit))
			for _, at := range []time.Duration{0, test.due - 10*time.Millisecond, test.due + 10*time.Millisecond} {
				e.mu.Lock()
				e.now = now.Add(at)
				e.mu.Unlock()
				if _, _, err := e.fetch(pageRequest(cookies...)); err != nil {
					t.Fatal(err)
				}
				if n, due := e.server.Calls(opRefresh), at > test.due; n > 0 != due {
					t.Errorf("after %v: %d calls", at, n)
				}
			}
		})
	}
}
