package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/browsertest"
)

// These tests drive the real aws-amplify, built from examples/amplify-client, in
// Chromium. They want its packages from npm; make interop sees to that.
func TestInterop(t *testing.T) {
	if os.Getenv("INTEROP") == "" {
		t.Skip("make interop runs this: it builds examples/amplify-client with npm")
	}
	browser := browsertest.Start(t)
	for _, login := range logins(t) {
		t.Run(login.name, func(t *testing.T) { interopUser(newClientTab(t, browser, login), login) })
	}
	ada := login{name: "ada", typed: "ada", username: "ada"}
	for _, c := range []struct {
		name string
		test func(b *tab)
	}{
		{"browser and server refresh at once", interopRotation},
		{"Amplify signs out", interopSignOut},
		{"a sign-in on the server stands beside it", interopBeside},
		{"the page fits a phone", interopPage},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newClientTab(t, browser, ada)) })
	}
	interopTwoHosts(t, browser)
}

// login is a user of the recordings of what Amplify's client writes.
type login struct{ name, typed, username string }

const interopPassword = "Interop-2026"

// logins are the users whose names the encoding of cookies has to survive.
func logins(t *testing.T) (list []login) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/amplify/browser.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Records []struct{ Name, Login, TokenUsername string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, r := range file.Records {
		// The emulator remembers no devices; what their cookies do is replayed from
		// the recordings in package session.
		if r.Login != "" && r.Name != "browser-device" {
			list = append(list, login{strings.TrimPrefix(r.Name, "browser-"), r.Login, r.TokenUsername})
		}
	}
	if len(list) < 12 {
		t.Fatalf("%d users are recorded, which is too few", len(list))
	}
	return list
}

// newClientTab opens a tab on an application that serves Amplify too, and has it
// sign in.
func newClientTab(t *testing.T, browser context.Context, who login) *tab {
	t.Helper()
	return newClientTabOn(t, browser, newLocalDemo(t), who)
}

// newClientTabOn opens the tab on an application that the caller has prepared.
func newClientTabOn(t *testing.T, browser context.Context, d *demo, who login) *tab {
	t.Helper()
	b := d.tab(t, browser)
	user := cognitotest.User{Username: who.username, Password: interopPassword}
	if who.typed != who.username {
		user.Attributes = map[string]string{"email": who.typed}
	}
	b.demo.server.SetUser(user)
	b.demo.client = b.demo.server.AddClient("1emulatorforbrowsers", "")
	b.demo.start(t)
	b.Open("/amplify/")
	b.WaitFor(`!document.getElementById("signed-out").hidden`)
	b.Do(
		chromedp.SetValue(chromedp.ID("username"), who.typed),
		chromedp.SetValue(chromedp.ID("password"), interopPassword))
	b.press("#signed-out button")
	b.WaitFor(`!document.getElementById("signed-in").hidden`)
	return b
}

// press presses a button of the page, waits for what it does, and fails the test
// if the page reports a problem.
func (b *tab) press(selector string) {
	b.T.Helper()
	b.Do(chromedp.Click(chromedp.CSS(selector)))
	b.WaitFor(`!document.getElementById("client").hasAttribute("aria-busy")`)
	if problem := b.Evaluate(`document.getElementById("problem").textContent`); problem != "" {
		b.T.Fatalf("%s: %s", selector, problem)
	}
}

// same checks that Amplify's view is that of the cookies, and the cookies' that of
// the server.
func (b *tab) same(who login) {
	b.T.Helper()
	for slot, expression := range map[string]string{
		"accessToken": `amplify.fetchAuthSession().then(s => s.tokens.accessToken)`,
		"idToken":     `amplify.fetchAuthSession().then(s => s.tokens.idToken)`,
	} {
		if got, want := b.Evaluate(expression), b.Cookie("."+slot).Value; got != want {
			b.T.Errorf("Amplify's %s is not the cookie's", slot)
		}
	}
	if got := b.Evaluate(`amplify.getCurrentUser().then(u => u.username + " as " + u.signInDetails.loginId)`); got != who.username+" as "+who.typed {
		b.T.Errorf("Amplify's user is %s, want %s as %s", got, who.username, who.typed)
	}
}

