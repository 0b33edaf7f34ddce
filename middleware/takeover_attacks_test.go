package middleware_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// newTakeOverEnv is a site that has changed from LayoutAmplify.
func newTakeOverEnv(t *testing.T, layout func(*cognito.Config)) *testEnv {
	env := newRoutesEnv(t, layout, func(cfg *cognito.Config) {
		cfg.TakeOver.Before = time.Date(2026, 5, 4, 13, 0, 0, 0, time.UTC)
	})
	env.server.SetRotation(true, 0)
	t.Cleanup(func() { env.server.SetRotation(false, 0) })
	return env
}

func (env *testEnv) amplifyCookies(user string) (cookies []*http.Cookie) {
	set := env.server.Issue("ada")
	for name, value := range map[string]string{
		"LastAuthUser": user, user + ".accessToken": set.Access, user + ".idToken": set.ID, user + ".refreshToken": set.Refresh, user + ".clockDrift": "0",
		user + ".signInDetails": "%7B%22loginId%22%3A%22ada%22%7D",
	} {
		cookies = append(cookies, &http.Cookie{Name: "CognitoIdentityServiceProvider." + env.server.UserPool().ClientID + "." + name, Value: value})
	}
	return cookies
}

// after returns the cookies that a browser has after an answer.
func after(cookies []*http.Cookie, resp *http.Response) (next []*http.Cookie) {
	held := make(map[string]*http.Cookie)
	var order []string
	for _, c := range append(cookies, resp.Cookies()...) {
		if c.Domain != "" {
			continue
		}
		if held[c.Name] == nil {
			order = append(order, c.Name)
		}
		if held[c.Name] = c; c.MaxAge < 0 {
			delete(held, c.Name)
		}
	}
	for _, name := range order {
		if held[name] != nil {
			next = append(next, held[name])
			held[name] = nil
		}
	}
	return next
}

// TestTakeOverThenRefresh refreshes in the answer of a takeover, by Fresh or the handler.
func TestTakeOverThenRefresh(t *testing.T) {
	for _, layout := range []func(*cognito.Config){sealed, handle} {
		for _, how := range []string{"Fresh", "ForceRefresh"} {
			env := newTakeOverEnv(t, layout)
			auth := env.auth
			h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if how == "ForceRefresh" {
					if _, err := auth.Sessions().Fetch(w, r, &session.FetchOptions{ForceRefresh: true}); err != nil {
						t.Error(err)
					}
				}
				fmt.Fprint(w, "x")
			}))
			if how == "Fresh" {
				h = env.auth.Fresh(time.Minute)(h)
			}
			env.handle("/fresh", env.auth.Protect(h))
			cookies := env.amplifyCookies("ada")
			env.clock.advance(30 * time.Minute)
			resp := env.get("/fresh", cookies...)
			if resp.StatusCode != 200 || env.calls(opRefresh) != 1 {
				t.Fatalf("%d, %d refreshes", resp.StatusCode, env.calls(opRefresh))
			}
			cookies = after(cookies, resp)
			for _, d := range []time.Duration{5 * time.Minute, 30 * time.Minute} {
				env.clock.advance(d)
				resp = env.get("/dashboard", cookies...)
				cookies = after(cookies, resp)
				if resp.StatusCode != 200 {
					t.Errorf("%s: %v later: %d", how, d, resp.StatusCode)
				}
			}
		}
	}
}

// TestTakeOverPrefetchBehindLoad prefetches a public page that greets its users.
func TestTakeOverPrefetchBehindLoad(t *testing.T) {
	env := newTakeOverEnv(t, sealed)
	r := pageRequest("/api/public")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Purpose", "prefetch")
	for _, c := range env.amplifyCookies("ada") {
		r.AddCookie(c)
	}
	env.clock.advance(30 * time.Minute)
	resp := env.do(r)
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || string(body) != "Hello, ada" || len(resp.Cookies()) > 0 {
		t.Errorf("a prefetch gets %d, %s", resp.StatusCode, body)
	}
	env.clock.advance(time.Hour)
	if resp := env.do(r); resp.StatusCode != http.StatusUnauthorized || len(resp.Cookies()) > 0 {
		t.Errorf("a prefetch of an expired session gets %d", resp.StatusCode)
	}
}

// TestTakeOverForwards hands a handler the cookies that the browser will send next.
func TestTakeOverForwards(t *testing.T) {
	env := newTakeOverEnv(t, sealed)
	cookies := env.amplifyCookies("ada")
	env.clock.advance(2 * time.Hour)
	if resp := env.get("/dashboard", cookies...); resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	if got := env.handled.Header.Get("Cookie"); strings.Contains(got, "CognitoIdentityServiceProvider") || !strings.Contains(got, "cognitogate.takeover") {
		t.Errorf("spent tokens go on to the handler and what is behind it: %.120s", got)
	}
}

// TestTakeOverHeaderSize bounds the header of a takeover, also for a deep host.
func TestTakeOverHeaderSize(t *testing.T) {
	for _, layout := range []func(*cognito.Config){sealed, handle} {
		for _, h := range []string{"app.example.com", "www.shop.eu.prod.example.com"} {
			env := newTakeOverEnv(t, layout)
			r := pageRequest("/dashboard")
			r.Host = h
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			for _, c := range env.amplifyCookies("0a1b2c3d-1111-2222-3333-444455556666") {
				r.AddCookie(c)
			}
			env.clock.advance(2 * time.Hour)
			resp := env.do(r)
			size := 0
			for _, line := range resp.Header["Set-Cookie"] {
				size += len(line) + len("Set-Cookie: \r\n")
			}
			if size > 32<<10 {
				t.Errorf("%d", size)
			}
		}
	}
}

