package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/browsertest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// pageFaults is what is wrong with a page of the library on a small screen, in the scheme
// of the browser. It walks through the page as the Tab key does.
const pageFaults = `(() => {
	const faults = [];
	for (const selector of ["html[lang=en]", "title", "main", "h1"]) {
		const n = document.querySelectorAll(selector).length;
		if (n !== 1) faults.push(n + " × " + selector);
	}
	if (document.documentElement.scrollWidth > innerWidth) faults.push("it is " + document.documentElement.scrollWidth + " wide");
	const luminance = (color) => {
		const c = color.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
	};
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const color = getComputedStyle(e).backgroundColor;
			if (!/, 0\)$/.test(color)) return color;
		}
		return "rgb(255, 255, 255)";
	};
	for (const e of document.querySelectorAll("h1, p, li, a, button")) {
		const [x, y] = [luminance(getComputedStyle(e).color), luminance(behind(e))];
		const contrast = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
		if (contrast < 4.5) faults.push("a contrast of " + contrast.toFixed(1) + " in " + e.outerHTML);
		if (/^(A|BUTTON)$/.test(e.tagName) && e.getBoundingClientRect().height < 44) faults.push("too low: " + e.outerHTML);
	}
	return faults.join("; ");
})()`

// focused is the text of the element that has the focus, and whether its focus is seen.
const focused = `(() => {
	const e = document.activeElement, s = getComputedStyle(e);
	return e.textContent + (e.matches(":focus-visible") && s.outlineStyle === "solid" && parseFloat(s.outlineWidth) >= 2 ? "" : " (unseen)");
})()`

// libraryPage is a page of the library, with its actions in the order of the Tab key.
type libraryPage struct {
	path    string
	status  int64
	actions string
}

var libraryPages = []libraryPage{
	{"/forbidden", 403, "Home page, Sign in with another account, Sign out"},
	{"/unavailable/" + strings.Repeat("long", 100), 503, "Try again, Home page, Sign in again"},
	{"/api/auth/sign-in-callback?code=x&state=y", 400, "Sign in again, Home page"},
	{"/api/auth/sign-in/", 400, "Go to that address, Home page"}, // it has a list
}

// eachLibraryPage visits the pages on a phone, in light and dark.
func eachLibraryPage(t *testing.T, visit func(tab *browsertest.Tab, p libraryPage)) {
	browser := browsertest.Start(t)
	server := cognitotest.New()
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	auth, err := cognito.New(cognito.Config{
		UserPool: server.UserPool(), HTTPClient: server.Client(), Logger: slog.New(slog.DiscardHandler),
		Origin: site.URL, Secret: []byte("a secret of thirty-two bytes or more"),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/api/auth/", auth.Routes())
	mux.HandleFunc("/forbidden", func(w http.ResponseWriter, r *http.Request) { auth.ServeError(w, r, cognito.ErrForbidden) })
	mux.HandleFunc("/unavailable/", func(w http.ResponseWriter, r *http.Request) { auth.ServeError(w, r, tokens.ErrUnavailable) })
	mux.Handle("/api/auth/sign-in/", auth.Require(http.NotFoundHandler()))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "home") })
	tab := browsertest.NewTab(t, browser, site.URL)
	tab.Do(chromedp.EmulateViewport(390, 800, chromedp.EmulateMobile))
	for _, scheme := range []string{"light", "dark"} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if _, err := chromedp.Call(tab.Ctx, emulation.SetEmulatedMedia, media); err != nil {
			t.Fatal(err)
		}
		for _, p := range libraryPages {
			t.Run(fmt.Sprintf("%.30s, %s", p.path, scheme), func(t *testing.T) {
				tab.T = t
				tab.Arrive(p.status, p.path, chromedp.Navigate(site.URL+p.path))
				visit(tab, p)
			})
		}
	}
	tab.T = t
}

// TestPagesOfTheLibrary: they fit a phone, in light and dark, and the keyboard is enough.
func TestPagesOfTheLibrary(t *testing.T) {
	eachLibraryPage(t, func(tab *browsertest.Tab, p libraryPage) {
		if got := tab.Evaluate(pageFaults); got != "" {
			tab.T.Error(got)
		}
		var actions []string
		for range strings.SplitSeq(p.actions, ", ") {
			tab.Do(chromedp.KeyEvent("\t"))
			actions = append(actions, tab.Evaluate(focused))
		}
		if got := strings.Join(actions, ", "); got != p.actions {
			tab.T.Errorf("the Tab key reaches %s", got)
		}
		if p.path == "/forbidden" { // Enter follows the link that has the focus
			tab.Do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\t"))
			tab.Arrive(200, "/", chromedp.KeyEvent("\r"))
		}
	})
}
