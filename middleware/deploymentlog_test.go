package middleware_test

import (
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// deployment is a server program with something wrong about it, and its users.
type deployment struct {
	*testEnv
	log            strings.Builder
	other          *cognito.Auth // of a replica, where sign-ins begin; or nil
	valid, expired *tokens.Set
}

// deploymentTokens are the users' tokens. All deployments begin at the same time.
var deploymentTokens = sync.OnceValues(func() (valid, expired *tokens.Set) {
	return confidentialClient().Issue("ada"), confidentialClient().Issue("ada", cognitotest.Expired)
})

// newDeployment returns a deployment. The users have their tokens, and sign in at the app
// client with a secret.
func newDeployment(t *testing.T, edit, editOther func(*cognito.Config), transport http.RoundTripper) *deployment {
	t.Helper()
	confidential := confidentialClient()
	asConfidential := func(cfg *cognito.Config) {
		cfg.Origin, cfg.Secret, cfg.Bearer = origin, routesSecret, true
		cfg.UserPool = confidential.UserPool()
		cfg.Matcher = nil // every path is protected, and nothing is compiled
	}
	d := new(deployment)
	if editOther != nil {
		d.other = newEnv(t, asConfidential, editOther).auth
	}
	d.testEnv = newEnv(t, asConfidential, edit, func(cfg *cognito.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&d.log, nil))
		if transport != nil {
			cfg.HTTPClient = &http.Client{Transport: transport}
		}
	})
	d.handle("/api/auth/", d.auth.Routes())
	d.server = confidential
	d.server.SetNow(d.clock.Now)
	d.valid, d.expired = deploymentTokens()
	return d
}

// cookiesOf returns the cookies of tokens, of the app client that users sign in with.
func (d *deployment) cookiesOf(set *tokens.Set) []*http.Cookie {
	r := pageRequest("/dashboard")
	addSession(r, d.server, "ada", set)
	return r.Cookies()
}

// use does what users do: with a valid session and an expired one, with a bearer token, and
// by a sign-in. No answer may clear a cookie of a session.
func (d *deployment) use() {
	d.Helper()
	keep := func(what string, resp *http.Response) {
		d.Helper()
		if _, cleared := changedCookies(resp); len(cleared) > 0 && sessionUser(resp) == "" {
			d.Errorf("%s: the cookies %q are cleared", what, cleared)
		}
	}
	keep("a valid session", d.get("/dashboard", d.cookiesOf(d.valid)...))
	keep("an expired session", d.get("/dashboard", d.cookiesOf(d.expired)...))
	bearer := scriptRequest("/dashboard")
	bearer.Header.Set("Authorization", "Bearer "+d.valid.Access)
	keep("a bearer token", d.do(bearer))

	handler := d.handler
	if d.other != nil {
		d.handler = d.other.Routes()
	}
	authorize, flow := d.startFlow("/api/auth/sign-in")
	d.handler = handler
	authorize.Host = d.server.UserPool().Domain // a wrong one leads nowhere
	callback, err := d.server.Authorize(authorize.String(), "ada")
	if err == nil { // otherwise the managed login sends nobody back
		keep("a sign-in", d.get(mustParse(callback).RequestURI(), flow))
	}
}

// noRouteTo is a transport without a way to the URLs that match.
type noRouteTo struct {
	urls *regexp.Regexp
	http.RoundTripper
}

func (n noRouteTo) RoundTrip(r *http.Request) (*http.Response, error) {
	if n.urls.MatchString(r.URL.String()) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
	}
	return n.RoundTripper.RoundTrip(r)
}

