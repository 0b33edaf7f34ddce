package browsertest_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/browsertest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// TestFramedSite shows an application in a frame of another site. Its cookies are
// Partitioned, so the session is that of this frame. The program begins it with Start,
// because the managed login does not work in frames.
func TestFramedSite(t *testing.T) {
	browser := browsertest.Start(t)
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	app, top := http.NewServeMux(), http.NewServeMux()
	appOrigin, topOrigin := serveAs(t, "app.localhost", app), serveAs(t, "127.0.0.1", top)
	auth, err := cognito.New(cognito.Config{
		UserPool: server.UserPool(), HTTPClient: server.Client(), Logger: slog.New(slog.DiscardHandler),
		Origin: appOrigin, RoutesPath: "-", SignIn: "/sign-in",
		Matcher: []string{"/((?!begin$).*)"},
		Cookies: session.Cookies{SameSite: http.SameSiteNoneMode, Partitioned: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	const head = `<!doctype html><link rel="icon" href="data:,"><title>App</title>`
	report := func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `%s<h1>%s</h1><script>parent.postMessage(document.querySelector("h1").textContent, "*")</script>`, head, text)
	}
	app.HandleFunc("GET /sign-in", func(w http.ResponseWriter, _ *http.Request) { report(w, "Sign in") })
	app.HandleFunc("GET /begin", func(w http.ResponseWriter, r *http.Request) {
		if _, err := auth.Sessions().Start(w, r, server.Issue("ada")); err != nil {
			t.Error(err)
		}
		report(w, "Begun")
	})
	app.Handle("GET /", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		report(w, "Hello, "+s.User().Username)
	})))
	top.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, head+`<script>
			const heard = [];
			addEventListener("message", e => heard.push(e.data));
			function frame(url) {
				const f = document.createElement("iframe");
				document.body.append(f);
				return new Promise(loaded => { f.onload = () => loaded("loaded"); f.src = url; });
			}
		</script>`)
	})

	tab := browsertest.NewTab(t, browser, topOrigin)
	tab.Load(chromedp.Navigate(topOrigin + "/"))
	show := func(path string) {
		t.Helper()
		if got := tab.Evaluate(`frame("` + appOrigin + path + `")`); !strings.Contains(got, "loaded") {
			t.Fatalf("%s: %s", path, got)
		}
	}
	show("/dashboard")
	tab.WaitFor(`heard.includes("Sign in")`)
	show("/begin")
	show("/dashboard")
	tab.WaitFor(`heard.includes("Hello, ada")`)
	// Alone in a tab, the application has another session, and none yet.
	tab.Load(chromedp.Navigate(appOrigin + "/dashboard"))
	tab.Shows("h1", "Sign in")
}
