package main

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func TestBrowser(t *testing.T) {
	browser := startBrowser(t)
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
		{"every page fits a phone and can be found one's way in", browsePages},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newTab(t, browser)) })
	}
}

func browseAsAda(b *tab) {
	b.open("/")
	b.shows("h1", "Nobody is signed in.")
	b.atLogin("Sign in", chromedp.Click(chromedp.CSS(".who a:last-child")))
	b.atLogin("Sign in", b.fill("ada", "wrong")...)
	b.shows("[role=alert]", "Incorrect username or password.")
	b.submit("ada", password("ada"), "/dashboard")
	b.shows("#who", "ada")
	b.shows("#groups", "admins")
	b.shows("#refresh", "nothing was refreshed")
	b.open("/admin")
	b.shows("h1", "Admin")
	b.open("/")
	b.shows("h1", "Hello, ada.")
	if c := b.cookie("ada.accessToken"); c == nil || !c.HTTPOnly {
		b.t.Errorf("the access token's cookie is %+v, want one that scripts cannot read", c)
	}
}

func browseAsGrace(b *tab) {
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/admin"))
	b.arrive(403, "/admin", b.fill("grace", password("grace"))...)
	b.shows("main", "Forbidden", "a group is missing", "Sign out grace")
	b.open("/dashboard")
	b.shows("#groups", "none")
}

func browseDeepLink(b *tab) {
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/dashboard?tab=2"))
	b.submit("ada", password("ada"), "/dashboard?tab=2")
	b.shows("main", "What the access token says", "cognito:groups")
}

func browseSignUp(b *tab) {
	b.open("/")
	b.atLogin("Sign up", chromedp.Click(chromedp.CSS(".who a")))
	b.arrive(200, "/dashboard",
		chromedp.SendKeys(chromedp.ID("username"), "mary"),
		chromedp.SendKeys(chromedp.ID("email"), "mary@example.com"),
		chromedp.SendKeys(chromedp.ID("password"), "Somerville-1831"),
		chromedp.Click(chromedp.CSS("form button:not([name])")))
	b.shows("#who", "mary")
	b.signOut()
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/dashboard"))
	b.submit("mary", "Somerville-1831", "/dashboard")
}

func browseCancel(b *tab) {
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/dashboard?tab=2"))
	answer, err := chromedp.RunResponse(b.ctx, chromedp.Click(chromedp.CSS("button[name=cancel]")))
	if err != nil || answer.Status != 400 {
		b.t.Fatalf("a cancelled sign-in ends with %+v (%v)", answer, err)
	}
	b.shows("h1", "You are not signed in")
	b.atLogin("Sign in", chromedp.Click(chromedp.CSS("main a")))
	b.submit("grace", password("grace"), "/dashboard?tab=2")
}

// Two tabs may sign in at the same time: neither disturbs the other.
func browseTwoTabs(b *tab) {
	const link = "/api/auth/sign-in?next="
	b.atLogin("Sign in", chromedp.Navigate(b.base+link+"%2Fadmin"))
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatal(err)
	}
	other := &tab{b.t, ctx, b.demo, b.base}
	other.atLogin("Sign in", chromedp.Navigate(b.base+link+"%2Fdashboard%3Ftab%3D2"))
	b.submit("ada", password("ada"), "/admin")
	other.submit("ada", password("ada"), "/dashboard?tab=2")
	b.open("/admin")
}

func browseExpired(b *tab) {
	b.signIn("ada")
	access, refresh := b.cookie("ada.accessToken").Value, b.cookie("ada.refreshToken").Value
	b.demo.advance(2 * time.Minute)
	b.arrive(200, "/dashboard?tab=2", chromedp.Click(chromedp.CSS(".tabs a:last-child")))
	b.refreshes(1)
	if fresh := b.cookie("ada.accessToken").Value; fresh == access {
		b.t.Error("the browser still has the expired token")
	}
	if b.cookie("ada.refreshToken").Value != refresh {
		b.t.Error("the refresh token has changed without rotation")
	}
	b.open("/dashboard")
	b.shows("#refresh", "nothing was refreshed")
	b.demo.advance(2 * time.Minute)
	b.open("/dashboard")
	b.shows("#refresh", "were refreshed on the way")
	b.refreshes(2)
}

