package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/browsertest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/internal/redistest"
	"github.com/cognitogate/cognitogate/session"
)

// TestMain lets the test binary be a replica.
func TestMain(m *testing.M) {
	if os.Getenv(replicaVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// localJar sends Secure cookies to http://localhost, as browsers do.
type localJar struct{ *cookiejar.Jar }

func (j localJar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.Jar.SetCookies(asHTTPS(u), cookies)
}
func (j localJar) Cookies(u *url.URL) []*http.Cookie { return j.Jar.Cookies(asHTTPS(u)) }

func asHTTPS(u *url.URL) *url.URL {
	secure := *u
	secure.Scheme = "https"
	return &secure
}

// newReplicas starts three replicas and a front, as the command does.
func newReplicas(t *testing.T, args ...string) (*demo, *front) {
	t.Helper()
	log := new(syncBuffer)
	args = append([]string{"-addr", "localhost:0", "-operator", "localhost:0", "-replicas", "3", "-lifetime", "10s"}, args...)
	o, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	l, err := o.listen()
	if err != nil {
		t.Fatal(err)
	}
	f, cfg, err := o.newFront(args, l, o.newLogger(log), log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l, f, f.operator, o.newLogger(log), io.Discard) }()
	go f.keepTime(ctx)
	login := &httptest.Server{Listener: l.login, Config: newServer(f.emulator, o.newLogger(log))}
	login.Start()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		f.close()
		login.Close()
		l.close()
		for _, p := range f.replicas {
			if !p.cmd.ProcessState.Success() {
				t.Errorf("replica %s: %v", p.Name, p.cmd.ProcessState)
			}
		}
		if strings.Contains(log.String(), "eyJ") || t.Failed() {
			t.Errorf("the log:\n%.8000s", log.String())
		}
	})
	return &demo{server: f.emulator.(*cognitotest.Server), log: log, origin: cfg.Origin, site: httptest.NewUnstartedServer(nil)}, f
}

