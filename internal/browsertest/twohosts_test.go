package browsertest_test

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
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

// signInPage signs users in and out in the browser. Its script writes and deletes cookies
// as Amplify's CookieStorage does.
var signInPage = template.Must(template.New("page").Parse(`<!doctype html><link rel="icon" href="data:,"><title>Sign in</title>
<script>` + jsCookie + `</script>
<script>
const prefix = {{.Prefix}}, slots = ["accessToken", "idToken", "refreshToken"];
const scope = {path: "/", domain: {{.Domain}} || undefined};
async function signIn(user) {
	const tokens = await (await fetch("/tokens", {method: "POST", body: JSON.stringify(user)})).json();
	const attributes = {...scope, expires: 365, secure: true, sameSite: "lax"};
	for (const slot of slots) Cookies.set(prefix + user + "." + slot, tokens[slot], attributes);
	Cookies.set(prefix + "LastAuthUser", user, attributes);
}
function currentUser() { return Cookies.get(prefix + "LastAuthUser"); }
function accessToken() { return Cookies.get(prefix + currentUser() + ".accessToken"); }
function signOut() {
	for (const slot of slots) Cookies.remove(prefix + currentUser() + "." + slot, scope);
	Cookies.remove(prefix + "LastAuthUser", scope);
}
// A page may go where next says only if it knows the origin.
function goBack() {
	const next = new URL(new URLSearchParams(location.search).get("next"), location);
	if (next.origin === {{.App}}) location = next;
}
</script>`))

// twoHosts are a site with a sign-in page, and an application that sends its users there.
type twoHosts struct {
	cognito  *cognitotest.Server
	www, app string // origins
	auth     *cognito.Auth
	ahead    atomic.Int64 // of the clock
}

// newTwoHosts serves both on ports of this machine, by the names that a test gives them.
func newTwoHosts(t *testing.T, wwwName, appName, domain string) *twoHosts {
	t.Helper()
	s := &twoHosts{cognito: cognitotest.New(cognitotest.User{Username: "ada"}, cognitotest.User{Username: "bob"})}
	start := time.Now()
	s.cognito.SetNow(func() time.Time { return start.Add(time.Duration(s.ahead.Load())) })
	www, app := http.NewServeMux(), http.NewServeMux()
	s.www, s.app = serveAs(t, wwwName, www), serveAs(t, appName, app)

	www.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		prefix := "CognitoIdentityServiceProvider." + s.cognito.UserPool().ClientID + "."
		if err := signInPage.Execute(w, map[string]string{"Prefix": prefix, "Domain": domain, "App": s.app}); err != nil {
			t.Error(err)
		}
	})
	www.HandleFunc("POST /tokens", func(w http.ResponseWriter, r *http.Request) {
		var user string
		if err := json.NewDecoder(r.Body).Decode(&user); err != nil {
			t.Error(err)
			return
		}
		set := s.cognito.Issue(user)
		json.NewEncoder(w).Encode(map[string]string{"accessToken": set.Access, "idToken": set.ID, "refreshToken": set.Refresh})
	})

	var err error
	s.auth, err = cognito.New(cognito.Config{
		UserPool: s.cognito.UserPool(), HTTPClient: s.cognito.Client(), Now: s.cognito.Now, Logger: slog.New(slog.DiscardHandler),
		Origin: s.app, SignIn: s.www + "/login", Cookies: session.Cookies{Domain: domain},
	})
	if err != nil {
		t.Fatal(err)
	}
	app.Handle("GET /", s.auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := session.FromContext(r.Context())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><title>App</title><h1>Hello, %s</h1><form method="post" action="/sign-out"><button>Sign out</button></form>`, user.User().Username)
	})))
	app.HandleFunc("POST /sign-out", func(w http.ResponseWriter, r *http.Request) {
		if err := s.auth.Sessions().End(w, r); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><title>App</title><h1>Goodbye</h1>`)
	})
	return s
}

// serveAs serves a site, and returns its origin with a name of this machine.
func serveAs(t *testing.T, name string, site http.Handler) string {
	t.Helper()
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", name, 1)
}

// TestTwoHosts: a script signs users in on one host, and the server of another host serves
// them. Each sees at once what the other does to the session.
func TestTwoHosts(t *testing.T) {
	browser := browsertest.Start(t)
	for _, tt := range []struct{ name, www, app, domain string }{
		{"a shared domain", "www.site.localhost", "app.site.localhost", "site.localhost"},
		{"an application on the domain itself", "www.site.localhost", "site.localhost", "site.localhost"},
		{"one host with two ports, and cookies of the host", "localhost", "localhost", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newTwoHosts(t, tt.www, tt.app, tt.domain)
			tab := browsertest.NewTab(t, browser, s.app)
			signIn := func(user string) {
				t.Helper()
				if got := tab.Evaluate(`signIn("` + user + `")`); got != "undefined" {
					t.Fatalf("the script's sign-in: %s", got)
				}
			}
			atSignIn := func() {
				t.Helper()
				tab.Load(chromedp.Navigate(s.app + "/dashboard?tab=2"))
				if at := tab.Location(); at != s.www+"/login?next="+url.QueryEscape(s.app+"/dashboard?tab=2") {
					t.Fatalf("at %s, not at the sign-in page", at)
				}
			}
			onWWW := func(expression, want string) {
				t.Helper()
				tab.Load(chromedp.Navigate(s.www + "/login"))
				if got := tab.Evaluate(expression); got != want {
					t.Errorf("on the sign-in page's host, %s is %.60q, want %.60q", expression, got, want)
				}
			}

			atSignIn()
			signIn("ada")
			tab.Arrive(200, "/dashboard?tab=2", chromedp.Evaluate[chromedp.Void]("goBack()"))
			tab.Shows("h1", "Hello, ada")

			// The script reads what the server has refreshed, and nothing twice.
			first := tab.Cookie("ada.accessToken").Value
			s.ahead.Add(int64(2 * time.Hour))
			tab.Open("/dashboard")
			tab.Shows("h1", "Hello, ada")
			fresh := tab.Cookie("ada.accessToken")
			if fresh.Value == first || fresh.HTTPOnly || s.cognito.Calls("GetTokensFromRefreshToken") != 1 {
				t.Errorf("the server has refreshed %d times; the token is the first one: %v; hidden: %v", s.cognito.Calls("GetTokensFromRefreshToken"), fresh.Value == first, fresh.HTTPOnly)
			}
			onWWW("accessToken()", fresh.Value)
			onWWW(`document.cookie.split("; ").length`, "4")

			// Another user signs in by the script.
			signIn("bob")
			tab.Open("/dashboard")
			tab.Shows("h1", "Hello, bob")

			// The script signs out.
			onWWW("signOut()", "undefined")
			atSignIn()

			// The server signs out.
			signIn("ada")
			tab.Arrive(200, "/dashboard?tab=2", chromedp.Evaluate[chromedp.Void]("goBack()"))
			tab.Arrive(200, "/sign-out", chromedp.Click(chromedp.CSS("form button")))
			onWWW("currentUser()", "undefined")
			for _, slot := range []string{"accessToken", "idToken", "refreshToken"} {
				if c := tab.Cookie("ada." + slot); c != nil {
					t.Errorf("%s is left", c.Name)
				}
			}
			atSignIn()
		})
	}
}
