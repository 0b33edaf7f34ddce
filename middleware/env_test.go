package middleware_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// documented is the matcher of the guide that this project was created from.
const documented = "/((?!api|_next/static|_next/image|favicon.ico|sign-in).*)"

// clock is a clock that tests advance. A fetch of keys in the background may read it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// testEnv is the documented example on a user pool in memory.
type testEnv struct {
	*testing.T
	server  *cognitotest.Server
	auth    *cognito.Auth
	clock   *clock
	handler http.Handler
	handled *http.Request // the request that the handler got, nil if it did not run

	callsBefore map[string]int // calls of each operation before this test
}

// sharedServer is one server for all tests of this package, because it takes time to
// make its keys.
var sharedServer = sync.OnceValue(func() *cognitotest.Server { return cognitotest.New() })

// calls counts the calls of this test to Cognito.
func (env *testEnv) calls(op string) int { return env.server.Calls(op) - env.callsBefore[op] }

// newEnv returns an environment with the users ada, an admin, and grace.
func newEnv(t *testing.T, edits ...func(*cognito.Config)) *testEnv {
	t.Helper()
	env := &testEnv{T: t, clock: &clock{now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}}
	env.server = sharedServer()
	env.server.SetUser(cognitotest.User{Username: "ada", Password: "Passw0rd!", Groups: []string{"admins"}})
	env.server.SetUser(cognitotest.User{Username: "grace", Password: "Passw0rd!"})
	env.server.SetFault(nil)
	env.server.SetRotation(false, 0)
	env.server.SetNow(env.clock.Now)
	env.callsBefore = make(map[string]int)
	for _, op := range []string{opRefresh, "RevokeToken"} {
		env.callsBefore[op] = env.server.Calls(op)
	}
	cfg := cognito.Config{
		UserPool:   env.server.UserPool(),
		Matcher:    []string{documented},
		HTTPClient: env.server.Client(),
		Now:        env.clock.Now,
		Logger:     slog.New(slog.DiscardHandler),
	}
	setLayout(&cfg)
	for _, edit := range edits {
		edit(&cfg)
	}
	setSessions(env.server, &cfg)
	auth, err := cognito.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	env.auth = auth
	router := chi.NewRouter()
	router.Use(auth.Protect)
	hello := func(w http.ResponseWriter, r *http.Request) {
		env.handled = r
		s, _ := session.FromContext(r.Context())
		fmt.Fprint(w, "Hello, ", s.User().Username)
	}
	router.HandleFunc("/*", hello)
	router.With(auth.RequireGroup("admins")).HandleFunc("/admin", hello)
	router.With(auth.Load).HandleFunc("/api/public", hello)
	router.With(auth.Require).HandleFunc("/api/private", hello)
	env.handler = router
	return env
}

// withBearer lets clients show bearer tokens.
func withBearer(cfg *cognito.Config) { cfg.Bearer = true }

// pageRequest returns a navigation of a browser.
func pageRequest(target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Accept", "text/html")
	return r
}

// scriptRequest returns a request of a script in a browser.
func scriptRequest(target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	r.Header.Set("Accept", "*/*")
	return r
}

// do sends a request to the handler.
func (env *testEnv) do(r *http.Request) *http.Response {
	env.Helper()
	env.handled = nil
	w := httptest.NewRecorder()
	before := recordsOf(r)
	env.handler.ServeHTTP(w, r)
	resp := w.Result()
	addChangedRecords(resp, r, before)
	return resp
}

// changedCookies returns the last parts of the names of the session's cookies that an
// answer sets and clears. Of a sealed session it returns what Amplify's would be.
func changedCookies(resp *http.Response) (set, cleared []string) {
	if isSealedRun() {
		return changedSealedCookies(resp)
	}
	for _, c := range resp.Cookies() {
		slot := c.Name[strings.LastIndexByte(c.Name, '.')+1:]
		if !strings.HasPrefix(c.Name, sessionCookiePrefix) {
			continue
		}
		if c.MaxAge < 0 {
			cleared = append(cleared, slot)
		} else {
			set = append(set, slot)
		}
	}
	return set, cleared
}

const opRefresh = "GetTokensFromRefreshToken"

func emptyHandler(http.ResponseWriter, *http.Request) {}

// newAuth returns an Auth with an emulator of its own.
func newAuth(t testing.TB, edits ...func(*cognito.Config)) *cognito.Auth {
	t.Helper()
	server := cognitotest.New()
	cfg := cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client()}
	for _, edit := range edits {
		edit(&cfg)
	}
	auth, err := cognito.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// newMatcherAuth returns an Auth with these patterns.
func newMatcherAuth(t testing.TB, patterns ...string) *cognito.Auth {
	t.Helper()
	return newMatcherAuthWith(t, patterns, nil)
}

func newMatcherAuthWith(t testing.TB, patterns []string, onError func(http.ResponseWriter, *http.Request, error)) *cognito.Auth {
	t.Helper()
	auth, err := cognito.New(cognito.Config{UserPool: cognito.UserPool{ID: "eu-west-1_a", ClientID: "a"}, Matcher: patterns, ErrorHandler: onError})
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// handlerThatRan sends a target to h without a session. It returns "private", "public"
// or, if no handler ran, "".
func handlerThatRan(t testing.TB, h http.Handler, method, target string) string {
	t.Helper()
	r, ok := parseRequest(method, target)
	if !ok {
		t.Fatalf("%s %s is no request", method, target)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Header().Get("Ran")
}

// privateHandler and publicHandler are the handlers of most routers in tests. A header
// says which of them ran.
func privateHandler(w http.ResponseWriter, r *http.Request) { w.Header().Set("Ran", "private") }

func publicHandler(w http.ResponseWriter, r *http.Request) { w.Header().Set("Ran", "public") }

// parseRequest reads a request line as net/http's server does.
func parseRequest(method, target string) (*http.Request, bool) {
	r, err := http.ReadRequest(bufio.NewReaderSize(strings.NewReader(method+" "+target+" HTTP/1.1\r\nHost: app.example\r\n\r\n"), 512))
	return r, err == nil
}

// signedInRequest returns a page request of a user whose tokens are valid.
func (env *testEnv) signedInRequest(user, target string) *http.Request {
	r := pageRequest(target)
	env.server.SignIn(r, user)
	return r
}

// expiredRequest returns a page request of a user whose tokens have expired, so that the
// answer sets cookies.
func (env *testEnv) expiredRequest(user, target string) *http.Request {
	r := pageRequest(target)
	env.server.SignIn(r, user)
	env.clock.advance(2 * time.Hour)
	return r
}

// getExpired sends such a request to a URL.
func (env *testEnv) getExpired(url string) *http.Response {
	env.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		env.Fatal(err)
	}
	env.server.SignIn(r, "ada")
	env.clock.advance(2 * time.Hour)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		env.Fatal(err)
	}
	resp.Body.Close()
	return resp
}