// localVisitor is a visitor of http://localhost.
func (d *demo) localVisitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, d, &http.Client{
		Jar:           localJar{jar},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// TestReplicas signs in through all replicas, has them refresh at once, and signs out.
func TestReplicas(t *testing.T) {
	longtest.Only(t)
	for name, args := range map[string]func() []string{
		"embedded": func() []string { return nil },
		"Redis":    func() []string { return []string{"-redis", redistest.Start(t).URL()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, f := newReplicas(t, args()...)
			d.server.SetLifetime(2 * time.Second) // a refresh is due after one
			v := d.localVisitor(t)
			v.signIn("ada")
			names := make(map[string]bool)
			for range 3 {
				_, after, _ := strings.Cut(v.open("/replicas").expect(t, 200, "nothing was refreshed").body, `id="replica">`)
				names[after[:1]] = true
			}
			if len(names) != 3 {
				t.Errorf("the replicas %v have answered, want three", names)
			}
			before := d.server.Calls("GetTokensFromRefreshToken")
			due := time.NewTimer(1200 * time.Millisecond)
			<-due.C
			sources := make(map[session.RefreshSource]int)
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range 12 {
				wg.Go(func() {
					var answer replicaAnswer
					resp := v.fetch("/apis/replica")
					if err := json.Unmarshal([]byte(resp.body), &answer); err != nil || resp.StatusCode != 200 {
						t.Errorf("%s: %s", resp.Status, resp.body)
					}
					mu.Lock()
					defer mu.Unlock()
					sources[answer.Refreshed]++
				})
			}
			wg.Wait()
			if n := d.server.Calls("GetTokensFromRefreshToken") - before; n != 1 || sources[session.RefreshCall] != 1 || sources[session.RefreshStore] == 0 {
				t.Errorf("%d calls of three replicas, and the sources %v", n, maps.All(sources))
			}

			for _, path := range []string{"/metrics/A", "/metrics/C", "/readyz", "/"} {
				w := httptest.NewRecorder()
				f.operator.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				if w.Code != 200 || path == "/metrics/C" && !strings.Contains(w.Body.String(), "cognitogate_requests_total") {
					t.Errorf("%s at the operator's port: %d\n%s", path, w.Code, w.Body)
				}
			}
			r := httptest.NewRequest("GET", "/metrics/D", nil)
			w := httptest.NewRecorder()
			if f.operator.ServeHTTP(w, r); w.Code != 404 {
				t.Errorf("the metrics of no replica: %d", w.Code)
			}

			d.server.SetLifetime(time.Hour)
			v = d.localVisitor(t)
			v.signIn("grace")
			stolen := d.localVisitor(t)
			site, _ := url.Parse(d.origin)
			for range 3 { // every replica has the session in its cache
				v.open("/dashboard").expect(t, 200)
			}
			var kept []*http.Cookie
			for _, c := range v.client.Jar.Cookies(site) {
				kept = append(kept, &http.Cookie{Name: c.Name, Value: c.Value, Path: "/"})
			}
			stolen.client.Jar.SetCookies(site, kept)
			stolen.open("/dashboard").expect(t, 200)
			v.send("/api/auth/sign-out", nil).expect(t, http.StatusSeeOther)
			heard := time.NewTimer(2 * time.Second)
			<-heard.C
			for range 3 {
				stolen.client.Jar.SetCookies(site, kept)
				stolen.open("/dashboard").expect(t, http.StatusTemporaryRedirect)
			}
		})
	}
}

// TestReplicasOfOtherLayouts signs in at one replica on the layouts whose cookies no script
// can read. The others serve the session, and a stolen copy is of no use after a sign-out.
func TestReplicasOfOtherLayouts(t *testing.T) {
	longtest.Only(t)
	for _, layout := range []session.Layout{session.LayoutSealed, session.LayoutHandle} {
		t.Run(string(layout), func(t *testing.T) {
			t.Parallel()
			d, f := newReplicas(t, "-layout", string(layout))
			d.server.SetLifetime(time.Hour)
			v, stolen := d.localVisitor(t), d.localVisitor(t)
			v.signIn("ada")
			names := make(map[string]bool)
			for range f.replicas { // each has the session in its cache then
				_, after, _ := strings.Cut(v.open("/replicas").expect(t, 200, "nothing was refreshed").body, `id="replica">`)
				names[after[:1]] = true
			}
			if len(names) != len(f.replicas) {
				t.Errorf("the replicas %v have answered", names)
			}
			if v.cookie(".LastAuthUser") != "" || (v.cookie(".handle") != "") != (layout == session.LayoutHandle) {
				t.Error("the cookies are another layout's")
			}
			site, _ := url.Parse(d.origin)
			var copies []*http.Cookie
			for _, c := range v.client.Jar.Cookies(site) {
				copies = append(copies, &http.Cookie{Name: c.Name, Value: c.Value, Path: "/"})
			}
			v.send("/api/auth/sign-out", nil).expect(t, http.StatusSeeOther)
			inTime := time.After(2 * time.Second)
			again := time.NewTicker(50 * time.Millisecond)
			defer again.Stop()
			for refused := 0; refused < len(f.replicas); {
				stolen.client.Jar.SetCookies(site, copies)
				if resp := stolen.fetch("/apis/replica"); resp.StatusCode == http.StatusUnauthorized {
					refused++ // the next request goes to the next replica
					continue
				}
				refused = 0
				select {
				case <-again.C:
				case <-inTime:
					t.Fatal("a replica still serves the session two seconds after the sign-out")
				}
			}
		})
	}
}

// TestFrontEnds: a replica that dies ends the command, with the others.
func TestFrontEnds(t *testing.T) {
	longtest.Only(t)
	args := []string{"-addr", "localhost:0", "-operator=", "-replicas", "2"}
	o, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	l, err := o.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	log := new(syncBuffer)
	f, _, err := o.newFront(args, l, o.newLogger(log), log)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	done := make(chan error, 1)
	go func() { done <- o.serveFront(t.Context(), f, l, o.newLogger(log), io.Discard) }()
	f.replicas[1].cmd.Process.Kill()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "replica B has ended") {
		t.Errorf("without a replica: %v", err)
	}
}

func TestReplicasInBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	d, _ := newReplicas(t)
	b := d.tab(t, browser)
	b.signIn("ada")
	b.Open("/replicas")
	b.Shows("#refresh", "nothing was refreshed")
	b.WaitFor(`!document.getElementById("expired").hidden`)
	before := d.server.Calls("GetTokensFromRefreshToken")
	b.Do(chromedp.Click(chromedp.CSS("#replicas button")))
	b.WaitFor(`document.getElementById("status").textContent.startsWith("All 12")`)
	b.Shows("#answers", "call", "A", "B", "C")
	if n := d.server.Calls("GetTokensFromRefreshToken") - before; n != 1 {
		t.Errorf("12 requests of a page made %d calls", n)
	}
	b.Do(chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile))
	b.faultless()
	b.Open("/replicas")
	b.signOut()
}
