package browsertest_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/browsertest"
	"github.com/cognitogate/cognitogate/session"
)

// jsCookie is what Amplify's client reads and writes cookies with, version 3.0.8.
//
//go:embed testdata/js-cookie/js.cookie.min.js
var jsCookie string

// script has a page sign users in and out on the server, read with js-cookie
// what the server writes, write with js-cookie as Amplify does what the server then
// reads, and delete with js-cookie what the server has written.
const script = `(async (prefix, users) => {
	const faults = [];
	const call = async (path, user) => {
		const response = await fetch(path, {method: "POST", body: JSON.stringify(user)});
		return response.json();
	};
	for (const user of users) {
		const fail = (what) => faults.push(JSON.stringify(user) + ": " + what);
		const slots = ["accessToken", "idToken", "refreshToken"];
		const name = (slot) => prefix + user + "." + slot;
		const check = (tokens, what) => {
			if (Cookies.get(prefix + "LastAuthUser") !== user) fail(what + " LastAuthUser " + JSON.stringify(Cookies.get(prefix + "LastAuthUser")));
			for (const slot of slots) if (Cookies.get(name(slot)) !== tokens[slot]) fail(what + " " + slot);
			if (document.cookie.split("; ").length !== 4) fail(what + " " + document.cookie.split("; ").length + " cookies");
		};
		const empty = (what) => { if (document.cookie !== "") fail(what + " leaves " + document.cookie.slice(0, 200)); };

		const tokens = await call("/start", user);
		check(tokens, "the server's");
		for (const slot of slots) Cookies.remove(name(slot), {path: "/"});
		Cookies.remove(prefix + "LastAuthUser", {path: "/"});
		empty("js-cookie");

		const attributes = {path: "/", expires: 365, secure: true, sameSite: "lax"};
		Cookies.set(prefix + "LastAuthUser", user, attributes);
		for (const slot of slots) Cookies.set(name(slot), tokens[slot], attributes);
		check(tokens, "js-cookie's");
		const who = await call("/who", user);
		if (who !== user) fail("the server reads " + JSON.stringify(who));

		check(await call("/refresh", user), "the refreshed");
		await call("/end", user);
		empty("the server");
	}
	return faults;
})`

// TestJSCookie runs the real js-cookie in a real browser.
func TestJSCookie(t *testing.T) {
	browser := browsertest.Start(t)
	names := usernames(t)
	site := newCookieSite(t, names)
	server := httptest.NewServer(site)
	defer server.Close()

	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	// On localhost, browsers take Secure cookies without TLS.
	tab := browsertest.NewTab(t, browser, strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
	tab.Open("/")
	call := fmt.Sprintf("%s(%q, %s)", script, "CognitoIdentityServiceProvider."+site.cognito.UserPool().ClientID+".", list)
	faults, err := chromedp.Run(tab.Ctx, chromedp.Evaluate[[]string](call, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// usernames are those whose encoding is recorded, and some that need more care.
func usernames(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/amplify/encoding.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Encoding []struct{ Input string } }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Encoding) == 0 {
		t.Fatal("no encoding is recorded")
	}
	all := []string{"ada", "LastAuthUser", "ada.accessToken", "a%b", "hal%41x", "a(b)c", `"`, "a=b;c", "; Domain=evil.example", "\r\nx", "\ufeff", "\u2028", "日本", "\U0001F600\u0301", "carol@example.com"}
	for _, e := range file.Encoding {
		all = append(all, e.Input)
	}
	seen := map[string]bool{}
	for _, name := range all {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// cookieSite lets a script have the server start, read, refresh and end sessions.
type cookieSite struct {
	*http.ServeMux
	t        *testing.T
	cognito  *cognitotest.Server
	sessions *session.Manager
}

func newCookieSite(t *testing.T, names []string) *cookieSite {
	t.Helper()
	var users []cognitotest.User
	for _, name := range names {
		users = append(users, cognitotest.User{Username: name})
	}
	s := &cookieSite{http.NewServeMux(), t, cognitotest.New(users...), nil}
	var ahead atomic.Int64
	start := time.Now()
	s.cognito.SetNow(func() time.Time { return start.Add(time.Duration(ahead.Load())) })
	var err error
	s.sessions, err = session.NewManager(session.Config{UserPool: s.cognito.UserPool(), HTTPClient: s.cognito.Client(), Now: s.cognito.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><title>js-cookie</title><script>`+jsCookie+"</script>")
	})
	s.handle("/start", func(w http.ResponseWriter, r *http.Request, user string) any {
		set := s.cognito.Issue(user)
		if _, err := s.sessions.Start(w, r, set); err != nil {
			t.Error(err)
		}
		return map[string]string{"accessToken": set.Access, "idToken": set.ID, "refreshToken": set.Refresh}
	})
	s.handle("/who", func(_ http.ResponseWriter, r *http.Request, _ string) any {
		session, err := s.sessions.Fetch(nil, r, nil)
		if err != nil {
			return err.Error()
		}
		return session.User().Username
	})
	s.handle("/refresh", func(w http.ResponseWriter, r *http.Request, _ string) any {
		ahead.Add(int64(2 * time.Hour))
		session, err := s.sessions.Fetch(w, r, nil)
		if err != nil {
			t.Error(err)
			return nil
		}
		_, refresh, _ := strings.Cut(r.Header.Get("Cookie"), ".refreshToken=")
		refresh, _, _ = strings.Cut(refresh, ";")
		return map[string]string{"accessToken": session.AccessToken().Raw(), "idToken": session.IDToken().Raw(), "refreshToken": refresh}
	})
	s.handle("/end", func(w http.ResponseWriter, r *http.Request, _ string) any {
		if err := s.sessions.End(w, r); err != nil {
			t.Error(err)
		}
		return true
	})
	return s
}

// handle answers a script's call for a user with what f returns.
func (s *cookieSite) handle(path string, f func(w http.ResponseWriter, r *http.Request, user string) any) {
	s.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var user string
		if err := json.NewDecoder(r.Body).Decode(&user); err != nil {
			s.t.Error(err)
		}
		json.NewEncoder(w).Encode(f(w, r, user))
	})
}
