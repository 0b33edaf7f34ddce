package middleware_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/matcher"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// TestNewRefusesWhatCannotWork: a protected sign-in page is a redirect for ever, and
// an origin that no browser sends is never this site.
func TestNewRefusesWhatCannotWork(t *testing.T) {
	withOrigin := func(edit func(*cognito.Config)) func(*cognito.Config) {
		return func(cfg *cognito.Config) {
			cfg.UserPool.Domain = "auth.example.com"
			cfg.Origin = "https://app.example.com"
			cfg.Secret = routesSecret
			edit(cfg)
		}
	}
	origin := func(origin string) func(*cognito.Config) {
		return withOrigin(func(cfg *cognito.Config) { cfg.Origin = origin })
	}
	signIn := func(path string) func(*cognito.Config) {
		return func(cfg *cognito.Config) { cfg.SignIn = path }
	}
	routesPath := func(path string) func(*cognito.Config) {
		return withOrigin(func(cfg *cognito.Config) { cfg.RoutesPath = path })
	}
	for _, c := range []struct {
		name  string
		field string // "" is accepted
		edit  func(*cognito.Config)
	}{
		{"dot segments", "SignIn", signIn("/a/../sign-in")},
		{"an escape", "SignIn", signIn("/sign%2din")},
		{"a character that is escaped", "SignIn", signIn("/anmeldung-für-alle")},
		{"a space", "SignIn", signIn("/sign in")},
		{"an empty segment", "SignIn", signIn("/a//sign-in")},
		{"two slashes at the end", "SignIn", signIn("/sign-in//")},
		{"a parameter of a segment", "SignIn", signIn("/sign-in;x")},
		{"an empty fragment", "SignIn", signIn("/sign-in#")},
		{"a fragment", "SignIn", signIn("/#/sign-in")},
		{"a slash at the end", "", signIn("/sign-in/")},
		{"a query", "", signIn("/sign-in?lang=de")},
		{"the root", "", signIn("/")},
		{"punctuation", "", signIn("/sign-in(1)/a_b.html")},
		{"not plain, and not protected either", "", func(cfg *cognito.Config) {
			cfg.SignIn, cfg.Matcher = "/connexion/entrée", []string{"/admin/:path*"}
		}},
		{"not plain, and protected on conditions", "", func(cfg *cognito.Config) {
			cfg.SignIn = "/connexion/entrée"
			cfg.ClientConditions = []string{"header", "cookie", "query", "host"}
			for _, kind := range []string{"header", "cookie", "query", "host"} {
				c := matcher.Condition{Type: kind, Key: "x", Value: "x"}
				if kind == "host" {
					c.Key = ""
				}
				cfg.Rules = append(cfg.Rules, matcher.Rule{Source: "/:path*", Has: []matcher.Condition{c}})
			}
		}},
		{"ReturnParam in the query", "ReturnParam", signIn("/sign-in?next=/x")},
		{"a parameter of the sign-in route", "ReturnParam", withOrigin(func(cfg *cognito.Config) { cfg.ReturnParam = "prompt" })},
		{"the same without the route", "", func(cfg *cognito.Config) { cfg.ReturnParam = "prompt" }},
		{"a URL on this site", "SignIn", withOrigin(signIn("https://app.example.com/sign-in"))},
		{"a URL of another site", "", withOrigin(signIn("https://login.example.com/sign-in"))},
		{"an origin", "", origin("https://app.example.com:8443")},
		{"an empty port", "Origin", origin("https://app.example.com:")},
		{"no host", "Origin", origin("https://:8443")},
		{"a name that browsers spell otherwise", "Origin", origin("https://bücher.example")},
		{"a user", "Origin", origin("https://user@app.example.com")},
		{"a path", "Origin", origin("https://app.example.com/")},
		{"routes with dot segments", "RoutesPath", routesPath("/api/../auth")},
		{"routes with an empty segment", "RoutesPath", routesPath("/api//auth")},
		{"routes with a space", "RoutesPath", routesPath("/api auth")},
		{"routes at the root", "RoutesPath", routesPath("/")},
		{"routes with a slash at the end", "", routesPath("/auth/")},
		{"a faulty rule", "Rules[0]", func(cfg *cognito.Config) {
			cfg.Matcher, cfg.Rules = []string{"/a"}, []matcher.Rule{{Source: "/("}}
		}},
	} {
		cfg := cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}}
		c.edit(&cfg)
		_, err := cognito.New(cfg)
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.field != "" && err == nil:
			t.Errorf("%s: accepted", c.name)
		case c.field != "" && !strings.Contains(err.Error(), "\n"+c.field+": "):
			t.Errorf("%s: no line begins with %s: %v", c.name, c.field, err)
		}
	}
}

