package middleware_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

func withDebugLog(b *strings.Builder) func(*cognito.Config) {
	return func(cfg *cognito.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// TestReasonsOfRefusals has guards refuse requests for every kind of reason. The log says
// it at level Debug, in one line.
func TestReasonsOfRefusals(t *testing.T) {
	var log strings.Builder
	env := newEnv(t, withDebugLog(&log))
	defer env.server.SetFault(nil)
	own := sessionCookiePrefix + env.server.UserPool().ClientID + "."
	draft := func(use tokens.Use, edit func(*cognitotest.Draft)) func(*cognitotest.Draft) {
		return func(d *cognitotest.Draft) {
			if d.Use == use {
				edit(d)
			}
		}
	}
	// with returns a page request with cookies of ada's tokens.
	with := func(options ...func(*cognitotest.Draft)) *http.Request {
		r := pageRequest("/dashboard")
		env.server.SignIn(r, "ada", options...)
		return r
	}
	cookies := func(lines ...string) *http.Request {
		r := pageRequest("/dashboard")
		r.Header["Cookie"] = lines
		return r
	}
	set := env.server.Issue("ada")
	elsewhere := pageRequest("/dashboard")
	other := env.server.AddClient("1other"+rand.Text(), "")
	setSessions(other, &cognito.Config{Layout: layoutOfTests(), Secret: routesSecret, Shared: records})
	other.SignIn(elsewhere, "ada")
	type refusal struct {
		request *http.Request
		want    string
	}
	refusals := map[string]refusal{
		"nothing":            {pageRequest("/dashboard"), `decision=redirected reason=no_cookies detail="no cookies" method=GET path="\"/dashboard\""`},
		"a script":           {scriptRequest("/dashboard"), `decision=refused reason=no_cookies detail="no cookies"`},
		"Load":               {pageRequest("/api/public"), `decision=anonymous reason=no_cookies detail="no cookies" method=GET path="\"/api/public\""`},
		"other cookies":      {cookies("theme=dark"), `reason=no_cookies detail="no cookies of this app client" `},
		"another app client": {elsewhere, `reason=other_client detail="no cookies of this app client, cookies of another app client are there: \"1other`},
		"a bearer token": {func() *http.Request {
			r := scriptRequest("/dashboard")
			r.Header.Set("Authorization", "Bearer "+set.Access)
			return r
		}(), `reason=bearer_off detail="no cookies, a bearer token is there but Config.Bearer is not set"`},
		"a bad issuer": {with(draft(tokens.Access, func(d *cognitotest.Draft) {
			d.Claims["iss"] = "https://evil.example/" + strings.Repeat("x", 9999)
			d.Claims["client_id"] = "1other"
		})), `reason=bad_issuer detail="access token is refused: bad issuer: iss \"https://evil.example/xxx`},
		"another client": {with(draft(tokens.Access, func(d *cognitotest.Draft) { d.Claims["client_id"] = "1other" })), `reason=bad_client detail="access token is refused: bad client: client \"1other\""`},
		"another use":    {with(draft(tokens.Access, func(d *cognitotest.Draft) { d.Claims["token_use"] = "refresh" })), `reason=bad_use detail="access token is refused: bad use: token_use \"refresh\""`},
		"a group":        {func() *http.Request { r := pageRequest("/admin"); env.server.SignIn(r, "grace"); return r }(), `decision=forbidden reason=group detail="the session is not allowed by group admins"`},
	}
	if !isSealedRun() {
		maps.Copy(refusals, map[string]refusal{
			"no LastAuthUser":        {cookies(own + "ada.accessToken=" + set.Access), `reason=no_access_token detail="no access token: there are tokens, but no LastAuthUser that names their user"`},
			"another LastAuthUser":   {cookies(own + "LastAuthUser=eve; " + own + "ada.accessToken=" + set.Access), `reason=no_access_token detail="no access token: no token that is there is a usable one of the user in LastAuthUser"`},
			"only a name":            {cookies(own + "LastAuthUser=ada"), `reason=no_access_token detail="no access token" `},
			"no token":               {cookies(own + "LastAuthUser=ada; " + own + "ada.accessToken=" + strings.Repeat("\x01<script>", 99)), `reason=malformed detail="access token is refused: malformed: `},
			"names of no app client": {cookies("CognitoIdentityServiceProvider.ada@example.com.accessToken=a; CognitoIdentityServiceProvider.ada=b"), `reason=no_cookies detail="no cookies of this app client" `},
		})
	}
	for name, c := range refusals {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			env.do(c.request)
			got := log.String()
			if strings.Count(got, "level=DEBUG") != 1 || !strings.Contains(got, c.want) {
				t.Errorf("the log lacks %s: %s", c.want, got)
			}
			checkRefusalLog(t, got)
		})
	}
}

