package middleware_test

import (
	"context"
	"net/http"
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
	env := newEnv(t, func(cfg *cognito.Config) {
		cfg.Cookies = session.Cookies{Domain: "example.com", SameSite: http.SameSiteStrictMode, MaxAge: time.Hour}
		cfg.RefreshBefore = 10 * time.Minute
		cfg.Hooks.Tokens.Called = func(context.Context, string, time.Duration, error) { called++ }
		cfg.Hooks.Tokens.KeysFetched = func(context.Context, string, int, error) { fetched.Add(1) }
		cfg.Hooks.Session.Refreshed = func(context.Context, string, time.Duration, error) { refreshed++ }
		cfg.Hooks.Decided = func(_ context.Context, d cognito.Decision, _ time.Duration) { decisions = append(decisions, d) }
	})
	r := pageRequest("/dashboard")
	env.server.SignIn(r, "ada")
	env.clock.advance(55 * time.Minute)
	resp := env.do(r)
	for _, c := range resp.Cookies() {
		if c.Domain != "example.com" || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 3600 || !c.Secure || c.HttpOnly || c.Path != "/" {
			t.Errorf("cookie %s: %s", c.Name, c.Raw[len(c.Name)+len(c.Value):])
		}
	}
	if called != 1 || refreshed != 1 || fetched.Load() != 1 || len(resp.Cookies()) == 0 {
		t.Errorf("hooks: called %d, refreshed %d, fetched %d; %d cookies", called, refreshed, fetched.Load(), len(resp.Cookies()))
	}
	env.do(pageRequest("/dashboard"))
	env.do(scriptRequest("/dashboard"))
	env.do(pageRequest("/api/other"))
	env.do(pageRequest("/api/public"))
	want := []cognito.Decision{cognito.DecisionPassed, cognito.DecisionRedirected, cognito.DecisionRefused, cognito.DecisionPublic, cognito.DecisionPublic, cognito.DecisionAnonymous}
	if !reflect.DeepEqual(decisions, want) {
		t.Errorf("decisions %v, want %v", decisions, want)
	}
}
