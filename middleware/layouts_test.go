package middleware_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

// layoutVariable names the environment variable that chooses the layout of a test run.
const layoutVariable = "COGNITOGATE_TEST_LAYOUT"

// layoutOfTests returns the layout of this test run.
func layoutOfTests() session.Layout {
	if name := os.Getenv(layoutVariable); name != "" {
		return session.Layout(name)
	}
	return session.LayoutAmplify
}

// isSealedRun reports whether scripts cannot read the sessions of this test run.
func isSealedRun() bool { return layoutOfTests() != session.LayoutAmplify }

func isHandleRun() bool { return layoutOfTests() == session.LayoutHandle }

// records is the store of the latest environment, nil but for LayoutHandle.
var records session.Store

// setLayout configures the layout of this test run, with a new store if it needs one.
func setLayout(cfg *cognito.Config) {
	if layoutOfTests() == session.LayoutAmplify {
		return
	}
	cfg.Layout, cfg.Secret = layoutOfTests(), routesSecret
	if isHandleRun() {
		memory := storetest.NewMemory()
		if cfg.Now != nil {
			memory.SetNow(cfg.Now)
		}
		records = memory
		cfg.Shared = records
	}
}

// newAuthAt returns an Auth of a server in the layout of this test run. It has the clock
// and the store of the environment.
func (env *testEnv) newAuthAt(server *cognitotest.Server, edits ...func(*cognito.Config)) *cognito.Auth {
	env.Helper()
	cfg := cognito.Config{
		UserPool: server.UserPool(), HTTPClient: server.Client(), Now: env.clock.Now, Layout: layoutOfTests(), Logger: slog.New(slog.DiscardHandler),
	}
	if isSealedRun() {
		cfg.Secret = routesSecret
	}
	if isHandleRun() {
		cfg.Shared = records
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	setSessions(server, &cfg)
	server.SetNow(cfg.Now)
	auth, err := cognito.New(cfg)
	if err != nil {
		env.Fatal(err)
	}
	return auth
}

// handlesOf seal and open the records of a server's app client.
func handlesOf(server *cognitotest.Server) *sealedcookie.Handles {
	pool := server.UserPool()
	h, err := sealedcookie.NewHandles(pool.ID, pool.ClientID, server.Now, routesSecret, otherSecret)
	if err != nil {
		panic(err)
	}
	return h
}

// codecOf seals and opens the cookies of a server's app client whose names begin with
// prefix.
func codecOf(server *cognitotest.Server, prefix string) *sealedcookie.Codec {
	pool := server.UserPool()
	c, err := sealedcookie.New(prefix, pool.ID, pool.ClientID, server.Now, routesSecret, otherSecret)
	if err != nil {
		panic(err)
	}
	return c
}

// addSession adds the cookies of a session that began now to a request. The tokens may be
// any texts.
func addSession(r *http.Request, server *cognitotest.Server, user string, set *tokens.Set) {
	prefix := sessionCookiePrefix + server.UserPool().ClientID + "."
	add := func(name, value string) { r.AddCookie(&http.Cookie{Name: prefix + name, Value: value}) }
	now := server.Now()
	content := &sealedcookie.Session{
		User: user, Access: set.Access, ID: set.ID, Refresh: set.Refresh, SignedIn: now, Refreshed: now, Expires: now.Add(time.Hour),
	}
	switch layoutOfTests() {
	case session.LayoutSealed:
		codec := codecOf(server, prefix)
		for _, c := range codec.Seal(codec.Name(set.Access), content, now.Add(24*time.Hour)) {
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
		}
	case session.LayoutHandle:
		h := handlesOf(server).New()
		if _, err := records.Add(context.Background(), h.Key, handlesOf(server).Seal(h, content, now.Add(24*time.Hour)), 24*time.Hour); err != nil {
			panic(err)
		}
		add(sealedcookie.HandleName, h.Text)
	default:
		add("LastAuthUser", user)
		for slot, token := range map[string]string{"accessToken": set.Access, "idToken": set.ID, "refreshToken": set.Refresh} {
			if token != "" {
				add(user+"."+slot, token)
			}
		}
	}
}

// recordsOf returns the records of the handles in a request, of these servers or of the
// shared one.
func recordsOf(r *http.Request, servers ...*cognitotest.Server) map[*http.Cookie]string {
	if servers == nil {
		servers = append(servers, sharedServer())
	}
	found := make(map[*http.Cookie]string)
	for _, c := range r.Cookies() {
		for _, server := range servers {
			if h, ok := handlesOf(server).Parse(c.Value); ok && records != nil {
				record, _ := records.Get(context.Background(), h.Key)
				found[c] = string(record)
			}
		}
	}
	return found
}

// addChangedRecords adds a line to an answer for each record that it has changed.
func addChangedRecords(resp *http.Response, r *http.Request, before map[*http.Cookie]string, servers ...*cognitotest.Server) {
	for c, record := range recordsOf(r, servers...) {
		for old, was := range before {
			if old.Value == c.Value && record != was && record != "" {
				resp.Header.Add("Set-Cookie", c.Name+"="+c.Value+"; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax")
			}
		}
	}
}

// setSessions has SignIn write the cookies that a configuration reads.
func setSessions(server *cognitotest.Server, cfg *cognito.Config) {
	cookies := cfg.Cookies
	cookies.Insecure = cookies.Insecure || strings.HasPrefix(cfg.Origin, "http://")
	server.SetSessions(session.Config{Layout: cfg.Layout, Secret: cfg.Secret, Shared: cfg.Shared, Cookies: cookies})
}

// amplifyOnly is called by tests of Amplify's cookies.
func amplifyOnly(t testing.TB) {
	t.Helper()
	if layoutOfTests() != session.LayoutAmplify {
		t.Skip("this test is of Amplify's cookies")
	}
}

// tokensInCookies is called by tests of answers that a refresh puts cookies on.
func tokensInCookies(t testing.TB) {
	t.Helper()
	if isHandleRun() {
		t.Skip("this test is of tokens in cookies")
	}
}

// isSessionCookie reports whether a name is of a session's cookie, of any host or domain.
func isSessionCookie(name string) bool {
	if isSealedRun() {
		return strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(name, "__Secure-"), "__Host-"), "cognitogate.session.")
	}
	return strings.HasPrefix(name, sessionCookiePrefix)
}

