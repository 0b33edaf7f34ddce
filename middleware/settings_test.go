package middleware_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestEveryLowerSettingCanBeSet holds Config against the settings of the packages
// below, so that none that is added there is out of reach here.
func TestEveryLowerSettingCanBeSet(t *testing.T) {
	config := reflect.TypeFor[cognito.Config]()
	hooks := reflect.TypeFor[cognito.Hooks]()
	for _, lower := range []reflect.Type{reflect.TypeFor[session.Config](), reflect.TypeFor[tokens.Options]()} {
		for f := range lower.Fields() {
			switch f.Name {
			case "Client", "Verifier": // made by New, from the other settings
			case "Keys", "Leeway": // tokens' own, for programs that use it alone
			case "Hooks":
				found := false
				for h := range hooks.Fields() {
					found = found || h.Type == f.Type
				}
				if !found {
					t.Errorf("%s.Hooks is out of reach", lower)
				}
			default:
				if c, ok := config.FieldByName(f.Name); !ok || c.Type != f.Type {
					t.Errorf("%s.%s is out of reach", lower, f.Name)
				}
			}
		}
	}
}

// TestSettingsArePassedOn shows by what they do that settings arrive below.
func TestSettingsArePassedOn(t *testing.T) {
	var called, refreshed int
	var fetched atomic.Int32 // on the goroutine of the fetch
	var decisions []cognito.Decision
	a := newApp(t, func(cfg *cognito.Config) {
		cfg.Cookies = session.Cookies{Domain: "example.com", SameSite: http.SameSiteStrictMode, MaxAge: time.Hour}
		cfg.RefreshBefore = 10 * time.Minute
		cfg.Hooks.Tokens.Called = func(context.Context, string, time.Duration, error) { called++ }
		cfg.Hooks.Tokens.KeysFetched = func(context.Context, string, int, error) { fetched.Add(1) }
		cfg.Hooks.Session.Refreshed = func(context.Context, session.RefreshSource, time.Duration, error) { refreshed++ }
		cfg.Hooks.Decided = func(_ context.Context, d cognito.Decision, _ time.Duration) { decisions = append(decisions, d) }
	})
	r := page("/dashboard")
	a.cognito.SignIn(r, "ada")
	a.clock.advance(55 * time.Minute)
	resp := a.do(r)
	for _, c := range resp.Cookies() {
		if c.Domain != "example.com" || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 3600 || !c.Secure || c.HttpOnly || c.Path != "/" {
			t.Errorf("cookie %s: %s", c.Name, c.Raw[len(c.Name)+len(c.Value):])
		}
	}
	if called != 1 || refreshed != 1 || fetched.Load() != 1 || len(resp.Cookies()) == 0 {
		t.Errorf("hooks: called %d, refreshed %d, fetched %d; %d cookies", called, refreshed, fetched.Load(), len(resp.Cookies()))
	}
	a.do(page("/dashboard"))
	a.do(script("/dashboard"))
	a.do(page("/api/other"))
	a.do(page("/api/public"))
	want := []cognito.Decision{cognito.DecisionPassed, cognito.DecisionRedirected, cognito.DecisionRefused, cognito.DecisionPublic, cognito.DecisionPublic, cognito.DecisionAnonymous}
	if !reflect.DeepEqual(decisions, want) {
		t.Errorf("decisions %v, want %v", decisions, want)
	}
}

// TestTwoAuthsAreNothingToEachOther nests guards of two pools, and of two clients of
// one pool, both ways.
func TestTwoAuthsAreNothingToEachOther(t *testing.T) {
	a := newApp(t)
	client := a.cognito.AddClient("client"+rand.Text(), "")
	other, err := cognito.New(cognito.Config{UserPool: client.UserPool(), HTTPClient: a.cognito.Client(), Now: a.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	var seen *session.Session
	see := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen, _ = session.FromContext(r.Context()) })
	try := func(h http.Handler, r *http.Request) int {
		seen = nil
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	r := script("/x")
	a.cognito.SignIn(r, "ada") // in the group admins, of the first client only
	if got := try(a.auth.Require(other.Require(see)), r); got != 401 || seen != nil {
		t.Errorf("the inner guard accepts the outer's session: %d", got)
	}
	if got := try(a.auth.Require(other.RequireGroup("admins")(see)), r); got != 401 || seen != nil {
		t.Errorf("the inner guard accepts the outer's groups: %d", got)
	}
	if got := try(a.auth.Require(other.Load(see)), r); got != 200 || seen.User().Username != "ada" {
		t.Errorf("Load of nobody: %d, %v", got, seen)
	}
	client.SignIn(r, "grace") // both clients' cookies in one request
	if got := try(a.auth.Require(other.Require(see)), r); got != 200 || seen.User().Username != "grace" {
		t.Errorf("the inner session does not win: %d, %v", got, seen)
	}
	if got := try(other.Require(a.auth.Require(see)), r); got != 200 || seen.User().Username != "ada" {
		t.Errorf("the other way: %d, %v", got, seen)
	}
	if got := try(a.auth.Require(other.RequireGroup("admins")(see)), r); got != 403 {
		t.Errorf("groups cross: %d", got)
	}
}

// TestSessionOfATestCounts: a session that is put into the context by hand counts if
// it is of this pool and client.
func TestSessionOfATestCounts(t *testing.T) {
	a := newApp(t)
	r := script("/x")
	a.cognito.SignIn(r, "ada")
	s, err := a.auth.Sessions().Fetch(nil, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	bare := script("/dashboard")
	if resp := a.do(bare.WithContext(session.NewContext(bare.Context(), s))); resp.StatusCode != 200 {
		t.Errorf("got %d", resp.StatusCode)
	}
	elsewhere := newAuth(t)
	w := httptest.NewRecorder()
	elsewhere.Require(http.HandlerFunc(nothing)).ServeHTTP(w, bare.WithContext(session.NewContext(bare.Context(), s)))
	if w.Code != 401 {
		t.Errorf("another pool accepts it: %d", w.Code)
	}
	if _, err := elsewhere.Sessions().Fetch(nil, bare, nil); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("got %v", err)
	}
}
