package browsertest_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/browsertest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// TestRecentSignIn: a page asks a signed-in user to sign in again, at the managed login,
// which knows the user.
func TestRecentSignIn(t *testing.T) {
	browser := browsertest.Start(t)
	server := cognitotest.New(cognitotest.User{Username: "ada", Password: "Passw0rd!"}, cognitotest.User{Username: "bob", Password: "Passw0rd!"})
	login := httptest.NewServer(server)
	t.Cleanup(login.Close)
	server.SetURL(login.URL)
	var ahead atomic.Int64
	start := time.Now()
	server.SetNow(func() time.Time { return start.Add(time.Duration(ahead.Load())) })

	app := http.NewServeMux()
	origin := serveAs(t, "localhost", app)
	auth, err := cognito.New(cognito.Config{
		UserPool: server.UserPool(), HTTPClient: server.Client(), Now: server.Now, Logger: slog.New(slog.DiscardHandler),
		Origin: origin, Secret: append(bytes.Repeat([]byte("x"), 32), 'y'), Cookies: session.Cookies{Insecure: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	page := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><title>App</title><h1>%s for %s</h1>`, r.URL.Path, auth.Session(r).User().Username)
	}
	app.Handle("/api/auth/", auth.Routes())
	app.Handle("GET /dashboard", auth.Require(http.HandlerFunc(page)))
	app.Handle("GET /account", auth.RequireRecent(5*time.Minute)(http.HandlerFunc(page)))

	tab := browsertest.NewTab(t, browser, origin)
	// signIn opens a page that leads to the managed login, and fills in its form there.
	signIn := func(path, user string) (status int64) {
		t.Helper()
		tab.Load(chromedp.Navigate(origin + path))
		at, err := url.Parse(tab.Location())
		if err != nil || !strings.HasPrefix(at.String(), login.URL+"/login") {
			t.Fatalf("at %s, not at the managed login", at)
		}
		tab.Do(chromedp.SendKeys(chromedp.CSS("input[name=username]"), user), chromedp.SendKeys(chromedp.CSS("input[name=password]"), "Passw0rd!"))
		return tab.Load(chromedp.Click(chromedp.CSS("form button:not(.plain)")))
	}
	signIn("/dashboard", "ada")
	tab.At("/dashboard")
	tab.Open("/account?tab=1")
	tab.Shows("h1", "/account for ada")

	ahead.Add(int64(6 * time.Minute))
	signIn("/account?tab=2", "ada")
	tab.At("/account?tab=2")
	tab.Shows("h1", "/account for ada")
	tab.Open("/account")
	if got := tab.Evaluate(`fetch("/account").then(r => r.status)`); got != "200" {
		t.Errorf("a script gets %s", got)
	}

	// In another window, another user signs in there. The page is not theirs, and ada is
	// still signed in here.
	tab = browsertest.NewTab(t, browser, origin)
	signIn("/dashboard", "ada")
	ahead.Add(int64(6 * time.Minute))
	if got := tab.Evaluate(`fetch("/account").then(r => r.status + " " + r.headers.get("WWW-Authenticate"))`); !strings.HasPrefix(got, `401 Bearer error="insufficient_user_authentication"`) {
		t.Errorf("a script gets %s", got)
	}
	if status := signIn("/account", "bob"); status != http.StatusForbidden || !strings.Contains(tab.Location(), "/api/auth/sign-in-callback") {
		t.Errorf("another user: %d at %s", status, tab.Location())
	}
	tab.Shows("h1", "another user")
	tab.Open("/dashboard")
	tab.Shows("h1", "/dashboard for ada")
}
