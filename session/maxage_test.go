package session_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// maxAge returns the options of a fetch whose access token is no older.
func maxAge(d time.Duration) *session.FetchOptions { return &session.FetchOptions{MaxAge: d} }

// browserOf has the cookies of a browser that takes what answers set.
type browserOf struct {
	*env
	user string
	set  *tokens.Set
}

func (e *env) browserOf(user string) *browserOf {
	return &browserOf{e, user, e.server.Issue(user, accessOnly)}
}

// fetchFrom fetches the session from a Manager, and takes the new cookies.
func (b *browserOf) fetchFrom(m *session.Manager, opts *session.FetchOptions) (*session.Session, error) {
	w := httptest.NewRecorder()
	s, err := m.Fetch(w, pageRequest(b.cookies(b.user, b.set)...), opts)
	logError(err)
	if got := b.tokensOf(b.user, w.Header()["Set-Cookie"]); got.Access != "" {
		b.set = got
	}
	return s, err
}

// TestMaxAgeRefreshesOlderTokens follows a browser over some minutes.
func TestMaxAgeRefreshesOlderTokens(t *testing.T) {
	for name, rotate := range map[string]bool{"rotation": true, "no rotation": false} {
		e := newEnv(t, nil)
		e.server.SetRotation(rotate, 0)
		b := e.browserOf("ada")
		if _, err := b.fetchFrom(e.manager, nil); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			after time.Duration
			opts  *session.FetchOptions
			calls int
		}{
			{5 * time.Second, maxAge(30 * time.Second), 0},
			{26 * time.Second, maxAge(40 * time.Second), 0},
			{0, nil, 0},
			{0, maxAge(30 * time.Second), 1},
			{30 * time.Second, maxAge(30 * time.Second), 1},
			{time.Second, maxAge(30 * time.Second), 2},
			{9 * time.Second, maxAge(10 * time.Second), 2},
			{2 * time.Second, maxAge(10 * time.Second), 3},
			{time.Minute, nil, 3},
		} {
			e.advance(step.after)
			if s, err := b.fetchFrom(e.manager, step.opts); err != nil || s.User().Username != "ada" {
				t.Fatalf("%s: %v, %v", name, s, err)
			}
			if n := e.server.Calls(opRefresh); n != step.calls {
				t.Errorf("%s, after %v with %v: %d calls, want %d", name, step.after, step.opts, n, step.calls)
			}
		}
	}
}

// TestMaxAgeSeesWhatHasChanged takes a group away, gives it back, and disables the user.
func TestMaxAgeSeesWhatHasChanged(t *testing.T) {
	e := newEnv(t, nil)
	b := e.browserOf("ada")
	isAdmin := func(opts *session.FetchOptions) bool {
		t.Helper()
		s, err := b.fetchFrom(e.manager, opts)
		if err != nil {
			t.Fatal(err)
		}
		return s.InGroup("admins")
	}
	without := ada
	without.Groups = nil
	e.server.SetUser(without)
	e.advance(31 * time.Second)
	if !isAdmin(nil) || !isAdmin(maxAge(time.Minute)) || isAdmin(maxAge(30*time.Second)) || isAdmin(nil) {
		t.Error("the group is not taken away in time")
	}
	e.server.SetUser(ada)
	if e.advance(30 * time.Second); isAdmin(maxAge(30 * time.Second)) {
		t.Error("a token of thirty seconds was refreshed")
	}
	if e.advance(time.Second); !isAdmin(maxAge(30 * time.Second)) {
		t.Error("the group is not given back")
	}

	e.advance(31 * time.Second)
	e.server.RemoveUser("ada")
	script := scriptRequest(b.cookies("ada", b.set)...)
	if _, lines, err := e.fetchWith(script, maxAge(30*time.Second)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
		t.Errorf("a script of a user who is gone: %v, %v", err, lines)
	}
	if s, _, err := e.fetch(script); err != nil || s == nil {
		t.Errorf("elsewhere: %v", err)
	}
	if _, lines, err := e.fetchWith(pageRequest(b.cookies("ada", b.set)...), maxAge(30*time.Second)); !errors.Is(err, session.ErrSignedOut) || !e.cleared(lines) {
		t.Errorf("a page of a user who is gone: %v, %v", err, lines)
	}
}

