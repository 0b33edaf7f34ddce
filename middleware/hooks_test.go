package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

type contextKey struct{}

// hookEnv is an environment whose hooks note what they are told.
type hookEnv struct {
	*testEnv
	events   []string
	signedIn func(context.Context, cognito.SignIn) error // nil agrees
	failure  error                                       // the latest SignInFailure's
}

func newHookEnv(t *testing.T, edits ...func(*cognito.Config)) *hookEnv {
	t.Helper()
	env := new(hookEnv)
	note := func(ctx context.Context, format string, args ...any) {
		if ctx.Value(contextKey{}) != "the request's" {
			env.Errorf("%s: the context is another", format)
		}
		env.events = append(env.events, fmt.Sprintf(format, args...))
	}
	env.testEnv = newRoutesEnv(t, append([]func(*cognito.Config){func(cfg *cognito.Config) {
		cfg.Hooks.SignedIn = func(ctx context.Context, e cognito.SignIn) error {
			note(ctx, "signed in %s, %s, before %q", e.Session.User().Username, e.Reason, e.Before.Username)
			if env.signedIn != nil {
				return env.signedIn(ctx, e)
			}
			return nil
		}
		cfg.Hooks.SignedOut = func(ctx context.Context, e cognito.SignOut) {
			note(ctx, "signed out %s, %s, revoked %t", e.User.Username, e.Reason, e.Err == nil)
		}
		cfg.Hooks.SignInFailed = func(ctx context.Context, e cognito.SignInFailure) {
			note(ctx, "failed, %s", e.Reason)
			env.failure = e.Err
		}
	}}, edits...)...)
	inner := env.handler
	env.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, "the request's")))
	})
	return env
}

func (env *hookEnv) expectEvents(want ...string) {
	env.Helper()
	if !slices.Equal(env.events, want) {
		env.Errorf("events %q, want %q", env.events, want)
	}
	env.events = nil
}

// TestHooksOfSignInsAndOuts follows a browser through its sessions.
func TestHooksOfSignInsAndOuts(t *testing.T) {
	env := newHookEnv(t)
	b := newBrowser(env.testEnv)
	b.openURL("/dashboard")
	env.expectEvents()
	b.fillInLogin("ada")
	b.expectPage("/dashboard", "Hello, ada")
	env.expectEvents(`signed in ada, new, before ""`)
	for _, step := range []struct{ user, reason, before string }{{"ada", "again", "ada"}, {"grace", "switch", "ada"}} {
		b.followLink("/api/auth/sign-in?prompt=login&next=/dashboard")
		b.fillInLogin(step.user)
		b.expectPage("/dashboard", "Hello, "+step.user)
		env.expectEvents(fmt.Sprintf("signed in %s, %s, before %q", step.user, step.reason, step.before), "signed out ada, replaced, revoked true")
	}
	refreshes := env.calls(opRefresh)
	b.submitForm("/api/auth/sign-out")
	env.expectEvents("signed out grace, asked, revoked true")
	b.submitForm("/api/auth/sign-out")
	env.expectEvents() // nobody was signed in

	b.openURL("/dashboard")
	b.fillInLogin("ada")
	env.events = nil
	env.clock.advance(2 * 60 * 60 * 1e9) // the session expires, and can be refreshed
	env.server.SetFault(failing("RevokeToken"))
	b.submitForm("/api/auth/sign-out")
	env.expectEvents("signed out ada, asked, revoked false")
	if n := env.calls(opRefresh); n != refreshes {
		t.Errorf("%d refreshes for the hooks", n-refreshes)
	}
}

