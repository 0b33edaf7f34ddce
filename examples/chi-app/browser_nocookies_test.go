package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/internal/browsertest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// A browser that keeps no cookies of the site is told so by the callback, and is
// not sent round in a loop.
func TestBrowserKeepsNoCookies(t *testing.T) {
	browser := browsertest.Start(t)
	d := newLocalDemo(t)
	visited := d.record()
	b := d.tab(t, browser)

	// As users do it, on the page of the settings. It is for the origin with its
	// port: the managed login on another port of the same host keeps its cookies.
	pattern, err := json.Marshal(d.origin)
	if err != nil {
		t.Fatal(err)
	}
	settings := &browsertest.Tab{T: t, Ctx: browser, Origin: d.origin}
	settings.Do(chromedp.Navigate("chrome://settings/content/siteData"),
		chromedp.Evaluate[chromedp.Void](`chrome.send("setCategoryPermissionForPattern", [`+string(pattern)+`, "", "cookies", "block", false])`))
	b.Open("/")
	b.Do(chromedp.Poll[chromedp.Void](`(() => { document.cookie = "kept=yes"; return document.cookie === ""; })()`))
	visited.expect(t, "/")

	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard"))
	visited.expect(t, "/dashboard", "/api/auth/sign-in")
	b.refused("This sign-in cannot go on", b.fill("ada", password("ada"))...)
	b.Shows("main", "this browser does not keep cookies for this site")
	visited.expect(t, "/api/auth/sign-in-callback")

	// The managed login knows the browser by now and asks for nothing, which is
	// where a loop would begin.
	b.refused("This sign-in cannot go on", chromedp.Click(chromedp.CSS("main a")))
	visited.expect(t, "/api/auth/sign-in", "/api/auth/sign-in-callback")
	b.nobody()
}

// A browser that refuses the session's cookies for their Domain, and keeps those
// of the sign-in, is sent to sign in once more and then told what is wrong.
func TestBrowserRefusesDomain(t *testing.T) {
	browser := browsertest.Start(t)
	d := newMisfit(t, "0.0.1")
	visited := d.record()
	b := d.tab(t, browser)

	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard?tab=2"))
	visited.expect(t, "/dashboard", "/api/auth/sign-in")
	const loop = "You have signed in, and this browser does not keep it"
	b.refused(loop, b.fill("ada", password("ada"))...)
	b.At("/dashboard?tab=2")
	b.Shows("main", "Cookies are set for the domain 0.0.1")
	visited.expect(t, "/api/auth/sign-in-callback", "/dashboard",
		"/api/auth/sign-in", "/api/auth/sign-in-callback", "/dashboard")
	if c := b.Cookie("signed-in." + d.server.UserPool().ClientID); c == nil || c.Value != "2" {
		t.Errorf("the sign-ins are marked by %+v, want a 2", c)
	}

	// To begin again ends there after one round.
	b.refused(loop, chromedp.Click(chromedp.CSS("main a")))
	visited.expect(t, "/api/auth/sign-in", "/api/auth/sign-in-callback", "/dashboard")
	b.nobody()
}

// newMisfit serves the application on http://127.0.0.1 with a Domain for its
// cookies. Part of an address is one that New cannot tell from a name's, while
// browsers take none for an address (RFC 6265bis §5.1.3).
func newMisfit(t *testing.T, domain string) *demo {
	t.Helper()
	d := prepare(t)
	d.site = httptest.NewServer(d)
	t.Cleanup(d.site.Close)
	d.origin = d.site.URL
	login := httptest.NewServer(d.server)
	t.Cleanup(login.Close)
	d.server.SetURL(localhost(login.Listener.Addr().String()))
	d.start(t)
	a := d.handler.(*app)
	var err error
	a.auth, err = cognito.New(cognito.Config{
		UserPool:     a.cfg.UserPool,
		Matcher:      []string{"/dashboard/:path*"},
		Origin:       a.cfg.Origin,
		RoutesPath:   routesPath,
		Secret:       a.cfg.Secret,
		AfterSignIn:  "/dashboard",
		Cookies:      session.Cookies{Domain: domain},
		ErrorHandler: a.serveError,
		HTTPClient:   a.cfg.HTTPClient,
		Now:          a.cfg.Now,
		Logger:       a.cfg.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	a.route()
	return d
}

// visits are the pages that a browser has asked the application for.
type visits struct {
	mu    sync.Mutex
	paths []string
}

// record begins to write down what browsers navigate to.
func (d *demo) record() *visits {
	v := new(visits)
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.handler
	d.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if navigates(r) {
			v.mu.Lock()
			v.paths = append(v.paths, r.URL.Path)
			v.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
	return v
}

// expect checks what was asked for since the last time.
func (v *visits) expect(t *testing.T, want ...string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if !slices.Equal(v.paths, want) {
		t.Fatalf("the browser has gone by way of\n%s\nwant\n%s", strings.Join(v.paths, "\n"), strings.Join(want, "\n"))
	}
	v.paths = nil
}
