package middleware_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// otherUserPool is a second user pool of the tests that need one.
var otherUserPool = sync.OnceValue(func() *cognitotest.Server { return cognitotest.New() })

// TestAnyOf shows every pair of sessions at two Auths, of one user pool and of two, to a
// page that either may see. ada is a user of the first, grace of the second.
func TestAnyOf(t *testing.T) {
	users := []cognitotest.User{{Username: "ada", Groups: []string{"admins"}}, {Username: "grace"}}
	for _, user := range users {
		otherUserPool().SetUser(user)
	}
	for pools, second := range map[string]*cognitotest.Server{"one pool": nil, "two pools": otherUserPool()} {
		two := newTwoAuths(t, second)
		guard := cognito.AnyOf(two.first, two.second)
		for _, c := range []struct {
			first, second string // "", "valid", "expired", "gone" or "outage"
			status        int
			user          string
		}{
			{"", "", 307, ""},
			{"valid", "", 200, "ada"}, {"", "valid", 200, "grace"}, {"valid", "valid", 200, "ada"},
			{"expired", "", 200, "ada"}, {"", "expired", 200, "grace"}, {"expired", "expired", 200, "ada"},
			{"gone", "", 307, ""}, {"gone", "valid", 200, "grace"}, {"gone", "expired", 200, "grace"}, {"", "gone", 307, ""},
			{"outage", "", 503, ""}, {"outage", "valid", 200, "grace"}, {"", "outage", 503, ""}, {"valid", "outage", 200, "ada"},
		} {
			firstServer, secondServer := two.firstServer, two.secondServer
			if pools == "one pool" && (c.first == "outage" || c.second == "outage") {
				continue // the same Cognito serves both
			}
			r := pageRequest("/x")
			cookiesOf := func(server *cognitotest.Server, user, state string) {
				switch state {
				case "":
				case "valid":
					server.SignIn(r, user)
				default:
					server.SignIn(r, user, cognitotest.Expired)
				}
				if state == "gone" {
					server.SetUser(cognitotest.User{Username: user, Disabled: true})
				}
				if state == "outage" {
					server.SetFault(func(op string) cognitotest.Fault {
						if op == opRefresh {
							return cognitotest.Fault{Status: 500, Body: "<html>"}
						}
						return cognitotest.Fault{}
					})
				}
			}
			cookiesOf(firstServer, "ada", c.first)
			cookiesOf(secondServer, "grace", c.second)
			var inside *http.Request
			w := httptest.NewRecorder()
			before := recordsOf(r, firstServer, secondServer)
			guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inside = r })).ServeHTTP(w, r)
			for _, server := range []*cognitotest.Server{firstServer, secondServer} {
				server.SetFault(nil)
				server.SetUser(users[0])
				server.SetUser(users[1])
			}

			if w.Code != c.status || (inside != nil) != (c.status == 200) {
				t.Errorf("%s, %+v: got %d", pools, c, w.Code)
				continue
			}
			if to := w.Header().Get("Location"); c.status == 307 && !strings.HasPrefix(to, "/sign-in?") {
				t.Errorf("%s, %+v: to %q", pools, c, to)
			}
			if inside != nil {
				s, _ := session.FromContext(inside.Context())
				ofFirst, ofSecond := two.first.Session(inside).User().Username, two.second.Session(inside).User().Username
				if s.User().Username != c.user || ofFirst+ofSecond != c.user || (ofFirst != "") != (c.user == "ada") {
					t.Errorf("%s, %+v: %v, %q and %q", pools, c, s, ofFirst, ofSecond)
				}
			}
			// Each changes its own cookies: refreshed ones, or those of a user who is gone.
			changes := map[string]bool{}
			resp := w.Result()
			addChangedRecords(resp, r, before, firstServer, secondServer)
			for _, cookie := range resp.Cookies() {
				if id, isSession := strings.CutPrefix(cookie.Name, sessionCookiePrefix); isSession {
					id, _, _ = strings.Cut(id, ".")
					changes[id+map[bool]string{true: " cleared", false: " set"}[cookie.MaxAge < 0]] = true
				}
			}
			want := map[string]bool{}
			for id, state := range map[string]string{firstServer.UserPool().ClientID: c.first, secondServer.UserPool().ClientID: c.second} {
				asked := id == firstServer.UserPool().ClientID || c.user != "ada"
				if asked && state == "expired" {
					want[id+" set"] = true
				} else if asked && state == "gone" {
					want[id+" cleared"] = true
				}
			}
			for change := range changes {
				if !want[change] && !(strings.HasSuffix(change, " cleared") && want[strings.Replace(change, " cleared", " set", 1)]) {
					t.Errorf("%s, %+v: %v, want %v", pools, c, changes, want)
				}
				delete(want, change)
			}
			if len(want) > 0 {
				t.Errorf("%s, %+v: %v, and not %v", pools, c, changes, want)
			}
		}
	}
}

