package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// machineToken returns an access token of the client credentials grant (RFC 6749 §4.4).
func machineToken(server *cognitotest.Server) string {
	return server.Issue("ada", func(d *cognitotest.Draft) {
		if d.Use == tokens.ID {
			d.Claims = nil
			return
		}
		delete(d.Claims, "username")
		delete(d.Claims, "origin_jti")
		d.Claims["sub"] = d.Claims["client_id"]
		d.Claims["scope"] = "orders/read"
	}).Access
}

// TestMachinePassesRequireScopeAlone shows a program's token to every guard, as a bearer
// and in a cookie, and twice, because the first answer is cached.
func TestMachinePassesRequireScopeAlone(t *testing.T) {
	var refusal error
	env := newEnv(t, func(c *cognito.Config) {
		c.Bearer = true
		c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
			refusal = err
			w.WriteHeader(http.StatusTeapot)
		}
	})
	everybody := func(*http.Request, *session.Session) bool { return true }
	scope := env.auth.RequireScope("orders/read")
	prefix := "CognitoIdentityServiceProvider." + env.server.UserPool().ClientID + "."
	token := machineToken(env.server)
	for name, test := range map[string]struct {
		guard func(http.Handler) http.Handler
		want  error // as a bearer
	}{
		"RequireScope":             {scope, nil},
		"RequireScope, another":    {env.auth.RequireScope("orders/read", "orders/write"), cognito.ErrForbidden},
		"RequireScope twice":       {func(h http.Handler) http.Handler { return scope(scope(h)) }, nil},
		"Require":                  {env.auth.Require, cognito.ErrForbidden},
		"Protect":                  {env.auth.Protect, cognito.ErrForbidden},
		"RequireGroup":             {env.auth.RequireGroup("admins"), cognito.ErrForbidden},
		"RequireFunc":              {env.auth.RequireFunc(everybody), cognito.ErrForbidden},
		"Require in RequireScope":  {func(h http.Handler) http.Handler { return scope(env.auth.Require(h)) }, cognito.ErrForbidden},
		"RequireScope in Protect":  {func(h http.Handler) http.Handler { return env.auth.Protect(scope(h)) }, cognito.ErrForbidden},
		"RequireScope behind Load": {func(h http.Handler) http.Handler { return env.auth.Load(scope(h)) }, nil},
	} {
		for range 2 {
			r := scriptRequest("/x")
			r.Header.Set("Authorization", "Bearer "+token)
			var s *session.Session
			refusal = nil
			test.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { s = env.auth.Session(r) })).ServeHTTP(httptest.NewRecorder(), r)
			if !errors.Is(refusal, test.want) || (s != nil) != (test.want == nil) {
				t.Errorf("%s: %v", name, refusal)
			}
			if s.User() != (session.User{}) {
				t.Errorf("%s: a program is the user %v", name, s.User())
			}

			r = scriptRequest("/x")
			r.Header.Set("Cookie", prefix+"LastAuthUser=ada; "+prefix+"ada.accessToken="+token)
			ran := false
			test.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true })).ServeHTTP(httptest.NewRecorder(), r)
			if !errors.Is(refusal, session.ErrSignedOut) || ran {
				t.Errorf("%s, in a cookie: %v", name, refusal)
			}
		}
	}

	// Load greets no program as a user.
	r := scriptRequest("/x")
	r.Header.Set("Authorization", "Bearer "+token)
	env.auth.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if s, ok := session.FromContext(r.Context()); ok {
			t.Errorf("Load: %v", s)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// TestRequireMachineReasons tells a hook why a route for programs refuses.
func TestRequireMachineReasons(t *testing.T) {
	var log told
	env := newEnv(t, log.hook, withPreflight, withBearer)
	user, program := env.server.Issue("ada", withScope("orders/write")).Access, machineToken(env.server)
	for want, test := range map[string]struct{ scope, token string }{
		"0 passed ":            {"orders/read", program},
		"0 forbidden scope":    {"orders/write", program},
		"0 forbidden user":     {"orders/write", user},
		"0 refused no_cookies": {"orders/write", ""},
	} {
		answerOf(env.auth.RequireMachine(test.scope), bearerRequest("POST", "/x", test.token))
		log.expect(t, want, want, want)
	}
	r := bearerRequest("OPTIONS", "/x", "")
	r.Header.Set("Origin", "https://other.example")
	r.Header.Set("Access-Control-Request-Method", "POST")
	answerOf(env.auth.RequireMachine(), r)
	log.expect(t, "a preflight", "0 preflight ", "0 preflight ")
}
