package session_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// TestDeadlineContext: a request's deadline ends every wait, as that of context.WithTimeout
// does, whenever somebody begins to wait.
func TestDeadlineContext(t *testing.T) {
	for name, tt := range map[string]struct {
		parent func() (context.Context, context.CancelFunc)
		use    func(ctx context.Context, stop func())
		after  time.Duration // until Done is closed
		want   error
	}{
		"nobody waits":       {background, func(_ context.Context, stop func()) { stop() }, 0, context.Canceled},
		"somebody waits":     {background, func(context.Context, func()) {}, 5 * time.Second, context.DeadlineExceeded},
		"a wait begins late": {background, func(context.Context, func()) { <-time.After(4 * time.Second) }, 5 * time.Second, context.DeadlineExceeded},
		"stopped in a wait": {background, func(ctx context.Context, stop func()) {
			time.AfterFunc(time.Second, stop)
			<-ctx.Done()
		}, time.Second, context.Canceled},
		"the request has less time": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), time.Second)
		},
			func(context.Context, func()) {}, time.Second, context.DeadlineExceeded},
		"the request has more time": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), time.Minute)
		},
			func(context.Context, func()) {}, 5 * time.Second, context.DeadlineExceeded},
		"the client goes away": {func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(2*time.Second, cancel)
			return ctx, cancel
		}, func(context.Context, func()) {}, 2 * time.Second, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := tt.parent()
				defer cancel()
				begin := time.Now()
				ctx, stop := session.NewDeadlineContext(parent, 5*time.Second)
				defer stop()
				wanted, cancelWanted := context.WithTimeout(parent, 5*time.Second)
				defer cancelWanted()
				deadline, _ := ctx.Deadline()
				if other, _ := wanted.Deadline(); !deadline.Equal(other) {
					t.Errorf("the deadline is %v, want %v", deadline, other)
				}
				tt.use(ctx, stop)
				<-ctx.Done()
				if !errors.Is(ctx.Err(), tt.want) || time.Since(begin) != tt.after {
					t.Errorf("%v after %v", ctx.Err(), time.Since(begin))
				}
				child, cancelChild := context.WithCancel(ctx)
				defer cancelChild()
				<-child.Done()
				stop() // once more
			})
		})
	}
}

func background() (context.Context, context.CancelFunc) { return context.Background(), func() {} }
