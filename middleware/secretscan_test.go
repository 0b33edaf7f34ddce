package middleware_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
)

// secretScan looks for secrets in texts, as they are and encoded.
type secretScan struct {
	mu     sync.Mutex
	pieces map[string]string // of pieceLength characters; what each is of
}

const pieceLength = 24

// add adds a secret. The parts of a token are secrets, as they are and decoded.
func (s *secretScan) add(title, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for part := range strings.SplitSeq(secret, ".") {
		s.addPiece(title, []byte(part))
		if decoded, err := base64.RawURLEncoding.DecodeString(part); err == nil {
			s.addPiece(title+", decoded", decoded)
		}
	}
}

// addPiece adds a piece from the middle of a text, and its encodings. Base64 has three, by
// the place of the piece in what is encoded. A single claim is no secret, so the piece of
// claims is of two. A short text is none.
func (s *secretScan) addPiece(title string, text []byte) {
	at := len(text) / 2
	if next := bytes.Index(text[at:], []byte(`,"`)); next >= 0 {
		at += next
	}
	at -= pieceLength / 2
	if at < 0 || len(text) < at+pieceLength {
		return
	}
	piece := text[at:][:pieceLength]
	s.pieces[string(piece)] = title
	s.pieces[hex.EncodeToString(piece)[:pieceLength]] = title + ", in hex"
	for i := range 3 {
		for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
			s.pieces[encoding.EncodeToString(piece[i:][:pieceLength*3/4])] = title + ", in base64"
		}
	}
}

// find returns what of the secrets is in a text, "" if nothing is.
func (s *secretScan) find(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range max(0, len(text)-pieceLength+1) {
		if title := s.pieces[text[i:][:pieceLength]]; title != "" {
			return title
		}
	}
	return ""
}

var tokenPattern = regexp.MustCompile(`eyJ[\w-]+(\.[\w-]+)+`)

// hasTokenHeader reports whether the header of a token of the emulator is in a text. Fewer
// characters may be in random text.
func hasTokenHeader(text string) bool {
	return strings.Contains(text, "eyJhbGciOi") || strings.Contains(text, "eyJraWQiOi") || strings.Contains(text, "eyJjdHkiOi")
}

// storeWithOutages is a store in memory that fails while it is down.
type storeWithOutages struct {
	*storetest.Memory
	down atomic.Bool
}

func (s *storeWithOutages) err(key string) error {
	if s.down.Load() {
		return fmt.Errorf("dial: no connection for %s", key)
	}
	return nil
}

func (s *storeWithOutages) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.err(key); err != nil {
		return nil, err
	}
	return s.Memory.Get(ctx, key)
}

func (s *storeWithOutages) Add(ctx context.Context, key string, value []byte, keep time.Duration) ([]byte, error) {
	if err := s.err(key); err != nil {
		return nil, err
	}
	return s.Memory.Add(ctx, key, value, keep)
}

func (s *storeWithOutages) Swap(ctx context.Context, key string, old, value []byte, keep time.Duration) (bool, error) {
	if err := s.err(key); err != nil {
		return false, err
	}
	return s.Memory.Swap(ctx, key, old, value, keep)
}

func (s *storeWithOutages) Append(ctx context.Context, note []byte, keep time.Duration) error {
	if err := s.err(""); err != nil {
		return err
	}
	return s.Memory.Append(ctx, note, keep)
}

func (s *storeWithOutages) Since(ctx context.Context, cursor string) ([][]byte, string, error) {
	if err := s.err(""); err != nil {
		return nil, "", err
	}
	return s.Memory.Since(ctx, cursor)
}

// scannedSite is a site all of whose answers, log lines and stored values are searched. No
// token may be in any of them, and the cookies of a session in Set-Cookie alone.
type scannedSite struct {
	*browser
	env         *testEnv
	store       *storeWithOutages
	log         bytes.Buffer
	scannedLog  int             // bytes
	scanned     map[string]bool // values of the store
	tokens      secretScan      // that the process has got
	credentials secretScan      // the values of its cookies
	answers     int

	mu       sync.Mutex
	received []string // tokens
}

