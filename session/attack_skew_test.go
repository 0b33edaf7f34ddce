package session_test

import (
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// Two replicas whose clocks differ by more than two minutes share no result. At grace 0 the
// user loses the sign-in.
func TestAttackClocksThatDiffer(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{90 * time.Second, 3 * time.Minute} {
		r := newReplicas(t, 1, 0, nil)
		r.managers = append(r.managers, r.newReplica(func(c *session.Config) {
			c.Now = func() time.Time { return r.clock().Add(off) }
		}))
		cookies := r.cookies("ada", r.server.Issue("ada", cognitotest.Expired))
		r.mustFetchAt(0, cookies)
		if _, _, err := r.fetchAt(1, pageRequest(cookies...), nil); err != nil {
			t.Errorf("%v ahead: %v", off, err)
		}
	}
}

// A user with a sign-out note from a clock that is an hour fast cannot sign in for an hour.
func TestAttackEndUserByAFastClock(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 1, 0, nil)
	fast := r.newReplica(func(c *session.Config) { c.Now = func() time.Time { return r.clock().Add(time.Hour) } })
	if err := fast.EndUser(t.Context(), r.subject(r.server.Issue("ada"))); err != nil {
		t.Fatal(err)
	}
	r.advance(10 * time.Minute)
	if _, _, err := r.fetchAt(0, pageRequest(r.cookies("ada", r.server.Issue("ada"))...), nil); err != nil {
		t.Errorf("a sign-in ten minutes later: %v", err)
	}
}