// TestSignedInIsAskedFirst: while the hook runs nothing is written, and the session is
// valid at Cognito.
func TestSignedInIsAskedFirst(t *testing.T) {
	env := newHookEnv(t)
	authorize, flow := env.startFlow("/api/auth/sign-in?next=/dashboard")
	callback := env.completeLogin(authorize, "ada")
	var w *httptest.ResponseRecorder
	env.signedIn = func(ctx context.Context, e cognito.SignIn) error {
		for _, line := range w.Header()["Set-Cookie"] {
			if strings.HasPrefix(line, sessionCookiePrefix) {
				t.Errorf("%.80s is written", line)
			}
		}
		if e.Session.IDToken() == nil || e.Session.AccessToken() == nil || e.Session.IDToken().Subject() != e.Session.User().ID {
			t.Errorf("session %v", e.Session)
		}
		return nil
	}
	r := pageRequest(callback.RequestURI())
	r.Host = host
	r.AddCookie(flow)
	w = httptest.NewRecorder()
	env.handler.ServeHTTP(w, r)
	if sessionUser(w.Result()) != "ada" || w.Code != http.StatusFound || env.calls("RevokeToken") != 0 {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// TestRefusedSignIn: whether the hook returns an error, panics or ends its goroutine, with
// a Recoverer in front or without, the browser gets no cookie of the session, and Cognito
// has revoked its refresh token. An earlier session stays.
func TestRefusedSignIn(t *testing.T) {
	var log strings.Builder
	env := newHookEnv(t, withLog(&log))
	var set []string // raw tokens that the hook has seen
	refusals := map[string]func() error{
		"forbidden":         func() error { return cognito.ErrForbidden },
		"an error":          func() error { return errors.New("the database is down") },
		"unavailable":       func() error { return fmt.Errorf("later: %w", tokens.ErrUnavailable) },
		"a panic":           func() error { panic("on purpose") },
		"an aborting one":   func() error { panic(http.ErrAbortHandler) },
		"a goroutine's end": func() error { runtime.Goexit(); return nil },
	}
	for name, refusal := range refusals {
		for _, recovers := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, with a Recoverer %t", name, recovers), func(t *testing.T) {
				env.T, env.events = t, nil
				log.Reset()
				env.clock.advance(time.Minute) // a failure of a kind is logged once a minute
				env.signedIn = func(_ context.Context, e cognito.SignIn) error {
					set = []string{e.Session.AccessToken().Raw(), e.Session.IDToken().Raw()}
					return refusal()
				}
				authorize, flow := env.startFlow("/api/auth/sign-in?next=/dashboard")
				callback := env.completeLogin(authorize, "ada")
				r := env.signedInRequest("grace", callback.RequestURI())
				r.Host = host
				r.AddCookie(flow)
				revoked := env.calls("RevokeToken")
				w := httptest.NewRecorder()
				panicked := runRecovering(func() {
					h := env.handler
					if recovers {
						h = chimiddleware.Recoverer(h)
					}
					h.ServeHTTP(w, r)
				})
				resp := w.Result()
				if changed, cleared := changedCookies(resp); len(changed)+len(cleared) > 0 {
					t.Errorf("set %v, cleared %v", changed, cleared)
				}
				if n := env.calls("RevokeToken") - revoked; n != 1 {
					t.Errorf("%d revocations", n)
				}
				// Not even a copy of the cookies is a session.
				copied := pageRequest("/dashboard")
				prefix := sessionCookiePrefix + env.server.UserPool().ClientID + "."
				copied.AddCookie(&http.Cookie{Name: prefix + "LastAuthUser", Value: "ada"})
				copied.AddCookie(&http.Cookie{Name: prefix + "ada.accessToken", Value: set[0]})
				copied.AddCookie(&http.Cookie{Name: prefix + "ada.idToken", Value: set[1]})
				if resp := env.do(copied); resp.StatusCode != http.StatusTemporaryRedirect {
					t.Errorf("the ended session still passes: %d", resp.StatusCode)
				}
				again := pageRequest("/dashboard")
				again.Header["Cookie"] = r.Header["Cookie"]
				if resp := env.do(again); resp.StatusCode != http.StatusOK {
					t.Errorf("the earlier session is gone: %d", resp.StatusCode)
				}
				want := map[string]int{"forbidden": 403, "an error": 500, "unavailable": 503}[name]
				events := []string{`signed in ada, switch, before "grace"`}
				if want > 0 {
					events = append(events, "failed, hook")
				}
				if want > 0 && (resp.StatusCode != want || !strings.Contains(readBody(t, resp), "You are not signed in") || !strings.Contains(log.String(), "a sign-in failed")) {
					t.Errorf("%d, log %s", resp.StatusCode, log.String())
				}
				if want == 0 && panicked != (!recovers || name != "a panic") {
					t.Errorf("panicked %t", panicked)
				}
				env.expectEvents(events...)
			})
		}
	}
}

