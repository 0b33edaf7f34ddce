package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/internal/browsertest"
)

// What the browser loads without the user asking for it.
func TestBrowserEmbedded(t *testing.T) {
	browser := browsertest.Start(t)
	for _, c := range []struct {
		name string
		test func(b *tab)
	}{
		{"hidden frames of a same-site page begin and end nothing", embedSameSite},
		{"a frame of the site asks, and leads out", embedSameOrigin},
		{"links under the pointer do not disturb a sign-in", embedHovers},
		{"the callback that is loaded again goes on", reloadCallback},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newTab(t, browser)) })
	}
}

// embedding is a page that loads routes with every element that there is.
func embedding(origin string) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><title>A page</title>")
	for _, route := range []string{"sign-out", "sign-in?prompt=login", "sign-up?prompt=login", "sign-in-callback?code=x"} {
		link := origin + "/api/auth/" + route
		fmt.Fprintf(&b, `<iframe hidden src="%[1]s"></iframe><object data="%[1]s"></object><embed src="%[1]s"><img src="%[1]s" alt=""><script src="%[1]s"></script>`+
			`<link rel="stylesheet" href="%[1]s"><link rel="prefetch" href="%[1]s"><video src="%[1]s"></video>`, link)
	}
	return b.String()
}

// serveBeside serves a page at a path of the site itself.
func (d *demo) serveBeside(path, html string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	app := d.handler
	d.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			writePage(w, html)
			return
		}
		app.ServeHTTP(w, r)
	})
}

func writePage(w http.ResponseWriter, html string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, html)
}

// embedSameSite: another port of localhost is another origin of the same site, so that
// the browser sends the cookies.
func embedSameSite(b *tab) {
	b.signIn("ada")
	sibling := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/link" {
			writePage(w, `<!DOCTYPE html><title>A page</title><a href="`+b.Origin+`/api/auth/sign-out">Sign out</a>`)
			return
		}
		writePage(w, embedding(b.Origin))
	}))
	b.T.Cleanup(sibling.Close)
	url := localhost(sibling.Listener.Addr().String())
	b.unchangedBy(func(quiet *browsertest.Tab) { quiet.Load(chromedp.Navigate(url)) })
	// The user is asked about a link of the sibling.
	b.Load(chromedp.Navigate(url + "/link"))
	b.Load(chromedp.Click(chromedp.CSS("a")))
	b.At("/api/auth/sign-out")
	b.Shows("h1", "Sign out?")
	b.Arrive(200, "/", chromedp.Click(chromedp.CSS("main form button")))
	b.nobody()
}

// unchangedBy checks that a page changes neither the session nor the flows. The page is in
// a tab of its own: the browser complains of frames that may not be shown.
func (b *tab) unchangedBy(open func(*browsertest.Tab)) {
	b.T.Helper()
	before := b.demo.server.Calls("Authorize") + b.demo.server.Calls("Signup")
	open(b.Beside())
	if b.Cookie(".accessToken") == nil {
		b.T.Error("the user is signed out")
	}
	if b.hasFlow() {
		b.T.Error("a flow has begun")
	}
	if n := b.demo.server.Calls("RevokeToken"); n != 0 {
		b.T.Errorf("%d revocations", n)
	}
	if n := b.demo.server.Calls("Authorize") + b.demo.server.Calls("Signup"); n != before {
		b.T.Errorf("the managed login was asked %d times", n-before)
	}
	b.Open("/dashboard")
	b.Shows("#who", "ada")
}

// hasFlow reports whether the browser holds the cookie of a flow.
func (b *tab) hasFlow() bool {
	b.T.Helper()
	return b.CookieNamed("cognitogate.flow.") != nil
}

func embedSameOrigin(b *tab) {
	b.demo.serveBeside("/embedding", embedding(b.Origin))
	b.demo.serveBeside("/framed", `<!DOCTYPE html><title>A page</title><iframe src="/api/auth/sign-in?next=%2Fdashboard%3Ftab%3D2"></iframe>`)
	b.demo.serveBeside("/signing-out", `<!DOCTYPE html><title>A page</title><iframe src="/api/auth/sign-out"></iframe>`)
	const inFrame = `document.querySelector("iframe").contentDocument.querySelector("main a, main button")`
	b.Open("/framed")
	if b.hasFlow() {
		b.T.Error("a flow has begun in a frame")
	}
	b.atLogin("Sign in", chromedp.Evaluate[chromedp.Void](inFrame+".click()"))
	b.submit("ada", password("ada"), "/dashboard?tab=2")

	b.unchangedBy(func(quiet *browsertest.Tab) { quiet.Open("/embedding") })
	quiet := &tab{b.Beside(), b.demo}
	quiet.Open("/signing-out")
	if b.Cookie(".accessToken") == nil {
		b.T.Fatal("a frame has signed the user out")
	}
	quiet.Do(chromedp.Evaluate[chromedp.Void](inFrame + ".click()"))
	quiet.WaitFor(`!document.querySelector("iframe").contentDocument?.querySelector("main form[action$=sign-out]")`)
	if b.Cookie(".accessToken") != nil {
		b.T.Error("the button in the frame does not sign out")
	}
}

func embedHovers(b *tab) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard?tab=2"))
	b.demo.serveBeside("/links", `<!DOCTYPE html><title>A page</title><a href="/api/auth/sign-in">Sign in</a><script>
document.querySelector("a").onmouseover = async e => {
	const link = e.target.href
	await Promise.allSettled([
		fetch(link),
		fetch(link, {headers: {"X-Sec-Purpose": "prefetch", Accept: "text/html, application/xhtml+xml"}}),
		fetch(link, {headers: {"HX-Request": "true"}}),
		new Promise(done => { const x = new XMLHttpRequest(); x.open("GET", link); x.onloadend = done; x.send() }),
	])
	document.title += "."
}
</script>`)
	other := &tab{b.Beside(), b.demo}
	other.Open("/links")
	for range 5 {
		other.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("a").dispatchEvent(new MouseEvent("mouseover"))`))
	}
	other.WaitFor(`document.title === "A page....."`)
	b.submit("ada", password("ada"), "/dashboard?tab=2")
}

func reloadCallback(b *tab) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard?tab=2"))
	callback := b.callback("ada")
	b.Arrive(200, "/dashboard?tab=2", chromedp.Navigate(callback))
	b.Arrive(200, "/dashboard?tab=2", chromedp.Navigate(callback))
	b.Arrive(200, "/dashboard", chromedp.Navigate(b.Origin+"/api/auth/sign-in-callback?code=theirs"))
	b.Shows("#who", "ada")
}
