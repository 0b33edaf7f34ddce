package middleware_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// wrongFields returns the fields that an error of Ready names.
func wrongFields(err error) (fields []string) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, part := range joined.Unwrap() {
			if mistake, ok := part.(*cognito.ConfigError); ok {
				fields = append(fields, mistake.Field)
			}
		}
	}
	return fields
}

// answering returns a fault of one operation; "" is all of them.
func answering(op string, fault cognitotest.Fault) func(string) cognitotest.Fault {
	return func(called string) cognitotest.Fault {
		if op == "" || called == op {
			return fault
		}
		return cognitotest.Fault{}
	}
}

// confidentialClient is an app client of sharedServer with a secret.
var confidentialClient = sync.OnceValue(func() *cognitotest.Server {
	return sharedServer().AddClient("2ready", "a secret of the app client")
})

func TestReadyNamesTheWrongField(t *testing.T) {
	const unavailable = "unavailable"
	confidential := confidentialClient()
	edit := func(f func(*cognito.UserPool)) func(*cognito.Config) {
		return func(cfg *cognito.Config) { f(&cfg.UserPool) }
	}
	type userPool = cognito.UserPool
	hour := cognitotest.Fault{Delay: time.Hour}
	for name, test := range map[string]struct {
		edit  func(*cognito.Config)
		fault func(string) cognitotest.Fault
		want  []string // fields and unavailable
	}{
		"nothing":                      {},
		"nothing, without routes":      {edit: func(cfg *cognito.Config) { cfg.Origin = "" }, fault: failing("Token")},
		"nothing, with a secret":       {edit: func(cfg *cognito.Config) { cfg.UserPool = confidential.UserPool() }},
		"the user pool":                {edit: edit(func(p *userPool) { p.ID = "eu-west-1_Wrong" }), want: []string{"UserPool.ID"}},
		"the region":                   {edit: edit(func(p *userPool) { p.ID = strings.Replace(p.ID, "eu-west-1", "eu-west-9", 1) }), want: []string{"UserPool.ID", unavailable}},
		"the endpoint":                 {edit: edit(func(p *userPool) { p.Endpoint = "https://cognito.example" }), want: []string{"UserPool.Endpoint", unavailable}},
		"the app client":               {edit: edit(func(p *userPool) { p.ClientID = "nobody" }), want: []string{"UserPool.ClientID"}},
		"a secret too much":            {edit: edit(func(p *userPool) { p.ClientSecret = "wrong" }), want: []string{"UserPool.ClientSecret"}},
		"the secret":                   {edit: edit(func(p *userPool) { p.ClientID, p.ClientSecret = "2ready", "wrong" }), want: []string{"UserPool.ClientSecret"}},
		"the secret is missing":        {edit: edit(func(p *userPool) { p.ClientID = "2ready" }), want: []string{"UserPool.ClientSecret"}},
		"the domain is nobody's":       {edit: edit(func(p *userPool) { p.Domain = "login.example" }), want: []string{"UserPool.Domain", unavailable}},
		"the domain is another site's": {fault: answering("Token", cognitotest.Fault{Status: 404, Body: "<html>"}), want: []string{"UserPool.Domain"}},
		"the domain is another pool's": {fault: answering("Token", cognitotest.Fault{Code: "invalid_client"}), want: []string{"UserPool.Domain"}},
		"user pool and app client":     {edit: edit(func(p *userPool) { p.ID, p.ClientID = "eu-west-1_Wrong", "nobody" }), want: []string{"UserPool.ID", "UserPool.ClientID"}},
		"app client, and key set down": {edit: edit(func(p *userPool) { p.ClientID = "nobody" }), fault: failing("JWKS"), want: []string{"UserPool.ClientID", unavailable}},
		"everything is down":           {fault: failing(""), want: []string{unavailable}},
		"the key set fails":            {fault: answering("JWKS", cognitotest.Fault{Status: 500}), want: []string{unavailable}},
		"the API throttles":            {fault: answering(opRefresh, cognitotest.Fault{Status: 429}), want: []string{unavailable}},
		"the managed login fails":      {fault: answering("Token", cognitotest.Fault{Status: 503}), want: []string{unavailable}},
		"the key set hangs":            {fault: answering("JWKS", hour), want: []string{unavailable}},
		"everything hangs":             {fault: answering("", hour), want: []string{unavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var edits []func(*cognito.Config)
				if test.edit != nil {
					edits = append(edits, test.edit)
				}
				env := newReadyEnv(t, edits...)
				env.server.SetFault(test.fault)
				start := time.Now()
				err := env.auth.Ready(t.Context())
				got := wrongFields(err)
				if errors.Is(err, tokens.ErrUnavailable) {
					got = append(got, unavailable)
				}
				if !slices.Equal(got, test.want) || (err == nil) != (test.want == nil) {
					t.Errorf("Ready: %v; names %q, want %q", err, got, test.want)
				}
				if elapsed := time.Since(start); elapsed > 10*time.Second {
					t.Errorf("took %v", elapsed)
				}
				if err != nil && strings.Contains(err.Error(), "wrong") && slices.Contains(got, "UserPool.ClientSecret") {
					t.Errorf("the secret is in %v", err)
				}
			})
		})
	}
}

// newReadyEnv returns an environment with Origin whose server counts from here.
func newReadyEnv(t *testing.T, edits ...func(*cognito.Config)) *testEnv {
	t.Helper()
	env := newEnv(t, append([]func(*cognito.Config){func(cfg *cognito.Config) {
		cfg.Origin, cfg.Secret = origin, routesSecret
	}}, edits...)...)
	for _, op := range []string{"Token", "JWKS"} {
		env.callsBefore[op] = env.server.Calls(op)
	}
	return env
}

