package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestTakeOverAnonymousHeader shows a public page to somebody without cookies. The header has
// what it has without TakeOver.
func TestTakeOverAnonymousHeader(t *testing.T) {
	measure := func(edit func(*cognito.Config)) (http.Header, float64) {
		env := newRoutesEnv(t, sealed, edit)
		h := env.auth.Load(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, pageRequest("/public"))
		r := pageRequest("/public")
		return w.Header(), testing.AllocsPerRun(100, func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
		})
	}
	plain, allocs := measure(func(*cognito.Config) {})
	taking, more := measure(func(cfg *cognito.Config) { cfg.TakeOver.Before = time.Date(2026, 5, 4, 13, 0, 0, 0, time.UTC) })
	if fmt.Sprint(plain) != fmt.Sprint(taking) {
		t.Errorf("without TakeOver %v, with it %v", plain, taking)
	}
	if more > allocs+1 {
		t.Errorf("%v allocations without TakeOver, %v with it", allocs, more)
	}
}

// TestTakeOverScriptSignsOut signs out by a script's POST, before anything was taken over.
// End revokes ada's refresh token, so the hook is told of her.
func TestTakeOverScriptSignsOut(t *testing.T) {
	var out []cognito.SignOut
	env := newRoutesEnv(t, sealed, func(cfg *cognito.Config) {
		cfg.TakeOver.Before = time.Date(2026, 5, 4, 13, 0, 0, 0, time.UTC)
		cfg.Hooks.SignedOut = func(_ context.Context, s cognito.SignOut) { out = append(out, s) }
	})
	r := scriptRequest("/api/auth/sign-out")
	r.Method, r.Host = "POST", host
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range env.amplifyCookies("ada") {
		r.AddCookie(c)
	}
	resp := env.do(r)
	if env.calls("RevokeToken") == 0 {
		t.Errorf("%d: nothing is revoked", resp.StatusCode)
	}
	if len(out) != 1 || out[0].User.Username != "ada" {
		t.Errorf("ada's refresh token is revoked, and the hook is told of %+v", out)
	}
}

// TestTakeOverUpstreamSetsAmplifyCookies has an upstream, an app of Next.js, behind the guard.
// It sets and deletes Amplify's cookies itself. The browser ends up with one session.
func TestTakeOverUpstreamSetsAmplifyCookies(t *testing.T) {
	for _, layout := range []func(*cognito.Config){sealed, handle} {
		for _, deletes := range []bool{false, true} {
			env := newTakeOverEnv(t, layout)
			prefix := "CognitoIdentityServiceProvider." + env.server.UserPool().ClientID + "."
			var got string
			upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Get("Cookie")
				value, age := "x.y.z", "86400"
				if deletes {
					value, age = "", "0"
				}
				w.Header().Set("Cache-Control", "public, s-maxage=600")
				w.Header().Add("Set-Cookie", prefix+"LastAuthUser="+value+"; Path=/; Secure; SameSite=Lax; Max-Age="+age)
				w.Header().Add("Set-Cookie", prefix+"ada.accessToken="+value+"; Path=/; Secure; SameSite=Lax; Max-Age="+age)
				w.Header().Add("Set-Cookie", "theme=dark; Path=/")
				fmt.Fprint(w, "x")
			}))
			defer upstream.Close()
			u, _ := url.Parse(upstream.URL)
			env.handle("/next/", env.auth.Protect(httputil.NewSingleHostReverseProxy(u)))
			cookies := env.amplifyCookies("ada")
			env.clock.advance(2 * time.Hour)
			for i := range 4 {
				resp := env.get("/next/page", cookies...)
				cookies = after(cookies, resp)
				if resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != "private, no-store" {
					t.Errorf("page %d: %d, %v", i, resp.StatusCode, resp.Header["Cache-Control"])
				}
				theme := false
				for _, c := range cookies {
					theme = theme || c.Name == "theme"
				}
				if !theme || i == 0 && strings.Contains(got, prefix) {
					t.Errorf("page %d: theme %v, the upstream got %.100s", i, theme, got)
				}
				env.clock.advance(40 * time.Minute)
			}
		}
	}
}

// TestTakeOverSignedInAllocations has TakeOver cost nothing for a session in the cache.
func TestTakeOverSignedInAllocations(t *testing.T) {
	measure := func(layout func(*cognito.Config), before time.Time) float64 {
		env := newRoutesEnv(t, layout, func(cfg *cognito.Config) { cfg.TakeOver.Before = before })
		w := httptest.NewRecorder()
		if _, err := env.auth.Sessions().Start(w, pageRequest("/"), env.server.Issue("ada")); err != nil {
			t.Fatal(err)
		}
		r := pageRequest("/dashboard")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		h := env.auth.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		h.ServeHTTP(httptest.NewRecorder(), r)
		return testing.AllocsPerRun(100, func() { h.ServeHTTP(httptest.NewRecorder(), r) })
	}
	for _, layout := range []func(*cognito.Config){sealed, handle} {
		plain, taking := measure(layout, time.Time{}), measure(layout, time.Date(2026, 5, 4, 13, 0, 0, 0, time.UTC))
		if taking > plain {
			t.Errorf("%v allocations, %v with TakeOver", plain, taking)
		}
	}
}
