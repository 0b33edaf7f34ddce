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

// TestConfigHasEverySettingOfLowerPackages: a setting that is added to session or
// tokens must be added here.
func TestConfigHasEverySettingOfLowerPackages(t *testing.T) {
	config := reflect.TypeFor[cognito.Config]()
	hooks := reflect.TypeFor[cognito.Hooks]()
	for _, lower := range []reflect.Type{reflect.TypeFor[session.Config](), reflect.TypeFor[tokens.Options]()} {
		for f := range lower.Fields() {
			switch f.Name {
			case "Client", "Verifier": // made by New, from the other settings
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

// TestSessionConfigCopiesEveryField sets all fields that Config has in common with
// session.Config.
func TestSessionConfigCopiesEveryField(t *testing.T) {
	var cfg cognito.Config
	setNonZero(t, reflect.ValueOf(&cfg.Hooks.Session).Elem())
	common := reflect.TypeFor[session.Config]()
	for f := range common.Fields() {
		if v := reflect.ValueOf(&cfg).Elem().FieldByName(f.Name); f.Name != "Hooks" && v.IsValid() {
			setNonZero(t, v)
		}
	}
	copied := reflect.ValueOf(cognito.SessionConfig(&cfg))
	for f := range common.Fields() {
		switch got := copied.FieldByIndex(f.Index); f.Name {
		case "Client", "Verifier":
		case "Hooks":
			if got.IsZero() {
				t.Error("Hooks is not copied")
			}
		default:
			want := reflect.ValueOf(cfg).FieldByName(f.Name)
			if got.IsZero() || want.IsValid() && f.Type.Kind() != reflect.Func && !reflect.DeepEqual(got.Interface(), want.Interface()) {
				t.Errorf("%s is not copied", f.Name)
			}
		}
	}
}

// setNonZero sets v, or the first field of a struct, to another value than its zero.
func setNonZero(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Func:
		v.Set(reflect.MakeFunc(v.Type(), nil))
	case reflect.Interface:
		v.Set(reflect.ValueOf(struct{ session.Store }{}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0)))
			return
		}
		setNonZero(t, v.Field(0))
	default:
		t.Fatalf("set a %s here", v.Kind())
	}
}

// TestSettingsArePassedOn shows by their effects that settings reach lower packages.
func TestSettingsArePassedOn(t *testing.T) {
	var called, refreshed int
	var fetched atomic.Int32 // on the goroutine of the fetch
	var decisions []cognito.Decision
	env := newEnv(t, func(cfg *cognito.Config) {
		cfg.Cookies = session.Cookies{Domain: "example.com", SameSite: http.SameSiteStrictMode, MaxAge: time.Hour}
		cfg.RefreshBefore = 10 * time.Minute
		cfg.Hooks.Tokens.Called = func(context.Context, string, time.Duration, error) { called++ }
		cfg.Hooks.Tokens.KeysFetched = func(context.Context, string, int, error) { fetched.Add(1) }
		cfg.Hooks.Session.Refreshed = func(context.Context, session.RefreshSource, time.Duration, error) { refreshed++ }
		cfg.Hooks.Decided = func(_ context.Context, d cognito.GuardDecision) { decisions = append(decisions, d.Decision) }
	})
	r := pageRequest("/dashboard")
	env.server.SignIn(r, "ada")
	env.clock.advance(55 * time.Minute)
	resp := env.do(r)
	for _, c := range resp.Cookies() {
		if isHandleRun() {
			continue // a refresh writes no cookie
		}
		if c.Domain != "example.com" || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 3600 || !c.Secure || c.HttpOnly != isSealedRun() || c.Path != "/" {
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

// TestTokensOptionsCopiesEveryField sets all fields that Config has in common with
// tokens.Options.
func TestTokensOptionsCopiesEveryField(t *testing.T) {
	var cfg cognito.Config
	cfg.Hooks.Tokens.Called = func(context.Context, string, time.Duration, error) {}
	common := reflect.TypeFor[tokens.Options]()
	for f := range common.Fields() {
		switch v := reflect.ValueOf(&cfg).Elem().FieldByName(f.Name); f.Name {
		case "Hooks":
		case "Keys":
			cfg.Keys = tokens.StaticKeySet{}
		default:
			setNonZero(t, v)
		}
	}
	copied := reflect.ValueOf(*cognito.TokensOptions(&cfg))
	for f := range common.Fields() {
		if copied.FieldByIndex(f.Index).IsZero() {
			t.Errorf("%s is not copied", f.Name)
		}
	}
}

// TestTokenSettingsArePassedOn shows by their effects that Keys, Leeway and BearerFrom reach
// lower packages.
func TestTokenSettingsArePassedOn(t *testing.T) {
	env := newEnv(t, withBearer)
	early := env.server.Issue("ada", withClaim("nbf", env.clock.Now().Add(30*time.Second).Unix())).Access
	good := env.server.Issue("ada").Access
	other := func(r *http.Request) string { return r.Header.Get("X-Token") }
	for name, test := range map[string]struct {
		edit                func(*cognito.Config)
		early, good, xToken int // statuses
	}{
		"the defaults": {func(*cognito.Config) {}, 200, 200, 401},
		"no leeway":    {func(cfg *cognito.Config) { cfg.Leeway = -1 }, 503, 200, 401},
		"no keys":      {func(cfg *cognito.Config) { cfg.Keys = tokens.StaticKeySet{} }, 401, 401, 401},
		"BearerFrom":   {func(cfg *cognito.Config) { cfg.BearerFrom = other }, 401, 401, 200},
	} {
		auth := newEnv(t, withBearer, test.edit).auth
		inHeader := bearerRequest("POST", "/x", "")
		inHeader.Header.Set("X-Token", good)
		for _, c := range []struct {
			r    *http.Request
			want int
		}{
			{bearerRequest("POST", "/x", early), test.early}, {bearerRequest("POST", "/x", good), test.good}, {inHeader, test.xToken},
		} {
			if resp := answerOf(auth.Require, c.r); resp.StatusCode != c.want {
				t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
			}
		}
	}
	// A page with a bearer token elsewhere is not redirected, and its cookies are not read.
	env = newEnv(t, func(cfg *cognito.Config) { cfg.Bearer, cfg.BearerFrom = true, other })
	r := env.signedInRequest("ada", "/x")
	r.Header.Set("X-Token", "x")
	if resp := answerOf(env.auth.Require, r); resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("a page with a bad token: %d %v", resp.StatusCode, resp.Header)
	}
	r.Header.Del("X-Token")
	if resp := answerOf(env.auth.Require, r); resp.StatusCode != 200 {
		t.Errorf("a page without one: %d", resp.StatusCode)
	}
}
