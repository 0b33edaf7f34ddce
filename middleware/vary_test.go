package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestAnswersVaryByAuthorization: with Config.Bearer, a guarded answer to a request
// without a token is no answer to one with a token.
func TestAnswersVaryByAuthorization(t *testing.T) {
	for _, bearer := range []bool{false, true} {
		env := newEnv(t, func(c *cognito.Config) { c.Bearer = bearer })
		for _, test := range []struct {
			name, target, user string
			status             int
			guarded            bool
		}{
			{"passed", "/dashboard", "ada", 200, true},
			{"forbidden", "/admin", "grace", 403, true},
			{"refused", "/dashboard", "", 401, true},
			{"loaded", "/api/public", "ada", 200, true},
			{"loaded without a session", "/api/public", "", 200, true},
			{"public", "/api/x", "ada", 200, false},
		} {
			check := func(how string, r *http.Request) {
				t.Helper()
				resp := env.do(r)
				vary := strings.Join(resp.Header["Vary"], ",")
				if resp.StatusCode != test.status || strings.Contains(vary, "Authorization") != (test.guarded && bearer) || strings.Contains(vary, "Cookie") != test.guarded {
					t.Errorf("Bearer %v, %s %s: status %d, Vary %q", bearer, test.name, how, resp.StatusCode, vary)
				}
			}
			r := scriptRequest(test.target)
			if test.user != "" {
				env.server.SignIn(r, test.user)
			}
			check("with cookies", r)
			if test.user == "" || !bearer {
				continue
			}
			r = scriptRequest(test.target)
			r.Header.Set("Authorization", "Bearer "+env.server.Issue(test.user).Access)
			check("with a token", r)
		}
		if resp := env.do(pageRequest("/dashboard")); resp.StatusCode != http.StatusTemporaryRedirect || bearer != strings.Contains(strings.Join(resp.Header["Vary"], ","), "Authorization") {
			t.Errorf("Bearer %v, redirected: %d, %q", bearer, resp.StatusCode, resp.Header["Vary"])
		}
		env.server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 500} })
		if resp := env.do(env.expiredRequest("ada", "/dashboard")); resp.StatusCode != http.StatusServiceUnavailable || bearer != strings.Contains(strings.Join(resp.Header["Vary"], ","), "Authorization") {
			t.Errorf("Bearer %v, unavailable: %d, %q", bearer, resp.StatusCode, resp.Header["Vary"])
		}
	}
}

// TestVarySurvivesTheHandler: a handler that sets a Vary of its own adds to ours.
func TestVarySurvivesTheHandler(t *testing.T) {
	env := newEnv(t, withBearer)
	r := scriptRequest("/x")
	env.server.SignIn(r, "ada")
	w := httptest.NewRecorder()
	env.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Vary", "Accept")
		w.WriteHeader(http.StatusOK)
	})).ServeHTTP(w, r)
	if vary := strings.Join(w.Result().Header["Vary"], ", "); vary != "Accept, Cookie, Authorization" {
		t.Errorf("Vary: %s", vary)
	}
}
