package session

import (
	"context"
	"sync"
	"time"
)

// deadlineContext is a context with a deadline. It starts a timer only when somebody waits.
// Nearly every request finds all keys and needs no refresh, so it waits for nothing.
type deadlineContext struct {
	context.Context // of the request
	deadline        time.Time

	once   sync.Once
	timed  context.Context // has the timer
	cancel context.CancelFunc
}

// newDeadlineContext is context.WithTimeout. Call stop instead of a CancelFunc.
func newDeadlineContext(ctx context.Context, timeout time.Duration) *deadlineContext {
	return &deadlineContext{Context: ctx, deadline: time.Now().Add(timeout)}
}

func (c *deadlineContext) start() {
	c.timed, c.cancel = context.WithDeadline(c.Context, c.deadline)
}

// stop cancels the context, whether its timer runs or not.
func (c *deadlineContext) stop() {
	c.once.Do(func() { c.timed, c.cancel = stopped, func() {} })
	c.cancel()
}

// stopped is a context that is cancelled.
var stopped = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (c *deadlineContext) Deadline() (time.Time, bool) {
	if earlier, ok := c.Context.Deadline(); ok && earlier.Before(c.deadline) {
		return earlier, true
	}
	return c.deadline, true
}

func (c *deadlineContext) Done() <-chan struct{} {
	c.once.Do(c.start)
	return c.timed.Done()
}

func (c *deadlineContext) Err() error {
	c.once.Do(c.start)
	return c.timed.Err()
}
