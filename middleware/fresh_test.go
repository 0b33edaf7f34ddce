package middleware_test

import (
	"fmt"
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

// freshVerdicts are the statuses of scripts by Auth, by what they show, by how old it is,
// and by what has happened meanwhile. Each column is a guard: of a group, fresh for thirty
// seconds, both, and signed in within a minute.
const freshVerdicts = `
                               Group  Fresh  Fresh+Group  Recent
web     cookie    5s   -       200    200    200          200
web     cookie    2m   -       200    200    200          401
web     cookie    5s   gone    200    200    200          200
web     cookie    2m   gone    200    200    403          401
web     cookie    2m   back    200    200    200          401
web     cookie    5s   off     200    200    200          200
web     cookie    2m   off     200    401    401          401
web     cookie    5s   outage  200    200    200          200
web     cookie    2m   outage  200    503    503          401
web     access    5s   -       200    200    200          200
web     access    2m   -       200    401    401          401
web     other     5s   -       403    200    403          200
web     other     2m   -       403    200    403          401
bearer  cookie    2m   -       200    200    200          401
bearer  bearer    5s   -       200    200    200          200
bearer  bearer    2m   -       200    401    401          401
bearer  bearer    2m   outage  200    401    401          401
bearer  program   5s   -       403    403    403          403
bearer  program   2m   -       403    401    401          403
`

func TestFreshAndRecentVerdicts(t *testing.T) {
	env := newEnv(t)
	bearer := env.newAuthAt(env.server, withBearer)
	auths := map[string]*cognito.Auth{"web": env.auth, "bearer": bearer}
	accessOnly := func(d *cognitotest.Draft) {
		if d.Use == tokens.ID {
			d.Claims = nil
		}
	}
	ada := cognitotest.User{Username: "ada", Groups: []string{"admins"}}
	for _, line := range strings.Split(strings.TrimSpace(freshVerdicts), "\n")[1:] {
		field := strings.Fields(line)
		env.server.SetUser(ada)
		r := scriptRequest("/x")
		switch field[1] {
		case "cookie":
			env.server.SignIn(r, "ada", accessOnly)
		case "access":
			addSession(r, env.server, "ada", &tokens.Set{Access: env.server.Issue("ada", accessOnly).Access})
		case "other":
			env.server.SignIn(r, "grace", accessOnly)
		case "program":
			set := env.server.Issue("ada", accessOnly, func(d *cognitotest.Draft) { delete(d.Claims, "username") })
			r.Header.Set("Authorization", "Bearer "+set.Access)
		case "bearer":
			r.Header.Set("Authorization", "Bearer "+env.server.Issue("ada", accessOnly).Access)
		}
		age, err := time.ParseDuration(field[2])
		if err != nil {
			t.Fatal(err)
		}
		env.clock.advance(age)
		without, disabled := ada, ada
		without.Groups, disabled.Disabled = nil, true
		a := auths[field[0]]
		guards := []func(http.Handler) http.Handler{
			a.RequireGroup("admins"), a.Fresh(30 * time.Second),
			func(h http.Handler) http.Handler { return a.Fresh(30 * time.Second)(a.RequireGroup("admins")(h)) },
			a.RequireRecent(time.Minute),
		}
		check := func(i int, want string) {
			t.Helper()
			if resp := answerOf(guards[i], r); fmt.Sprint(resp.StatusCode) != want {
				t.Errorf("%s\nguard %d: got %d, want %s", line, i, resp.StatusCode, want)
			}
		}
		check(0, field[4])
		switch field[3] {
		case "gone":
			env.server.SetUser(without)
		case "back":
			env.server.SetUser(without)
			check(1, "200")
			env.clock.advance(31 * time.Second)
			env.server.SetUser(ada)
		case "off":
			env.server.SetUser(disabled)
		case "outage":
			env.server.SetFault(func(op string) cognitotest.Fault {
				if op != "JWKS" {
					return cognitotest.Fault{Status: 500, Body: "<html>"}
				}
				return cognitotest.Fault{}
			})
		}
		for i := 1; i < len(guards); i++ {
			check(i, field[4+i])
		}
		env.server.SetFault(nil)
		env.clock.advance(time.Minute) // a pause of refreshes ends
	}
}

// TestFreshPages follows a page of a user with an old token: it is refreshed, and the
// handler sees the new session.
func TestFreshPages(t *testing.T) {
	env := newEnv(t)
	guard := env.auth.Fresh(30 * time.Second)
	r := env.signedInRequest("ada", "/x")
	env.clock.advance(time.Minute)
	before := recordsOf(r)
	w := httptest.NewRecorder()
	guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := env.auth.Sessions().Fetch(w, r, nil)
		if err != nil || !s.AccessToken().IssuedAt().Equal(env.clock.Now()) || s != env.auth.Session(r) {
			t.Errorf("%v, %v", s, err)
		}
	})).ServeHTTP(w, r)
	refreshed := w.Result()
	addChangedRecords(refreshed, r, before)
	if set, _ := changedCookies(refreshed); w.Code != 200 || len(set) == 0 {
		t.Errorf("%d, %v", w.Code, set)
	}

	env.server.SetUser(cognitotest.User{Username: "ada", Disabled: true})
	env.clock.advance(time.Minute)
	page := pageRequest("/x")
	for _, c := range refreshed.Cookies() {
		page.AddCookie(c)
	}
	resp := answerOf(guard, page)
	if _, cleared := changedCookies(resp); resp.StatusCode != http.StatusTemporaryRedirect || len(cleared) == 0 {
		t.Errorf("disabled: %d, %v", resp.StatusCode, resp.Header)
	}
}

