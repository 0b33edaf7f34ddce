package main

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/internal/browsertest"
)

func TestBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	for _, c := range []struct {
		name string
		test func(b *tab)
	}{
		{"ada signs in and sees the admin page", browseAsAda},
		{"grace is refused the admin page", browseAsGrace},
		{"somebody signs up", browseSignUp},
		{"a cancelled sign-in can begin again", browseCancel},
		{"two tabs sign in at once", browseTwoTabs},
		{"a deep link survives the sign-in", browseDeepLink},
		{"a navigation with expired tokens is seamless", browseExpired},
		{"a script with expired tokens is answered", browseFetch},
		{"a form with expired tokens is delivered", browsePost},
		{"after the sign-out the back button shows nothing private", browseBack},
		{"the pictures of the gallery are loaded", browseGallery},
		{"the tokens are counted down", browseCountdown},
		{"all of it works without JavaScript", browseWithoutScripts},
		{"the keyboard is enough", browseByKeyboard},
		{"the operator makes Cognito fail, and nobody is signed out", browseOutage},
		{"every page fits a phone and can be found one's way in", browsePages},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newTab(t, browser)) })
	}
}

func browseAsAda(b *tab) {
	b.Open("/")
	b.Shows("h1", "Nobody is signed in.")
	b.atLogin("Sign in", chromedp.Click(chromedp.CSS(".who a:last-child")))
	b.atLogin("Sign in", b.fill("ada", "wrong")...)
	b.Shows("[role=alert]", "Incorrect username or password.")
	b.submit("ada", password("ada"), "/dashboard")
	b.Shows("#who", "ada")
	b.Shows("#groups", "admins")
	b.Shows("#refresh", "nothing was refreshed")
	b.Open("/admin")
	b.Shows("h1", "Admin")
	b.Open("/")
	b.Shows("h1", "Hello, ada.")
	if c := b.Cookie("ada.accessToken"); c == nil || !c.HTTPOnly {
		b.T.Errorf("the access token's cookie is %+v, want one that scripts cannot read", c)
	}
}

func browseAsGrace(b *tab) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/admin"))
	b.Arrive(403, "/admin", b.fill("grace", password("grace"))...)
	b.Shows("main", "Forbidden", "a group is missing", "Sign out grace")
	b.Open("/dashboard")
	b.Shows("#groups", "none")
}

func browseDeepLink(b *tab) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard?tab=2"))
	b.submit("ada", password("ada"), "/dashboard?tab=2")
	b.Shows("main", "What the access token says", "cognito:groups")
}

func browseSignUp(b *tab) {
	b.Open("/")
	b.atLogin("Sign up", chromedp.Click(chromedp.CSS(".who a")))
	b.Arrive(200, "/dashboard",
		chromedp.SendKeys(chromedp.ID("username"), "mary"),
		chromedp.SendKeys(chromedp.ID("email"), "mary@example.com"),
		chromedp.SendKeys(chromedp.ID("password"), "Somerville-1831"),
		chromedp.Click(chromedp.CSS("form button:not([name])")))
	b.Shows("#who", "mary")
	b.signOut()
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard"))
	b.submit("mary", "Somerville-1831", "/dashboard")
}

func browseCancel(b *tab) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard?tab=2"))
	b.refused("You are not signed in", chromedp.Click(chromedp.CSS("button[name=cancel]")))
	b.atLogin("Sign in", chromedp.Click(chromedp.CSS("main a")))
	b.submit("grace", password("grace"), "/dashboard?tab=2")
}

// Two tabs may sign in at the same time: neither disturbs the other.
func browseTwoTabs(b *tab) {
	const link = "/api/auth/sign-in?next="
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+link+"%2Fadmin"))
	other := &tab{b.Beside(), b.demo}
	other.atLogin("Sign in", chromedp.Navigate(b.Origin+link+"%2Fdashboard%3Ftab%3D2"))
	b.submit("ada", password("ada"), "/admin")
	other.submit("ada", password("ada"), "/dashboard?tab=2")
	b.Open("/admin")
}

