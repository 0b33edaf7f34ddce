package middleware

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/background"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	readyTTL     = 30 * time.Second       // how long an answer of Ready is remembered
	readyTimeout = 10 * time.Second       // of a check
	readyWait    = 500 * time.Millisecond // for a check after the first success: probes have a timeout of a second
)

// Ready reports whether users can sign in and requests can be judged. It fetches the keys
// of the user pool, asks Cognito about the app client and, if Routes sign users in, asks
// the managed login about it. No user is needed, and none notices. Call it at the start of
// a program, and in a readiness probe.
//
// The error has a [*ConfigError] for every field of Config that Cognito does not accept,
// joined: UserPool.ID, ClientID, ClientSecret or Domain, and of an emulator Endpoint or
// Issuer. An outage names no field and wraps tokens.ErrUnavailable. A host that has no
// address is both, because only a person can tell a wrong region from a network without
// names.
//
// Once Ready has returned nil, an outage of Cognito is nil too as long as the keys in memory
// serve, which they do for a day: signed-in users go on, and an outage does not take every
// replica out. Only mistakes are errors then.
//
// An answer is remembered for 30 seconds. Callers at the same time share one check, which
// ends within ten seconds. ctx bounds how long Ready waits for it. After the first nil it
// waits at most half a second, and returns the answer before.
//
// Hooks.Tokens is told of the calls. Cognito refuses them, because their tokens are made up;
// tokens.IsCheck tells them from others.
func (a *Auth) Ready(ctx context.Context) error {
	check, before := a.readiness.join(a.cfg.Now(), func(check *readyCheck, succeeded bool) {
		a.startReadyCheck(ctx, check, succeeded)
	})
	patience, cancel := ctx, context.CancelFunc(func() {})
	if before != nil {
		patience, cancel = context.WithTimeout(ctx, readyWait)
	}
	defer cancel()
	select {
	case <-check.done:
		return check.err
	case <-patience.Done():
	}
	if before != nil && a.verifier.CheckKeys(patience) == nil {
		return before.err
	}
	select {
	case <-check.done:
		return check.err
	case <-ctx.Done():
		return fmt.Errorf("%w: Ready: %w", tokens.ErrUnavailable, context.Cause(ctx))
	}
}

// readyCheck is a check that any number of callers of Ready wait for.
type readyCheck struct {
	done chan struct{}
	err  error     // to be read once done is closed
	at   time.Time // when it began
}

// readiness is what the checks of Ready have found.
type readiness struct {
	mu        sync.Mutex
	running   *readyCheck // or nil
	last      *readyCheck // the latest that has ended, or nil
	succeeded bool        // a check has returned nil
}

// join returns the remembered check, the running one, or a new one that start starts. Once
// a check has succeeded, before is the latest that has ended.
func (r *readiness) join(now time.Time, start func(check *readyCheck, succeeded bool)) (check, before *readyCheck) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last != nil {
		// After a clock was set back, age is negative.
		if age := now.Sub(r.last.at); age >= 0 && age < readyTTL {
			return r.last, nil
		}
	}
	if r.running == nil {
		r.running = &readyCheck{done: make(chan struct{}), at: now}
		start(r.running, r.succeeded)
	}
	if r.succeeded {
		before = r.last
	}
	return r.running, before
}

func (r *readiness) finish(check *readyCheck, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	check.err = err
	r.last, r.running = check, nil
	r.succeeded = r.succeeded || err == nil
}

// startReadyCheck runs a check in the background. The caller of Ready that has started it
// may go away while others wait.
func (a *Auth) startReadyCheck(ctx context.Context, check *readyCheck, succeeded bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	task := background.Task{Name: "cognitogate: the check of Ready", Logger: a.cfg.Logger, Secrets: []string{a.cfg.UserPool.ClientSecret}}
	task.Go(func() error {
		return a.checkDeployment(ctx, succeeded)
	}, func(err error) {
		if _, panicked := errors.AsType[*background.Panic](err); panicked {
			err = fmt.Errorf("%w: Ready: %w", tokens.ErrUnavailable, err)
		}
		a.readiness.finish(check, err)
	}, func(error) {
		cancel()
		close(check.done)
	})
}

// checkDeployment asks Cognito everything. If outages do not count, and the keys serve, it
// returns only mistakes.
func (a *Auth) checkDeployment(ctx context.Context, ignoreOutages bool) error {
	var problems []error
	named := make(map[string]bool)
	add := func(err error) {
		mistake, ok := errors.AsType[*tokens.ConfigError](err)
		if !ok {
			problems = append(problems, err)
			return
		}
		if field := "UserPool." + mistake.Field; !named[field] {
			named[field] = true
			problems = append(problems, &ConfigError{Field: field, Err: mistake.Err})
		}
	}
	keysErr := a.verifier.CheckKeys(ctx)
	ignoreOutages = ignoreOutages && keysErr == nil
	for _, check := range []func() error{
		func() error { return keysErr },
		func() error { return a.client.Check(ctx) },
		func() error {
			if a.routes == nil || named["UserPool.ClientID"] || named["UserPool.ClientSecret"] {
				return nil // the managed login could only repeat it
			}
			return a.client.CheckLogin(ctx, a.routes.redirectURI)
		},
	} {
		if err := check(); err != nil && !(ignoreOutages && errors.Is(err, tokens.ErrUnavailable)) {
			add(err)
		}
	}
	return errors.Join(problems...)
}
