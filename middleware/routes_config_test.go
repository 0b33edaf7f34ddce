package middleware_test

import (
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// routesConfig returns a Config with Origin that New accepts.
func routesConfig(edits ...func(*cognito.Config)) cognito.Config {
	cfg := cognito.Config{
		UserPool: cognito.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12", Domain: "auth.example.com"},
		Origin:   origin,
		Secret:   routesSecret,
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	return cfg
}

func TestConfigErrorsOfRoutesNameTheField(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(*cognito.Config)
		field string
	}{
		{"nothing wrong", func(*cognito.Config) {}, ""},
		{"an origin with a slash", func(c *cognito.Config) { c.Origin += "/" }, "Origin"},
		{"an origin with a path", func(c *cognito.Config) { c.Origin += "/x" }, "Origin"},
		{"an origin with a query", func(c *cognito.Config) { c.Origin += "?" }, "Origin"},
		{"an origin with a user", func(c *cognito.Config) { c.Origin = "https://a@app.example.com" }, "Origin"},
		{"an origin without a host", func(c *cognito.Config) { c.Origin = "https://" }, "Origin"},
		{"an origin of another scheme", func(c *cognito.Config) { c.Origin = "ftp://app.example.com" }, "Origin"},
		{"a plain origin", func(c *cognito.Config) { c.Origin = "http://app.example.com" }, "Origin"},
		{"a plain origin, allowed", func(c *cognito.Config) { c.Origin = "http://app.example.com"; c.Cookies.Insecure = true }, ""},
		{"localhost", func(c *cognito.Config) { c.Origin = "http://localhost:8080" }, ""},
		{"loopback", func(c *cognito.Config) { c.Origin = "http://[::1]:8080" }, ""},
		{"an origin with its default port", func(c *cognito.Config) { c.Origin += ":443" }, "Origin"},
		{"http with its default port", func(c *cognito.Config) { c.Origin = "http://localhost:80" }, "Origin"},
		{"an origin in capitals", func(c *cognito.Config) { c.Origin = "https://App.example.com" }, "Origin"},
		{"a routes path of another site", func(c *cognito.Config) { c.RoutesPath = "//evil.example" }, "RoutesPath"},
		{"a relative routes path", func(c *cognito.Config) { c.RoutesPath = "auth" }, "RoutesPath"},
		{"a routes path with a query", func(c *cognito.Config) { c.RoutesPath = "/a?b" }, "RoutesPath"},
		{"a routes path that is escaped", func(c *cognito.Config) { c.RoutesPath = "/a%2fb" }, "RoutesPath"},
		{"an origin with a dot at its end", func(c *cognito.Config) { c.Origin += "." }, "Origin"},
		{"an origin with a port that browsers write otherwise", func(c *cognito.Config) { c.Origin += ":08443" }, "Origin"},
		{"an origin with a port that is none", func(c *cognito.Config) { c.Origin += ":65536" }, "Origin"},
		{"an origin with an address that browsers write otherwise", func(c *cognito.Config) { c.Origin = "https://[0::1]" }, "Origin"},
		{"a name of localhost", func(c *cognito.Config) { c.Origin = "http://app.localhost:8080" }, ""},
		{"a name that ends like localhost", func(c *cognito.Config) { c.Origin = "http://applocalhost:8080" }, "Origin"},
		{"a name that begins like localhost", func(c *cognito.Config) { c.Origin = "http://localhost.example" }, "Origin"},
		{"no secret", func(c *cognito.Config) { c.Secret = nil }, "Secret"},
		{"a short secret", func(c *cognito.Config) { c.Secret = c.Secret[:31] }, "Secret"},
		{"a short old secret", func(c *cognito.Config) { c.OldSecrets = [][]byte{c.Secret, c.Secret[:31]} }, "OldSecrets"},
		{"a secret of one byte", func(c *cognito.Config) { c.Secret = make([]byte, 64) }, "Secret"},
		{"an old secret of one byte", func(c *cognito.Config) { c.OldSecrets = [][]byte{c.Secret, []byte(strings.Repeat("s", 32))} }, "OldSecrets"},
		{"no managed login", func(c *cognito.Config) { c.UserPool.Domain = "" }, "UserPool.Domain"},
		{"a managed login with a scheme", func(c *cognito.Config) { c.UserPool.Domain = "https://auth.example.com" }, "UserPool.Domain"},
		{"another site's redirect", func(c *cognito.Config) { c.Login.RedirectURI = "https://evil.example/api/auth/sign-in-callback" }, "Login.RedirectURI"},
		{"a site's whose name begins alike", func(c *cognito.Config) { c.Login.RedirectURI = origin + ".evil.example/api/auth/sign-in-callback" }, "Login.RedirectURI"},
		{"a redirect with a user", func(c *cognito.Config) { c.Login.RedirectURI = "https://a@app.example.com/api/auth/sign-in-callback" }, "Login.RedirectURI"},
		{"a redirect that Routes does not serve", func(c *cognito.Config) { c.Login.RedirectURI = origin + "/" }, "Login.RedirectURI"},
		{"a redirect with a fragment", func(c *cognito.Config) { c.Login.RedirectURI = origin + "/api/auth/sign-in-callback#" }, "Login.RedirectURI"},
		{"a redirect with a slash and a query", func(c *cognito.Config) { c.Login.RedirectURI = origin + "/api/auth/sign-in-callback/?x=1" }, ""},
		{"another site's sign-out", func(c *cognito.Config) { c.Login.LogoutURI = "https://evil.example/" }, "Login.LogoutURI"},
		{"a sign-out of this site", func(c *cognito.Config) { c.Login.LogoutURI = origin + "/" }, ""},
		{"an empty scope", func(c *cognito.Config) { c.Login.Scopes = []string{"openid", ""} }, "Login.Scopes"},
		{"two scopes in one", func(c *cognito.Config) { c.Login.Scopes = []string{"openid", "email profile"} }, "Login.Scopes"},
		{"a scope with a line break", func(c *cognito.Config) { c.Login.Scopes = []string{"openid", "a\nb"} }, "Login.Scopes"},
		{"scopes without openid", func(c *cognito.Config) { c.Login.Scopes = []string{"email"} }, "Login.Scopes"},
		{"a path after sign-out on another site", func(c *cognito.Config) { c.AfterSignOut = "//evil.example" }, "AfterSignOut"},
		{"a path after sign-in on another site", func(c *cognito.Config) { c.AfterSignIn = "https://evil.example" }, "AfterSignIn"},
		{"cookies of another domain", func(c *cognito.Config) { c.Cookies.Domain = "example.net" }, "Cookies.Domain"},
		{"cookies of a subdomain", func(c *cognito.Config) { c.Cookies.Domain = "a.app.example.com" }, "Cookies.Domain"},
		{"cookies of a name that ends alike", func(c *cognito.Config) { c.Cookies.Domain = "p.example.com" }, "Cookies.Domain"},
		{"cookies of a top-level domain", func(c *cognito.Config) { c.Cookies.Domain = "com" }, "Cookies.Domain"},
		{"cookies of a public suffix", func(c *cognito.Config) { c.Origin, c.Cookies.Domain = "https://d1.amplifyapp.com", "amplifyapp.com" }, "Cookies.Domain"},
		{"cookies of a top-level domain that nobody lists", func(c *cognito.Config) { c.Origin, c.Cookies.Domain = "https://app.intranet", "intranet" }, "Cookies.Domain"},
		{"cookies of localhost", func(c *cognito.Config) { c.Origin, c.Cookies.Domain = "http://localhost:8080", "localhost" }, ""},
		{"cookies of a path beside the routes", func(c *cognito.Config) { c.Cookies.Path = "/app" }, "Cookies.Path"},
		{"cookies of a path that begins alike", func(c *cognito.Config) { c.Cookies.Path = "/ap" }, "Cookies.Path"},
		{"cookies of a path that holds the routes", func(c *cognito.Config) { c.Cookies.Path, c.BasePath = "/app", "/app" }, ""},
		{"partitioned cookies that are Lax", func(c *cognito.Config) { c.Cookies.Partitioned = true }, "Cookies.Partitioned"},
		{"cookies of the domain above", func(c *cognito.Config) { c.Cookies.Domain = ".Example.com" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := cognito.New(routesConfig(c.edit))
			if c.field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			lines := strings.Split(err.Error(), "\n")
			for _, line := range lines[1:] {
				// The default of SignIn is below RoutesPath.
				if !strings.HasPrefix(line, c.field+": ") && !(c.field == "RoutesPath" && strings.HasPrefix(line, "SignIn: ")) {
					t.Errorf("%q, want the field %s", line, c.field)
				}
			}
			if len(lines) < 2 || !strings.HasPrefix(lines[1], c.field) || strings.Contains(err.Error(), string(routesSecret[:20])) {
				t.Error(err)
			}
		})
	}
}

func TestAllConfigErrorsOfRoutesAtOnce(t *testing.T) {
	_, err := cognito.New(routesConfig(func(c *cognito.Config) {
		c.UserPool.Domain, c.RoutesPath, c.Secret, c.OldSecrets = "", "auth", nil, [][]byte{nil}
		c.Login = cognito.Login{Scopes: []string{""}, RedirectURI: "x", LogoutURI: "y"}
		c.AfterSignOut, c.Cookies.Domain = "z", "example.net"
	}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"UserPool.Domain", "RoutesPath", "Secret", "OldSecrets", "Login.Scopes", "Login.RedirectURI", "Login.LogoutURI", "AfterSignOut", "Cookies.Domain"} {
		if !strings.Contains(err.Error(), "\n"+field+": ") {
			t.Errorf("%s is missing in:\n%v", field, err)
		}
	}
}

func TestRoutesPanicIfSomethingElseSignsIn(t *testing.T) {
	for name, cfg := range map[string]cognito.Config{
		"Origin":     routesConfig(func(c *cognito.Config) { c.Origin = "" }),
		"SignIn":     routesConfig(func(c *cognito.Config) { c.SignIn = "https://login.example.com/" }),
		"RoutesPath": routesConfig(func(c *cognito.Config) { c.RoutesPath = "-" }),
	} {
		auth, err := cognito.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if text, ok := recover().(string); !ok || !strings.HasPrefix(text, "cognitogate: ") || !strings.Contains(text, name) {
					t.Errorf("because of %s: %q", name, text)
				}
			}()
			auth.Routes()
		}()
	}
}

// TestOutputsFileSaysWhereTheCallbackIs: the program does not start with an Origin whose
// callback the file does not list.
func TestOutputsFileSaysWhereTheCallbackIs(t *testing.T) {
	server := cognitotest.New()
	for _, c := range []struct {
		name   string
		signIn []string
		want   string
	}{
		{"in the list", []string{"http://localhost:3000/api/auth/sign-in-callback", origin + "/api/auth/sign-in-callback"}, ""},
		{"another site", []string{"https://app.example.co/api/auth/sign-in-callback"}, "redirect_sign_in_uri"},
		{"a page of the browser's client", []string{origin + "/"}, "redirect_sign_in_uri"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := cognito.Outputs{OAuth: cognito.OAuth{Scopes: []string{"openid"}, RedirectSignIn: c.signIn, RedirectSignOut: []string{origin + "/bye"}}}
			login, err := o.Login(origin, "")
			if err == nil {
				_, err = cognito.New(routesConfig(func(cfg *cognito.Config) { cfg.UserPool, cfg.Login = server.UserPool(), login }))
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
		})
	}
}
