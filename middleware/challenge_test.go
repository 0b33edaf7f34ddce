package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	appOrigin   = "https://app.example.com"
	mcpResource = appOrigin + "/mcp"
	mcpMetadata = `resource_metadata="https://app.example.com/.well-known/oauth-protected-resource/mcp"`
)

// asAPI configures an API of appOrigin that takes bearer tokens. Another program signs
// users in.
func asAPI(cfg *cognito.Config) {
	cfg.Bearer, cfg.Origin, cfg.RoutesPath = true, appOrigin, "-"
	cfg.Audience = []string{mcpResource}
}

// bearerRequest returns a request of a program with a bearer token, or without one.
func bearerRequest(method, target, token string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// answerOf returns the answer of a guard around a handler that does nothing.
func answerOf(guard func(http.Handler) http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	guard(http.HandlerFunc(emptyHandler)).ServeHTTP(w, r)
	return w.Result()
}

// withScope is an edit of access tokens.
func withScope(scope string) func(*cognitotest.Draft) { return withClaim("scope", scope) }

func withClaim(name string, value any) func(*cognitotest.Draft) {
	return func(d *cognitotest.Draft) {
		if d.Use == tokens.Access {
			d.Claims[name] = value
		}
	}
}

// TestChallenges has every kind of refusal answered (RFC 6750 §3, RFC 9728 §5.1).
func TestChallenges(t *testing.T) {
	bare := newEnv(t, withBearer)
	plain := newEnv(t)
	env := newEnv(t, asAPI) // the last one's clock is the server's
	set := env.server.Issue("ada", withScope("orders/read"))
	expired := env.server.Issue("ada", cognitotest.Expired)
	realm := `Bearer realm="` + env.server.UserPool().ID + `"`
	invalid := func(description string) string {
		return `Bearer error="invalid_token", error_description="` + description + `"`
	}
	lacking := `Bearer error="insufficient_scope", error_description="The access token lacks a scope", `
	read, write := env.auth.RequireScope("orders/read"), env.auth.RequireScope("orders/read", "orders/write")
	for name, test := range map[string]struct {
		guard  func(http.Handler) http.Handler
		path   string
		token  string
		status int
		want   string
	}{
		"no token":                      {env.auth.Require, "/mcp", "", 401, "Bearer " + mcpMetadata},
		"below the resource":            {env.auth.Require, "/mcp/x?y=z", "", 401, "Bearer " + mcpMetadata},
		"beside the resource":           {env.auth.Require, "/mcpx", "", 401, realm},
		"Protect":                       {env.auth.Protect, "/mcp", "", 401, "Bearer " + mcpMetadata},
		"no token, scopes":              {write, "/mcp", "", 401, `Bearer scope="orders/read orders/write", ` + mcpMetadata},
		"no token, scopes, elsewhere":   {read, "/x", "", 401, `Bearer scope="orders/read"`},
		"a machine's route":             {env.auth.RequireMachine("orders/read"), "/mcp", "", 401, `Bearer scope="orders/read", ` + mcpMetadata},
		"what is not a scope":           {env.auth.RequireScope(`a"b`), "/mcp", "", 401, "Bearer " + mcpMetadata},
		"expired":                       {read, "/mcp", expired.Access, 401, invalid("The access token has expired") + `, scope="orders/read", ` + mcpMetadata},
		"no JWT":                        {env.auth.Require, "/mcp", `x", scope="y`, 401, invalid("The access token is malformed") + ", " + mcpMetadata},
		"an ID token":                   {env.auth.Require, "/mcp", set.ID, 401, invalid("The token is not an access token") + ", " + mcpMetadata},
		"a forgery":                     {env.auth.Require, "/mcp", set.Access[:len(set.Access)-8] + "AAAAAAAA", 401, invalid("The access token is invalid") + ", " + mcpMetadata},
		"a scope is missing":            {write, "/mcp", set.Access, 403, lacking + `scope="orders/read orders/write", ` + mcpMetadata},
		"a scope is missing, elsewhere": {write, "/x", set.Access, 403, lacking + `scope="orders/read orders/write"`},
		"a group is missing":            {env.auth.RequireGroup("owners"), "/mcp", set.Access, 403, ""},
		"a user at a machine's route":   {env.auth.RequireMachine("orders/write"), "/mcp", set.Access, 403, ""},
		"a machine's scope is missing":  {env.auth.RequireMachine("orders/write"), "/mcp", machineToken(env.server), 403, lacking + `scope="orders/write", ` + mcpMetadata},
		"a machine at a user's route":   {env.auth.Require, "/mcp", machineToken(env.server), 403, ""},
		"it passes":                     {read, "/mcp", set.Access, 200, ""},

		"no Audience":               {bare.auth.Require, "/mcp", "", 401, realm},
		"no Audience, a scope":      {bare.auth.RequireScope("orders/read"), "/mcp", "", 401, `Bearer scope="orders/read"`},
		"no Audience, expired":      {bare.auth.Require, "/mcp", expired.Access, 401, invalid("The access token has expired")},
		"no bearer tokens":          {plain.auth.Require, "/mcp", "", 401, "Bearer"},
		"no bearer tokens, a scope": {plain.auth.RequireScope("orders/read"), "/mcp", expired.Access, 401, "Bearer"},
	} {
		r := bearerRequest("POST", test.path, test.token)
		r.Host = "evil.example" // never believed
		r.Header.Set("X-Forwarded-Host", "evil.example")
		resp := answerOf(test.guard, r)
		if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != test.status || got != test.want {
			t.Errorf("%s: %d\n got %s\nwant %s", name, resp.StatusCode, got, test.want)
		}
		if resp.StatusCode == 401 && !strings.Contains(resp.Header.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: Cache-Control %q", name, resp.Header.Get("Cache-Control"))
		}
	}

	// A browser that navigates gets nothing of it, with or without a session.
	for name, r := range map[string]*http.Request{
		"signed out": pageRequest("/mcp"), "expired": env.expiredRequest("grace", "/mcp"), "without the scope": env.signedInRequest("grace", "/mcp"),
	} {
		resp := answerOf(write, r)
		if got := resp.Header.Values("WWW-Authenticate"); len(got) > 0 || resp.StatusCode == 401 {
			t.Errorf("a page, %s: %d %q", name, resp.StatusCode, got)
		}
	}
	// A script with cookies has sent no token.
	r := scriptRequest("/mcp")
	env.server.SignIn(r, "grace")
	if resp := answerOf(write, r); resp.StatusCode != 403 || resp.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("a script with cookies: %d %q", resp.StatusCode, resp.Header)
	}
}

// TestErrorHandlerChallenges: a handler of the program's own may hand an error on.
func TestErrorHandlerChallenges(t *testing.T) {
	var auth *cognito.Auth
	env := newEnv(t, asAPI, func(cfg *cognito.Config) {
		cfg.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) { auth.ServeError(w, r, err) }
	})
	auth = env.auth
	resp := answerOf(auth.RequireScope("orders/read"), bearerRequest("POST", "/mcp", ""))
	if got := resp.Header.Get("WWW-Authenticate"); got != `Bearer scope="orders/read", `+mcpMetadata {
		t.Errorf("%s", got)
	}
}
