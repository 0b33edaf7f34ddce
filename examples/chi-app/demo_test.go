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
	"github.com/cognitogate/cognitogate/session"
)

// demo is the application on a user pool of its own, with a clock that tests move.
type demo struct {
	server *cognitotest.Server
	client *cognitotest.Server // seen through Amplify's app client; nil without
	log    *syncBuffer
	site   *httptest.Server
	origin string

	cookieDomain string // of Amplify's cookies; empty for those of the host

	operator    http.Handler // of the operator's port
	operatorURL string       // empty without one
	debug       bool
	layout      session.Layout
	records     session.Store // for session.LayoutHandle

	mu      sync.Mutex
	frozen  time.Time // zero while the clock runs
	ahead   time.Duration
	handler http.Handler
}

// newDemo serves the application with TLS, because net/http's cookie jar makes no
// exception for http://localhost as browsers do. The user pool is in memory.
func newDemo(t *testing.T) *demo {
	t.Helper()
	d := prepare(t)
	d.site = httptest.NewTLSServer(d)
	t.Cleanup(d.site.Close)
	d.origin = d.site.URL
	d.start(t)
	return d
}

// newLocalDemo serves the application and the user pool on two ports of
// http://localhost, as the command does.
func newLocalDemo(t *testing.T) *demo {
	t.Helper()
	d := prepare(t)
	d.site = httptest.NewServer(d)
	t.Cleanup(d.site.Close)
	d.origin = localhost(d.site.Listener.Addr().String())
	login := httptest.NewServer(d.server)
	t.Cleanup(login.Close)
	d.server.SetURL(localhost(login.Listener.Addr().String()))
	d.start(t)
	return d
}

func prepare(t *testing.T) *demo {
	t.Helper()
	d := &demo{server: cognitotest.New(users...), log: new(syncBuffer)}
	d.server.SetNow(func() time.Time {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.frozen.IsZero() {
			return d.frozen.Add(d.ahead)
		}
		return time.Now().Add(d.ahead)
	})
	d.server.SetLifetime(time.Minute)
	d.server.PutObject("public/a picture.png", julia(0, 0))
	d.server.PutObject("public/notes.txt", []byte("no picture"))
	t.Cleanup(func() {
		for _, secret := range []string{"eyJ", users[0].Password, users[1].Password} {
			if strings.Contains(d.log.String(), secret) {
				t.Errorf("the log contains %q", secret)
			}
		}
	})
	return d
}

// start starts the application, or restarts it.
func (d *demo) start(t *testing.T) {
	t.Helper()
	cfg := config{
		UserPool:   d.server.UserPool(),
		Origin:     d.origin,
		Secret:     []byte("the same in every start, as for replicas"),
		HTTPClient: d.server.Client(),
		Now:        d.server.Now,
		Logger:     slog.New(slog.NewTextHandler(d.log, nil)),
		Demo:       users,
		Outage:     &outage{server: d.server},
		Operator:   d.operatorURL,
		Debug:      d.debug,
		Layout:     d.layout,
		Shared:     d.records,
	}
	cfg.useServices(d.server)
	if d.client != nil {
		cfg.Client = &clientConfig{"../amplify-client/dist/client.js", d.client.UserPool()}
	}
	handler, err := newApp(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.handler, d.operator = handler, handler.operator
	if d.cookieDomain != "" {
		d.handler = withCookieDomain(d.cookieDomain, handler)
	}
}

func (d *demo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	handler := d.handler
	d.mu.Unlock()
	handler.ServeHTTP(w, r)
}

// serveOperator serves the operator's port, which pages link to then, and returns its URL.
func (d *demo) serveOperator(t *testing.T) string {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		handler := d.operator
		d.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(site.Close)
	d.operatorURL = localhost(site.Listener.Addr().String())
	d.start(t)
	return d.operatorURL
}

// advance moves the clock of the user pool and of the application.
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
	demo   *demo
	client *http.Client
}

// visitor opens a new browser.
func (d *demo) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{
		Jar:           jar,
		Transport:     d.site.Client().Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &visitor{t, d, client}
}

// response is a response whose body has been read.
type response struct {
	*http.Response
	body string
}

func (v *visitor) do(method, path string, form url.Values, edit func(http.Header)) *response {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.demo.origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Dest", "document")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if edit != nil {
		edit(r.Header)
	}
	resp, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return &response{resp, string(body)}
}

func (v *visitor) open(path string) *response { v.t.Helper(); return v.do("GET", path, nil, nil) }

func (v *visitor) send(path string, form url.Values) *response {
	v.t.Helper()
	return v.do("POST", path, form, nil)
}

// fetch sends a script's request.
func (v *visitor) fetch(path string) *response {
	v.t.Helper()
	return v.do("GET", path, nil, func(h http.Header) {
		h.Set("Accept", "application/json")
		h.Set("Sec-Fetch-Mode", "cors")
	})
}

// signIn signs in through the managed login. Tests in a real browser use its pages.
func (v *visitor) signIn(username string) {
	v.t.Helper()
	v.answer("/api/auth/sign-in", username).expect(v.t, http.StatusFound).leadsTo(v.t, "/dashboard")
}

// answer starts a sign-in with a link. It returns the application's response to the
// managed login's callback.
func (v *visitor) answer(link, username string) *response {
	v.t.Helper()
	authorizeURL := v.open(link).expect(v.t, http.StatusFound).Header.Get("Location")
	callback, err := v.demo.server.Authorize(authorizeURL, username)
	if err != nil {
		v.t.Fatal(err)
	}
	path, ok := strings.CutPrefix(callback, v.demo.origin)
	if !ok {
		v.t.Fatalf("the managed login redirects to %s, want %s", callback, v.demo.origin)
	}
	return v.open(path)
}

func password(username string) string {
	for _, u := range users {
		if u.Username == username {
			return u.Password
		}
	}
	panic("no user " + username)
}

// cookie returns the value of a cookie whose name ends with suffix.
func (v *visitor) cookie(suffix string) string {
	v.t.Helper()
	u, err := url.Parse(v.demo.origin)
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
func (r *response) expect(t *testing.T, status int, texts ...string) *response {
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

// leadsTo checks where the response redirects to.
func (r *response) leadsTo(t *testing.T, location string) {
	t.Helper()
	if got := r.Header.Get("Location"); got != location {
		t.Fatalf("%s %s leads to %q, want %q", r.Request.Method, r.Request.URL.Path, got, location)
	}
}

func (r *response) header(t *testing.T, name, want string) *response {
	t.Helper()
	if got := r.Header.Get(name); got != want {
		t.Errorf("%s %s: %s is %q, want %q", r.Request.Method, r.Request.URL.Path, name, got, want)
	}
	return r
}

// ask sends a page request without a network and without cookies.
func (d *demo) ask(method, path string) *response {
	r := httptest.NewRequest(method, path, nil)
	_, r.Host, _ = strings.Cut(d.origin, "://")
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Sec-Fetch-Dest", "document")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return &response{resp, w.Body.String()}
}
