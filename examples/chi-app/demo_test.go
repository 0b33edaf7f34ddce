package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// demo is the application on a pool of its own, with a clock that tests move.
type demo struct {
	pool *cognitotest.Server
	log  *syncBuffer

	mu      sync.Mutex
	frozen  time.Time // zero while the clock runs
	ahead   time.Duration
	handler http.Handler
}

func newDemo(t *testing.T) *demo {
	t.Helper()
	d := &demo{pool: cognitotest.New(users...), log: new(syncBuffer)}
	d.pool.SetNow(func() time.Time {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.frozen.IsZero() {
			return d.frozen.Add(d.ahead)
		}
		return time.Now().Add(d.ahead)
	})
	d.pool.SetLifetime(time.Minute)
	d.start(t)
	t.Cleanup(func() {
		for _, secret := range []string{"eyJ", users[0].Password, users[1].Password} {
			if strings.Contains(d.log.String(), secret) {
				t.Errorf("the log contains %q", secret)
			}
		}
	})
	return d
}

// start starts the application, or starts it anew.
func (d *demo) start(t *testing.T) {
	t.Helper()
	handler, err := newApp(config{
		UserPool:   d.pool.UserPool(),
		HTTPClient: d.pool.Client(),
		Now:        d.pool.Now,
		Logger:     slog.New(slog.NewTextHandler(d.log, nil)),
		Demo:       users,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handler = handler
}

func (d *demo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	handler := d.handler
	d.mu.Unlock()
	handler.ServeHTTP(w, r)
}

// advance moves the clock of the pool and of the application.
func (d *demo) advance(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ahead += by
}

// freeze stops the clock; only advance moves it from now on.
func (d *demo) freeze() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.frozen = time.Now()
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// visitor is a browser without scripts.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
}

// visitor opens a new browser. The server speaks TLS, because net/http's cookie
// jar makes no exception for http://localhost as browsers do.
func (d *demo) visitor(t *testing.T) *visitor {
	t.Helper()
	server := httptest.NewTLSServer(d)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{t, server.URL, client}
}

// reply is an answer that has been read.
type reply struct {
	*http.Response
	body string
}

func (v *visitor) do(method, path string, form url.Values, edit func(http.Header)) *reply {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if edit != nil {
		edit(r.Header)
	}
	answer, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return &reply{answer, string(body)}
}

func (v *visitor) open(path string) *reply { v.t.Helper(); return v.do("GET", path, nil, nil) }

func (v *visitor) send(path string, form url.Values) *reply {
	v.t.Helper()
	return v.do("POST", path, form, nil)
}

// fetch is what a script does.
func (v *visitor) fetch(path string) *reply {
	v.t.Helper()
	return v.do("GET", path, nil, func(h http.Header) {
		h.Set("Accept", "application/json")
		h.Set("Sec-Fetch-Mode", "cors")
	})
}

func (v *visitor) signIn(username string) {
	v.t.Helper()
	v.send("/sign-in", credentials(username)).expect(v.t, http.StatusSeeOther)
}

func credentials(username string) url.Values {
	for _, u := range users {
		if u.Username == username {
			return url.Values{"username": {username}, "password": {u.Password}}
		}
	}
	panic("no user " + username)
}

// cookie returns the value of the session's cookie whose name ends so.
func (v *visitor) cookie(suffix string) string {
	v.t.Helper()
	u, err := url.Parse(v.base)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(u) {
		if strings.HasSuffix(c.Name, suffix) {
			return c.Value
		}
	}
	return ""
}

// expect checks the status and that the body has all of the texts.
func (r *reply) expect(t *testing.T, status int, texts ...string) *reply {
	t.Helper()
	at := r.Request.Method + " " + r.Request.URL.RequestURI()
	if r.StatusCode != status {
		t.Fatalf("%s: status %d, want %d\n%s", at, r.StatusCode, status, r.body)
	}
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			t.Fatalf("%s: %q is missing in\n%s", at, text, r.body)
		}
	}
	return r
}

// leadsTo checks where an answer redirects to.
func (r *reply) leadsTo(t *testing.T, location string) {
	t.Helper()
	if got := r.Header.Get("Location"); got != location {
		t.Fatalf("%s %s leads to %q, want %q", r.Request.Method, r.Request.URL.Path, got, location)
	}
}

func (r *reply) header(t *testing.T, name, want string) {
	t.Helper()
	if got := r.Header.Get(name); got != want {
		t.Errorf("%s %s: %s is %q, want %q", r.Request.Method, r.Request.URL.Path, name, got, want)
	}
}