// TestLogNamesTheCause has one thing wrong in each case. The log alone says which, in few
// lines, and nobody is signed out: no answer clears a cookie of a session.
func TestLogNamesTheCause(t *testing.T) {
	type userPool = cognito.UserPool
	edit := func(f func(*userPool)) func(*cognito.Config) {
		return func(cfg *cognito.Config) { f(&cfg.UserPool) }
	}
	clock := func(ahead time.Duration) func(*cognito.Config) {
		return func(cfg *cognito.Config) {
			now := cfg.Now
			cfg.Now = func() time.Time { return now().Add(ahead) }
		}
	}
	key, refresh, login := "msg=\"tokens: a key set begins to fail\"", "operation="+opRefresh, "operation=Token"
	proxy := `look_at="a proxy has answered, or UserPool.ID is wrong"`
	html := cognitotest.Fault{Status: 200, Body: "<html>"}
	unset := func(*cognito.Config) {}
	for name, test := range map[string]struct {
		edit  func(*cognito.Config)
		fault func(string) cognitotest.Fault
		route string   // a regular expression: there is no route to such URLs
		want  []string // parts of the log
	}{
		"the key set answers 500":           {fault: answering("JWKS", cognitotest.Fault{Status: 500}), want: []string{key, "500 Internal Server Error"}},
		"the key set answers 429":           {fault: answering("JWKS", cognitotest.Fault{Status: 429}), want: []string{key, "429 Too Many Requests"}},
		"the key set resets":                {fault: answering("JWKS", cognitotest.Fault{Drop: true}), want: []string{key, "connection reset"}},
		"the key set is HTML":               {fault: answering("JWKS", html), want: []string{key, "not a JWK Set", proxy}},
		"the key set is forbidden":          {fault: answering("JWKS", cognitotest.Fault{Status: 403, Body: "<html>"}), want: []string{key, `look_at="UserPool.ID is wrong, or a proxy`}},
		"no route to the key set":           {route: `jwks\.json$`, want: []string{key, "no route to host"}},
		"no route to anything":              {route: ".", want: []string{key, login, "no route to host"}},
		"a refresh answers 500":             {fault: answering(opRefresh, cognitotest.Fault{Status: 500}), want: []string{refresh, "status 500"}},
		"a refresh answers 429":             {fault: answering(opRefresh, cognitotest.Fault{Status: 429}), want: []string{refresh, "status 429"}},
		"a refresh resets":                  {fault: answering(opRefresh, cognitotest.Fault{Drop: true}), want: []string{refresh, "connection reset"}},
		"a refresh is HTML":                 {fault: answering(opRefresh, html), want: []string{refresh, "unreadable answer with status 200", proxy}},
		"a proxy refuses refreshes":         {fault: answering(opRefresh, cognitotest.Fault{Status: 403, Body: "<html>"}), want: []string{refresh, "status 403", proxy}},
		"no route to refreshes":             {route: `amazonaws\.com/$`, want: []string{refresh, "no route to host"}},
		"a trigger fails":                   {fault: answering(opRefresh, cognitotest.Fault{Code: "UnexpectedLambdaException"}), want: []string{refresh, "UnexpectedLambdaException"}},
		"a trigger refuses":                 {fault: answering(opRefresh, cognitotest.Fault{Code: "UserLambdaValidationException"}), want: []string{`look_at="the user pool's Lambda trigger"`}},
		"the user pool":                     {edit: edit(func(p *userPool) { p.ID = "eu-west-1_Wrong1" }), want: []string{"UserPool.ID may be wrong", "eu-west-1_Wrong1", `look_at="UserPool.ID, or UserPool.Domain`}},
		"the region":                        {edit: edit(func(p *userPool) { p.ID = strings.Replace(p.ID, "eu-west-1", "us-east-1", 1) }), want: []string{"UserPool.ID may be wrong", "us-east-1"}},
		"the endpoint":                      {edit: edit(func(p *userPool) { p.Endpoint = "https://cognito.example" }), want: []string{refresh, `look_at="UserPool.Endpoint is wrong`}},
		"the app client":                    {edit: edit(func(p *userPool) { p.ClientID = "nobody" }), want: []string{"look_at=UserPool.ClientID", "2ready"}},
		"the app client's secret":           {edit: edit(func(p *userPool) { p.ClientSecret = "wrong" }), want: []string{"look_at=UserPool.ClientSecret", `look_at="UserPool.ClientSecret or`}},
		"no app client's secret":            {edit: edit(func(p *userPool) { p.ClientSecret = "" }), want: []string{"look_at=UserPool.ClientSecret", `look_at="UserPool.ClientSecret or`}},
		"the domain is nobody's":            {edit: edit(func(p *userPool) { p.Domain = "login.example" }), want: []string{login, `look_at="UserPool.Domain is wrong, or the network's DNS`}},
		"the domain is another site's":      {fault: answering("Token", cognitotest.Fault{Status: 404, Body: "<html>"}), want: []string{login, `look_at="UserPool.Domain is wrong, or a proxy`}},
		"the domain is another pool's":      {fault: answering("Token", cognitotest.Fault{Code: "invalid_client"}), want: []string{"or UserPool.Domain is another user pool's"}},
		"a scope":                           {edit: func(cfg *cognito.Config) { cfg.Login.Scopes = []string{"openid", "orders/read"} }, want: []string{"invalid_scope", `look_at="Login.Scopes, which`}},
		"another Secret than the replica's": {edit: func(cfg *cognito.Config) { cfg.Secret = otherSecret }, want: []string{"have all replicas the same Secret?", `look_at="Secret, and the clocks`}},
		"a clock an hour behind":            {edit: clock(-time.Hour), want: []string{"this server's clock is behind", "off=1h0m0s"}},
		"a clock an hour ahead":             {edit: clock(time.Hour), want: []string{"not valid by this server's clock", `look_at="this server's clock`, "off=1h0m0s"}},
		"a clock 50 minutes ahead":          {edit: clock(50 * time.Minute), want: []string{"this server's clock is ahead", "off=50m0s"}},
		"nothing":                           {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if test.edit == nil {
					test.edit = unset
				}
				var editOther func(*cognito.Config)
				if strings.Contains(name, "replica") {
					editOther = unset
				}
				var transport http.RoundTripper
				if test.route != "" {
					transport = noRouteTo{regexp.MustCompile(test.route), confidentialClient().Client().Transport}
				}
				d := newDeployment(t, test.edit, editOther, transport)
				d.server.SetFault(test.fault)
				for range longtest.Scale(2, 4) {
					d.use()
					d.clock.advance(5 * time.Second)
				}
				log := d.log.String()
				for _, part := range test.want {
					if !strings.Contains(log, part) {
						t.Errorf("the log lacks %s", part)
					}
				}
				if n := strings.Count(log, "level="); n > 5 || (n == 0) != (test.want == nil) {
					t.Errorf("%d lines", n)
				}
				if t.Failed() {
					t.Log(log)
				}
			})
		})
	}
}
