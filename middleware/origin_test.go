package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// TestConfigSaysWhoSignsUsersIn: New decides by the Config alone whether Routes sign users
// in. Everything that follows from it agrees: the cookies of Start, of a refresh and of a
// sign-out, the paths that Protect lets through, what New requires, and Routes.
func TestConfigSaysWhoSignsUsersIn(t *testing.T) {
	const elsewhere = "https://www.example.com/login"
	for _, tt := range []struct {
		name       string
		edit       func(*cognito.Config)
		routes     bool
		httpOnly   bool
		signIn     string // where a signed-out user is sent; default routes' own
		signInPath bool   // Protect lets /sign-in through
	}{
		{name: "no Origin", edit: func(c *cognito.Config) { c.Origin = "" }, signIn: "/sign-in", signInPath: true},
		{name: "no Origin and hidden cookies", edit: func(c *cognito.Config) { c.Origin, c.Cookies.HTTPOnly = "", true }, httpOnly: true, signIn: "/sign-in", signInPath: true},
		{name: "no Origin and a path of Routes", edit: func(c *cognito.Config) { c.Origin, c.RoutesPath = "", "/api/auth" }, signIn: "/sign-in", signInPath: true},
		{name: "Origin", edit: func(*cognito.Config) {}, routes: true, httpOnly: true, signIn: "/api/auth/sign-in"},
		{name: "Origin and a path", edit: func(c *cognito.Config) { c.SignIn = "/sign-in" }, routes: true, httpOnly: true, signIn: "/sign-in", signInPath: true},
		{name: "Origin and a URL in a path's query", edit: func(c *cognito.Config) { c.SignIn = "/sign-in?via=https://www.example.com" }, routes: true, httpOnly: true, signIn: "/sign-in", signInPath: true},
		{name: "a SignIn of another site", edit: func(c *cognito.Config) { c.SignIn = elsewhere }, signIn: elsewhere},
		{name: "the same, with another case", edit: func(c *cognito.Config) { c.SignIn = "HTTPS://WWW.example.com/login" }, signIn: "HTTPS://WWW.example.com/login"},
		{name: "the same, and hidden cookies", edit: func(c *cognito.Config) { c.SignIn, c.Cookies.HTTPOnly = elsewhere, true }, httpOnly: true, signIn: elsewhere},
		{name: "the same, with a path of Routes", edit: func(c *cognito.Config) { c.SignIn, c.RoutesPath = elsewhere, "/api/auth" }, signIn: elsewhere},
		{name: "no Routes", edit: func(c *cognito.Config) { c.RoutesPath = "-" }, signIn: "/sign-in", signInPath: true},
		{name: "no Routes and hidden cookies", edit: func(c *cognito.Config) { c.RoutesPath, c.Cookies.HTTPOnly = "-", true }, httpOnly: true, signIn: "/sign-in", signInPath: true},
		{name: "no Routes and a SignIn of another site", edit: func(c *cognito.Config) { c.RoutesPath, c.SignIn = "-", elsewhere }, signIn: elsewhere},
		{name: "no Routes and no Origin", edit: func(c *cognito.Config) { c.RoutesPath, c.Origin = "-", "" }, signIn: "/sign-in", signInPath: true},
		{name: "no Routes below a prefix", edit: func(c *cognito.Config) { c.RoutesPath, c.BasePath = "-", "/app" }, signIn: "/app/sign-in", signInPath: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := newEnv(t, func(cfg *cognito.Config) {
				cfg.Origin, cfg.Matcher, cfg.Cookies.Domain = origin, nil, "example.com"
				if tt.edit(cfg); tt.routes {
					cfg.Secret = routesSecret
				} else {
					cfg.UserPool.Domain = "" // of the managed login, which Routes need
				}
			})
			if panicked := routesPanic(env.auth); panicked == tt.routes {
				t.Errorf("Routes panic: %v", panicked)
			}
			for path, let := range map[string]bool{"/api/auth/sign-in": tt.routes, "/api/auth/sign-out": tt.routes, "/api/auth/sign-in-callback": tt.routes, "/sign-in": tt.signInPath} {
				if env.do(pageRequest(path)); (env.handled != nil) != let {
					t.Errorf("Protect lets %s through: %v", path, !let)
				}
			}
			location, _, _ := strings.Cut(env.do(pageRequest("/dashboard")).Header.Get("Location"), "?")
			if location != tt.signIn {
				t.Errorf("a signed-out user is sent to %s, want %s", location, tt.signIn)
			}

			started := httptest.NewRecorder()
			if _, err := env.auth.Sessions().Start(started, pageRequest("/"), env.server.Issue("ada")); err != nil {
				t.Fatal(err)
			}
			r := pageRequest("/dashboard")
			env.server.SignIn(r, "ada")
			env.clock.advance(2 * time.Hour)
			refreshed := env.do(r)
			ended := httptest.NewRecorder()
			if err := env.auth.Sessions().End(ended, r); err != nil {
				t.Fatal(err)
			}
			answers := map[string][]*http.Cookie{"Start": started.Result().Cookies(), "a refresh": refreshed.Cookies(), "End": ended.Result().Cookies()}
			if isHandleRun() {
				delete(answers, "a refresh") // it writes no cookie
			}
			for what, lines := range answers {
				lines = slices.DeleteFunc(lines, func(c *http.Cookie) bool { return !isSessionCookie(c.Name) })
				if len(lines) == 0 {
					t.Errorf("%s writes nothing", what)
				}
				for _, c := range lines {
					if c.MaxAge > 0 && (c.HttpOnly != (tt.httpOnly || isSealedRun()) || !c.Secure || c.Domain != "example.com") {
						t.Errorf("%s writes %.90s… %s", what, c.Name, c.Raw[len(c.Name)+1+len(c.Value):])
					}
				}
			}
		})
	}
}

