package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/internal/browsertest"
)

// tab is a tab of a real browser, on an application of its own.
type tab struct {
	*browsertest.Tab
	demo *demo
}

// newTab opens a tab with no cookies, on http://localhost as a newcomer does.
func newTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	return newLocalDemo(t).tab(t, browser)
}

// tab opens a tab with no cookies.
func (d *demo) tab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	return &tab{browsertest.NewTab(t, browser, d.origin), d}
}

// atLogin runs steps that lead to a page of the managed login.
func (b *tab) atLogin(title string, steps ...chromedp.Action[chromedp.Void]) {
	b.T.Helper()
	b.Load(steps...)
	if at, login := b.Location(), b.demo.server.UserPool().LoginURL(); !strings.HasPrefix(at, login+"/") {
		b.T.Fatalf("at %s, want a page of %s", at, login)
	}
	b.Shows("h1", title)
}

// submit fills in the form that the managed login shows, and arrives.
func (b *tab) submit(username, password, path string) {
	b.T.Helper()
	b.Arrive(200, path, b.fill(username, password)...)
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
	b.T.Helper()
	b.atLogin("Sign in", chromedp.Navigate(b.Origin+"/api/auth/sign-in"))
	b.submit(username, password(username), "/dashboard")
}

// signOut presses the button in the header, and comes back through the managed
// login.
func (b *tab) signOut() {
	b.T.Helper()
	b.Arrive(200, "/", chromedp.Click(chromedp.CSS(".who button")))
	b.Shows("h1", "Nobody is signed in.")
}

// refused runs steps that end on a page of the routes which says why not.
func (b *tab) refused(title string, steps ...chromedp.Action[chromedp.Void]) {
	b.T.Helper()
	if status := b.Load(steps...); status != 400 {
		b.T.Fatalf("status %d, want 400", status)
	}
	b.Shows("h1", title)
}

// nobody checks that the browser has no session.
func (b *tab) nobody() {
	b.T.Helper()
	if c := b.Cookie("Token"); c != nil {
		b.T.Errorf("a refused sign-in has left %s", c.Name)
	}
	b.Open("/")
	b.Shows("h1", "Nobody is signed in.")
}

// callAPI presses one of the buttons and waits for the answer.
func (b *tab) callAPI(credentials, status string) {
	b.T.Helper()
	b.Do(chromedp.Click(chromedp.CSS(fmt.Sprintf("button[data-credentials=%s]", credentials))))
	b.WaitFor(`document.getElementById("status").textContent.startsWith("The answer is")`)
	b.Shows("#status", status)
}

// refreshes checks how often Cognito was asked for fresh tokens.
func (b *tab) refreshes(want int) {
	b.T.Helper()
	if got := b.demo.server.Calls("GetTokensFromRefreshToken"); got != want {
		b.T.Fatalf("Cognito was asked for fresh tokens %d times, want %d", got, want)
	}
}
