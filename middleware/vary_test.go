package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestVaryNamesAuthorization: with Bearer, Vary names both headers, also after a handler
// has set a Vary of its own.
func TestVaryNamesAuthorization(t *testing.T) {
	for _, bearer := range []bool{false, true} {
		env := newEnv(t, func(cfg *cognito.Config) { cfg.Bearer = bearer })
		h := env.auth.Load(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Vary", "Accept") }))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		vary := strings.Join(w.Result().Header["Vary"], ", ")
		if !strings.Contains(vary, "Accept") || !strings.Contains(vary, "Cookie") || strings.Contains(vary, "Authorization") != bearer {
			t.Errorf("bearer %t: Vary is %q", bearer, vary)
		}
	}
}