// routesPanic reports whether Routes panics.
func routesPanic(auth *cognito.Auth) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	auth.Routes()
	return false
}

// TestOriginWithoutRoutes: Origin is an address then. What belongs to an address is
// checked as before, and the cookies stay as the Config has them.
func TestOriginWithoutRoutes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		edit  func(*cognito.Config)
		field string
	}{
		{"no secret, and no managed login", func(*cognito.Config) {}, ""},
		{"scopes that Routes would refuse", func(c *cognito.Config) { c.Login.Scopes = []string{"email"} }, ""},
		{"cookies of a path beside the routes", func(c *cognito.Config) { c.Cookies.Path = "/app" }, ""},
		{"a parameter of Routes", func(c *cognito.Config) { c.ReturnParam = "origin" }, ""},
		{"cookies of another domain", func(c *cognito.Config) { c.Cookies.Domain = "example.net" }, "Cookies.Domain"},
		{"an origin in capitals", func(c *cognito.Config) { c.Origin = "https://App.example.com" }, "Origin"},
		{"a plain origin", func(c *cognito.Config) { c.Origin = "http://app.example.com" }, "Origin"},
		{"a plain sign-in page", func(c *cognito.Config) { c.SignIn = "http://www.example.com/login" }, "SignIn"},
		{"a plain sign-in page, allowed", func(c *cognito.Config) { c.SignIn, c.Cookies.Insecure = "http://www.example.com/login", true }, ""},
		{"a plain sign-in page on this machine", func(c *cognito.Config) { c.SignIn = "http://www.localhost:3000/login" }, ""},
		{"another port of this machine", func(c *cognito.Config) { c.Origin, c.SignIn = "http://localhost:8080", "http://localhost:3000/login" }, ""},
		{"this site", func(c *cognito.Config) { c.SignIn = origin + "/login" }, "SignIn"},
		{"this site in capitals", func(c *cognito.Config) { c.SignIn = "https://APP.example.com/login" }, "SignIn"},
		{"this site with its port", func(c *cognito.Config) { c.SignIn = origin + ":443/login" }, "SignIn"},
		{"this site over http", func(c *cognito.Config) { c.SignIn, c.Cookies.Insecure = "http://app.example.com/login", true }, ""},
		{"a user", func(c *cognito.Config) { c.SignIn = "https://a@www.example.com/login" }, "SignIn"},
		{"no address", func(c *cognito.Config) { c.Origin = "" }, "SignIn"},
	} {
		cfg := cognito.Config{
			UserPool: cognito.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12"},
			Origin:   origin, SignIn: "https://www.example.com/login",
		}
		tt.edit(&cfg)
		var log strings.Builder
		withLog(&log)(&cfg)
		_, err := cognito.New(cfg)
		switch {
		case tt.field == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.field != "" && (err == nil || !strings.Contains(err.Error(), "\n"+tt.field+": ")):
			t.Errorf("%s: no line begins with %s: %v", tt.name, tt.field, err)
		}
	}
}

