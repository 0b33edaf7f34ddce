package middleware_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	chimw "github.com/go-chi/chi/v5/middleware"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// told collects what the hooks of guards are told.
type told struct {
	decided []string
	served  []string
}

func (l *told) hook(cfg *cognito.Config) {
	cfg.Hooks.Decided = func(_ context.Context, d cognito.GuardDecision) {
		l.decided = append(l.decided, fmt.Sprintf("%d %s %s", d.Depth, d.Decision, d.Reason))
	}
	cfg.Hooks.Served = func(_ context.Context, d cognito.GuardDecision) {
		l.served = append(l.served, fmt.Sprintf("%d %s %s", d.Depth, d.Decision, d.Reason))
	}
}

// expect compares what was told since the last time.
func (l *told) expect(t *testing.T, name string, served string, decided ...string) {
	t.Helper()
	if !slices.Equal(l.decided, decided) {
		t.Errorf("%s: decided %q, want %q", name, l.decided, decided)
	}
	if want := []string{served}; served != "" && !slices.Equal(l.served, want) || served == "" && len(l.served) > 0 {
		t.Errorf("%s: served %q, want %q", name, l.served, want)
	}
	l.decided, l.served = nil, nil
}

// TestGuardDecisions nests guards. Each tells its decision at once, and the outermost one
// tells the decision that counts.
func TestGuardDecisions(t *testing.T) {
	var log told
	env := newEnv(t, log.hook, withBearer)
	a, empty := env.auth, http.HandlerFunc(emptyHandler)
	no := func(*http.Request, *session.Session) bool { return false }
	mux := http.NewServeMux()
	mux.Handle("/require", a.Protect(a.Require(empty)))
	mux.Handle("/load", a.Protect(a.Load(empty)))
	mux.Handle("/api/load", a.Protect(a.Load(empty)))
	mux.Handle("/api/require", a.Protect(a.Load(a.Require(empty))))
	mux.Handle("/group", a.RequireGroup("authors")(empty))
	mux.Handle("/scope", a.Protect(a.RequireScope("orders/write")(empty)))
	mux.Handle("/func", a.Protect(a.Require(a.RequireFunc(no)(empty))))
	mux.Handle("/siblings", a.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Require(empty).ServeHTTP(w, r)
		a.Load(empty).ServeHTTP(w, r)
	})))
	mux.Handle("/panic", a.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })))
	mux.Handle("/panic/func", a.RequireFunc(func(*http.Request, *session.Session) bool { panic(http.ErrAbortHandler) })(empty))
	mux.Handle("/at-once", a.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if len(log.decided) != 1 || len(log.served) != 0 {
			t.Errorf("in the handler: %q, %q", log.decided, log.served)
		}
	})))
	ada := env.signedInRequest("ada", "/")
	machine := "Bearer " + machineToken(env.server)
	for _, test := range []struct {
		path     string
		signedIn bool
		bearer   string
		served   string
		decided  []string
	}{
		{"/require", true, "", "1 passed ", []string{"0 passed ", "1 passed "}},
		{"/require", false, "", "0 redirected no_cookies", []string{"0 redirected no_cookies"}},
		{"/require", true, "Bearer x", "0 refused malformed", []string{"0 refused malformed"}},
		{"/load", true, "", "1 passed ", []string{"0 passed ", "1 passed "}},
		{"/api/load", false, "", "1 anonymous no_cookies", []string{"0 public ", "1 anonymous no_cookies"}},
		{"/api/load", true, "", "1 passed ", []string{"0 public ", "1 passed "}},
		{"/api/require", false, "", "2 redirected no_cookies", []string{"0 public ", "1 anonymous no_cookies", "2 redirected no_cookies"}},
		{"/group", true, "", "0 forbidden group", []string{"0 forbidden group"}},
		{"/group", true, machine, "0 forbidden machine", []string{"0 forbidden machine"}},
		{"/scope", true, "", "1 forbidden scope", []string{"0 passed ", "1 forbidden scope"}},
		{"/func", true, "", "2 forbidden func", []string{"0 passed ", "1 passed ", "2 forbidden func"}},
		{"/siblings", true, "", "1 passed ", []string{"0 passed ", "1 passed ", "1 passed "}},
		{"/panic", true, "", "0 passed ", []string{"0 passed "}},
		{"/panic/func", true, "", "", nil},
		{"/at-once", true, "", "0 passed ", []string{"0 passed "}},
	} {
		r := pageRequest(test.path)
		if test.signedIn {
			r.Header["Cookie"] = ada.Header["Cookie"]
		}
		if test.bearer != "" {
			r.Header.Set("Authorization", test.bearer)
		}
		func() {
			defer func() { _ = recover() }()
			mux.ServeHTTP(httptest.NewRecorder(), r)
		}()
		log.expect(t, test.path, test.served, test.decided...)
	}
	env.handler = a.Load(empty)
	prefetch := env.expiredRequest("ada", "/dashboard")
	prefetch.Header.Set("Sec-Purpose", "prefetch")
	env.do(prefetch)
	log.expect(t, "a prefetch", "0 refused prefetch", "0 refused prefetch")
	env.handler = a.Protect(empty)
	defer env.server.SetFault(nil)
	env.server.SetFault(answering(opRefresh, cognitotest.Fault{Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"}))
	env.do(env.expiredRequest("ada", "/dashboard"))
	log.expect(t, "a revoked session", "0 redirected revoked", "0 redirected revoked")
	env.server.SetFault(answering(opRefresh, cognitotest.Fault{Drop: true}))
	env.do(env.expiredRequest("ada", "/dashboard"))
	log.expect(t, "an outage", "0 unavailable unavailable", "0 unavailable unavailable")
}

// TestLoopPagesHaveReasons: a redirect that would lead back has a reason of its own, and
// the hook does not change which page is shown.
func TestLoopPagesHaveReasons(t *testing.T) {
	var log told
	env := newEnv(t, log.hook, func(cfg *cognito.Config) { cfg.SignIn = "/users/sign-in" })
	env.handler = env.auth.Require(http.HandlerFunc(emptyHandler))
	for _, path := range []string{"/users/sign-in", "/users/sign-in/"} {
		reason := map[bool]string{true: "sign_in_guarded", false: "other_slash"}[path == "/users/sign-in"]
		if resp := env.do(pageRequest(path)); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", path, resp.Status)
		}
		log.expect(t, path, "0 redirected "+reason, "0 redirected "+reason)
	}
	cookies := ""
	for i := range 9 {
		r := pageRequest("/dashboard")
		r.Header.Set("Cookie", cookies)
		resp := env.do(r)
		for _, c := range resp.Cookies() {
			cookies = c.Name + "=" + c.Value
		}
		want, status := "0 redirected no_cookies", http.StatusTemporaryRedirect
		if i == 8 {
			want, status = "0 redirected redirect_loop", http.StatusBadRequest
		}
		if resp.StatusCode != status {
			t.Errorf("request %d: %s", i, resp.Status)
		}
		log.expect(t, fmt.Sprint("request ", i), want, want)
	}

	env = newEnv(t, log.hook, func(cfg *cognito.Config) { cfg.Origin, cfg.Secret = origin, routesSecret })
	env.handler = env.auth.Require(http.HandlerFunc(emptyHandler))
	r := pageRequest("/dashboard")
	r.Header.Set("Cookie", "__Host-cognitogate.signed-in."+env.server.UserPool().ClientID+"=2")
	env.do(r)
	log.expect(t, "a sign-in loop", "0 redirected sign_in_loop", "0 redirected sign_in_loop")
}

// TestServedRoute mounts guards in every place. Served knows the route that the innermost
// router has matched.
func TestServedRoute(t *testing.T) {
	var before, served string
	env := newEnv(t, func(cfg *cognito.Config) {
		cfg.Hooks.Decided = func(_ context.Context, d cognito.GuardDecision) { before = d.Route }
		cfg.Hooks.Served = func(_ context.Context, d cognito.GuardDecision) { served = d.Route }
	})
	a, empty := env.auth, http.HandlerFunc(emptyHandler)
	copied := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r.WithContext(r.Context())) })
	}
	ofChi := func(build func(chi.Router)) http.Handler {
		router := chi.NewRouter()
		build(router)
		return router
	}
	ofMux := func(pattern string, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(pattern, h)
		return mux
	}
	for name, test := range map[string]struct {
		handler http.Handler
		target  string
		before  string
		served  string
	}{
		"Use of chi": {ofChi(func(r chi.Router) {
			r.Use(a.Protect)
			r.Get("/items/{id}", emptyHandler)
		}), "/items/1", "", "/items/{id}"},
		"Use of chi, a copy behind it": {ofChi(func(r chi.Router) {
			r.Use(a.Protect, copied)
			r.Get("/items/{id}", emptyHandler)
		}), "/items/1", "", "/items/{id}"},
		"With of chi": {ofChi(func(r chi.Router) {
			r.With(a.Require).Get("/items/{id}", emptyHandler)
		}), "/items/1", "/items/{id}", "/items/{id}"},
		"a mounted router": {ofChi(func(r chi.Router) {
			r.Route("/app/{tenant}", func(r chi.Router) {
				r.Use(a.Require)
				r.Get("/items/{id}", emptyHandler)
			})
		}), "/app/x/items/1", "/app/{tenant}/*", "/app/{tenant}/items/{id}"},
		"no route of chi": {ofChi(func(r chi.Router) {
			r.Use(a.Protect)
			r.Get("/items/{id}", emptyHandler)
		}), "/other", "", ""},
		"around chi, a guard inside": {a.Protect(ofChi(func(r chi.Router) {
			r.With(a.Require).Get("/items/{id}", emptyHandler)
		})), "/items/1", "/items/{id}", "/items/{id}"},
		"a public path of chi": {ofChi(func(r chi.Router) {
			r.Use(a.Protect, copied)
			r.Get("/api/{id}", emptyHandler)
		}), "/api/1", "", "/api/{id}"},
		"around a ServeMux":     {a.Protect(ofMux("GET example.com/items/{id}", empty)), "/items/1", "", "/items/{id}"},
		"in a ServeMux":         {ofMux("/items/{id}", a.Protect(empty)), "/items/1", "/items/{id}", "/items/{id}"},
		"around and public":     {a.Protect(ofMux("/api/{id}", empty)), "/api/1", "", "/api/{id}"},
		"a ServeMux in chi":     {ofChi(func(r chi.Router) { r.Use(a.Protect); r.Mount("/items", ofMux("/items/{id}/", empty)) }), "/items/1/x", "", "/items/{id}/"},
		"StripPrefix in chi":    {ofChi(func(r chi.Router) { r.Use(a.Protect); r.Mount("/app", http.StripPrefix("/app", ofMux("/{id}", empty))) }), "/app/1", "", "/app/*"},
		"chi in a ServeMux":     {ofMux("/", ofChi(func(r chi.Router) { r.Use(a.Protect, copied); r.Get("/items/*", emptyHandler) })), "/items/1", "/", "/items/*"},
		"a refused request":     {a.RequireGroup("authors")(ofMux("/items/{id}", empty)), "/items/1", "", ""},
		"a refused route":       {ofMux("/items/{id}", a.RequireGroup("authors")(empty)), "/items/1", "/items/{id}", "/items/{id}"},
		"without a router":      {a.Protect(empty), "/items/1", "", ""},
		"the root of chi":       {ofChi(func(r chi.Router) { r.Use(a.Protect); r.Get("/", emptyHandler) }), "/", "", "/"},
		"StripSlashes with chi": {ofChi(func(r chi.Router) { r.Use(chimw.StripSlashes, a.Protect); r.Get("/items/{id}", emptyHandler) }), "/items/1/", "", "/items/{id}"},
	} {
		env.handler, before, served = test.handler, "", "none"
		env.do(env.signedInRequest("ada", test.target))
		if before != test.before || served != test.served {
			t.Errorf("%s: %q, then %q; want %q, then %q", name, before, served, test.before, test.served)
		}
	}
}

