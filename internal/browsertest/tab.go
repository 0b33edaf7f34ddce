package browsertest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

// Tab is a tab that shows pages of one site. Its methods end the test on failure.
type Tab struct {
	T      *testing.T
	Ctx    context.Context
	Origin string // of the site
}

// NewTab opens a tab in a window that shares no cookies with others. The test fails
// if a script throws or a Content-Security-Policy blocks something.
func NewTab(t *testing.T, browser context.Context, origin string) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	b := &Tab{t, ctx, origin}
	b.watch()
	return b
}

// Beside opens a second tab in the same window.
func (b *Tab) Beside() *Tab {
	b.T.Helper()
	ctx, cancel := chromedp.NewContext(b.Ctx)
	b.T.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		b.T.Fatal(err)
	}
	return &Tab{b.T, ctx, b.Origin}
}

func (b *Tab) watch() {
	b.T.Helper()
	var mu sync.Mutex
	var complaints []string
	err := chromedp.Listen(b.Ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			// Tests expect statuses like 401, which the browser logs as errors of the network.
			if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
				complaints = append(complaints, e.Entry.Text)
			}
		}
	})
	if err != nil {
		b.T.Fatal(err)
	}
	b.T.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range complaints {
			b.T.Error("the browser complains: ", c)
		}
	})
}

// Do runs steps.
func (b *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.T.Helper()
	if err := chromedp.Do(b.Ctx, steps...); err != nil {
		b.T.Fatal(err)
	}
}

// Load runs steps that load a page, and returns the status of the page.
func (b *Tab) Load(steps ...chromedp.Action[chromedp.Void]) int64 {
	b.T.Helper()
	answer, err := chromedp.RunResponse(b.Ctx, steps...)
	if err != nil {
		b.T.Fatal(err)
	}
	return answer.Status
}

// Arrive runs steps that load a page, and checks its status and path.
func (b *Tab) Arrive(status int64, path string, steps ...chromedp.Action[chromedp.Void]) {
	b.T.Helper()
	got := b.Load(steps...)
	if b.At(path); got != status {
		b.T.Fatalf("%s: status %d, want %d", path, got, status)
	}
}

// Open loads the page of a path.
func (b *Tab) Open(path string) {
	b.T.Helper()
	b.Arrive(200, path, chromedp.Navigate(b.Origin+path))
}

// Location returns the URL of the page.
func (b *Tab) Location() string {
	b.T.Helper()
	location, err := chromedp.Run(b.Ctx, chromedp.Location())
	if err != nil {
		b.T.Fatal(err)
	}
	return location
}

// At checks the path of the page.
func (b *Tab) At(path string) {
	b.T.Helper()
	if location := b.Location(); location != b.Origin+path {
		b.T.Fatalf("at %s, want %s", location, b.Origin+path)
	}
}

// Shows checks that an element shows texts.
func (b *Tab) Shows(selector string, texts ...string) {
	b.T.Helper()
	got, err := chromedp.Run(b.Ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		b.T.Fatalf("%s: %v", selector, err)
	}
	for _, text := range texts {
		if !strings.Contains(got, text) {
			b.T.Fatalf("%s reads %q, want %q in it", selector, got, text)
		}
	}
}

// WaitFor waits until a JavaScript expression is true.
func (b *Tab) WaitFor(expression string) {
	b.T.Helper()
	b.Do(chromedp.Poll[chromedp.Void](expression))
}

// Evaluate returns the value of a JavaScript expression, or of its promise, as a
// string. For an exception it returns the exception's name.
func (b *Tab) Evaluate(expression string) string {
	b.T.Helper()
	got, err := chromedp.Run(b.Ctx, chromedp.Evaluate[string](fmt.Sprintf(`(async () => {
		try { return String(await (%s)) } catch (e) { return e.name }
	})()`, expression), chromedp.EvalAwaitPromise))
	if err != nil {
		b.T.Fatalf("%s: %v", expression, err)
	}
	return got
}

// Cookie returns the site's cookie whose name ends in suffix, or nil.
func (b *Tab) Cookie(suffix string) *network.Cookie {
	b.T.Helper()
	return b.cookie(func(name string) bool { return strings.HasSuffix(name, suffix) })
}

// CookieNamed returns the site's cookie whose name begins with prefix, or nil.
func (b *Tab) CookieNamed(prefix string) *network.Cookie {
	b.T.Helper()
	return b.cookie(func(name string) bool { return strings.HasPrefix(name, prefix) })
}

func (b *Tab) cookie(is func(name string) bool) *network.Cookie {
	b.T.Helper()
	for _, c := range b.Cookies() {
		if is(c.Name) {
			return c
		}
	}
	return nil
}

// Cookies returns the site's cookies.
func (b *Tab) Cookies() []*network.Cookie {
	b.T.Helper()
	result, err := chromedp.Call(b.Ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{b.Origin}})
	if err != nil {
		b.T.Fatal(err)
	}
	return result.Cookies
}

// SetCookie puts a cookie of the site into the browser, as its user can. The cookie is
// Secure, HttpOnly and of the host alone.
func (b *Tab) SetCookie(name, value string) {
	b.T.Helper()
	yes := true
	params := network.SetCookieParams{Name: name, Value: value, URL: b.Origin + "/", Path: "/", Secure: &yes, HTTPOnly: &yes}
	if _, err := chromedp.Call(b.Ctx, network.SetCookie, params); err != nil {
		b.T.Fatal(err)
	}
	if c := b.CookieNamed(name); c == nil || c.Value != value {
		b.T.Fatalf("the browser does not take %s", name)
	}
}

// DeleteCookie removes a cookie of the site from the browser.
func (b *Tab) DeleteCookie(name string) {
	b.T.Helper()
	if _, err := chromedp.Call(b.Ctx, network.DeleteCookies, network.DeleteCookiesParams{Name: name, URL: b.Origin + "/"}); err != nil {
		b.T.Fatal(err)
	}
}

// TrustAll has the tab load pages whose certificate is httptest's.
func (b *Tab) TrustAll() {
	b.T.Helper()
	if _, err := chromedp.Call(b.Ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
		b.T.Fatal(err)
	}
}
