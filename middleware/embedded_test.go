package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/internal/longtest"
)

var (
	fetchDests = longtest.Scale(
		[]string{"", "document", "iframe", "embed", "image", "empty"},
		[]string{"", "document", "iframe", "frame", "fencedframe", "embed", "object", "image", "script", "style", "font", "audio", "video",
			"track", "manifest", "report", "xslt", "json", "worker", "sharedworker", "serviceworker", "empty", "portal", "Document"})
	fetchSites = []string{"", "none", "same-origin", "same-site", "cross-site"}
	fetchModes = longtest.Scale([]string{"", "navigate", "cors"}, []string{"", "navigate", "cors", "no-cors", "same-origin", "websocket", "Navigate"})
)

// TestOnlyWholeTabsBeginAndEnd sends every combination of Fetch Metadata to the routes. A
// flow begins only if a whole tab navigates, and a GET signs out only by a link of this
// origin or the address bar. Without Fetch Metadata, sign-in works as for a document.
func TestOnlyWholeTabsBeginAndEnd(t *testing.T) {
	env := newRoutesEnv(t)
	authorize, flow := env.startFlow("/api/auth/sign-in")
	callback := env.completeLogin(authorize, "ada").RequestURI()
	session := pageRequest("/")
	env.server.SignIn(session, "ada")
	for _, dest := range fetchDests {
		for _, site := range fetchSites {
			for _, mode := range fetchModes {
				navigates := mode == "navigate" || mode == ""
				tab := navigates && (dest == "" || dest == "document")
				own := mode == "navigate" && dest == "document" && (site == "same-origin" || site == "none")
				for _, target := range []string{"/api/auth/sign-in?next=/x%3Fa%22b", "/api/auth/sign-up", callback, "/api/auth/sign-out"} {
					isSignOut, isCallback := strings.HasSuffix(target, "sign-out"), target == callback
					if isCallback && tab {
						continue // it would spend the flow
					}
					r := pageRequest(target)
					for name, value := range map[string]string{"Sec-Fetch-Dest": dest, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode} {
						if r.Header.Set(name, value); value == "" {
							r.Header.Del(name)
						}
					}
					r.Host = host
					if isSignOut {
						r.Header["Cookie"] = session.Header["Cookie"]
					} else {
						r.AddCookie(flow)
					}
					resp := env.do(r)
					body := readBody(t, resp)
					acts := len(resp.Header["Set-Cookie"]) > 0 || resp.Header.Get("Location") != ""
					want := tab
					if isSignOut {
						want = own
					}
					if acts != want {
						t.Errorf("%s with dest %q, site %q, mode %q: %d, %v", target, dest, site, mode, resp.StatusCode, resp.Header)
					}
					switch {
					case want:
					case !navigates:
						if resp.StatusCode != http.StatusForbidden || strings.Contains(resp.Header.Get("Content-Type"), "html") {
							t.Errorf("%s with mode %q: %d %s", target, mode, resp.StatusCode, resp.Header.Get("Content-Type"))
						}
					case isSignOut:
						if resp.StatusCode != http.StatusOK || !strings.Contains(body, `<form method="post" action="/api/auth/sign-out">`) ||
							!strings.HasSuffix(resp.Header.Get("Content-Security-Policy"), "frame-ancestors 'self'") {
							t.Errorf("%s with dest %q: %d %s", target, dest, resp.StatusCode, body)
						}
					default:
						link := `<a href="` + strings.ReplaceAll(target, "&", "&amp;") + `" target="_top">`
						if resp.StatusCode != http.StatusOK || !strings.Contains(body, link) ||
							!strings.HasSuffix(resp.Header.Get("Content-Security-Policy"), "frame-ancestors *") {
							t.Errorf("%s with dest %q: %d, want %s in %s", target, dest, resp.StatusCode, link, body)
						}
					}
				}
			}
		}
	}
	if n := env.calls("Token"); n != 0 {
		t.Errorf("%d exchanges", n)
	}
	if resp := env.get(callback, flow); sessionUser(resp) != "ada" {
		t.Errorf("afterwards the callback answers %d", resp.StatusCode)
	}
}

// TestScriptsAreSentToTheRoutes: htmx follows HX-Redirect, and the user's click works.
// Turbo loads a page anew if the answer is no HTML.
func TestScriptsAreSentToTheRoutes(t *testing.T) {
	env := newRoutesEnv(t)
	for target, want := range map[string]string{
		"/api/auth/sign-in?next=/x&lang=de": "/api/auth/sign-in?next=/x&lang=de",
		"/api/auth/sign-up":                 "/api/auth/sign-up",
		"/api/auth/sign-out":                "/api/auth/sign-out",
		"/api/auth/sign-in-callback?code=x": "",
	} {
		r := scriptRequest(target)
		r.Host = host
		r.Header.Set("HX-Request", "true")
		resp := env.do(r)
		if resp.StatusCode != http.StatusForbidden || resp.Header.Get("HX-Redirect") != want || resp.Header["Set-Cookie"] != nil {
			t.Errorf("%s: %d, HX-Redirect %q, %v", target, resp.StatusCode, resp.Header.Get("HX-Redirect"), resp.Header["Set-Cookie"])
		}
		r.Header.Set("HX-Preloaded", "true") // the pointer is over the link
		if resp := env.do(r); resp.Header.Get("HX-Redirect") != "" {
			t.Errorf("%s: a preload is redirected", target)
		}
	}
}

// TestHoversDoNotEvictTheFlow: a library loads a link whenever the pointer is over it.
// The flow of the user, who is at the login, survives any number of loads.
func TestHoversDoNotEvictTheFlow(t *testing.T) {
	env := newRoutesEnv(t)
	for name, headers := range map[string]map[string]string{
		"Turbo":                              {"X-Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "cors", "Accept": "text/html, application/xhtml+xml"},
		"Turbo without Fetch Metadata":       {"X-Sec-Purpose": "prefetch", "Accept": "text/html, application/xhtml+xml"},
		"htmx's preload":                     {"HX-Preloaded": "true", "Accept": "text/html"},
		"a library that does not say so":     {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"},
		"one in a browser without them":      {"X-Requested-With": "XMLHttpRequest", "Accept": "text/html"},
		"a link with rel=prefetch":           {"Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"},
		"a frame that a library makes":       {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe", "Accept": "text/html"},
		"an image whose address is the link": {"Accept": "image/avif,image/webp,*/*;q=0.8"},
	} {
		b := newBrowser(env)
		b.openURL("/dashboard?tab=2")
		for range 6 {
			r, err := http.NewRequest("GET", origin+"/api/auth/sign-in", nil)
			if err != nil {
				t.Fatal(err)
			}
			for header, value := range headers {
				r.Header.Set(header, value)
			}
			b.send(r, false)
		}
		b.fillInLogin("ada")
		b.expectPage("/dashboard?tab=2", "Hello, ada")
		if t.Failed() {
			t.Fatal(name)
		}
	}
}