// TestFreshWithoutARefreshToken: a user whom no refresh helps signs in anew, and is not
// sent around.
func TestFreshWithoutARefreshToken(t *testing.T) {
	env, b := newSignedInBrowser(t)
	env.handle("/fresh", env.auth.Fresh(30*time.Second)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "fresh ", env.auth.Session(r).User().Username)
	})))
	env.clock.advance(time.Minute)
	env.server.SetFault(func(op string) cognitotest.Fault {
		if op == opRefresh {
			return cognitotest.Fault{Status: 400, Code: "RefreshTokenReuseException"}
		}
		return cognitotest.Fault{}
	})
	b.openURL("/fresh?x")
	b.fillInLogin("ada")
	b.expectPage("/fresh?x", "fresh ada")
}

func TestGuardsThatNeedLongerTimes(t *testing.T) {
	auth := newMatcherAuth(t)
	for name, f := range map[string]func(){
		"Fresh":         func() { auth.Fresh(10*time.Second - 1) },
		"RequireRecent": func() { auth.RequireRecent(time.Minute - 1) },
		"AnyOf":         func() { cognito.AnyOf() },
		"AnyOf nil":     func() { cognito.AnyOf(auth, nil) },
		"AnyOf twice":   func() { cognito.AnyOf(auth, auth) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
			}()
			f()
		}()
	}
	auth.Fresh(10 * time.Second)
	auth.RequireRecent(time.Minute)
}

// TestFreshBearerAnswer: a client that gets this answer refreshes its token.
func TestFreshBearerAnswer(t *testing.T) {
	env := newEnv(t, asAPI)
	set := env.server.Issue("ada")
	env.clock.advance(time.Minute)
	resp := answerOf(env.auth.Fresh(30*time.Second), bearerRequest("GET", "/mcp", set.Access))
	want := `Bearer error="invalid_token", error_description="The access token is too old here", ` + mcpMetadata
	if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 401 || got != want {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
	if s, err := env.auth.Sessions().Fetch(nil, bearerRequest("GET", "/mcp", set.Access), &session.FetchOptions{MaxAge: 2 * time.Minute}); err != nil {
		t.Error(s, err)
	}
}
