package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

func TestDocumentedExample(t *testing.T) {
	t.Run("a signed-out user is sent to the sign-in page with the return path", func(t *testing.T) {
		env := newEnv(t)
		resp := env.do(pageRequest("/dashboard?tab=2"))
		if resp.StatusCode != http.StatusTemporaryRedirect || resp.Header.Get("Location") != "/sign-in?next=%2Fdashboard%3Ftab%3D2" {
			t.Errorf("got %d to %q", resp.StatusCode, resp.Header.Get("Location"))
		}
		if env.handled != nil {
			t.Error("the handler ran")
		}
		if cc := resp.Header.Get("Cache-Control"); cc != "no-store" {
			t.Errorf("Cache-Control %q", cc)
		}
	})
	t.Run("valid cookies reach the handler with their session", func(t *testing.T) {
		env := newEnv(t)
		r := pageRequest("/dashboard")
		env.server.SignIn(r, "ada")
		resp := env.do(r)
		if resp.StatusCode != http.StatusOK || env.handled == nil {
			t.Fatalf("got %d", resp.StatusCode)
		}
		s, ok := session.FromContext(env.handled.Context())
		if !ok || s.User().Username != "ada" || !s.InGroup("admins") {
			t.Errorf("session %v, %+v", ok, s.User())
		}
		if set, cleared := changedCookies(resp); set != nil || cleared != nil {
			t.Errorf("cookies set %v, cleared %v", set, cleared)
		}
		if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" {
			t.Errorf("Cache-Control %q", cc)
		}
		if n := env.calls(opRefresh); n != 0 {
			t.Errorf("%d refreshes", n)
		}
	})
	t.Run("an expired access token is refreshed once, for the browser and the handler", func(t *testing.T) {
		env := newEnv(t)
		r := pageRequest("/dashboard")
		env.server.SignIn(r, "ada")
		r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
		old := r.Header.Get("Cookie")
		env.clock.advance(2 * time.Hour)
		resp := env.do(r)
		if resp.StatusCode != http.StatusOK || env.handled == nil {
			t.Fatalf("got %d", resp.StatusCode)
		}
		if n := env.calls(opRefresh); n != 1 {
			t.Errorf("%d calls to Cognito, want 1", n)
		}
		if set, cleared := changedCookies(resp); strings.Join(set, " ") != "LastAuthUser accessToken idToken refreshToken" || cleared != nil {
			t.Errorf("cookies set %v, cleared %v", set, cleared)
		}
		s, _ := session.FromContext(env.handled.Context())
		header := env.handled.Header.Get("Cookie")
		if !carries(env.handled, s) || !strings.Contains(header, "theme=dark") || strings.Count(header, "accessToken=") > 1 {
			t.Error("the handler does not see the fresh cookies")
		}
		if r.Header.Get("Cookie") != old {
			t.Error("the caller's request was changed")
		}
		if !s.AccessToken().ExpiresAt().After(env.clock.Now()) {
			t.Error("the session is as old as before")
		}
	})
	t.Run("a refused refresh clears the cookies and redirects", func(t *testing.T) {
		env := newEnv(t)
		r := pageRequest("/dashboard")
		env.server.SignIn(r, "ada")
		env.server.RemoveUser("ada")
		env.clock.advance(2 * time.Hour)
		resp := env.do(r)
		if resp.StatusCode != http.StatusTemporaryRedirect || env.handled != nil {
			t.Errorf("got %d", resp.StatusCode)
		}
		if set, cleared := changedCookies(resp); set != nil || len(cleared) < 4 {
			t.Errorf("cookies set %v, cleared %v", set, cleared)
		}
	})
	t.Run("Cognito down is 503, and the cookies stay", func(t *testing.T) {
		env := newEnv(t)
		r := pageRequest("/dashboard")
		env.server.SignIn(r, "ada")
		env.do(r.Clone(r.Context())) // the keys are known
		env.clock.advance(2 * time.Hour)
		env.server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
		resp := env.do(r)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") != "5" || env.handled != nil {
			t.Errorf("got %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
		if lines := resp.Header["Set-Cookie"]; lines != nil {
			t.Errorf("%d Set-Cookie lines", len(lines))
		}
		env.server.SetFault(nil)
		if resp := env.do(r); resp.StatusCode != http.StatusOK {
			t.Errorf("after the outage: %d, want no new sign-in", resp.StatusCode)
		}
	})
	t.Run("without the group it is 403", func(t *testing.T) {
		env := newEnv(t)
		r := pageRequest("/admin")
		env.server.SignIn(r, "grace")
		if resp := env.do(r); resp.StatusCode != http.StatusForbidden || env.handled != nil || resp.Header.Get("Location") != "" {
			t.Errorf("got %d", resp.StatusCode)
		}
		r = pageRequest("/admin")
		env.server.SignIn(r, "ada")
		if resp := env.do(r); resp.StatusCode != http.StatusOK || env.handled == nil {
			t.Errorf("with the group: got %d", resp.StatusCode)
		}
	})
	t.Run("a script without a session gets 401", func(t *testing.T) {
		env := newEnv(t)
		resp := env.do(scriptRequest("/dashboard"))
		if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") != "Bearer" ||
			resp.Header.Get("Content-Type") != "application/problem+json" || env.handled != nil {
			t.Errorf("got %d %v", resp.StatusCode, resp.Header)
		}
	})
}

