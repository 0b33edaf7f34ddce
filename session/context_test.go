package session_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
)

// fetched returns a session of the env's Manager from cookies.
func (e *env) fetched(user string) *session.Session {
	e.t.Helper()
	s, _, err := e.fetch(pageRequest(e.cookies(user, e.server.Issue(user))...))
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

// TestContextBelongsToItsManager has contexts of nested guards, from outer to inner. a and
// twin are two Managers of one app client; b is another's.
func TestContextBelongsToItsManager(t *testing.T) {
	t.Parallel()
	ea := newEnv(t, nil)
	eb := &env{t: t, layout: ea.layout, server: ea.server.AddClient("7otherclient", ""), logs: ea.logs, now: ea.now}
	eb.manager = eb.newManager(nil)
	a, b, twin := ea.manager, eb.manager, ea.newManager(nil)
	sa, sa2, sb := ea.fetched("ada"), ea.fetched("bob"), eb.fetched("ada")

	type layer struct {
		manager *session.Manager // nil for the package's NewContext
		session *session.Session
	}
	for name, test := range map[string]struct {
		layers           []layer
		inner            *session.Session
		ofA, ofTwin, ofB *session.Session
	}{
		"none":                       {nil, nil, nil, nil, nil},
		"a guard":                    {[]layer{{a, sa}}, sa, sa, nil, nil},
		"two apps":                   {[]layer{{a, sa}, {b, sb}}, sb, sa, nil, sb},
		"nobody inside":              {[]layer{{a, sa}, {b, nil}}, nil, sa, nil, nil},
		"nobody outside":             {[]layer{{a, nil}, {b, sb}}, sb, nil, nil, sb},
		"signed out meanwhile":       {[]layer{{a, sa}, {b, sb}, {a, nil}}, nil, nil, nil, sb},
		"hidden, then signed out":    {[]layer{{a, sa}, {b, nil}, {a, nil}}, nil, nil, nil, nil},
		"another user inside":        {[]layer{{a, sa}, {a, sa2}}, sa2, sa2, nil, nil},
		"back again":                 {[]layer{{a, sa}, {b, sb}, {a, sa}}, sa, sa, nil, sb},
		"two Managers of one client": {[]layer{{a, sa}, {twin, sa2}}, sa2, sa, sa2, nil},
		"NewContext":                 {[]layer{{nil, sa}}, sa, sa, sa, nil},
		"NewContext inside":          {[]layer{{a, sa2}, {nil, sa}}, sa, sa, sa, nil},
		"NewContext of another app":  {[]layer{{a, sa}, {nil, sb}}, sb, sa, nil, sb},
		"NewContext with nil":        {[]layer{{a, sa}, {b, sb}, {nil, nil}}, nil, nil, nil, nil},
		"NewContext with nobody's":   {[]layer{{a, sa}, {nil, new(session.Session)}}, new(session.Session), sa, nil, nil},
		"another app's in ours":      {[]layer{{a, sb}}, sb, nil, nil, nil},
	} {
		ctx := context.Background()
		for _, l := range test.layers {
			if l.manager == nil {
				ctx = session.NewContext(ctx, l.session)
			} else {
				ctx = l.manager.NewContext(ctx, l.session)
			}
			ctx = context.WithValue(ctx, ctx, ctx) // what others put in between
		}
		s, ok := session.FromContext(ctx)
		if s.String() != test.inner.String() || ok != (test.inner != nil) {
			t.Errorf("%s: the innermost is %v, %v", name, s, ok)
		}
		for manager, want := range map[*session.Manager]*session.Session{a: test.ofA, twin: test.ofTwin, b: test.ofB} {
			if got := manager.FromContext(ctx); got != want {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
			r := pageRequest().WithContext(ctx)
			if got, _ := manager.Fetch(nil, r, nil); got != want {
				t.Errorf("%s: fetched %v, want %v", name, got, want)
			}
		}
	}

	// A session that has expired since counts for handlers, and for no guard.
	ctx := a.NewContext(t.Context(), sa)
	ea.advance(2 * time.Hour)
	if got := a.FromContext(ctx); got != sa {
		t.Error("a handler loses its session during a long request")
	}
	if got, _ := a.Fetch(nil, pageRequest().WithContext(ctx), nil); got != nil {
		t.Error("an expired session is fetched from a context")
	}
}

// TestContextIsCancelled: package context finds the outer context's cancellation.
func TestContextIsCancelled(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	inner, stop := context.WithTimeout(e.manager.NewContext(ctx, e.fetched("ada")), time.Hour)
	defer stop()
	cancel(http.ErrAbortHandler)
	<-inner.Done()
	if context.Cause(inner) != http.ErrAbortHandler {
		t.Error(context.Cause(inner))
	}
}

// TestNewContextAllocatesOnlyForNews: a context that says the same is returned.
func TestNewContextAllocatesOnlyForNews(t *testing.T) {
	longtest.WithoutRace(t)
	e := newEnv(t, nil)
	s, other := e.fetched("ada"), e.newManager(nil)
	ctx := e.manager.NewContext(t.Context(), s)
	hidden := other.NewContext(ctx, nil)
	for name, f := range map[string]func() context.Context{
		"nobody to hide": func() context.Context { return e.manager.NewContext(t.Context(), nil) },
		"hidden already": func() context.Context { return other.NewContext(hidden, nil) },
		"there already":  func() context.Context { return e.manager.NewContext(ctx, s) },
	} {
		if n := testing.AllocsPerRun(100, func() { f() }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { other.NewContext(ctx, nil) }); n != 1 {
		t.Errorf("somebody to hide: %v allocations", n)
	}
	if hidden == ctx || other.NewContext(hidden, nil) != hidden || e.manager.NewContext(ctx, s) != ctx {
		t.Error("a context is not what it should be")
	}
	given := session.NewContext(t.Context(), s)
	if e.manager.NewContext(given, s) != given {
		t.Error("a session that NewContext has put there is put there again")
	}
}