// expectReady checks Ready's fields, and whether its error is an outage.
func (env *testEnv) expectReady(when string, outage bool, fields ...string) {
	env.Helper()
	err := env.auth.Ready(env.Context())
	if got := wrongFields(err); !slices.Equal(got, fields) || errors.Is(err, tokens.ErrUnavailable) != outage || (err == nil) != (!outage && fields == nil) {
		env.Errorf("%s: Ready: %v; want fields %q, outage %t", when, err, fields, outage)
	}
}

func (env *testEnv) expectChecks(when string, n int) {
	env.Helper()
	if got := env.calls(opRefresh); got != n {
		env.Errorf("%s: %d checks, want %d", when, got, n)
	}
}

func TestReadyRemembersItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newReadyEnv(t)
		env.server.SetFault(answering("", cognitotest.Fault{Code: "ForbiddenException"}))
		env.expectReady("at the start", true)
		env.expectChecks("at the start", 1)
		env.server.SetFault(nil)
		env.clock.advance(29 * time.Second)
		env.expectReady("after 29 s", true)
		env.expectChecks("after 29 s", 1)
		env.clock.advance(time.Second)
		env.expectReady("after 30 s", false)
		env.expectChecks("after 30 s", 2)
		env.clock.advance(29 * time.Second)
		env.expectReady("well for 29 s", false)
		env.expectChecks("well for 29 s", 2)
		env.clock.advance(-time.Minute)
		env.expectReady("after the clock was set back", false)
		env.expectChecks("after the clock was set back", 3)
	})
}

// TestReadyAfterASuccess: only mistakes are errors then, while the keys serve.
func TestReadyAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newReadyEnv(t)
		env.expectReady("at the start", false)
		next := func(when string, fault func(string) cognitotest.Fault, outage bool, fields ...string) {
			t.Helper()
			env.server.SetFault(fault)
			env.clock.advance(30 * time.Second)
			env.expectReady(when, outage, fields...)
		}
		unknown := cognitotest.Fault{Code: "ResourceNotFoundException", Message: "User pool client 1 does not exist."}
		next("outage", failing(""), false)
		next("throttled", answering("", cognitotest.Fault{Status: 429}), false)
		next("the app client is deleted", answering(opRefresh, unknown), false, "UserPool.ClientID")
		next("well again", nil, false)
		next("the domain is another pool's", answering("Token", cognitotest.Fault{Code: "invalid_client"}), false, "UserPool.Domain")
		next("and the API is down", func(op string) cognitotest.Fault {
			return map[string]cognitotest.Fault{"Token": {Code: "invalid_client"}, opRefresh: {Drop: true}}[op]
		}, false, "UserPool.Domain")
		env.clock.advance(23 * time.Hour)
		next("outage with keys of yesterday", failing(""), false)
		env.clock.advance(2 * time.Hour)
		next("outage without keys", failing(""), true)
		next("well again", nil, false)
	})
}

// TestReadyDoesNotWaitForAnOutage: after a success the answer comes within a probe's
// timeout, and it is the answer before.
func TestReadyDoesNotWaitForAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newReadyEnv(t)
		env.expectReady("at the start", false)
		env.server.SetFault(answering("", cognitotest.Fault{Delay: time.Hour}))
		env.clock.advance(30 * time.Second)
		start := time.Now()
		env.expectReady("everything hangs", false)
		if elapsed := time.Since(start); elapsed > 600*time.Millisecond {
			t.Errorf("took %v", elapsed)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := env.auth.Ready(ctx); err != nil {
			t.Errorf("a probe that has gone: %v", err)
		}
		<-time.After(time.Minute) // the check has ended
		env.server.SetFault(answering(opRefresh, cognitotest.Fault{Code: "ResourceNotFoundException"}))
		env.clock.advance(30 * time.Second)
		env.expectReady("the app client is deleted", false, "UserPool.ClientID")
		env.server.SetFault(answering("", cognitotest.Fault{Delay: time.Hour}))
		env.clock.advance(30 * time.Second)
		env.expectReady("and everything hangs", false, "UserPool.ClientID")
		<-time.After(time.Minute) // that check has ended
		env.clock.advance(25 * time.Hour)
		start = time.Now()
		env.expectReady("everything hangs, without keys", true)
		if elapsed := time.Since(start); elapsed < time.Second || elapsed > 10*time.Second {
			t.Errorf("took %v, not a check's time", elapsed)
		}
	})
}

func TestReadyWaitsAsLongAsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newReadyEnv(t)
		env.server.SetFault(answering("JWKS", cognitotest.Fault{Delay: 2 * time.Second}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := env.auth.Ready(ctx)
		if !errors.Is(err, tokens.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		env.expectReady("the check goes on without its first caller", false)
		env.expectChecks("two callers", 1)
	})
}

func TestReadySharesOneCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := newReadyEnv(t)
		env.server.SetFault(answering(opRefresh, cognitotest.Fault{Delay: time.Second}))
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() { env.expectReady("one of a hundred", false) })
		}
		callers.Wait()
		for _, op := range []string{opRefresh, "JWKS", "Token"} {
			if n := env.calls(op); n != 1 {
				t.Errorf("%d calls of %s", n, op)
			}
		}
	})
}

// TestReadyOutlivesAPanic: the check has a goroutine of its own, in which a hook of the
// caller's runs.
func TestReadyOutlivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := true
		env := newReadyEnv(t, func(cfg *cognito.Config) {
			cfg.Hooks.Tokens.Called = func(context.Context, string, time.Duration, error) {
				if panics {
					panic("a hook")
				}
			}
		})
		env.expectReady("a hook panics", true)
		panics = false
		env.clock.advance(30 * time.Second)
		env.expectReady("it does so no more", false)
	})
}
