package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// startBrowser starts a Chromium that talks to nobody but the tests. Where there
// is none the test is skipped, except in CI, where that is a mistake.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		const notice = "no chromium is installed, so nothing is tested in a real browser"
		if os.Getenv("CI") == "true" {
			t.Fatal(notice)
		}
		t.Skip(notice)
	}
	dir := t.TempDir()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program),
		chromedp.UserDataDir(dir),
		chromedp.Headless,
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.CombinedOutput(new(syncBuffer)),
	}
	for _, name := range []string{"disable-quic", "disable-background-networking", "disable-component-update",
		"disable-sync", "disable-default-apps", "disable-extensions", "disable-dev-shm-usage"} {
		options = append(options, chromedp.Flag(name, true))
	}
	ctx, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Error("closing the browser: ", err)
		}
		cancel()
		cancelAllocator()
		// A helper process may still write into the directory, which would make
		// its removal fail.
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for range 100 {
			if os.RemoveAll(dir) == nil {
				return
			}
			<-tick.C
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("starting the browser: ", err)
	}
	return ctx
}

// tab is a tab of the browser, on an application of its own.
type tab struct {
	t    *testing.T
	ctx  context.Context
	demo *demo
	base string
}

// newTab opens a tab with no cookies, on http://localhost as a newcomer does.
func newTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	d := newLocalDemo(t)
	b := &tab{t, newWindow(t, browser), d, d.origin}
	b.watch()
	return b
}

// newWindow opens a window that shares no cookies with others.
func newWindow(t *testing.T, browser context.Context) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// watch fails the test for what the browser complains about: scripts that throw,
// and whatever the Content-Security-Policy blocks.
func (b *tab) watch() {
	b.t.Helper()
	var mu sync.Mutex
	var complaints []string
	err := chromedp.Listen(b.ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork { // 401 and 403 are meant
				complaints = append(complaints, e.Entry.Text)
			}
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range complaints {
			b.t.Error("the browser complains: ", c)
		}
	})
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// arrive runs steps that navigate, and checks where they end.
func (b *tab) arrive(status int64, path string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	answer, err := chromedp.RunResponse(b.ctx, steps...)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.at(path); answer.Status != status {
		b.t.Fatalf("%s: status %d, want %d", path, answer.Status, status)
	}
}

func (b *tab) at(path string) {
	b.t.Helper()
	location, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		b.t.Fatal(err)
	}
	if location != b.base+path {
		b.t.Fatalf("at %s, want %s", location, b.base+path)
	}
}

// open navigates to a path and arrives there.
func (b *tab) open(path string) {
	b.t.Helper()
	b.arrive(200, path, chromedp.Navigate(b.base+path))
}

// shows checks what is to be read, as it is drawn.
func (b *tab) shows(selector string, texts ...string) {
	b.t.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		b.t.Fatalf("%s: %v", selector, err)
	}
	for _, text := range texts {
		if !strings.Contains(got, text) {
			b.t.Fatalf("%s reads %q, want %q in it", selector, got, text)
		}
	}
}

// atLogin runs steps that lead to a page of the managed login.
func (b *tab) atLogin(title string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
	location, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		b.t.Fatal(err)
	}
	if login := b.demo.server.UserPool().LoginURL(); !strings.HasPrefix(location, login+"/") {
		b.t.Fatalf("at %s, want a page of %s", location, login)
	}
	b.shows("h1", title)
}

// submit fills in the form that the managed login shows, and arrives.
func (b *tab) submit(username, password, path string) {
	b.t.Helper()
	b.arrive(200, path, b.fill(username, password)...)
}

// fill fills in the managed login's form and sends it.
func (b *tab) fill(username, password string) []chromedp.Action[chromedp.Void] {
	return []chromedp.Action[chromedp.Void]{
		chromedp.Clear(chromedp.ID("username")),
		chromedp.SendKeys(chromedp.ID("username"), username),
		chromedp.SendKeys(chromedp.ID("password"), password),
		chromedp.Click(chromedp.CSS("form button:not([name])")),
	}
}

// signIn signs in from wherever the tab is.
func (b *tab) signIn(username string) {
	b.t.Helper()
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/api/auth/sign-in"))
	b.submit(username, password(username), "/dashboard")
}

// signOut presses the button in the header, and comes back through the managed
// login.
func (b *tab) signOut() {
	b.t.Helper()
	b.arrive(200, "/", chromedp.Click(chromedp.CSS(".who button")))
	b.shows("h1", "Nobody is signed in.")
}

// callAPI presses one of the buttons and waits for the answer.
func (b *tab) callAPI(credentials, status string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(fmt.Sprintf("button[data-credentials=%s]", credentials))),
		chromedp.Poll[chromedp.Void](`document.getElementById("status").textContent.startsWith("The answer is")`))
	b.shows("#status", status)
}

// cookie returns the session's cookie whose name ends so, or nil.
func (b *tab) cookie(suffix string) *network.Cookie {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.base}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range result.Cookies {
		if strings.HasSuffix(c.Name, suffix) {
			return c
		}
	}
	return nil
}

func (b *tab) refreshes(want int) {
	b.t.Helper()
	if got := b.demo.server.Calls("GetTokensFromRefreshToken"); got != want {
		b.t.Fatalf("Cognito was asked for fresh tokens %d times, want %d", got, want)
	}
}