// TestServedBehindTimeoutHandler: the answer is not waited for, and a guard that decides
// later changes nothing.
func TestServedBehindTimeoutHandler(t *testing.T) {
	var served []cognito.GuardDecision
	env := newEnv(t, func(cfg *cognito.Config) {
		cfg.Hooks.Served = func(_ context.Context, d cognito.GuardDecision) { served = append(served, d) }
	})
	finish, finished := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(finished)
		<-finish
		env.auth.RequireGroup("authors")(http.HandlerFunc(emptyHandler)).ServeHTTP(w, r)
	})
	env.handler = env.auth.Protect(http.TimeoutHandler(slow, time.Nanosecond, "late"))
	env.do(env.signedInRequest("ada", "/dashboard"))
	close(finish)
	<-finished
	if len(served) != 1 || served[0].Decision != cognito.DecisionPassed || served[0].Depth != 0 {
		t.Errorf("%+v", served)
	}
}

// TestServedWithTwoAuths: each Auth has an outermost guard of its own.
func TestServedWithTwoAuths(t *testing.T) {
	var log, otherLog told
	env := newEnv(t, log.hook)
	other := env.newAuthAt(env.server.AddClient("1other"+rand.Text(), ""), otherLog.hook, func(cfg *cognito.Config) { cfg.Matcher = []string{"/other"} })
	env.handler = other.Protect(env.auth.Protect(other.Load(env.auth.Require(http.HandlerFunc(emptyHandler)))))
	env.do(env.signedInRequest("ada", "/dashboard"))
	log.expect(t, "the first", "1 passed ", "0 passed ", "1 passed ")
	otherLog.expect(t, "the other", "1 anonymous other_client", "0 public ", "1 anonymous other_client")
}

// TestHooksKeepWhatHandlersNote: handlers in front of a guard see the form and the pattern,
// on public paths too.
func TestHooksKeepWhatHandlersNote(t *testing.T) {
	var log told
	env := newEnv(t, log.hook)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { _ = r.ParseForm() })
	for _, path := range []string{"/api/1?q=a", "/dashboard?q=a"} {
		r := env.signedInRequest("ada", path)
		env.auth.Protect(mux).ServeHTTP(httptest.NewRecorder(), r)
		if r.Pattern != "/" || r.Form.Get("q") != "a" {
			t.Errorf("%s: pattern %q, form %v", path, r.Pattern, r.Form)
		}
	}
}
