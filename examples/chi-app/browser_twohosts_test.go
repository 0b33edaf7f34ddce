package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// interopTwoHosts has Amplify sign in on the application's host, for a second site whose
// server finds the session by the cookies that both share.
func interopTwoHosts(t *testing.T, browser context.Context) {
	for _, c := range []struct{ name, host, second, domain string }{
		{"two hosts share a domain", "www.site.localhost", "app.site.localhost", "site.localhost"},
		{"two ports share the cookies of a host", "localhost", "localhost", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newLocalDemo(t)
			d.origin = strings.Replace(d.origin, "localhost", c.host, 1)
			d.cookieDomain = c.domain
			b := newClientTabOn(t, browser, d, login{"", "ada", "ada"})
			second := newSecondSite(t, d, c.second, c.domain)
			atAmplify := func() {
				t.Helper()
				b.Load(chromedp.Navigate(second + "/dashboard?tab=2"))
				if at := b.Location(); at != d.origin+"/amplify/?next="+url.QueryEscape(second+"/dashboard?tab=2") {
					t.Fatalf("at %s, not where Amplify signs in", at)
				}
				b.WaitFor(`!document.getElementById("signed-out").hidden`)
			}
			secondGreets := func(user string) {
				t.Helper()
				b.Load(chromedp.Navigate(second + "/dashboard"))
				b.Shows("h1", "Hello, "+user)
			}
			secondGreets("ada")

			d.advance(2 * time.Minute)
			secondGreets("ada")
			b.refreshes(1)
			b.Open("/amplify/")
			b.WaitFor(`!document.getElementById("signed-in").hidden`)
			b.same(login{"", "ada", "ada"})
			b.refreshes(1) // Amplify took the server's tokens
			b.press("#refresh")
			secondGreets("ada")
			b.refreshes(2) // and the server took Amplify's

			b.Open("/amplify/")
			b.WaitFor(`!document.getElementById("signed-in").hidden`)
			b.press("#browser-sign-out")
			atAmplify()

			b.Do(
				chromedp.SetValue(chromedp.ID("username"), "ada"),
				chromedp.SetValue(chromedp.ID("password"), interopPassword))
			b.press("#signed-out button")
			secondGreets("ada")
			b.Load(chromedp.Click(chromedp.CSS("form button")))
			b.Shows("h1", "Goodbye")
			atAmplify()
			b.gone()
		})
	}
}

// newSecondSite serves a site whose users Amplify signs in on the application's host, and
// returns its origin.
func newSecondSite(t *testing.T, d *demo, host, domain string) string {
	t.Helper()
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	origin := strings.Replace(site.URL, "127.0.0.1", host, 1)
	auth, err := cognito.New(cognito.Config{
		UserPool: d.client.UserPool(), HTTPClient: d.client.Client(), Now: d.server.Now, Logger: slog.New(slog.NewTextHandler(d.log, nil)),
		Origin: origin, SignIn: d.origin + "/amplify/", Cookies: session.Cookies{Domain: domain},
	})
	if err != nil {
		t.Fatal(err)
	}
	const head = `<!doctype html><link rel="icon" href="data:,"><title>Second site</title>`
	mux.Handle("GET /", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `%s<h1>Hello, %s</h1><form method="post" action="/sign-out"><button>Sign out</button></form>`, head, s.User().Username)
	})))
	mux.HandleFunc("POST /sign-out", func(w http.ResponseWriter, r *http.Request) {
		if err := auth.Sessions().End(w, r); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, head+"<h1>Goodbye</h1>")
	})
	return origin
}

// withCookieDomain serves the application, and has Amplify share its cookies with the
// subdomains of a domain.
func withCookieDomain(domain string, app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/amplify/" {
			app.ServeHTTP(w, r)
			return
		}
		page := httptest.NewRecorder()
		app.ServeHTTP(page, r)
		maps.Copy(w.Header(), page.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(page.Code)
		w.Write(bytes.Replace(page.Body.Bytes(), []byte("data-user-pool-id="), []byte(`data-cookie-domain="`+domain+`" data-user-pool-id=`), 1))
	})
}