// TestConfigIsCopied: the program may change its slices later.
func TestConfigIsCopied(t *testing.T) {
	paths, rules := []string{"/public"}, []matcher.Rule{{Source: "/other"}}
	auth := newAuth(t, func(cfg *cognito.Config) { cfg.Matcher, cfg.Rules = paths, rules })
	paths[0], rules[0] = "/:path*", matcher.Rule{Source: "/:path*"}
	if got := handlerThatRan(t, auth.Protect(publicRoute), "GET", "/private"); got != "public" {
		t.Error("the guard has changed")
	}
	for _, g := range auth.Audit(protectedRoutes(auth, "/private", "/public")) {
		if guarded := g.Route == "/public"; guarded != (g.Public == "") {
			t.Errorf("the audit has changed: %+v", g)
		}
	}
}

func TestNewReportsEverythingByField(t *testing.T) {
	_, err := cognito.New(cognito.Config{
		UserPool:    cognito.UserPool{ID: "nowhere"},
		Matcher:     []string{"dashboard", "/("},
		SignIn:      "https://evil.example/",
		ReturnParam: "a b",
		AfterSignIn: "//evil.example",
		Cookies:     session.Cookies{Domain: "a b", SameSite: http.SameSiteNoneMode, Insecure: true},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"UserPool.ID: ", "UserPool.ClientID: ", "Matcher[0]: invalid pattern \"dashboard\": ", "Matcher[1]: invalid pattern \"/(\": ", "Cookies.Domain: ", "Cookies.SameSite: ", "SignIn: ", "ReturnParam: ", "AfterSignIn: "} {
		if !strings.Contains(err.Error(), "\n"+field) {
			t.Errorf("no line begins with %q in:\n%v", field, err)
		}
	}
	if _, err := cognito.New(cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}, Matcher: []string{}}); err == nil {
		t.Error("an empty matcher is accepted, which would protect nothing")
	}
}

// TestWrongOriginHidesNothing: what Routes need is reported beside it.
func TestWrongOriginHidesNothing(t *testing.T) {
	_, err := cognito.New(cognito.Config{
		UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"},
		Origin:   "localhost:8080",
		Secret:   []byte("short"),
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"Origin: ", "UserPool.Domain: ", "Secret: "} {
		if strings.Count(err.Error(), "\n"+field) != 1 {
			t.Errorf("%s is not there once: %v", field, err)
		}
	}
}

// TestConfigErrorsKeepTheirTypes: a program can find out which field is faulty, and how.
func TestConfigErrorsKeepTheirTypes(t *testing.T) {
	_, err := cognito.New(cognito.Config{
		UserPool: cognito.UserPool{ID: "nowhere", ClientID: "a"},
		Matcher:  []string{"/a", "/(", "/b", "c"},
		Rules: []matcher.Rule{
			{Source: "/d", Has: []matcher.Condition{{Type: "header"}}},
			{Source: "/e", Missing: []matcher.Condition{{Type: "cookie", Key: "x", Value: "("}}},
		},
		ClientConditions: []string{"header", "cookie"},
		Cookies:          session.Cookies{SameSite: -1},
	})
	joined, ok := errors.Unwrap(err).(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%v does not list its mistakes", err)
	}
	syntaxErrors := map[string]string{"Matcher[1]": "/(", "Matcher[3]": "c", "Rules[1]": "("} // their sources
	var fields []string
	for _, e := range joined.Unwrap() {
		mistake, ok := e.(*cognito.ConfigError)
		if !ok {
			t.Fatalf("%T: %v", e, e)
		}
		fields = append(fields, mistake.Field)
		source, isSyntaxError := syntaxErrors[mistake.Field]
		var syntaxError *matcher.SyntaxError
		if errors.As(mistake, &syntaxError) != isSyntaxError || isSyntaxError && syntaxError.Source != source {
			t.Errorf("%v wraps %v", mistake, syntaxError)
		}
		if !strings.Contains(err.Error(), "\n"+mistake.Error()) || strings.Contains(mistake.Error(), "\n") {
			t.Errorf("%v is not a line of its own in %v", mistake, err)
		}
	}
	want := []string{"UserPool.ID", "Cookies.SameSite", "Matcher[1]", "Matcher[3]", "Rules[0]", "Rules[1]"}
	if !slices.Equal(fields, want) {
		t.Errorf("fields %q, want %q", fields, want)
	}
	for _, readable := range []string{`Matcher[1]: invalid pattern "/(": `, `Rules[0]: "/d": has[0]: `, `Rules[1]: "/e": missing[0]: value: invalid pattern "("`} {
		if !strings.Contains(err.Error(), "\n"+readable) {
			t.Errorf("no line begins with %s in %v", readable, err)
		}
	}
	var syntaxError *matcher.SyntaxError
	if !errors.As(err, &syntaxError) || syntaxError.Source != "/(" {
		t.Errorf("errors.As finds %v", syntaxError)
	}
}
