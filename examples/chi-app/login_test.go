package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// What may go wrong between two sites, in a real browser.
func TestBrowserLogin(t *testing.T) {
	browser := startBrowser(t)
	for _, c := range []struct {
		name string
		test func(b *tab, browser context.Context)
	}{
		{"a sign-in that took too long can begin again", loginExpired},
		{"a code is good once, and in its own browser", loginReplayed},
		{"somebody else signs in on the same machine", loginReplaced},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newTab(t, browser), browser) })
	}
}

func loginExpired(b *tab, _ context.Context) {
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/admin"))
	b.demo.advance(11 * time.Minute)
	b.refused("This sign-in cannot go on", b.fill("ada", password("ada"))...)
	// The managed login knows the browser meanwhile, and asks for nothing.
	b.arrive(200, "/dashboard", chromedp.Click(chromedp.CSS("main a")))
	b.shows("#who", "ada")
}

func loginReplayed(b *tab, browser context.Context) {
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/dashboard?tab=2"))
	callback := b.callback("ada")
	other := &tab{t: b.t, ctx: newWindow(b.t, browser), demo: b.demo, base: b.base}
	other.refused("This sign-in cannot go on", chromedp.Navigate(callback))
	other.nobody()

	b.arrive(200, "/dashboard?tab=2", chromedp.Navigate(callback))
	b.refused("This sign-in cannot go on", chromedp.Navigate(callback))
	b.open("/dashboard")
	b.shows("#who", "ada")

	// A code of one's own in another's browser is of no use either: there the
	// state is unknown.
	other.atLogin("Sign in", chromedp.Navigate(b.base+"/dashboard"))
	foreign := other.callback("grace")
	b.refused("This sign-in cannot go on", chromedp.Navigate(foreign))
	b.open("/dashboard")
	b.shows("#who", "ada")
}

func loginReplaced(b *tab, _ context.Context) {
	b.signIn("ada")
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/api/auth/sign-in?prompt=login"))
	b.submit("grace", password("grace"), "/dashboard")
	b.shows("#who", "grace")
	for _, slot := range []string{"accessToken", "idToken", "refreshToken"} {
		if c := b.cookie(".ada." + slot); c != nil {
			b.t.Errorf("%s is left of the session before", c.Name)
		}
	}
	b.signOut()
	b.atLogin("Sign in", chromedp.Navigate(b.base+"/dashboard")) // not signed in again behind one's back
}

// refused runs steps that end on a page of the routes which says why not.
func (b *tab) refused(title string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	answer, err := chromedp.RunResponse(b.ctx, steps...)
	if err != nil {
		b.t.Fatal(err)
	}
	if answer.Status != 400 {
		b.t.Fatalf("status %d, want 400", answer.Status)
	}
	b.shows("h1", title)
}

// callback is where the managed login, whose page the tab shows, would send the
// browser after the sign-in.
func (b *tab) callback(username string) string {
	b.t.Helper()
	location, err := chromedp.Run(b.ctx, chromedp.Location())
	if err != nil {
		b.t.Fatal(err)
	}
	callback, err := b.demo.server.Authorize(strings.Replace(location, "/login?", "/oauth2/authorize?", 1), username)
	if err != nil {
		b.t.Fatal(err)
	}
	return callback
}

func (b *tab) nobody() {
	b.t.Helper()
	if c := b.cookie("Token"); c != nil {
		b.t.Errorf("a refused sign-in has left %s", c.Name)
	}
	b.open("/")
	b.shows("h1", "Nobody is signed in.")
}
