package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// lastCookies returns what a browser makes of the lines for each slot of ada's and
// grace's cookies: their values, "" for a deletion.
func lastCookies(resp *http.Response) map[string]string {
	last := make(map[string]string)
	for _, c := range resp.Cookies() {
		if name, ok := strings.CutPrefix(c.Name, "CognitoIdentityServiceProvider."); ok {
			_, name, _ = strings.Cut(name, ".")
			last[name] = c.Value
		}
	}
	return last
}

// nextUser returns the user whom a request has after an answer to it, or "".
func (env *testEnv) nextUser(r *http.Request, resp *http.Response) string {
	env.Helper()
	next := scriptRequest("/x")
	values := make(map[string]string)
	for _, c := range append(r.Cookies(), resp.Cookies()...) {
		values[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(values, c.Name)
		}
	}
	for name, value := range values {
		next.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	s, _ := env.auth.Sessions().Fetch(nil, next, nil)
	return s.User().Username
}

// answerTo serves a request for ada, whose tokens have expired, behind Protect.
func (env *testEnv) answerTo(h http.HandlerFunc) *http.Response {
	return env.answerRequest(env.expiredRequest("ada", "/x"), h)
}

func (env *testEnv) answerRequest(r *http.Request, h http.HandlerFunc) *http.Response {
	w := httptest.NewRecorder()
	env.auth.Protect(h).ServeHTTP(w, r)
	return w.Result()
}

// TestLastOfStartAndEndWins, whatever the guard has refreshed and a handler clears.
func TestLastOfStartAndEndWins(t *testing.T) {
	env := newEnv(t)
	sessions := env.auth.Sessions()
	start := func(w http.ResponseWriter, r *http.Request) {
		if _, err := sessions.Start(w, r, env.server.Issue("grace")); err != nil {
			t.Error(err)
		}
	}
	end := func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.End(w, r); err != nil {
			t.Error(err)
		}
	}
	force := func(w http.ResponseWriter, r *http.Request) {
		sessions.Fetch(w, r, &session.FetchOptions{ForceRefresh: true})
	}
	lose := func(w http.ResponseWriter, _ *http.Request) { clear(w.Header()) }
	for name, test := range map[string]struct {
		do   []http.HandlerFunc
		want string // who is signed in afterwards
	}{
		"nothing":                      {nil, "ada"},
		"a forced refresh":             {[]http.HandlerFunc{force}, "ada"},
		"a sign-in":                    {[]http.HandlerFunc{start}, "grace"},
		"a sign-out":                   {[]http.HandlerFunc{end}, ""},
		"a sign-out, then a sign-in":   {[]http.HandlerFunc{end, start}, "grace"},
		"a sign-in, then a sign-out":   {[]http.HandlerFunc{start, end}, ""},
		"a sign-in, then a refresh":    {[]http.HandlerFunc{start, force}, "grace"},
		"a refresh, then a sign-in":    {[]http.HandlerFunc{force, start}, "grace"},
		"a sign-out, then a refresh":   {[]http.HandlerFunc{end, force}, ""},
		"in, out, in":                  {[]http.HandlerFunc{start, end, start}, "grace"},
		"a sign-in between two losses": {[]http.HandlerFunc{lose, start, lose}, "grace"},
	} {
		for _, lost := range []bool{false, true} {
			r := env.expiredRequest("ada", "/x")
			resp := env.answerRequest(r.Clone(r.Context()), func(w http.ResponseWriter, r *http.Request) {
				for _, f := range test.do {
					f(w, r)
				}
				if lost {
					lose(w, r)
				}
			})
			if user := env.nextUser(r, resp); user != test.want {
				t.Errorf("%s, lost %v: %q is signed in", name, lost, user)
			}
			if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" && len(resp.Cookies()) > 0 {
				t.Errorf("%s, lost %v: Cache-Control %q", name, lost, cc)
			}
			if isSealedRun() {
				continue
			}
			last := lastCookies(resp)
			for _, user := range []string{"ada", "grace"} {
				if in := last[user+".accessToken"] != "" && last[user+".refreshToken"] != ""; in != (user == test.want) {
					t.Errorf("%s, lost %v: %s signed in: %v", name, lost, user, in)
				}
			}
			if _, is := last["ada.accessToken"]; !is || last["LastAuthUser"] != test.want {
				t.Errorf("%s, lost %v: %v", name, lost, last)
			}
			if cc := resp.Header.Get("Cache-Control"); cc != "private, no-store" {
				t.Errorf("%s, lost %v: Cache-Control %q", name, lost, cc)
			}
		}
	}
}

// TestEndUnderTimeoutHandler signs out where the guard's writer cannot be seen. If the
// handler times out, its deletions are lost, and the refreshed cookies must be too.
func TestEndUnderTimeoutHandler(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			env := newEnv(t)
			resp := env.answerTo(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := env.auth.Sessions().End(w, r); err != nil {
					t.Error(err)
				}
				if !inTime {
					<-r.Context().Done()
				}
			}), time.Minute, "").ServeHTTP)
			if set, cleared := changedCookies(resp); len(set) > 0 || slices.Contains(cleared, "accessToken") != inTime {
				t.Errorf("in time %v: status %d, cookies set %v, cleared %v", inTime, resp.StatusCode, set, cleared)
			}
		})
	}
}