func browseExpired(b *tab) {
	b.signIn("ada")
	access, refresh := b.Cookie("ada.accessToken").Value, b.Cookie("ada.refreshToken").Value
	b.demo.advance(2 * time.Minute)
	b.Arrive(200, "/dashboard?tab=2", chromedp.Click(chromedp.CSS(".tabs a:last-child")))
	b.refreshes(1)
	if fresh := b.Cookie("ada.accessToken").Value; fresh == access {
		b.T.Error("the browser still has the expired token")
	}
	if b.Cookie("ada.refreshToken").Value != refresh {
		b.T.Error("the refresh token has changed without rotation")
	}
	b.Open("/dashboard")
	b.Shows("#refresh", "nothing was refreshed")
	b.demo.advance(2 * time.Minute)
	b.Open("/dashboard")
	b.Shows("#refresh", "were refreshed on the way")
	b.refreshes(2)
}

func browseFetch(b *tab) {
	b.Open("/call")
	b.callAPI("same-origin", "401")
	b.Shows("#body", `"title": "Unauthorized"`)
	b.signIn("ada")
	b.Open("/call")
	b.demo.advance(2 * time.Minute)
	b.callAPI("same-origin", "200")
	b.Shows("#body", `"username": "ada"`)
	b.Shows("#timing", "refresh")
	b.refreshes(1)
	b.callAPI("omit", "401")
	b.callAPI("same-origin", "200")
	b.refreshes(1)
	b.signOut()
	b.Open("/call")
	b.callAPI("same-origin", "401")
}

func browsePost(b *tab) {
	b.signIn("grace")
	b.Do(chromedp.SendKeys(chromedp.ID("text"), "A note that took its time"))
	b.demo.advance(2 * time.Minute)
	b.Arrive(200, "/dashboard#notes", chromedp.Click(chromedp.CSS("main form button")))
	b.refreshes(1)
	b.Shows(".notes", "A note that took its time", "came with expired tokens")
}

func browseBack(b *tab) {
	b.signIn("ada")
	b.Open("/dashboard?tab=2")
	b.signOut()
	if c := b.Cookie("Token"); c != nil {
		b.T.Errorf("%s is left after the sign-out", c.Name)
	}
	for range 2 {
		// A page that comes back from the browser's memory is not loaded.
		ctx, cancel := context.WithTimeout(b.Ctx, 20*time.Second)
		err := chromedp.Do(ctx, chromedp.NavigateBack())
		cancel()
		if err != nil {
			b.T.Fatal("the back button has loaded no page: ", err)
		}
		b.Shows("h1", "Sign in")
	}
}

func browseGallery(b *tab) {
	b.Open("/gallery")
	b.Do(chromedp.Poll[chromedp.Void](`[...document.images].every((i) => i.complete && i.naturalWidth === 360)`))
	b.Shows(".gallery", "a picture")
}

func browseCountdown(b *tab) {
	b.demo.freeze()
	b.signIn("ada")
	b.Shows("[data-remains]", "s")
	b.Do(chromedp.WaitNotVisible(chromedp.ID("expired")))
	b.demo.advance(54 * time.Second) // six seconds before the end, one before a refresh
	b.Open("/dashboard")
	b.Shows("#refresh", "nothing was refreshed")
	b.Do(chromedp.WaitVisible(chromedp.ID("expired")))
	b.demo.advance(2 * time.Second)
	b.Arrive(200, "/dashboard", chromedp.Click(chromedp.CSS("#expired a")))
	b.Shows("#refresh", "were refreshed on the way")
}

// browseOutage presses the switch on the operator's page, as a newcomer does.
func browseOutage(b *tab) {
	operator := &tab{b.Beside(), b.demo}
	operator.Origin = b.demo.serveOperator(b.T)
	b.signIn("ada")
	operator.Do(chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile))
	operator.check("/")
	operator.Shows("#cognito", "Cognito works.")
	operator.Arrive(200, "/readyz", chromedp.Click(chromedp.CSS("main a")))
	operator.Shows("body", "ready")
	operator.Open("/")
	operator.Arrive(200, "/", chromedp.Click(chromedp.CSS("main form button")))
	operator.Shows("#cognito", "status 500")
	operator.check("/")

	b.Open("/dashboard")
	b.Shows("#who", "ada")
	b.Shows(".banner", "Cognito fails")
	b.demo.advance(2 * time.Minute)
	b.Arrive(503, "/dashboard", chromedp.Navigate(b.Origin+"/dashboard"))
	b.Shows("main", "You have not been signed out")
	b.check("/dashboard")
	operator.Arrive(200, "/", chromedp.Click(chromedp.CSS("main form button")))
	operator.Shows("#cognito", "Cognito works.")
	b.Arrive(200, "/dashboard", chromedp.Click(chromedp.CSS("main a")))
	b.Shows("#refresh", "were refreshed on the way")
	operator.Arrive(200, "/metrics", chromedp.Navigate(operator.Origin+"/metrics"))
}

