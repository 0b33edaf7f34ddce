package session_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// Operations of Cognito, as cognitotest names them.
const (
	opKeys    = "JWKS"
	opRefresh = "GetTokensFromRefreshToken"
	opRevoke  = "RevokeToken"
)

// site is the address of the application under test.
const site = "https://app.example.com/"

var (
	ada = cognitotest.User{Username: "ada", Groups: []string{"admins"}, Attributes: map[string]string{"email": "ada@example.com"}}
	bob = cognitotest.User{Username: "bob"}
)

// Faults of an outage. A call that gets an errorPage is not tried again, because it may
// have had its effect.
var (
	down      = cognitotest.Fault{Status: http.StatusServiceUnavailable}
	errorPage = cognitotest.Fault{Status: http.StatusInternalServerError, Body: "<html>"}
)

// forced are the options of a refresh that the caller asks for.
var forced = &session.FetchOptions{ForceRefresh: true}

// logBuffer collects all log lines and errors of this package's tests. TestMain
// searches it for secrets.
var logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

type logWriter struct{}

func (logWriter) Write(p []byte) (int, error) {
	logBuffer.mu.Lock()
	defer logBuffer.mu.Unlock()
	return logBuffer.Buffer.Write(p)
}

// logError adds an error's text to the logBuffer.
func logError(err error) {
	if err != nil {
		fmt.Fprintln(logWriter{}, err)
	}
}

// TestMain fails if any test has logged a secret. All tokens begin with the encoded "{",
// the emulator's refresh tokens too. ada's address is an attribute. The keys of devices
// hold a text of their own.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(logWriter{}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	code := m.Run()
	text := logBuffer.String()
	for _, secret := range []string{"eyJ", "ada@example.com", "5ec2e7"} {
		if at := strings.Index(text, secret); at >= 0 {
			fmt.Printf("FAIL: a log line or an error holds a secret: …%.300s…\n", text[max(0, at-200):])
			code = 1
		}
	}
	os.Exit(code)
}

// env is a Manager with its Cognito. The test moves the clock of both.
type env struct {
	t       *testing.T
	server  *cognitotest.Server
	manager *session.Manager
	logs    *bytes.Buffer
	layout  testLayout

	attributes session.Cookies // of the latest Manager
	secrets    [][]byte        // its, too
	store      session.Store   // its

	managersNow func() time.Time // its clock

	mu  sync.Mutex
	now time.Time
}

// newEnv makes an env with ada and bob, or with other users. edit may be nil.
func newEnv(t *testing.T, edit func(*session.Config), users ...cognitotest.User) *env {
	t.Helper()
	if users == nil {
		users = []cognitotest.User{ada, bob}
	}
	e := &env{t: t, layout: layoutOfTests(), server: cognitotest.New(users...), logs: new(bytes.Buffer), now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)}
	e.server.SetNow(e.clock)
	e.manager = e.newManager(edit)
	return e
}

// newManager makes a Manager like that of another process. edit may be nil.
func (e *env) newManager(edit func(*session.Config)) *session.Manager {
	e.t.Helper()
	cfg := session.Config{
		UserPool:   e.server.UserPool(),
		HTTPClient: e.server.Client(),
		Now:        e.clock,
		Logger:     slog.New(slog.NewTextHandler(io.MultiWriter(e.logs, logWriter{}), nil)),
	}
	e.layout.configure(&cfg)
	if edit != nil {
		edit(&cfg)
	}
	e.managersNow = cfg.Now
	e.attributes, e.secrets, e.store = cfg.Cookies, append([][]byte{cfg.Secret}, cfg.OldSecrets...), cfg.Shared
	m, err := session.NewManager(cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	return m
}

func (e *env) clock() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

// advance moves the clock.
func (e *env) advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

// fail makes every request to Cognito fail.
func (e *env) fail(f cognitotest.Fault) {
	e.server.SetFault(func(string) cognitotest.Fault { return f })
}

// failOnly makes one operation fail.
func (e *env) failOnly(op string, f cognitotest.Fault) {
	e.server.SetFault(func(o string) cognitotest.Fault {
		if o == op {
			return f
		}
		return cognitotest.Fault{}
	})
}

// failButKeys makes every operation fail except for the fetch of keys.
func (e *env) failButKeys(f cognitotest.Fault) {
	e.server.SetFault(func(op string) cognitotest.Fault {
		if op == opKeys {
			return cognitotest.Fault{}
		}
		return f
	})
}

// recover ends a failure.
func (e *env) recover() { e.server.SetFault(nil) }

// hold delays an operation until it is released.
func (e *env) hold(op string) (release func()) {
	held := make(chan struct{})
	e.server.SetFault(func(o string) cognitotest.Fault {
		if o == op {
			<-held
		}
		return cognitotest.Fault{}
	})
	return sync.OnceFunc(func() { close(held) })
}

// prefixed puts the app client's prefix before a cookie's name.
func (e *env) prefixed(name string) string {
	return "CognitoIdentityServiceProvider." + e.server.UserPool().ClientID + "." + name
}

// cookies returns the cookies of a session. user must need no encoding.
func (e *env) cookies(user string, set *tokens.Set) []string { return e.layout.cookies(e, user, set) }

// withoutRefresh returns a set without its refresh token.
func withoutRefresh(set *tokens.Set) *tokens.Set { return &tokens.Set{Access: set.Access, ID: set.ID} }

// onlyAccess returns a set without the other tokens.
func onlyAccess(set *tokens.Set) *tokens.Set { return &tokens.Set{Access: set.Access} }

// onlyRefresh returns a set without the other tokens.
func onlyRefresh(set *tokens.Set) *tokens.Set { return &tokens.Set{Refresh: set.Refresh} }

func allTokens(set *tokens.Set) *tokens.Set { return set }

var clients atomic.Uint32 // addresses of requests

// pageRequest returns a navigation with cookies, from a client of its own.
func pageRequest(cookies ...string) *http.Request {
	r := httptest.NewRequest("GET", site, nil)
	client := clients.Add(1)
	r.RemoteAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(client >> 16), byte(client >> 8), byte(client)}), 443).String()
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if len(cookies) > 0 {
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return r
}

