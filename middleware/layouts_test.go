package middleware_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
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

// handles seal and open the records of the shared server.
func handles() *sealedcookie.Handles {
	pool := sharedServer().UserPool()
	h, err := sealedcookie.NewHandles(pool.ID, pool.ClientID, sharedServer().Now, routesSecret, otherSecret)
	if err != nil {
		panic(err)
	}
	return h
}

// recordsOf returns the records of the handles in a request.
func recordsOf(r *http.Request) map[*http.Cookie]string {
	found := make(map[*http.Cookie]string)
	for _, c := range r.Cookies() {
		if h, ok := handles().Parse(c.Value); ok && records != nil {
			record, _ := records.Get(context.Background(), h.Key)
			found[c] = string(record)
		}
	}
	return found
}

// addChangedRecords adds a line to an answer for each record that it has changed.
func addChangedRecords(resp *http.Response, r *http.Request, before map[*http.Cookie]string) {
	for c, record := range recordsOf(r) {
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

// sealedUser returns the user whose session an answer sets, or "".
func sealedUser(resp *http.Response) string {
	if isHandleRun() {
		for _, c := range resp.Cookies() {
			if h, ok := handles().Parse(c.Value); ok {
				record, _ := records.Get(context.Background(), h.Key)
				if s, ok := handles().Open(h, record); ok {
					return s.User
				}
			}
		}
		return ""
	}
	pool := sharedServer().UserPool()
	var name string
	var values []string
	for _, c := range resp.Cookies() {
		prefix, _, ok := strings.Cut(c.Name, "cognitogate.session."+pool.ClientID+".")
		if !ok || c.MaxAge < 0 {
			continue
		}
		prefix += "cognitogate.session." + pool.ClientID + "."
		codec, err := sealedcookie.New(prefix, pool.ID, pool.ClientID, sharedServer().Now, routesSecret, otherSecret)
		if err != nil {
			panic(err)
		}
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
		pattern := longtest.Scale("^TestSignInOverHTTPS$", "^Test")
		cmd := exec.Command(os.Args[0], "-test.run="+pattern, "-test.timeout=10m")
		cmd.Env = append(os.Environ(), longtest.Variable+"=", layoutVariable+"="+string(layout))
		out, err := cmd.CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("no tests to run")) {
			t.Errorf("%s: %v\n%s", layout, err, out)
		}
	}
}