// ask has the page call the server, and checks who is answered and whether this
// refreshed the tokens.
func (b *tab) ask(username string, refreshed bool) {
	b.T.Helper()
	b.press("#call")
	text, err := chromedp.Run(b.Ctx, chromedp.TextContent(chromedp.ID("answer")))
	if err != nil {
		b.T.Fatal(err)
	}
	var got struct {
		Username  string
		Refreshed bool
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(text, "200 ")), &got); err != nil || got.Username != username || got.Refreshed != refreshed {
		b.T.Fatalf("the server answers %s, want %s with refreshed %v", text, username, refreshed)
	}
}

// gone checks that neither Amplify nor the server finds anybody, and that no
// cookie of the session is left.
func (b *tab) gone() {
	b.T.Helper()
	b.WaitFor(`!document.getElementById("signed-out").hidden`)
	if got := b.Evaluate(`amplify.getCurrentUser()`); got != "UserUnAuthenticatedException" {
		b.T.Errorf("getCurrentUser: %s", got)
	}
	if status := b.Evaluate(`fetch("/amplify/api/current-user").then(a => a.status)`); status != "401" {
		b.T.Errorf("the server answers %s, want 401", status)
	}
	for _, slot := range []string{"accessToken", "idToken", "refreshToken", "LastAuthUser", "clockDrift", "signInDetails"} {
		if c := b.Cookie("." + slot); c != nil {
			b.T.Errorf("%s is left", c.Name)
		}
	}
}

func interopUser(b *tab, who login) {
	b.ask(who.username, false)
	b.same(who)
	first := b.Cookie(".accessToken")
	if last := b.Cookie(".LastAuthUser").Value; last != who.typed && unescape(b.T, last) != who.typed {
		b.T.Errorf("LastAuthUser is %q for %q", last, who.typed)
	}

	b.demo.advance(2 * time.Minute)
	b.ask(who.username, true)
	b.refreshes(1)
	b.same(who)
	b.refreshes(1) // Amplify took the server's tokens
	if second := b.Cookie(".accessToken"); second.Name != first.Name || second.Value == first.Value {
		b.T.Errorf("the server wrote %s for %s, or no new token", second.Name, first.Name)
	}

	b.press("#refresh")
	b.refreshes(2)
	b.ask(who.username, false) // the server takes Amplify's
	b.same(who)
	b.demo.advance(2 * time.Minute)
	b.ask(who.username, true)
	b.refreshes(3)

	b.press("#server-sign-out")
	b.gone()
	if n := b.demo.server.Calls("RevokeToken"); n != 1 {
		b.T.Errorf("%d revocations, want 1", n)
	}
	b.Shows("#log", "The server has signed out")
}

func unescape(t *testing.T, s string) string {
	t.Helper()
	u, err := url.PathUnescape(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// With rotation a refresh token is good once, and a minute longer: browser and
// server may need it at the same time.
func interopRotation(b *tab) {
	b.demo.server.SetRotation(true, time.Minute)
	for round := range 3 {
		b.demo.advance(2 * time.Minute)
		// The pool answers nobody before both have asked.
		var both sync.WaitGroup
		both.Add(2)
		b.demo.server.SetFault(func(op string) (f cognitotest.Fault) {
			if op == "GetTokensFromRefreshToken" {
				both.Done()
				both.Wait()
			}
			return f
		})
		got := b.Evaluate(`Promise.all([
			amplify.fetchAuthSession({ forceRefresh: true }).then(s => s.tokens.accessToken.payload.username),
			fetch("/amplify/api/current-user").then(a => a.json()).then(u => u.username + " " + u.refreshed),
		])`)
		if got != "ada,ada true" {
			b.T.Fatalf("round %d: refreshed at once, browser and server find %s", round, got)
		}
		b.demo.server.SetFault(nil)
		b.refreshes(2*round + 2)
		b.same(login{"", "ada", "ada"})
		b.ask("ada", false)
	}
	b.demo.advance(2 * time.Minute)
	b.ask("ada", true)
	b.same(login{"", "ada", "ada"})
}

func interopSignOut(b *tab) {
	b.press("#browser-sign-out")
	b.gone()
}

// Two app clients, two sessions, one browser: neither ends nor sees the other.
func interopBeside(b *tab) {
	b.signIn("grace")
	b.Shows("#who", "grace")
	b.Open("/amplify/")
	b.WaitFor(`!document.getElementById("signed-in").hidden`)
	b.ask("ada", false)
	b.Shows("#user", "ada")
	b.press("#server-sign-out")
	b.WaitFor(`!document.getElementById("signed-out").hidden`)
	b.Open("/dashboard")
	b.Shows("#who", "grace")
}

func interopPage(b *tab) {
	b.Do(chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile))
	b.check("/amplify/")
}