func TestPublicPathIsLeftAlone(t *testing.T) {
	env := newEnv(t)
	r := pageRequest("/api/other")
	env.server.SignIn(r, "ada")
	resp := env.do(r)
	if env.handled == nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("got %d", resp.StatusCode)
	}
	if _, ok := session.FromContext(env.handled.Context()); ok || resp.Header.Get("Vary") != "" || resp.Header.Get("Cache-Control") != "" {
		t.Error("a public path was touched")
	}
}

func TestLoadNeverRefuses(t *testing.T) {
	env := newEnv(t)
	if resp := env.do(pageRequest("/api/public")); resp.StatusCode != http.StatusOK || env.handled == nil {
		t.Errorf("without a session: %d", resp.StatusCode)
	}
	r := pageRequest("/api/public")
	env.server.SignIn(r, "ada")
	env.do(r.Clone(r.Context()))
	if s, ok := session.FromContext(env.handled.Context()); !ok || s.User().Username != "ada" {
		t.Error("ada is not greeted")
	}
	env.clock.advance(2 * time.Hour)
	env.server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 500} })
	if resp := env.do(r); resp.StatusCode != http.StatusOK || env.handled == nil {
		t.Errorf("in an outage: %d", resp.StatusCode)
	}
}

func TestNestedGuardsRefreshOnce(t *testing.T) {
	env := newEnv(t)
	r := pageRequest("/admin") // behind Protect and RequireGroup
	env.server.SetRotation(true, 0)
	env.server.SignIn(r, "ada")
	env.clock.advance(2 * time.Hour)
	if resp := env.do(r); resp.StatusCode != http.StatusOK {
		t.Errorf("got %d", resp.StatusCode)
	}
	if n := env.calls(opRefresh); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

func TestHandlersSignOutReplacesTheGuardsRefresh(t *testing.T) {
	env := newEnv(t)
	r := pageRequest("/dashboard")
	env.server.SignIn(r, "ada")
	env.clock.advance(2 * time.Hour)
	w := httptest.NewRecorder()
	env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := env.auth.Sessions().End(w, r); err != nil {
			t.Error(err)
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.WriteHeader(http.StatusOK)
	})).ServeHTTP(w, r)
	resp := w.Result()
	if set, cleared := changedCookies(resp); set != nil || len(cleared) < 4 {
		t.Errorf("cookies set %v, cleared %v", set, cleared)
	}
	if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" {
		t.Errorf("an answer with session cookies has Cache-Control %q", cc)
	}
	if n := env.calls("RevokeToken"); n != 1 {
		t.Errorf("%d revocations", n)
	}
}

func TestErrorHandlerGetsTheError(t *testing.T) {
	var got error
	env := newEnv(t, func(cfg *cognito.Config) {
		cfg.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
			got = err
			w.WriteHeader(http.StatusTeapot)
		}
	})
	if resp := env.do(pageRequest("/dashboard")); resp.StatusCode != http.StatusTeapot || !errors.Is(got, session.ErrSignedOut) {
		t.Errorf("got %d, %v", resp.StatusCode, got)
	}
	r := pageRequest("/admin")
	env.server.SignIn(r, "grace")
	if env.do(r); !errors.Is(got, cognito.ErrForbidden) {
		t.Errorf("got %v", got)
	}
	r = pageRequest("/dashboard")
	env.server.SignIn(r, "ada")
	env.clock.advance(2 * time.Hour)
	env.server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 500} })
	if env.do(r); !errors.Is(got, tokens.ErrUnavailable) {
		t.Errorf("got %v", got)
	}
}