func browseWithoutScripts(b *tab) {
	if _, err := chromedp.Call(b.Ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		b.T.Fatal(err)
	}
	b.signIn("ada")
	b.demo.advance(2 * time.Minute)
	b.Do(chromedp.SendKeys(chromedp.ID("text"), "no scripts"))
	b.Arrive(200, "/dashboard#notes", chromedp.Click(chromedp.CSS("main form button")))
	b.Shows(".notes", "no scripts")
	b.Shows("noscript", "Counted when this page was made.")
	b.Open("/admin")
	b.Open("/call")
	b.Arrive(200, "/apis/get-current-user", chromedp.Click(chromedp.CSS("noscript a")))
	b.Shows("body", `"username":"ada"`)
	b.Open("/")
	b.signOut()
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard"))
}

func browseByKeyboard(b *tab) {
	b.Open("/")
	b.Do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"))
	b.At("/#main")
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/admin"))
	for _, keys := range []string{"ada", "\t", password("ada")} {
		b.Do(chromedp.KeyEvent(keys))
	}
	b.Arrive(200, "/admin", chromedp.KeyEvent("\r"))
}

func browsePages(b *tab) {
	b.Do(chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile))
	for _, path := range []string{"/", "/call", "/gallery"} {
		b.check(path)
	}
	b.signIn("ada")
	if lines := b.Evaluate(`String(Math.round(document.querySelector(".top").offsetHeight / 50))`); lines != "2" {
		b.T.Errorf("the header has %s lines", lines)
	}
	b.demo.advance(2 * time.Minute)
	for _, path := range []string{"/dashboard", "/dashboard?tab=2", "/profile", "/graphql", "/admin", "/nowhere", "/"} {
		b.check(path)
	}
}

// faults is what people with small screens and with screen readers would miss.
const faults = `(() => {
	const faults = [];
	const one = (selector) => {
		const n = document.querySelectorAll(selector).length;
		if (n !== 1) faults.push(n + " × " + selector);
	};
	["html[lang=en]", "header", "main", "h1", "footer", "aside", ".skip"].forEach(one);
	for (const e of document.querySelectorAll("input:not([type=hidden]), textarea")) {
		if (e.labels.length === 0) faults.push("no label for " + e.name);
	}
	for (const e of document.querySelectorAll("nav, pre[tabindex], progress")) {
		if (!e.hasAttribute("aria-label")) faults.push("no name for " + e.outerHTML);
	}
	let level = 1;
	for (const h of document.querySelectorAll("h1, h2, h3")) {
		if (h.tagName[1] - level > 1) faults.push("a level is left out before " + h.textContent);
		level = +h.tagName[1];
	}
	for (const e of document.querySelectorAll("[id]")) {
		if (document.querySelectorAll("#" + e.id).length > 1) faults.push("twice: #" + e.id);
	}
	// A phone makes innerWidth as wide as the page.
	const width = document.scrollingElement.scrollWidth;
	if (width > Math.min(innerWidth, screen.width)) faults.push("it is " + width + " wide");
	const boxes = [...document.querySelectorAll("a, button, input, textarea, h1, h2, h3, th, dt, dd, progress")]
		.flatMap((e) => [...e.getClientRects()].filter((r) => r.width && r.height).map((r) => [e, r]));
	for (const [i, [e, a]] of boxes.entries()) for (const [f, b] of boxes.slice(i + 1)) {
		if (!e.contains(f) && !f.contains(e) && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
			Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1) faults.push(e.outerHTML + " lies on " + f.outerHTML);
	}
	return faults.join("; ");
})()`

// check looks for faults of a page.
func (b *tab) check(path string) {
	b.T.Helper()
	b.Do(chromedp.Navigate(b.Origin + path))
	b.faultless()
}

// faultless looks for faults of the page that the tab shows.
func (b *tab) faultless() {
	b.T.Helper()
	got, err := chromedp.Run(b.Ctx, chromedp.Evaluate[string](faults))
	if err != nil {
		b.T.Fatal(err)
	}
	if got != "" {
		b.T.Errorf("%s: %s", b.Location(), got)
	}
}
