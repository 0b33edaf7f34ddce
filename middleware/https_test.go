package middleware_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
)

// TestSignInOverHTTPS signs in and out over two real ports, with net/http's client and
// cookie jar and the managed login's own pages.
func TestSignInOverHTTPS(t *testing.T) {
	server := cognitotest.New(
		cognitotest.User{Username: "ada@example.com", Password: "Passw0rd!"},
		cognitotest.User{Username: "grace (navy)", Password: "Passw0rd!"},
	)
	login := httptest.NewTLSServer(server)
	defer login.Close()
	server.SetURL(login.URL)
	mux := http.NewServeMux()
	site := httptest.NewTLSServer(mux)
	defer site.Close()
	server = server.AddClient("confidential", "the client's secret")
	server.SetLogin(cognitotest.Login{
		RedirectURIs: []string{site.URL + "/auth/sign-in-callback"}, LogoutURIs: []string{site.URL + "/auth/sign-out-callback"}, RequirePKCE: true,
	})
	cfg := cognito.Config{
		UserPool: server.UserPool(), HTTPClient: login.Client(), Origin: site.URL, RoutesPath: "/auth", Secret: routesSecret,
		AfterSignOut: "/bye",
	}
	setLayout(&cfg)
	auth, err := cognito.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/auth/", auth.Routes())
	mux.Handle("/", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		io.WriteString(w, "Hello, "+s.User().Username+" at "+r.URL.String())
	})))
	mux.HandleFunc("/bye", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Bye") })

	client := login.Client()
	if client.Jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	read := func(resp *http.Response, err error) (string, *url.URL) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return readBody(t, resp), resp.Request.URL
	}
	for _, user := range []string{"ada@example.com", "grace (navy)"} {
		body, at := read(client.Get(site.URL + "/a%20page?q=1&r=%2F"))
		if at.Path != "/login" {
			t.Fatalf("at %s: %s", at, body)
		}
		csrf := csrfField.FindStringSubmatch(body)
		if csrf == nil {
			t.Fatalf("no form at %s", at)
		}
		body, at = read(client.PostForm(at.String(), url.Values{"_csrf": {html.UnescapeString(csrf[1])}, "username": {user}, "password": {"Passw0rd!"}}))
		if body != "Hello, "+user+" at /a%20page?q=1&r=%2F" || at.Scheme+"://"+at.Host != site.URL {
			t.Errorf("at %s: %s", at, body)
		}
		body, _ = read(client.Get(site.URL + "/again"))
		if body != "Hello, "+user+" at /again" {
			t.Errorf("%s", body)
		}
		body, at = read(client.PostForm(site.URL+"/auth/sign-out", nil))
		if body != "Bye" || at.Path != "/bye" {
			t.Errorf("at %s: %s", at, body)
		}
		for _, c := range client.Jar.Cookies(mustParse(site.URL + "/")) {
			if isSessionCookie(c.Name) || strings.Contains(c.Name, "cognitogate") {
				t.Errorf("%s is left", c.Name)
			}
		}
	}
	if n := server.Calls("RevokeToken"); n != 2 {
		t.Errorf("%d revocations", n)
	}
}
