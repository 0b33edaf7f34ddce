package session_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// journal holds everything that the tests of this package log, and the texts of
// the errors that they get. None of it may hold a secret: see TestMain.
var journal struct {
	mu sync.Mutex
	bytes.Buffer
}

type journalWriter struct{}

func (journalWriter) Write(p []byte) (int, error) {
	journal.mu.Lock()
	defer journal.mu.Unlock()
	return journal.Buffer.Write(p)
}

// note puts an error's text into the journal.
func note(err error) {
	if err != nil {
		fmt.Fprintln(journalWriter{}, err)
	}
}

// TestMain reads what all tests have logged. Tokens of all kinds, the emulator's
// refresh tokens too, begin with the encoded "{"; attributes are ada's address.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(journalWriter{}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	code := m.Run()
	for _, secret := range []string{"eyJ", "ada@example.com"} {
		if at := strings.Index(journal.String(), secret); at >= 0 {
			text := journal.String()
			fmt.Printf("FAIL: a log line or an error holds a secret: …%.300s…\n", text[max(0, at-200):])
			code = 1
		}
	}
	os.Exit(code)
}

// place is an application with its pool, at a time that the test moves.
type place struct {
	t    *testing.T
	pool *cognitotest.Server
	m    *session.Manager
	logs *bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

var ada = cognitotest.User{Username: "ada", Groups: []string{"admins"}, Attributes: map[string]string{"email": "ada@example.com"}}

// open makes a place. edit may be nil.
func open(t *testing.T, edit func(*session.Config), users ...cognitotest.User) *place {
	t.Helper()
	if users == nil {
		users = []cognitotest.User{ada, {Username: "bob"}}
	}
	p := &place{t: t, pool: cognitotest.New(users...), logs: new(bytes.Buffer), now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)}
	p.pool.SetNow(p.time)
	p.m = p.manager(edit)
	return p
}

func (p *place) time() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *place) wait(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

func (p *place) manager(edit func(*session.Config)) *session.Manager {
	p.t.Helper()
	cfg := session.Config{UserPool: p.pool.UserPool(), HTTPClient: p.pool.Client(), Now: p.time,
		Logger: slog.New(slog.NewTextHandler(io.MultiWriter(p.logs, journalWriter{}), nil))}
	if edit != nil {
		edit(&cfg)
	}
	m, err := session.NewManager(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return m
}

// key is the name of a cookie of the pool's app client, as Amplify's client spells
// it for users whose names need no encoding.
func (p *place) key(rest string) string {
	return "CognitoIdentityServiceProvider." + p.pool.UserPool().ClientID + "." + rest
}

// cookies are the pairs of a Cookie header for a session, in Amplify's order.
func (p *place) cookies(user string, set *tokens.Set) []string {
	return []string{
		p.key("LastAuthUser") + "=" + user,
		p.key(user+".accessToken") + "=" + set.Access,
		p.key(user+".idToken") + "=" + set.ID,
		p.key(user+".refreshToken") + "=" + set.Refresh,
	}
}

// page is a navigation that carries the pairs.
func page(pairs ...string) *http.Request {
	r := httptest.NewRequest("GET", "https://app.example.com/", nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if len(pairs) > 0 {
		r.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	return r
}

// script is a request by a page's script that carries the pairs.
func script(pairs ...string) *http.Request {
	r := page(pairs...)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	return r
}

// fetch fetches the session of a request.
func (p *place) fetch(r *http.Request) (*session.Session, []string, error) {
	return p.fetchWith(r, nil)
}

func (p *place) fetchWith(r *http.Request, opts *session.FetchOptions) (*session.Session, []string, error) {
	w := httptest.NewRecorder()
	s, err := p.m.Fetch(w, r, opts)
	note(err)
	if (s == nil) == (err == nil) {
		p.t.Errorf("session %v with error %v", s, err)
	}
	return s, w.Header()["Set-Cookie"], err
}

// changes names what Set-Cookie lines do: "set" or "cleared", by the name without
// the prefix of the app client.
func (p *place) changes(lines []string) map[string]string {
	changes := make(map[string]string)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		name = strings.TrimPrefix(name, p.key(""))
		if strings.HasPrefix(value, ";") {
			if changes[name] == "" {
				changes[name] = "cleared"
			}
		} else {
			changes[name] = "set"
		}
	}
	return changes
}

// cleared reports that the lines clear the session and set nothing.
func (p *place) cleared(lines []string) bool {
	c := p.changes(lines)
	for _, change := range c {
		if change != "cleared" {
			return false
		}
	}
	return c["LastAuthUser"] == "cleared"
}

// browser keeps cookies as browsers do, by the rules of net/http/cookiejar.
type browser struct {
	jar *cookiejar.Jar
}

func newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err)
	}
	return &browser{jar}
}

// plant sets a cookie as the answer of a URL does.
func (b *browser) plant(from, line string) {
	u, err := url.Parse(from)
	if err != nil {
		panic(err)
	}
	c, err := http.ParseSetCookie(line)
	if err != nil {
		panic(err)
	}
	b.jar.SetCookies(u, []*http.Cookie{c})
}

// visit has the handler answer a navigation to the URL, and keeps its cookies.
func (b *browser) visit(to string, handler func(http.ResponseWriter, *http.Request)) {
	r := httptest.NewRequest("GET", to, nil)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if pairs := b.pairs(to); len(pairs) > 0 {
		r.Header.Set("Cookie", strings.Join(pairs, "; "))
	}
	w := httptest.NewRecorder()
	handler(w, r)
	for _, line := range w.Header()["Set-Cookie"] {
		b.plant(to, line)
	}
}

// pairs are what the browser sends to the URL.
func (b *browser) pairs(to string) []string {
	u, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	var pairs []string
	for _, c := range b.jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return pairs
}
