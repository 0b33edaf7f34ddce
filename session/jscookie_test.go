package session_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// jsCookie is what Amplify's client reads and writes cookies with, version 3.0.8.
//
//go:embed testdata/js-cookie/js.cookie.min.js
var jsCookie string

// conversation has a page sign users in and out on the server, read with js-cookie
// what the server writes, write with js-cookie as Amplify does what the server then
// reads, and delete with js-cookie what the server has written.
const conversation = `(async (prefix, users) => {
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
	var file encodings
	readJSON(t, "encoding.json", &file)
	names := []string{"ada", "LastAuthUser", "ada.accessToken", "a%b", "hal%41x", "a(b)c", `"`, "a=b;c", "; Domain=evil.example", "\r\nx", "\ufeff", "\u2028", "日本", "\U0001F600\u0301", "carol@example.com"}
	for _, e := range file.Encoding {
		names = append(names, e.Input)
	}
	users := map[string]bool{}
	var pools []cognitotest.User
	for _, n := range names {
		if !users[n] {
			users[n] = true
			pools = append(pools, cognitotest.User{Username: n})
		}
	}
	p := open(t, nil, pools...)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><title>js-cookie</title><script>"+jsCookie+"</script>")
	})
	handle := func(path string, f func(w http.ResponseWriter, r *http.Request, user string) any) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			var user string
			if err := json.NewDecoder(r.Body).Decode(&user); err != nil {
				t.Error(err)
			}
			json.NewEncoder(w).Encode(f(w, r, user))
		})
	}
	type answer map[string]string
	handle("/start", func(w http.ResponseWriter, r *http.Request, user string) any {
		set := p.pool.Issue(user)
		if _, err := p.m.Start(w, r, set); err != nil {
			t.Error(err)
		}
		return answer{"accessToken": set.Access, "idToken": set.ID, "refreshToken": set.Refresh}
	})
	handle("/who", func(_ http.ResponseWriter, r *http.Request, _ string) any {
		s, err := p.m.Fetch(nil, r, nil)
		note(err)
		return s.User().Username
	})
	handle("/refresh", func(w http.ResponseWriter, r *http.Request, _ string) any {
		p.wait(2 * time.Hour)
		s, err := p.m.Fetch(w, r, nil)
		if err != nil {
			t.Error(err)
			return nil
		}
		_, refresh, _ := strings.Cut(r.Header.Get("Cookie"), ".refreshToken=")
		refresh, _, _ = strings.Cut(refresh, ";")
		return answer{"accessToken": s.AccessToken().Raw(), "idToken": s.IDToken().Raw(), "refreshToken": refresh}
	})
	handle("/end", func(w http.ResponseWriter, r *http.Request, _ string) any {
		if err := p.m.End(w, r); err != nil {
			t.Error(err)
		}
		return true
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	ctx := startBrowser(t)
	// Where Secure cookies need no TLS.
	if err := chromedp.Do(ctx, chromedp.Navigate(strings.Replace(server.URL, "127.0.0.1", "localhost", 1))); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("%s(%q, %s)", conversation, p.key(""), list)
	faults, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

// startBrowser starts a Chromium that talks to nobody but the test. Where there is
// none the test is skipped, except in CI, where that is a mistake.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	const program = "/usr/bin/chromium"
	if _, err := exec.LookPath(program); err != nil {
		const notice = "there is no " + program + ", so nothing is compared with the real js-cookie"
		if os.Getenv("CI") == "true" {
			t.Fatal(notice)
		}
		t.Skip(notice)
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
	}
	for _, flag := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(ctx)
	ctx, cancelTimeout := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Log("closing the browser: ", err)
		}
		cancelTimeout()
		cancel()
		cancelAllocator()
	})
	return ctx
}
