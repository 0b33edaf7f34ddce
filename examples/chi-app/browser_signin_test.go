package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/internal/browsertest"
)

// What may go wrong between two sites, in a real browser.
func TestBrowserLogin(t *testing.T) {
	browser := browsertest.Start(t)
	for _, c := range []struct {
		name string
		test func(b *tab, browser context.Context)
	}{
		{"a sign-in that took too long can begin again", loginExpired},
		{"a code is good once, and in its own browser", loginReplayed},
		{"somebody else signs in on the same machine", loginReplaced},
		{"a sign-in link while signed in goes on", loginAgain},
		{"a bookmark of the managed login leads to a sign-in", loginBookmarked},
		{"a sign-in that an identity provider has begun", loginUnasked},
		{"a wrong password", loginWrong},
		{"back to the managed login, and through it once more", loginBack},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newTab(t, browser), browser) })
	}
}

func loginExpired(b *tab, _ context.Context) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/admin"))
	b.demo.advance(61 * time.Minute)
	b.refused("This sign-in cannot go on", b.fill("ada", password("ada"))...)
	// The managed login knows the browser meanwhile, and asks for nothing.
	b.Arrive(200, "/dashboard", chromedp.Click(chromedp.CSS("main a")))
	b.Shows("#who", "ada")
}

func loginReplayed(b *tab, browser context.Context) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard?tab=2"))
	callback := b.callback("ada")
	other := b.demo.tab(b.T, browser)
	other.refused("This sign-in cannot go on", chromedp.Navigate(callback))
	other.nobody()

	b.Arrive(200, "/dashboard?tab=2", chromedp.Navigate(callback))
	b.Arrive(200, "/dashboard?tab=2", chromedp.Navigate(callback)) // she is signed in, and goes on
	b.Shows("#who", "ada")

	// A code of one's own in another's browser is of no use either: there the
	// state is unknown.
	other.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard"))
	foreign := other.callback("grace")
	b.Arrive(200, "/dashboard", chromedp.Navigate(foreign))
	b.Shows("#who", "ada")
}

func loginReplaced(b *tab, _ context.Context) {
	b.signIn("ada")
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/api/auth/sign-in?prompt=login"))
	b.submit("grace", password("grace"), "/dashboard")
	b.Shows("#who", "grace")
	for _, slot := range []string{"accessToken", "idToken", "refreshToken"} {
		if c := b.Cookie(".ada." + slot); c != nil {
			b.T.Errorf("%s is left of the session before", c.Name)
		}
	}
	b.signOut()
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard")) // not signed in again behind one's back
}

func loginAgain(b *tab, _ context.Context) {
	b.signIn("ada")
	b.Arrive(200, "/admin", chromedp.Navigate(b.Origin+"/api/auth/sign-in?next=/admin"))
	b.Shows("#who", "ada")
}

func loginBookmarked(b *tab, browser context.Context) {
	other := b.demo.tab(b.T, browser)
	other.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard"))
	b.atLogin("Sign in", chromedp.Navigate(other.Location()))
	b.refused("This sign-in cannot go on", b.fill("ada", password("ada"))...)
	b.nobody()
	b.Load(chromedp.Navigate(b.Origin + "/api/auth/sign-in?next=/dashboard"))
	b.At("/dashboard")
	b.Shows("#who", "ada")
}

// loginUnasked: with SAML, users may come from their company's portal, and Cognito sends
// them to the callback with a code that nobody has asked for.
func loginUnasked(b *tab, _ context.Context) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/api/auth/sign-in-callback?code=unasked"))
	b.submit("ada", password("ada"), "/dashboard")
	b.Shows("#who", "ada")
}

func loginWrong(b *tab, _ context.Context) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard?tab=2"))
	b.atLogin("Sign in", b.fill("ada", "wrong")...)
	b.submit("ada", password("ada"), "/dashboard?tab=2")
}

func loginBack(b *tab, _ context.Context) {
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/dashboard?tab=2"))
	b.submit("ada", password("ada"), "/dashboard?tab=2")
	b.atLogin("Sign in", chromedp.NavigateBack())
	b.Evaluate(`document.querySelector("form").reset()`) // the browser has kept what was typed
	b.submit("ada", password("ada"), "/dashboard?tab=2")
	b.Shows("#who", "ada")
}

// callback is where the managed login, whose page the tab shows, would send the
// browser after the sign-in.
func (b *tab) callback(username string) string {
	b.T.Helper()
	callback, err := b.demo.server.Authorize(strings.Replace(b.Location(), "/login?", "/oauth2/authorize?", 1), username)
	if err != nil {
		b.T.Fatal(err)
	}
	return callback
}