func newScannedSite(t *testing.T, layout session.Layout) *scannedSite {
	t.Helper()
	s := &scannedSite{
		store: &storeWithOutages{Memory: storetest.NewMemory()}, scanned: make(map[string]bool),
		tokens: secretScan{pieces: make(map[string]string)}, credentials: secretScan{pieces: make(map[string]string)},
	}
	s.env = newRoutesEnv(t, func(cfg *cognito.Config) {
		cfg.Layout, cfg.Secret, cfg.Shared, cfg.Bearer = layout, routesSecret, s.store, true
		cfg.Logger = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.HTTPClient = &http.Client{Transport: readingTransport{cfg.HTTPClient.Transport, s.readTokens}}
		s.store.SetNow(cfg.Now)
	})
	s.env.server.SetRotation(true, 0)
	t.Cleanup(func() { s.env.server.SetRotation(false, 0); s.env.server.SetFault(nil) })
	s.env.handler = s.scanning(s.env.handler)
	s.browser = newBrowser(s.env)
	return s
}

// readingTransport has the bodies of requests and answers read.
type readingTransport struct {
	http.RoundTripper
	read func(text string)
}

func (t readingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		t.read(string(body))
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	t.read(string(body))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// readTokens notes the secrets in what the process sends to Cognito, and gets from it.
func (s *scannedSite) readTokens(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, token := range tokenPattern.FindAllString(text, -1) {
		s.received = append(s.received, token)
		s.tokens.add("a token", token)
	}
	if form, err := url.ParseQuery(text); err == nil {
		s.tokens.add("an authorization code", form.Get("code"))
		s.tokens.add("a code verifier", form.Get("code_verifier"))
	}
}

// latest returns the latest refresh token.
func (s *scannedSite) latest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, token := range slices.Backward(s.received) {
		if strings.HasPrefix(token, "eyJjdHki") {
			return token
		}
	}
	return ""
}

// scanning searches all answers of a handler, and what is logged and stored until then.
func (s *scannedSite) scanning(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		s.answers++
		header := answer.Header()
		for _, c := range answer.Result().Cookies() {
			if !strings.HasPrefix(c.Name, "__Host-cognitogate.") || !c.HttpOnly || !c.Secure {
				s.Errorf("a cookie %s", c.Name)
			}
			s.credentials.add("the cookie "+c.Name, c.Value)
		}
		var lines strings.Builder
		header.Write(&lines)
		where := r.Method + " " + r.URL.Path
		s.scan("the header of "+where, lines.String(), false)
		s.scan("the body of "+where, answer.Body.String(), true)
		lines.Reset()
		header.WriteSubset(&lines, map[string]bool{"Set-Cookie": true})
		s.scan("the header of "+where, lines.String(), true)
		s.scanLogAndStore("after " + where)
		maps.Copy(w.Header(), header)
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	})
}

// scanLogAndStore searches what is new in the log and the store.
func (s *scannedSite) scanLogAndStore(when string) {
	s.Helper()
	text := s.log.String()
	s.scan("the log "+when, text[s.scannedLog:], true)
	s.scannedLog = len(text)
	for key, value := range s.store.Values() {
		if text := key + " " + string(value); !s.scanned[text] {
			s.scanned[text] = true
			s.scan("the store "+when, text, true)
		}
	}
	for _, note := range s.store.Notes() {
		s.scan("the store's log "+when, string(note), true)
	}
}

// scan fails the test if a text holds a token, or with credentials, the value of a cookie.
func (s *scannedSite) scan(where, text string, credentials bool) {
	s.Helper()
	found := s.tokens.find(text)
	switch {
	case found != "":
	case hasTokenHeader(text):
		found = "a token's header"
	case credentials:
		found = s.credentials.find(text)
	}
	if found != "" {
		s.Fatalf("%s holds %s", where, found)
	}
}

