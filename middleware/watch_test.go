package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// watch puts an access log in front of the environment's guards. It returns where the log
// writes the outcome of the latest request.
func (env *testEnv) watch() *cognito.Outcome {
	logged := new(cognito.Outcome)
	guarded := env.handler
	env.handler = env.auth.Watch(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			_ = recover()
			*logged = cognito.Watched(r)
		}()
		guarded.ServeHTTP(w, r)
	}))
	return logged
}

func TestWatched(t *testing.T) {
	env := newEnv(t)
	router := env.handler
	mux := http.NewServeMux()
	mux.Handle("/", router)
	allow := func(answer bool) http.Handler {
		return env.auth.RequireFunc(func(*http.Request, *session.Session) bool { return answer })(http.HandlerFunc(emptyHandler))
	}
	mux.Handle("/nested/refused", env.auth.Protect(allow(false)))
	mux.Handle("/nested/passed", env.auth.Protect(allow(true)))
	mux.Handle("/nested/load", env.auth.Protect(env.auth.Load(http.HandlerFunc(emptyHandler))))
	mux.Handle("/api/nested/load", env.auth.Protect(env.auth.Load(http.HandlerFunc(emptyHandler))))
	mux.Handle("/public-inside", env.auth.Require(http.StripPrefix("/public-inside", env.auth.Protect(http.HandlerFunc(emptyHandler)))))
	mux.Handle("/panic", env.auth.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })))
	mux.Handle("/panic/allow", env.auth.RequireFunc(func(*http.Request, *session.Session) bool { panic(http.ErrAbortHandler) })(http.HandlerFunc(emptyHandler)))
	mux.HandleFunc("/unguarded", emptyHandler)
	mux.Handle("/twice", env.auth.Watch(env.auth.Require(http.HandlerFunc(emptyHandler))))
	env.handler = mux
	logged := env.watch()

	ada, grace := env.signedInRequest("ada", "/"), env.signedInRequest("grace", "/")
	subject := func(r *http.Request) string {
		s, err := env.auth.Sessions().Fetch(nil, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s.User().ID
	}
	subjectOf := map[*http.Request]string{ada: subject(ada), grace: subject(grace)}
	for _, test := range []struct {
		path     string
		user     *http.Request // or nil
		decision cognito.Decision
	}{
		{"/sign-in", ada, cognito.DecisionPublic},
		{"/dashboard", ada, cognito.DecisionPassed},
		{"/dashboard", nil, cognito.DecisionRedirected},
		{"/api/public", nil, cognito.DecisionAnonymous},
		{"/api/public", grace, cognito.DecisionPassed},
		{"/api/private", nil, cognito.DecisionRedirected},
		{"/admin", ada, cognito.DecisionPassed},
		{"/admin", grace, cognito.DecisionForbidden},
		{"/nested/passed", ada, cognito.DecisionPassed},
		{"/nested/refused", ada, cognito.DecisionForbidden},
		{"/nested/refused", nil, cognito.DecisionRedirected},
		{"/nested/load", ada, cognito.DecisionPassed},
		{"/api/nested/load", nil, cognito.DecisionAnonymous},
		{"/public-inside", ada, cognito.DecisionPassed},
		{"/panic", ada, cognito.DecisionPassed},
		{"/panic/allow", ada, ""},
		{"/unguarded", ada, ""},
		{"/twice", ada, cognito.DecisionPassed},
	} {
		r := pageRequest(test.path)
		want := cognito.Outcome{Decision: test.decision}
		if test.user != nil {
			r.Header["Cookie"] = test.user.Header["Cookie"]
			if test.decision == cognito.DecisionPassed || test.decision == cognito.DecisionForbidden {
				want.Subject = subjectOf[test.user]
			}
		}
		env.do(r)
		if *logged != want {
			t.Errorf("%s: %+v, want %+v", test.path, *logged, want)
		}
	}

	env.do(scriptRequest("/dashboard"))
	if want := (cognito.Outcome{Decision: cognito.DecisionRefused}); *logged != want {
		t.Errorf("a script without a session: %+v", *logged)
	}
	env.server.SetFault(failing(""))
	env.do(env.expiredRequest("ada", "/dashboard"))
	if want := (cognito.Outcome{Decision: cognito.DecisionUnavailable}); *logged != want {
		t.Errorf("an outage: %+v", *logged)
	}
	env.server.SetFault(nil)
}

// TestWatchedWithTwoAuths: guards of two user pools fill one Outcome. A guard that does not
// select the path, or lets everybody through, does not hide what the other has decided.
func TestWatchedWithTwoAuths(t *testing.T) {
	env := newEnv(t)
	other := newMatcherAuth(t, "/other")
	for name, inner := range map[string]http.Handler{
		"public":    other.Protect(http.HandlerFunc(emptyHandler)),
		"anonymous": other.Load(http.HandlerFunc(emptyHandler)),
	} {
		env.handler = other.Watch(env.auth.Protect(inner))
		logged := env.watch()
		env.do(env.signedInRequest("ada", "/dashboard"))
		if logged.Decision != cognito.DecisionPassed || logged.Subject == "" {
			t.Errorf("%s: %+v", name, *logged)
		}
	}
}

// TestWatchedDuringTheRequest reads the outcome behind http.TimeoutHandler, which answers
// while the guard still runs.
func TestWatchedDuringTheRequest(t *testing.T) {
	env := newEnv(t)
	finish, finished := make(chan struct{}), make(chan struct{})
	guarded := env.auth.Load(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-finish }))
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(finished)
		guarded.ServeHTTP(w, r)
	})
	env.handler = http.TimeoutHandler(slow, time.Nanosecond, "late")
	env.watch()
	env.do(pageRequest("/"))
	close(finish)
	<-finished
}

func TestWatchedWithoutWatch(t *testing.T) {
	if got := cognito.Watched(pageRequest("/")); got != (cognito.Outcome{}) {
		t.Errorf("%+v", got)
	}
}

// TestWatchKeepsWhatHandlersNote: handlers in front of Watch see the form and the pattern.
func TestWatchKeepsWhatHandlersNote(t *testing.T) {
	env := newEnv(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/items/{id}", func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseForm() })
	r := httptest.NewRequest("GET", "/items/1?q=a", nil)
	env.auth.Watch(mux).ServeHTTP(httptest.NewRecorder(), r)
	if r.Pattern != "/items/{id}" || r.Form.Get("q") != "a" {
		t.Errorf("pattern %q, form %v", r.Pattern, r.Form)
	}
}

// TestWatchBesideAHook: a hook is told of the same decision, and Watch changes nothing of it.
func TestWatchBesideAHook(t *testing.T) {
	var told []cognito.Decision
	env := newEnv(t, func(cfg *cognito.Config) {
		cfg.Hooks.Decided = func(_ context.Context, d cognito.GuardDecision) { told = append(told, d.Decision) }
	})
	logged := env.watch()
	env.do(env.signedInRequest("grace", "/admin"))
	if logged.Decision != cognito.DecisionForbidden || len(told) != 2 || told[1] != cognito.DecisionForbidden {
		t.Errorf("%+v, hook %q", *logged, told)
	}
}