// TestEndByAnotherRequest: while an answer is under way, another one signs out.
func TestEndByAnotherRequest(t *testing.T) {
	env := newEnv(t)
	for _, slot := range []string{"", "LastAuthUser", "accessToken", "refreshToken"} {
		resp := env.answerTo(func(w http.ResponseWriter, r *http.Request) {
			// Without one of the cookies, the others still tell the sign-in.
			signOut := httptest.NewRequest("POST", "/sign-out", nil)
			for _, c := range r.Cookies() {
				if slot == "" || !strings.HasSuffix(c.Name, "."+slot) {
					signOut.AddCookie(c)
				}
			}
			if err := env.auth.Sessions().End(httptest.NewRecorder(), signOut); err != nil {
				t.Error(err)
			}
			clear(w.Header())
		})
		if last := lastCookies(resp); len(last) > 0 {
			t.Errorf("signed out without %q: %d cookies of the ended sign-in", slot, len(last))
		}
	}
}

// TestAnotherAppClientsSignIn: the guard's app client is not the one that signs in.
func TestAnotherAppClientsSignIn(t *testing.T) {
	env := newEnv(t)
	other := cognitotest.New(cognitotest.User{Username: "grace"})
	auth := env.newAuthAt(other)
	w := httptest.NewRecorder()
	env.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := auth.Sessions().Start(w, r, other.Issue("grace")); err != nil {
			t.Error(err)
		}
		clear(w.Header())
		allowCaching(w)
	})).ServeHTTP(w, env.signedInRequest("ada", "/x"))
	if set, _ := changedCookies(w.Result()); len(set) != 4 || w.Header().Get("Cache-Control") != "private, no-store" {
		t.Errorf("cookies %v, Cache-Control %q", set, w.Header().Get("Cache-Control"))
	}
}

// TestNewerCookiesOfAnUpstreamStay: an upstream may refresh with the same cookies.
func TestNewerCookiesOfAnUpstreamStay(t *testing.T) {
	amplifyOnly(t)
	env := newEnv(t)
	prefix := "CognitoIdentityServiceProvider." + env.server.UserPool().ClientID + "."
	resp := env.answerTo(func(w http.ResponseWriter, _ *http.Request) {
		for _, value := range []string{"older", "newer"} {
			w.Header().Add("Set-Cookie", prefix+"ada.refreshToken="+value+"; Path=/")
		}
		w.Header().Add("Set-Cookie", prefix+"ada.idToken=elsewhere; Path=/app")
	})
	lines := strings.Join(resp.Header["Set-Cookie"], "\n") + "\n"
	if n := strings.Count(lines, ".refreshToken="); n != 1 || !strings.Contains(lines, ".refreshToken=newer;") {
		t.Errorf("the refresh token: %s", lines)
	}
	if n := strings.Count(lines, ".idToken="); n != 2 || strings.Count(lines, ".accessToken=") != 1 {
		t.Errorf("the other tokens: %s", lines)
	}
}

// TestRefreshForCallersOfFetch: behind a guard that let an anonymous request through, a
// handler may fetch the session itself. The header has its cookies at once.
func TestRefreshForCallersOfFetch(t *testing.T) {
	tokensInCookies(t)
	env := newEnv(t)
	var forwarded *http.Request
	r := env.expiredRequest("ada", "/x")
	cookies := r.Header.Get("Cookie")
	r.Header.Del("Cookie")
	w := httptest.NewRecorder()
	env.auth.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Cookie", cookies)
		if _, err := env.auth.Sessions().Fetch(w, r, nil); err != nil {
			t.Error(err)
		}
		forwarded = env.auth.Sessions().ForwardCookies(r, w.Header())
		clear(w.Header())
	})).ServeHTTP(w, r)
	if set, _ := changedCookies(w.Result()); len(set) != 4 || w.Header().Get("Cache-Control") != "private, no-store" {
		t.Errorf("header %v", w.Header())
	}
	if forwarded.Header.Get("Cookie") == cookies {
		t.Error("the old cookies are forwarded")
	}
}

// TestTwoAuthsOnOneAnswer: each app client's cookies are kept, whichever guard is inside.
func TestTwoAuthsOnOneAnswer(t *testing.T) {
	servers := [2]*cognitotest.Server{cognitotest.New(cognitotest.User{Username: "ada"}), cognitotest.New(cognitotest.User{Username: "ada"})}
	var auths [2]*cognito.Auth
	r := pageRequest("/x")
	for i, server := range servers {
		auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
		if err != nil {
			t.Fatal(err)
		}
		auths[i] = auth
		server.SignIn(r, "ada", cognitotest.Expired)
	}
	h := auths[0].Load(auths[1].Load(auths[0].Load(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { clear(w.Header()) }))))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	lines := strings.Join(w.Result().Header["Set-Cookie"], "\n")
	for _, server := range servers {
		if n := strings.Count(lines, server.UserPool().ClientID+".ada.accessToken="); n != 1 {
			t.Errorf("%d lines for one app client: %s", n, lines)
		}
	}
}