// scriptRequest returns a request of a page's script with cookies.
func scriptRequest(cookies ...string) *http.Request {
	r := pageRequest(cookies...)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	return r
}

// upgradeRequest returns a request to open a WebSocket with cookies.
func upgradeRequest(cookies ...string) *http.Request {
	r := pageRequest(cookies...)
	r.Header.Set("Sec-Fetch-Mode", "websocket")
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	return r
}

// fetch fetches a request's session. lines are the Set-Cookie lines of the answer.
func (e *env) fetch(r *http.Request) (s *session.Session, lines []string, err error) {
	return e.fetchWith(r, nil)
}

func (e *env) fetchWith(r *http.Request, opts *session.FetchOptions) (s *session.Session, lines []string, err error) {
	lines = e.layout.after(e, r, func() []string {
		w := httptest.NewRecorder()
		s, err = e.manager.Fetch(w, r, opts)
		return w.Header()["Set-Cookie"]
	})
	logError(err)
	if (s == nil) == (err == nil) {
		e.t.Errorf("session %v with error %v", s, err)
	}
	return s, lines, err
}

// end signs out. lines are the Set-Cookie lines of the answer.
func (e *env) end(r *http.Request) (lines []string, err error) {
	w := httptest.NewRecorder()
	err = e.manager.End(w, r)
	logError(err)
	return w.Header()["Set-Cookie"], err
}

// changes returns the effect of Set-Cookie lines by the names of Amplify's cookies without
// the prefix: "set" or "cleared".
func (e *env) changes(lines []string) map[string]string { return e.layout.changes(e, lines) }

// cleared reports whether the lines clear the session and set nothing.
func (e *env) cleared(lines []string) bool {
	changes := e.changes(lines)
	for _, change := range changes {
		if change != "cleared" {
			return false
		}
	}
	return changes["LastAuthUser"] == "cleared"
}

// value returns the value that Set-Cookie lines set for a name without the prefix.
func (e *env) value(lines []string, name string) string { return e.layout.value(e, lines, name) }

// tokensOf returns the tokens that Set-Cookie lines set for a user.
func (e *env) tokensOf(user string, lines []string) *tokens.Set {
	return &tokens.Set{
		Access:  e.value(lines, user+".accessToken"),
		ID:      e.value(lines, user+".idToken"),
		Refresh: e.value(lines, user+".refreshToken"),
	}
}

// refreshSources counts the calls of the hook by their source.
type refreshSources struct {
	mu     sync.Mutex
	counts map[session.RefreshSource]int
}

func (s *refreshSources) hook(_ context.Context, source session.RefreshSource, _ time.Duration, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil {
		s.counts = make(map[session.RefreshSource]int)
	}
	s.counts[source]++
}

// forge replaces a part of a token's signature.
func forge(raw string, i int) string {
	at := len(raw) - 40
	return raw[:at] + fmt.Sprint("FORGED", i) + raw[at+7:]
}

// accessOnly leaves out the ID token, which saves one of two signatures.
func accessOnly(d *cognitotest.Draft) {
	if d.Use == tokens.ID {
		d.Claims = nil
	}
}

// noTokens leaves out both tokens, so that nothing is signed. The refresh token stays.
func noTokens(d *cognitotest.Draft) { d.Claims = nil }

// machine makes a program's token of the client credentials grant (RFC 6749 §4.4).
func machine(d *cognitotest.Draft) {
	if accessOnly(d); d.Use == tokens.Access {
		delete(d.Claims, "username")
		delete(d.Claims, "origin_jti")
		d.Claims["sub"] = d.Claims["client_id"]
		d.Claims["scope"] = "orders/read"
	}
}

// shortID makes an ID token expire in five minutes, long before the access token.
func (e *env) shortID(d *cognitotest.Draft) {
	if d.Use == tokens.ID {
		d.Claims["exp"] = e.clock().Add(5 * time.Minute).Unix()
	}
}

// inParallel calls f for 0 to n-1 from several goroutines.
func inParallel(goroutines, n int, f func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range goroutines {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