// TestTakeOverKinds takes over at navigations and answers of every kind.
func TestTakeOverKinds(t *testing.T) {
	for _, layout := range []func(*cognito.Config){sealed, handle} {
		for _, method := range []string{"GET", "HEAD", "POST"}[:longtest.Scale(1, 3)] {
			for _, kind := range []string{"plain", "304", "clear", "timeout", "nothing", "panic"} {
				env := newTakeOverEnv(t, layout)
				h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch kind {
					case "304":
						w.WriteHeader(304)
					case "clear":
						clear(w.Header())
						fmt.Fprint(w, "x")
					case "plain":
						fmt.Fprint(w, "x")
					}
				}))
				h = env.auth.Protect(h)
				if kind == "timeout" {
					h = http.TimeoutHandler(h, time.Minute, "late")
				}
				env.handle("/k", h)
				cookies := env.amplifyCookies("ada")
				env.clock.advance(2 * time.Hour)
				r := httptest.NewRequest(method, "/k", nil)
				r.Host = host
				r.Header.Set("Sec-Fetch-Mode", "navigate")
				r.Header.Set("Sec-Fetch-Dest", "document")
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				if method == "POST" {
					r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				}
				for _, c := range cookies {
					r.AddCookie(c)
				}
				resp := env.do(r)
				cookies = after(cookies, resp)
				env.clock.advance(10 * time.Minute)
				next := env.get("/dashboard", cookies...)
				if next.StatusCode != 200 || resp.Header.Get("Cache-Control") != "private, no-store" {
					t.Errorf("%s %s: %d, then %d, %v", method, kind, resp.StatusCode, next.StatusCode, resp.Header["Cache-Control"])
				}
			}
		}
	}
}

// TestTakeOverAfterClearedHeader has a handler sign in or out behind Load, lose the header,
// and fetch once more.
func TestTakeOverAfterClearedHeader(t *testing.T) {
	for _, layout := range []func(*cognito.Config){sealed, handle} {
		for _, how := range []string{"Start", "End"} {
			env := newTakeOverEnv(t, layout)
			cookies := env.amplifyCookies("ada")
			env.clock.advance(2 * time.Hour)
			env.handle("/load", env.auth.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				env.server.SetFault(nil)
				switch how {
				case "Start":
					if _, err := env.auth.Sessions().Start(w, r, env.server.Issue("grace")); err != nil {
						t.Error(err)
					}
				case "End":
					if err := env.auth.Sessions().End(w, r); err != nil {
						t.Error(err)
					}
				}
				clear(w.Header())
				_, _ = env.auth.Sessions().Fetch(w, r, nil)
				fmt.Fprint(w, "x")
			})))
			env.server.SetFault(func(op string) cognitotest.Fault {
				if op == opRefresh {
					return cognitotest.Fault{Status: 500, Body: "<html>"}
				}
				return cognitotest.Fault{}
			})
			cookies = after(cookies, env.get("/load", cookies...))
			env.get("/dashboard", cookies...)
			user := ""
			if env.handled != nil {
				s, _ := session.FromContext(env.handled.Context())
				user = s.User().Username
			}
			if want := map[string]string{"Start": "grace", "End": ""}[how]; user != want {
				t.Errorf("%s: the browser is %q, want %q", how, user, want)
			}
		}
	}
}

// TestTakeOverVaries shows a public page to a link of another site. A cache must not show
// that page to one of this site.
func TestTakeOverVaries(t *testing.T) {
	env := newTakeOverEnv(t, sealed)
	env.handle("/greeting", env.auth.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private, max-age=600")
		s, _ := session.FromContext(r.Context())
		fmt.Fprint(w, "Hello, ", s.User().Username)
	})))
	r := pageRequest("/greeting")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	for _, c := range env.amplifyCookies("ada") {
		r.AddCookie(c)
	}
	resp := env.do(r)
	if vary := strings.Join(resp.Header["Vary"], ","); !strings.Contains(vary, "Sec-Fetch-Site") && !strings.Contains(resp.Header.Get("Cache-Control"), "no-store") {
		t.Errorf("an anonymous page for a user who may be taken over: Vary %q, Cache-Control %q", vary, resp.Header.Get("Cache-Control"))
	}
}

// TestTakeOverFirstRequestIsSignOut signs out before anything was taken over.
func TestTakeOverFirstRequestIsSignOut(t *testing.T) {
	var out []cognito.SignOut
	env := newRoutesEnv(t, sealed, func(cfg *cognito.Config) {
		cfg.TakeOver.Before = time.Date(2026, 5, 4, 13, 0, 0, 0, time.UTC)
		cfg.Hooks.SignedOut = func(_ context.Context, s cognito.SignOut) { out = append(out, s) }
	})
	cookies := env.amplifyCookies("ada")
	r := pageRequest("/api/auth/sign-out")
	r.Method, r.Host = "POST", host
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	resp := env.do(r)
	if env.calls("RevokeToken") == 0 {
		t.Errorf("%d: the refresh token is good for ever: a copy of the cookies brings new tokens", resp.StatusCode)
	}
	if len(out) != 1 || out[0].User.Username != "ada" {
		t.Errorf("the hook is told of %+v", out)
	}
}
