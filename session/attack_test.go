package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// A clock jumps by a day and comes back: sign-outs are forgotten. Not mended.
func TestAttackClockJumpsAndComesBack(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 2, 0, nil)
	set := r.server.Issue("ada")
	r.endAt(0, r.cookies("ada", set))
	r.advance(2 * time.Second)
	r.fetchAt(0, pageRequest(r.cookies("bob", r.server.Issue("bob"))...), nil) // reads the log
	r.advance(25 * time.Hour)
	r.endAt(0, r.cookies("bob", r.server.Issue("bob")))
	r.advance(-25 * time.Hour)
	r.endAt(0, r.cookies("bob", r.server.Issue("bob")))
	if _, err := r.managers[0].Start(httptest.NewRecorder(), pageRequest(), set); !errors.Is(err, session.ErrSignInEnded) {
		t.Errorf("%v: the sign-out is forgotten", err)
	}
}

// Many requests at once with one old token: each calls the store twice, as long as the first
// has not been counted. Not mended; it only logs.
func TestAttackManyAtOnceWithAnOldToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bubbleReplicas(t, 1)
		old := r.server.Issue("ada", cognitotest.Expired)
		r.store.setFault(func(ctx context.Context, op session.StoreOperation, value []byte) error {
			time.Sleep(20 * time.Millisecond)
			return nil
		})
		for second := range 3 {
			before := r.store.operations()
			var wg sync.WaitGroup
			for i := range 1000 {
				wg.Go(func() {
					r.fetchAt(0, pageRequest(r.prefixed("LastAuthUser=ada"), r.prefixed("ada.accessToken="+old.Access), r.prefixed(fmt.Sprintf("ada.refreshToken=x%d.%d", second, i))), nil)
				})
			}
			wg.Wait()
			t.Logf("second %d: %d operations for 1000 requests, %d calls of Cognito", second, r.store.operations()-before, r.server.Calls(opRefresh))
			time.Sleep(2 * time.Second)
		}
	})
}