// shows opens a page and checks the answer's status.
func (s *scannedSite) shows(step, path string, status int) {
	s.Helper()
	if s.openURL(path); s.status != status {
		s.Errorf("%s: %s answers %d, want %d: %.300s", step, path, s.status, status, s.body)
	}
}

// signIn signs a user in at the managed login, and returns the callback.
func (s *scannedSite) signIn(user string) (callback string) {
	s.Helper()
	s.openURL("/api/auth/sign-in?prompt=login&next=/dashboard")
	s.fillInLogin(user)
	for _, at := range s.visited {
		if strings.Contains(at, "/sign-in-callback") {
			callback = at
		}
	}
	if s.status != http.StatusOK || s.url.Path != "/dashboard" || callback == "" {
		s.Fatalf("the sign-in of %s: %d at %s", user, s.status, s.url)
	}
	return callback
}

// request sends a request of a script with these cookies, or with others.
func (s *scannedSite) request(path string, cookies []*http.Cookie, edit func(*http.Request)) int {
	s.Helper()
	r := scriptRequest(origin + path)
	r.Host = host
	for _, c := range cookies {
		r.AddCookie(c)
	}
	if edit != nil {
		edit(r)
	}
	w := httptest.NewRecorder()
	s.env.handler.ServeHTTP(w, r)
	_, err := s.env.auth.Sessions().Fetch(nil, r, nil)
	s.scan("an error", fmt.Sprint(err, s.env.auth.Sessions().Explain(r, err)), true)
	return w.Code
}

func (s *scannedSite) sessionCookies() (cookies []*http.Cookie) {
	for _, c := range s.jar.Cookies(mustParse(origin + "/")) {
		if strings.Contains(c.Name, ".session.") {
			cookies = append(cookies, c)
		}
	}
	return cookies
}

// TestSessionShowsNoToken signs users in, refreshes, refuses, fails and signs out, with a
// log of everything. No token is in a header, a body, the log or the store. So it is with
// the cookies' values, outside of Set-Cookie.
func TestSessionShowsNoToken(t *testing.T) {
	sharedServer() // made outside of the bubbles
	for _, layout := range []session.Layout{session.LayoutSealed, session.LayoutHandle} {
		t.Run(string(layout), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { useScannedSite(newScannedSite(t, layout)) })
		})
	}
}