// checkRefusalLog checks that a log shows no token and that its lines are short.
func checkRefusalLog(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if strings.Contains(line, "eyJ") || strings.Contains(line, "ada") || len(line) > 900 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\n' }) {
			t.Errorf("the line is too long or shows a token: %q", line)
		}
	}
}

// TestReasonsFromCognito has refreshes fail. The log says what Cognito answers, without what
// a trigger says about its user.
func TestReasonsFromCognito(t *testing.T) {
	for name, c := range map[string]struct {
		fault cognitotest.Fault
		want  string
	}{
		"revoked":   {cognitotest.Fault{Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"}, `decision=redirected reason=revoked detail="Cognito answers GetTokensFromRefreshToken with status 400 and the code \"NotAuthorizedException\": \"Refresh Token has been revoked\""`},
		"a trigger": {cognitotest.Fault{Code: "UserLambdaValidationException", Message: "ada@example.com"}, `decision=unavailable reason=refused detail="Cognito answers GetTokensFromRefreshToken with status 400 and the code \"UserLambdaValidationException\""`},
		"no answer": {cognitotest.Fault{Drop: true}, `decision=unavailable reason=unavailable detail="Cognito is unavailable: GetTokensFromRefreshToken: `},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			env := newEnv(t, withDebugLog(&log))
			defer env.server.SetFault(nil)
			r := env.expiredRequest("ada", "/dashboard")
			env.server.SetFault(func(op string) cognitotest.Fault {
				if op == opRefresh {
					return c.fault
				}
				return cognitotest.Fault{}
			})
			env.do(r)
			if got := log.String(); strings.Count(got, "level=DEBUG") != 1 || !strings.Contains(got, c.want) {
				t.Errorf("the log lacks %s: %s", c.want, got)
			}
			checkRefusalLog(t, log.String())
		})
	}
}

// TestOutageInTheLog has Cognito fail for signed-in users: the operator reads one warning
// for a flood of requests, and one line when it is over.
func TestOutageInTheLog(t *testing.T) {
	var log strings.Builder
	env := newEnv(t, withLog(&log))
	defer env.server.SetFault(nil)
	r := env.expiredRequest("ada", "/dashboard")
	env.server.SetFault(func(op string) cognitotest.Fault {
		if op == opRefresh {
			return cognitotest.Fault{Status: 429}
		}
		return cognitotest.Fault{}
	})
	for range 5 {
		if resp := env.do(r); resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatal(resp.Status)
		}
		env.clock.advance(2 * time.Minute)
	}
	env.server.SetFault(nil)
	for range 3 {
		if resp := env.do(r); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	want := regexp.MustCompile(`^\S+ level=WARN msg="tokens: an operation of Cognito begins to fail" operation=GetTokensFromRefreshToken .*429.*
\S+ level=INFO msg="tokens: an operation of Cognito works again" operation=GetTokensFromRefreshToken duration=10m0s failures=\d+
$`)
	if !want.MatchString(log.String()) {
		t.Errorf("the log: %s", log.String())
	}
}

// askedHandler is a slog.Handler that counts how often it is asked.
type askedHandler struct {
	slog.Handler
	level   slog.Level
	asked   int
	handled int
}

func (h *askedHandler) Enabled(_ context.Context, level slog.Level) bool {
	h.asked++
	return level >= h.level
}

func (h *askedHandler) Handle(context.Context, slog.Record) error {
	h.handled++
	return nil
}

// TestSignedInRequestLogsNothing shows that a request that passes asks the logger for
// nothing, at any level, and that a refused one asks once whether level Debug is enabled.
func TestSignedInRequestLogsNothing(t *testing.T) {
	h := &askedHandler{level: slog.LevelDebug}
	env := newEnv(t, func(cfg *cognito.Config) { cfg.Logger = slog.New(h) })
	signedIn := env.signedInRequest("ada", "/dashboard")
	env.do(signedIn) // fetches the keys
	h.asked = 0
	for range 10 {
		env.do(signedIn)
		env.do(pageRequest("/api/other"))
	}
	if h.asked != 0 || h.handled != 0 {
		t.Errorf("asked %d times, %d lines", h.asked, h.handled)
	}
	h.level = slog.LevelInfo
	env.do(pageRequest("/dashboard"))
	if h.asked != 1 || h.handled != 0 {
		t.Errorf("a refused request: asked %d times, %d lines", h.asked, h.handled)
	}
}

func TestRefusalLogAllocatesNothingUnlessEnabled(t *testing.T) {
	longtest.WithoutRace(t)
	auth := newMatcherAuth(t)
	r := pageRequest("/dashboard")
	if n := testing.AllocsPerRun(100, func() { auth.LogRefusal(r, session.ErrSignedOut) }); n != 0 {
		t.Errorf("%v allocations while Debug is not enabled", n)
	}
}