// TestOriginOfThisMachine: only where Routes write the cookies does an http Origin make
// them insecure.
func TestOriginOfThisMachine(t *testing.T) {
	for signIn, secure := range map[string]bool{"": false, "http://www.site.localhost:3000/login": true} {
		env := newEnv(t, func(cfg *cognito.Config) {
			cfg.Origin, cfg.SignIn, cfg.Secret = "http://app.site.localhost:8080", signIn, routesSecret
		})
		w := httptest.NewRecorder()
		if _, err := env.auth.Sessions().Start(w, pageRequest("/"), env.server.Issue("ada")); err != nil {
			t.Fatal(err)
		}
		for _, c := range w.Result().Cookies() {
			if c.MaxAge > 0 && c.Secure != secure {
				t.Errorf("SignIn %q: Secure is %v for %s", signIn, c.Secure, c.Name)
			}
		}
	}
}

// TestNewWarnsOfSignInElsewhere: what keeps another program's sign-in from being seen is
// in the log at the start.
func TestNewWarnsOfSignInElsewhere(t *testing.T) {
	const secretWarning, domainWarning = "the app client has a secret", "set Cookies.Domain here and there"
	for _, tt := range []struct {
		name string
		edit func(*cognito.Config)
		want []string
	}{
		{"cookies of one host", func(*cognito.Config) {}, []string{domainWarning}},
		{"cookies of one host, and hidden", func(c *cognito.Config) { c.Cookies.HTTPOnly = true }, []string{domainWarning}},
		{"cookies of this host's domain", func(c *cognito.Config) { c.Cookies.Domain = "app.example.com" }, []string{domainWarning}},
		{"cookies of a shared domain", func(c *cognito.Config) { c.Cookies.Domain = ".example.com" }, nil},
		{"one host, two ports", func(c *cognito.Config) { c.SignIn = origin + ":8443/login" }, nil},
		{"a secret", func(c *cognito.Config) { c.Cookies.Domain, c.UserPool.ClientSecret = "example.com", "x" }, []string{secretWarning}},
		{"a secret and hidden cookies", func(c *cognito.Config) {
			c.Cookies.Domain, c.UserPool.ClientSecret, c.Cookies.HTTPOnly = "example.com", "x", true
		}, nil},
		{"a secret and no address", func(c *cognito.Config) { c.UserPool.ClientSecret, c.Origin, c.SignIn = "x", "", "" }, []string{secretWarning}},
		{"a secret and Routes", func(c *cognito.Config) { c.UserPool.ClientSecret, c.SignIn = "x", "" }, nil},
	} {
		var log strings.Builder
		cfg := routesConfig(func(c *cognito.Config) { c.SignIn = "https://www.example.com/login" }, tt.edit, withLog(&log))
		if _, err := cognito.New(cfg); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if log.Len() == 0 {
			lines = nil
		}
		if len(lines) != len(tt.want) || len(lines) == 1 && !strings.Contains(lines[0], tt.want[0]) {
			t.Errorf("%s: the log has %q, want %q", tt.name, lines, tt.want)
		}
	}
}