// TestMaxAgeWithoutRefresh has nothing that could refresh the token. The session stands
// elsewhere.
func TestMaxAgeWithoutRefresh(t *testing.T) {
	e := newEnv(t, func(cfg *session.Config) { cfg.Bearer = true })
	set := e.server.Issue("ada", accessOnly)
	complete := func() *http.Request { return pageRequest(e.cookies("ada", e.server.Issue("ada", accessOnly))...) }
	bearer := scriptRequest()
	bearer.Header.Set("Authorization", "Bearer "+set.Access)
	prefetch := complete()
	prefetch.Header.Set("Sec-Purpose", "prefetch")
	cases := map[string]struct {
		r     *http.Request
		nilW  bool
		fault cognitotest.Fault
		err   error // with MaxAge
	}{
		"no refresh token": {r: pageRequest(e.cookies("ada", withoutRefresh(set))...), err: session.ErrNotFresh},
		"nil w":            {r: complete(), nilW: true, err: session.ErrNotFresh},
		"prefetch":         {r: prefetch, err: session.ErrNotFresh},
		"bearer":           {r: bearer, err: session.ErrNotFresh},
		"reused":           {r: complete(), fault: cognitotest.Fault{Status: 400, Code: "RefreshTokenReuseException"}, err: session.ErrNotFresh},
		"outage":           {r: complete(), fault: errorPage, err: tokens.ErrUnavailable},
		"throttled":        {r: complete(), fault: cognitotest.Fault{Status: 429}, err: tokens.ErrUnavailable},
		"trigger":          {r: complete(), fault: cognitotest.Fault{Status: 400, Code: "UserLambdaValidationException"}, err: tokens.ErrUnavailable},
	}
	e.advance(31 * time.Second)
	for name, c := range cases {
		e.manager = e.newManager(func(cfg *session.Config) { cfg.Bearer = true })
		e.failOnly(opRefresh, c.fault)
		if c.fault == (cognitotest.Fault{}) {
			e.recover()
		}
		for _, opts := range []*session.FetchOptions{nil, maxAge(30 * time.Second), nil} {
			w := httptest.NewRecorder()
			var to http.ResponseWriter = w
			if c.nilW {
				to = nil
			}
			s, err := e.manager.Fetch(to, c.r, opts)
			logError(err)
			switch {
			case len(w.Header()["Set-Cookie"]) > 0:
				t.Errorf("%s: cookies are written: %v", name, w.Header())
			case opts == nil && (err != nil || s == nil):
				t.Errorf("%s, elsewhere: %v", name, err)
			case opts != nil && (!errors.Is(err, c.err) || s != nil):
				t.Errorf("%s: %v, %v", name, s, err)
			case opts != nil && c.err == tokens.ErrUnavailable && errors.Is(err, session.ErrSignedOut):
				t.Errorf("%s: certain and uncertain: %v", name, err)
			case opts != nil && c.err == session.ErrNotFresh && (!errors.Is(err, session.ErrSignedOut) || e.manager.Reason(c.r, err) == session.ReasonError):
				t.Errorf("%s: reason %q, %v", name, e.manager.Reason(c.r, err), err)
			}
		}
	}
}