// TestAnyOfTellsOneDecision: hooks, Audit and nested guards know which Auth has decided.
func TestAnyOfTellsOneDecision(t *testing.T) {
	var decided []string
	hook := func(name string) func(*cognito.Config) {
		return func(cfg *cognito.Config) {
			cfg.Hooks.Decided = func(_ context.Context, d cognito.GuardDecision) {
				decided = append(decided, name+" "+string(d.Decision))
			}
		}
	}
	env := newEnv(t, hook("first"))
	server := env.server.AddClient("client"+rand.Text(), "")
	second := env.newAuthAt(server, hook("second"))
	guard := cognito.AnyOf(env.auth, second)
	check := func(r *http.Request, h func(http.Handler) http.Handler, status int, want ...string) {
		t.Helper()
		decided = nil
		if resp := answerOf(h, r); resp.StatusCode != status || !slices.Equal(decided, want) {
			t.Errorf("%d, %q, want %d, %q", resp.StatusCode, decided, status, want)
		}
	}
	r := scriptRequest("/x")
	check(r, guard, 401, "second anonymous", "first refused")
	server.SignIn(r, "grace")
	check(r, guard, 200, "first anonymous", "second passed")
	inner := func(h http.Handler) http.Handler { return guard(env.auth.Require(h)) }
	check(r, inner, 401, "first anonymous", "second passed", "first refused")
	env.server.SignIn(r, "ada")
	check(r, guard, 200, "first passed")

	router := chi.NewRouter()
	router.With(guard).Get("/both", emptyHandler)
	for _, auth := range []*cognito.Auth{env.auth, second} {
		if report := auth.Audit(router); len(report) != 1 || report[0].By != "any of 2 Auths" || report[0].Public != "" {
			t.Errorf("%+v", report)
		}
	}
}

// TestAnyOfBearers: each Auth accepts the bearer tokens of its own users.
func TestAnyOfBearers(t *testing.T) {
	env := newEnv(t, withBearer)
	server := env.server.AddClient("client"+rand.Text(), "")
	second := env.newAuthAt(server, withBearer)
	program := func(d *cognitotest.Draft) { delete(d.Claims, "username") }
	for token, status := range map[string]int{
		env.server.Issue("ada").Access: 200, server.Issue("grace").Access: 200,
		env.server.Issue("ada", program).Access: 403, server.Issue("ada", program).Access: 403,
		server.Issue("ada").ID: 401, "x": 401,
	} {
		if resp := answerOf(cognito.AnyOf(env.auth, second), bearerRequest("GET", "/x", token)); resp.StatusCode != status {
			t.Errorf("got %d, want %d", resp.StatusCode, status)
		}
	}
	env.clock.advance(time.Second)
}

// TestAnyOfThatCannotTell: an Auth that cannot tell comes before one that forbids. The user
// whom it does not know yet may be let through in a moment.
func TestAnyOfThatCannotTell(t *testing.T) {
	env := newEnv(t)
	bearer := env.newAuthAt(env.server, withBearer)
	program := env.server.Issue("ada", func(d *cognitotest.Draft) {
		if delete(d.Claims, "username"); d.Use == tokens.ID {
			d.Claims = nil
		}
	})
	for _, guard := range []func(http.Handler) http.Handler{cognito.AnyOf(bearer, env.auth), cognito.AnyOf(env.auth, bearer)} {
		for status, cookies := range map[int]func(*http.Request){
			http.StatusForbidden:          func(*http.Request) {},
			http.StatusServiceUnavailable: func(r *http.Request) { env.server.SignIn(r, "ada", cognitotest.Expired) },
		} {
			r := scriptRequest("/x")
			cookies(r)
			r.Header.Set("Authorization", "Bearer "+program.Access)
			env.server.SetFault(func(op string) cognitotest.Fault {
				if op == opRefresh {
					return cognitotest.Fault{Status: 500, Body: "<html>"}
				}
				return cognitotest.Fault{}
			})
			if resp := answerOf(guard, r); resp.StatusCode != status {
				t.Errorf("%d, want %d", resp.StatusCode, status)
			}
			env.server.SetFault(nil)
			env.clock.advance(time.Minute)
		}
	}
}