func browseFetch(b *tab) {
	b.open("/call")
	b.callAPI("same-origin", "401")
	b.shows("#body", `"title": "Unauthorized"`)
	b.signIn("ada")
	b.open("/call")
	b.demo.advance(2 * time.Minute)
	b.callAPI("same-origin", "200")
	b.shows("#body", `"username": "ada"`)
	b.shows("#timing", "refresh")
	b.refreshes(1)
	b.callAPI("omit", "401")
	b.callAPI("same-origin", "200")
	b.refreshes(1)
	b.signOut()
	b.open("/call")
	b.callAPI("same-origin", "401")
}

func browsePost(b *tab) {
	b.signIn("grace")
	b.do(chromedp.SendKeys(chromedp.ID("text"), "A note that took its time"))
	b.demo.advance(2 * time.Minute)
	b.arrive(200, "/dashboard#notes", chromedp.Click(chromedp.CSS("main form button")))
	b.refreshes(1)
	b.shows(".notes", "A note that took its time", "came with expired tokens")
}

func browseBack(b *tab) {
	b.signIn("ada")
	b.open("/dashboard?tab=2")
	b.signOut()
	if c := b.cookie("Token"); c != nil {
		b.t.Errorf("%s is left after the sign-out", c.Name)
	}
	for range 2 {
		// A page that comes back from the browser's memory is not loaded.
		ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
		err := chromedp.Do(ctx, chromedp.NavigateBack())
		cancel()
		if err != nil {
			b.t.Fatal("the back button has loaded no page: ", err)
		}
		b.shows("h1", "Sign in")
	}
}

func browseGallery(b *tab) {
	b.open("/gallery")
	b.do(chromedp.Poll[chromedp.Void](`[...document.images].every((i) => i.complete && i.naturalWidth === 360)`))
	b.shows(".gallery", "a picture")
}

func browseCountdown(b *tab) {
	b.demo.freeze()
	b.signIn("ada")
	b.shows("[data-remains]", "s")
	b.do(chromedp.WaitNotVisible(chromedp.ID("expired")))
	b.demo.advance(54 * time.Second) // six seconds before the end, one before a refresh
	b.open("/dashboard")
	b.shows("#refresh", "nothing was refreshed")
	b.do(chromedp.WaitVisible(chromedp.ID("expired")))
	b.demo.advance(2 * time.Second)
	b.arrive(200, "/dashboard", chromedp.Click(chromedp.CSS("#expired a")))
	b.shows("#refresh", "were refreshed on the way")
}

func browseWithoutScripts(b *tab) {
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		b.t.Fatal(err)
	}
	b.signIn("ada")
	b.demo.advance(2 * time.Minute)
	b.do(chromedp.SendKeys(chromedp.ID("text"), "no scripts"))
	b.arrive(200, "/dashboard#notes", chromedp.Click(chromedp.CSS("main form button")))
	b.shows(".notes", "no scripts")
	b.shows("noscript", "Counted when this page was made.")
	b.open("/admin")
	b.open("/call")
	b.arrive(200, "/apis/get-current-user", chromedp.Click(chromedp.CSS("noscript a")))
	b.shows("body", `"username":"ada"`)
	b.open("/")
	b.signOut()
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/dashboard"))
}

func browseByKeyboard(b *tab) {
	b.open("/")
	b.do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"))
	b.at("/#main")
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/admin"))
	for _, keys := range []string{"ada", "\t", password("ada")} {
		b.do(chromedp.KeyEvent(keys))
	}
	b.arrive(200, "/admin", chromedp.KeyEvent("\r"))
}

func browsePages(b *tab) {
	b.do(chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile))
	for _, path := range []string{"/", "/call", "/gallery", "/nowhere"} {
		b.check(path)
	}
	b.signIn("ada")
	b.demo.advance(2 * time.Minute)
	for _, path := range []string{"/dashboard", "/dashboard?tab=2", "/profile", "/graphql", "/admin", "/"} {
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
	const width = document.documentElement.scrollWidth;
	if (width > innerWidth) faults.push("it is " + width + " wide");
	return faults.join("; ");
})()`

// check looks for faults of a page.
func (b *tab) check(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](faults))
	if err != nil {
		b.t.Fatal(err)
	}
	if got != "" {
		b.t.Errorf("%s: %s", path, got)
	}
}