// runRecovering runs f on a goroutine, and reports whether it panicked or ended the
// goroutine.
func runRecovering(f func()) bool {
	returned := make(chan bool)
	go func() {
		ok := false
		defer func() { _ = recover(); returned <- ok }()
		f()
		ok = true
	}()
	return !<-returned
}

// TestPanicOfSignedOut: the browser deletes its cookies all the same.
func TestPanicOfSignedOut(t *testing.T) {
	env := newHookEnv(t)
	panics := true
	auth, err := cognito.New(cognito.Config{
		UserPool: env.server.UserPool(), HTTPClient: env.server.Client(), Now: env.clock.Now, Origin: origin, Secret: routesSecret,
		Layout: layoutOfTests(), Shared: records,
		Hooks: cognito.Hooks{SignedOut: func(context.Context, cognito.SignOut) {
			if panics {
				panic(http.ErrAbortHandler)
			}
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]http.Handler{"Routes": auth.Routes(), "behind Load": auth.Load(auth.Routes())} {
		server := httptest.NewServer(h)
		defer server.Close()
		r, err := http.NewRequest("POST", server.URL+"/api/auth/sign-out", nil)
		if err != nil {
			t.Fatal(err)
		}
		env.server.SignIn(r, "ada")
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Errorf("%s: no answer: %v", name, err)
			continue
		}
		resp.Body.Close()
		if _, cleared := changedCookies(resp); len(cleared) < 4 || resp.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %d, cleared %v", name, resp.StatusCode, cleared)
		}
	}
}

// TestSignInFailures: each reason, and no secret in the error.
func TestSignInFailures(t *testing.T) {
	env := newHookEnv(t, func(cfg *cognito.Config) {
		cfg.Login.State = func(r *http.Request) string { return r.Header.Get("X-State") }
	})
	for _, c := range []struct {
		reason string
		fault  string                   // a call that fails
		edit   func(q url.Values)       // of the callback
		claims func(*cognitotest.Draft) // of the tokens
		says   string
	}{
		{reason: "lost", edit: func(q url.Values) { q.Set("state", "x") }},
		{reason: "lost", edit: func(q url.Values) { q.Add("state", q.Get("state")) }},
		{reason: "cancelled", edit: func(q url.Values) { q.Set("error", "access_denied"); q.Set("error_description", "User cancelled") }, says: "User cancelled"},
		{reason: "login", edit: func(q url.Values) {
			q.Set("error", "invalid_request")
			q.Set("error_description", "PreSignUp failed\r\nwith\u202e")
		}, says: `"PreSignUp failed  with"`},
		{reason: "login", edit: func(q url.Values) { q.Set("error_description", strings.Repeat("x", 5000)) }, says: "xxx…"},
		{reason: "tokens", edit: func(q url.Values) { q.Del("code") }},
		{reason: "tokens", edit: func(q url.Values) { q.Set("code", "guessed-code") }},
		{reason: "tokens", claims: func(d *cognitotest.Draft) { d.Claims["client_id"], d.Claims["aud"] = "other", "other" }},
		{reason: "unavailable", fault: "Token"},
	} {
		authorize, flow := env.startFlow("/api/auth/sign-in")
		if c.claims == nil {
			c.claims = func(*cognitotest.Draft) {}
		}
		to, err := env.server.Authorize(authorize.String(), "ada", c.claims)
		if err != nil {
			t.Fatal(err)
		}
		callback := mustParse(to)
		q := callback.Query()
		secrets := []string{q.Get("code"), authorize.Query().Get("nonce"), flow.Value, "eyJ"}
		if c.edit != nil {
			c.edit(q)
		}
		if c.fault != "" {
			env.server.SetFault(failing(c.fault))
		}
		resp := env.get("/api/auth/sign-in-callback?"+q.Encode(), flow)
		env.server.SetFault(nil)
		env.expectEvents("failed, " + c.reason)
		if resp.StatusCode < 400 || env.failure == nil || !strings.Contains(env.failure.Error(), c.says) {
			t.Errorf("%s: %d, %v", c.reason, resp.StatusCode, env.failure)
		}
		for _, secret := range append(secrets, "guessed-code") {
			if strings.Contains(env.failure.Error(), secret) || len(env.failure.Error()) > 1000 {
				t.Errorf("%s: the error tells too much: %v", c.reason, env.failure)
			}
		}
	}
	r := pageRequest("/api/auth/sign-in")
	r.Host = host
	r.Header.Set("X-State", strings.Repeat("x", 4000))
	env.do(r)
	env.expectEvents("failed, not-begun")
	env.get("/api/auth/sign-in?max_age=1")
	env.expectEvents("failed, not-begun")
	authorize, flow := env.startFlow("/api/auth/sign-in?prompt=none")
	env.get("/api/auth/sign-in-callback?error=login_required&state="+authorize.Query().Get("state"), flow)
	env.expectEvents() // nobody was asked
	authorize, flow = env.startFlow("/api/auth/sign-in")
	env.server.SetFault(func(op string) (f cognitotest.Fault) {
		if op == "Token" {
			f = cognitotest.Fault{Status: 400, Body: `{"error":"invalid_client"}`}
		}
		return f
	})
	env.get(env.completeLogin(authorize, "ada").RequestURI(), flow)
	env.server.SetFault(nil)
	env.expectEvents("failed, configuration")
	env.get("/api/auth/sign-in-callback", &http.Cookie{Name: flowCookiePrefix + "x", Value: "y"})
	env.expectEvents("failed, lost")
}

// TestHooksLookAtCookiesOnly: a bearer token is not of the browser's session.
func TestHooksLookAtCookiesOnly(t *testing.T) {
	for _, from := range []func(*http.Request) string{
		nil, func(r *http.Request) string { return r.Header.Get("X-Token") }, func(r *http.Request) string { return r.FormValue("token") },
	} {
		env := newHookEnv(t, func(cfg *cognito.Config) { cfg.Bearer, cfg.BearerFrom = true, from })
		graces := env.server.Issue("grace").Access
		for _, h := range []http.Handler{env.handler, env.auth.Load(env.handler)} {
			for _, signedIn := range []bool{true, false} {
				r := httptest.NewRequest("POST", "/api/auth/sign-out?token="+graces, nil)
				r.Header.Set("Authorization", "Bearer "+graces)
				r.Header.Set("X-Token", graces)
				var want []string
				if signedIn {
					env.server.SignIn(r, "ada")
					want = []string{"signed out ada, asked, revoked true"}
				}
				h.ServeHTTP(httptest.NewRecorder(), r)
				env.expectEvents(want...)
			}
		}
	}
}

// TestHandlersOfTheProgramAreNotReported: they know what they do.
func TestHandlersOfTheProgramAreNotReported(t *testing.T) {
	env := newHookEnv(t)
	set := env.server.Issue("ada")
	w, r := httptest.NewRecorder(), pageRequest("/")
	if _, err := env.auth.Sessions().Start(w, r, set); err != nil {
		t.Fatal(err)
	}
	env.server.SignIn(r, "ada")
	if err := env.auth.Sessions().End(w, r); err != nil {
		t.Fatal(err)
	}
	env.expectEvents()
}