// TestMaxAgeInAnOutage makes few calls. When Cognito works again, so does the session.
func TestMaxAgeInAnOutage(t *testing.T) {
	e := newEnv(t, nil)
	b := e.browserOf("ada")
	if _, err := b.fetchFrom(e.manager, nil); err != nil {
		t.Fatal(err)
	}
	e.advance(31 * time.Second)
	e.failButKeys(errorPage)
	for range 10 {
		if _, err := b.fetchFrom(e.manager, maxAge(30*time.Second)); !errors.Is(err, tokens.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if n := e.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
	e.recover()
	e.advance(11 * time.Second)
	old := pageRequest(b.cookies("ada", b.set)...)
	if _, err := b.fetchFrom(e.manager, maxAge(30*time.Second)); err != nil {
		t.Error(err)
	}

	// A kept result that is too old does not end the pause.
	e.advance(15 * time.Second)
	e.failButKeys(errorPage)
	before := e.server.Calls(opRefresh)
	for range 3 {
		if _, _, err := e.fetchWith(old, maxAge(10*time.Second)); !errors.Is(err, tokens.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if n := e.server.Calls(opRefresh) - before; n != 1 {
		t.Errorf("%d calls beside a kept result", n)
	}
}

// TestMaxAgeOfKeptResults shows old cookies again. A result counts only while it is young.
func TestMaxAgeOfKeptResults(t *testing.T) {
	for name, rotate := range map[string]bool{"rotation": true, "no rotation": false} {
		e := newEnv(t, nil)
		e.server.SetRotation(rotate, 0)
		b := e.browserOf("ada")
		old := pageRequest(b.cookies("ada", b.set)...)
		e.advance(time.Minute)
		for _, step := range []struct {
			after, maxAge time.Duration
			calls         int
		}{
			{0, 10 * time.Second, 1},
			{9 * time.Second, 10 * time.Second, 1},
			{2 * time.Second, 20 * time.Second, 1},
			{0, 10 * time.Second, 2},
			{0, 10 * time.Second, 2},
			{time.Minute, 30 * time.Second, 3},
		} {
			e.advance(step.after)
			s, _, err := e.fetchWith(old, maxAge(step.maxAge))
			if err != nil || e.clock().Sub(s.AccessToken().IssuedAt()) > step.maxAge {
				t.Fatalf("%s: %v, %v", name, s, err)
			}
			if n := e.server.Calls(opRefresh); n != step.calls {
				t.Errorf("%s, after %v: %d calls, want %d", name, step.after, n, step.calls)
			}
		}
	}
}

// TestMaxAgeBeyondTheLimits: beyond the limit of successes a kept result is served, but
// none that is too old.
func TestMaxAgeBeyondTheLimits(t *testing.T) {
	e := newEnv(t, nil)
	b := e.browserOf("ada")
	for range 25 {
		_, _ = b.fetchFrom(e.manager, forced)
		e.advance(time.Second)
	}
	if s, err := b.fetchFrom(e.manager, forced); err != nil || s == nil {
		t.Fatalf("no kept result: %v", err)
	}
	e.advance(7 * time.Second)
	if s, err := b.fetchFrom(e.manager, maxAge(10*time.Second)); !errors.Is(err, tokens.ErrUnavailable) {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := b.fetchFrom(e.manager, maxAge(time.Minute)); err != nil {
		t.Error(err)
	}
}

// TestMaxAgeJoins makes one call for many requests at once.
func TestMaxAgeJoins(t *testing.T) {
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	cookies := e.cookies("ada", e.server.Issue("ada", accessOnly))
	e.advance(time.Minute)
	inParallel(10, 20, func(int) {
		if s, _, err := e.fetchWith(scriptRequest(cookies...), maxAge(10*time.Second)); err != nil || s == nil {
			t.Error(err)
		}
	})
	if n := e.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// TestMaxAgeOfReplicas shows old cookies to replicas that share a store.
func TestMaxAgeOfReplicas(t *testing.T) {
	for name, rotate := range map[string]bool{"rotation": true, "no rotation": false} {
		r := newReplicas(t, 3, 0, nil)
		r.server.SetRotation(rotate, 0)
		cookies := r.cookies("ada", r.server.Issue("ada", accessOnly))
		r.advance(time.Minute)
		for _, step := range []struct {
			after, maxAge time.Duration
			replica       int
			calls         int
		}{
			{0, 10 * time.Second, 0, 1},
			{5 * time.Second, 10 * time.Second, 1, 1}, // the shared result
			{10 * time.Second, 10 * time.Second, 2, 2},
			{0, 10 * time.Second, 1, 2},
			{0, 20 * time.Second, 0, 2},
			{5 * time.Second, 10 * time.Second, 0, 2},
			{10 * time.Second, 10 * time.Second, 1, 3},
		} {
			r.advance(step.after)
			s, _, err := r.fetchAt(step.replica, pageRequest(cookies...), maxAge(step.maxAge))
			if err != nil || r.clock().Sub(s.AccessToken().IssuedAt()) > step.maxAge {
				t.Fatalf("%s, replica %d: %v", name, step.replica, err)
			}
			if n := r.server.Calls(opRefresh); n != step.calls {
				t.Errorf("%s, replica %d after %v: %d calls, want %d", name, step.replica, step.after, n, step.calls)
			}
		}
	}
}

// TestMaxAgeWithAWrongClock alternates between processes whose clocks differ from
// Cognito's. Each process makes a call at first, and then one every thirty seconds.
func TestMaxAgeWithAWrongClock(t *testing.T) {
	for _, off := range []time.Duration{-40 * time.Second, 40 * time.Second, -3 * time.Minute, 50 * time.Second} {
		e := newEnv(t, nil)
		e.server.SetNow(func() time.Time { return e.clock().Add(-off) })
		managers := []*session.Manager{e.manager, e.newManager(nil)}
		b := e.browserOf("ada")
		for i := range 120 {
			if _, err := b.fetchFrom(managers[i%2], maxAge(30*time.Second)); err != nil {
				t.Fatal(off, err)
			}
			e.advance(time.Second)
		}
		if n := e.server.Calls(opRefresh); n == 0 || n > 6 {
			t.Errorf("clock %v off: %d calls in two minutes", off, n)
		}
	}
}

// TestMaxAgeOfStartedSessions: a program may hand old tokens to Start. They are as old as
// their iat says.
func TestMaxAgeOfStartedSessions(t *testing.T) {
	e := newEnv(t, nil)
	b := e.browserOf("ada")
	without := ada
	without.Groups = nil
	e.server.SetUser(without)
	e.advance(31 * time.Second)
	if _, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), b.set); err != nil {
		t.Fatal(err)
	}
	if s, err := b.fetchFrom(e.manager, maxAge(30*time.Second)); err != nil || s.InGroup("admins") {
		t.Errorf("%v, %v", s, err)
	}
}

// TestMaxAgeOfTheContext: a session that an outer guard has found may be too old inside.
func TestMaxAgeOfTheContext(t *testing.T) {
	e := newEnv(t, nil)
	b := e.browserOf("ada")
	e.advance(31 * time.Second)
	r := pageRequest(b.cookies("ada", b.set)...)
	outer, _, err := e.fetch(r)
	if err != nil {
		t.Fatal(err)
	}
	r = r.WithContext(e.manager.NewContext(r.Context(), outer))
	if s, _, err := e.fetchWith(r, maxAge(time.Minute)); err != nil || s != outer {
		t.Errorf("%v, %v", s, err)
	}
	if s, lines, err := e.fetchWith(r, maxAge(30*time.Second)); err != nil || s == outer || len(lines) == 0 {
		t.Errorf("%v, %v", s, err)
	}
}

// TestMaxAgeOfAnUpgrade refreshes even though the answer may carry no cookies. The next
// request gets them.
func TestMaxAgeOfAnUpgrade(t *testing.T) {
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	cookies := e.cookies("ada", e.server.Issue("ada", accessOnly))
	e.advance(31 * time.Second)
	if s, _, err := e.fetchWith(upgradeRequest(cookies...), maxAge(30*time.Second)); err != nil || s == nil {
		t.Fatal(err)
	}
	if _, lines, err := e.fetch(pageRequest(cookies...)); err != nil || len(lines) == 0 && layoutName() != session.LayoutHandle || e.server.Calls(opRefresh) != 1 {
		t.Errorf("%v, %v, %d calls", lines, err, e.server.Calls(opRefresh))
	}
}

func TestMaxAgeHasALeastValue(t *testing.T) {
	e := newEnv(t, nil)
	for _, wrong := range []time.Duration{-1, 1, 9 * time.Second} {
		if _, _, err := e.fetchWith(pageRequest(), maxAge(wrong)); err == nil || slices.ContainsFunc([]error{session.ErrSignedOut, tokens.ErrUnavailable}, func(known error) bool { return errors.Is(err, known) }) {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}
