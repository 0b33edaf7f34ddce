package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/internal/browsertest"
)

// axe is axe-core, which looks for faults that keep people from using a page.
type axe string

// newAxe reads axe-core, which make interop installs.
func newAxe(t *testing.T) axe {
	t.Helper()
	if os.Getenv("INTEROP") == "" {
		t.Skip("make interop runs this: it installs axe-core with npm")
	}
	text, err := os.ReadFile("../amplify-client/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	return axe(text)
}

// check fails the test for each fault of the page that the tab shows.
func (a axe) check(tab *browsertest.Tab) {
	tab.T.Helper()
	tab.Do(chromedp.Evaluate[chromedp.Void](string(a)))
	found := tab.Evaluate(`axe.run().then((r) => r.passes.length + " passed" + r.violations.map((v) => "; " + v.id + ": " + v.nodes.map((n) => n.html)).join(""))`)
	if strings.Contains(found, ";") || strings.HasPrefix(found, "0") {
		tab.T.Errorf("%s: %s", tab.Location(), found)
	}
}

// TestInteropAxe: axe-core finds nothing wrong with the pages of the library.
func TestInteropAxe(t *testing.T) {
	axe := newAxe(t)
	eachLibraryPage(t, func(tab *browsertest.Tab, p libraryPage) { axe.check(tab) })
}

// TestInteropAxeExample: nor with those of the example, on a phone, in light and dark.
func TestInteropAxeExample(t *testing.T) {
	axe := newAxe(t)
	b := newClientTab(t, browsertest.Start(t), login{typed: "ada", username: "ada"})
	b.Do(chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile))
	visit := func(paths ...string) {
		for _, path := range paths {
			if path != "" {
				b.check(path)
			}
			axe.check(b.Tab)
			b.scheme("dark")
			axe.check(b.Tab)
			b.scheme("light")
		}
	}
	b.press("#call")
	visit("") // Amplify's page, with a session
	b.faultless()
	b.press("#server-sign-out")
	b.WaitFor(`!document.getElementById("signed-out").hidden`)
	visit("", "/", "/call", "/gallery")
	b.demo.server.SetUser(users[0])
	b.signIn("ada")
	visit("", "/dashboard?tab=2", "/profile", "/graphql", "/admin", "/nowhere")
}

// scheme has the browser prefer light or dark pages.
func (b *tab) scheme(name string) {
	b.T.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}
	if _, err := chromedp.Call(b.Ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.T.Fatal(fmt.Errorf("scheme %s: %w", name, err))
	}
}
