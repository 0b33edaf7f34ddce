package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/session"
)

func TestRequireIgnoresTheMatcher(t *testing.T) {
	env := newEnv(t)
	if resp := env.do(pageRequest("/api/private")); resp.StatusCode != http.StatusTemporaryRedirect || env.handled != nil {
		t.Errorf("got %d", resp.StatusCode)
	}
}

func TestRequireScopeAndFunc(t *testing.T) {
	env := newEnv(t)
	h := func(mw func(http.Handler) http.Handler) int {
		r := scriptRequest("/x")
		env.server.SignIn(r, "ada")
		w := httptest.NewRecorder()
		mw(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		return w.Code
	}
	if got := h(env.auth.RequireScope("aws.cognito.signin.user.admin")); got != 200 {
		t.Errorf("the token's scope: %d", got)
	}
	if got := h(env.auth.RequireScope("aws.cognito.signin.user.admin", "payments")); got != 403 {
		t.Errorf("a scope that it lacks: %d", got)
	}
	is := func(name string) func(*http.Request, *session.Session) bool {
		return func(_ *http.Request, s *session.Session) bool { return s.User().Username == name }
	}
	if ada, bob := h(env.auth.RequireFunc(is("ada"))), h(env.auth.RequireFunc(is("bob"))); ada != 200 || bob != 403 {
		t.Errorf("a function: %d, %d", ada, bob)
	}
	for name, f := range map[string]func(){
		"no group":    func() { env.auth.RequireGroup() },
		"empty group": func() { env.auth.RequireGroup("") },
		"no scope":    func() { env.auth.RequireScope() },
		"no function": func() { env.auth.RequireFunc(nil) },
		"no origin":   func() { env.auth.Routes() },
	} {
		func() {
			defer func() {
				if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "cognitogate: ") {
					t.Errorf("%s: recovered %q", name, text)
				}
			}()
			f()
		}()
	}
}

// TestRequireFuncSeesTheSession: the context has it too, and the request the new cookies.
func TestRequireFuncSeesTheSession(t *testing.T) {
	env := newEnv(t)
	asked := false
	h := env.auth.RequireFunc(func(r *http.Request, s *session.Session) bool {
		inContext, ok := session.FromContext(r.Context())
		asked = ok && inContext == s && carries(r, s)
		return true
	})(http.HandlerFunc(emptyHandler))
	h.ServeHTTP(httptest.NewRecorder(), env.expiredRequest("ada", "/x"))
	if !asked {
		t.Error("the function does not see the session that it judges")
	}
	defer func() {
		if recover() == nil {
			t.Error("the panic is swallowed")
		}
	}()
	r := pageRequest("/x")
	env.server.SignIn(r, "ada")
	env.auth.RequireFunc(func(*http.Request, *session.Session) bool { panic("on purpose") })(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })).ServeHTTP(httptest.NewRecorder(), r)
}