func useScannedSite(s *scannedSite) {
	callback := s.signIn("ada")
	s.shows("admins", "/admin", http.StatusOK)

	// Sign-ins that fail.
	s.shows("the callback again", strings.TrimPrefix(callback, origin), http.StatusOK)
	if status := s.request(strings.Replace(strings.TrimPrefix(callback, origin), "state=", "state=x", 1), nil, nil); status < 400 {
		s.Errorf("the callback without a flow: %d", status)
	}
	for _, fault := range []cognitotest.Fault{{Code: "invalid_grant"}, {Status: 500, Body: "<html>" + s.latest()}, {Drop: true}} {
		s.env.server.SetFault(answering("Token", fault))
		s.openURL("/api/auth/sign-in?prompt=login")
		if s.fillInLogin("grace"); s.status < 400 {
			s.Errorf("a sign-in without tokens: %d", s.status)
		}
	}
	s.env.server.SetFault(nil)

	// Refreshes, and those that fail. Cognito and proxies may repeat what they got.
	for range 2 {
		s.env.clock.advance(2 * time.Hour)
		s.shows("expired", "/dashboard", http.StatusOK)
	}
	s.env.clock.advance(2 * time.Hour)
	for _, fault := range []cognitotest.Fault{{Status: 503}, {Status: 500, Message: s.latest()}, {Status: 502, Body: "<html>" + s.latest()}, {Status: 200, Body: `{"AuthenticationResult": "` + s.latest()}, {Drop: true}} {
		s.env.server.SetFault(answering(opRefresh, fault))
		s.env.clock.advance(5 * time.Minute)
		s.shows("an outage of Cognito", "/dashboard", http.StatusServiceUnavailable)
	}
	s.env.server.SetFault(nil)
	s.env.clock.advance(5 * time.Minute)
	s.shows("after the outage", "/dashboard", http.StatusOK)

	// Refused requests.
	held := s.sessionCookies()
	broken := *held[0]
	broken.Value = broken.Value[:40] + "AAAA" + broken.Value[44:]
	for name, cookies := range map[string][]*http.Cookie{
		"none": nil, "a broken one": {&broken}, "only some": held[1:],
	} {
		if status := s.request("/api/private", cookies, nil); status != http.StatusUnauthorized {
			s.Errorf("%s: %d", name, status)
		}
	}
	bearer := s.env.server.Issue("grace").Access
	s.tokens.add("a bearer token", bearer)
	for name, test := range map[string]struct {
		token, path string
		status      int
	}{
		"genuine":     {bearer, "/api/private", http.StatusOK},
		"not allowed": {bearer, "/admin", http.StatusForbidden},
		"broken":      {bearer[:len(bearer)-9], "/api/private", http.StatusUnauthorized},
		"refresh":     {s.latest(), "/api/private", http.StatusUnauthorized},
	} {
		if status := s.request(test.path, nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+test.token) }); status != test.status {
			s.Errorf("a bearer token, %s: %d", name, status)
		}
	}
	if status := s.request("/admin", held, func(r *http.Request) { r.URL.RawQuery = "again=%zz" }); status != http.StatusOK {
		s.Errorf("an odd query: %d", status)
	}

	// The store is down, for refreshes, sign-outs and sign-ins.
	s.store.down.Store(true)
	s.shows("the store is down", "/dashboard", http.StatusOK)
	s.env.clock.advance(2 * time.Hour)
	s.openURL("/dashboard")
	copies := s.sessionCookies()
	s.submitForm("/api/auth/sign-out")
	s.store.down.Store(false)
	s.env.clock.advance(2 * time.Second)
	if left := s.sessionCookies(); len(left) > 0 {
		s.Errorf("%d cookies are left", len(left))
	}
	if status := s.request("/api/private", copies, nil); status != http.StatusUnauthorized {
		s.Errorf("copies: %d", status)
	}

	// A refresh token that Cognito refuses, a sign-out that Cognito does not take, and one
	// that works.
	s.signIn("grace")
	s.shows("not an admin", "/admin", http.StatusForbidden)
	s.env.clock.advance(2 * time.Hour)
	s.env.server.SetFault(answering(opRefresh, cognitotest.Fault{Code: "NotAuthorizedException", Message: "Refresh Token has been revoked: " + s.latest()}))
	if status := s.request("/api/private", s.sessionCookies(), nil); status != http.StatusUnauthorized && status != http.StatusServiceUnavailable {
		s.Errorf("refused: %d", status)
	}
	s.signIn("grace")
	s.env.server.SetFault(answering("RevokeToken", cognitotest.Fault{Status: 500, Message: s.latest()}))
	s.submitForm("/api/auth/sign-out")
	s.env.server.SetFault(nil)
	s.signIn("ada")
	copies = s.sessionCookies()
	s.submitForm("/api/auth/sign-out")
	if left := s.sessionCookies(); len(left) > 0 {
		s.Errorf("%d cookies are left", len(left))
	}
	if status := s.request("/api/private", copies, nil); status != http.StatusUnauthorized {
		s.Errorf("copies after the sign-out: %d", status)
	}
	s.scanLogAndStore("at the end")
	if n := strings.Count(s.log.String(), "level=DEBUG"); n < 5 || s.answers < 40 || len(s.received) < 20 || len(s.credentials.pieces) == 0 {
		s.Errorf("%d lines of the log, %d answers and %d tokens are searched", n, s.answers, len(s.received))
	}
}