// carries reports whether a request carries the cookies of a session.
func carries(r *http.Request, s *session.Session) bool {
	text := s.AccessToken().Raw()
	if isSealedRun() {
		text = sessionCookiePrefix // which the guard put there
	}
	return strings.Contains(r.Header.Get("Cookie"), text)
}

// sealedUser returns the user whose session at a server an answer sets, or "".
func sealedUser(resp *http.Response, server *cognitotest.Server) string {
	if isHandleRun() {
		handles := handlesOf(server)
		for _, c := range resp.Cookies() {
			if h, ok := handles.Parse(c.Value); ok {
				record, _ := records.Get(context.Background(), h.Key)
				if s, ok := handles.Open(h, record); ok {
					return s.User
				}
			}
		}
		return ""
	}
	var name string
	var values []string
	for _, c := range resp.Cookies() {
		part := "cognitogate.session." + server.UserPool().ClientID + "."
		prefix, _, ok := strings.Cut(c.Name, part)
		if !ok || c.MaxAge < 0 {
			continue
		}
		codec := codecOf(server, prefix+part)
		name, _, _ = codec.Parse(c.Name)
		values = append(values, c.Value)
		if s, ok := codec.Open(name, values); ok {
			return s.User
		}
	}
	return ""
}

// changedSealedCookies is changedCookies for sealed sessions.
func changedSealedCookies(resp *http.Response) (set, cleared []string) {
	all := []string{"LastAuthUser", "accessToken", "idToken", "refreshToken"}
	for _, c := range resp.Cookies() {
		switch {
		case !isSessionCookie(c.Name):
		case c.MaxAge < 0:
			cleared = all
		default:
			set = all
		}
	}
	if set != nil {
		return set, nil // it has fewer chunks than before
	}
	return nil, cleared
}

// TestOtherLayouts runs all other tests on every layout but Amplify's, with the loads of
// make test. In make test it runs one of them.
func TestOtherLayouts(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, layout := range []session.Layout{session.LayoutSealed, session.LayoutHandle} {
		t.Run(string(layout), func(t *testing.T) {
			t.Parallel()
			pattern := longtest.Scale("^TestSignInOverHTTPS$", "^Test")
			cmd := exec.Command(os.Args[0], "-test.run="+pattern, "-test.timeout=10m")
			cmd.Env = append(os.Environ(), longtest.Variable+"=", layoutVariable+"="+string(layout))
			out, err := cmd.CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("no tests to run")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
