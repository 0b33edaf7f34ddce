package session_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
)

// scopesOf returns the attributes of every scope in which a browser may hold a cookie that
// it sends to a host.
func scopesOf(path string, domains ...string) (scopes []string) {
	for _, domain := range append([]string{""}, domains...) {
		if domain != "" {
			domain = "; Domain=" + domain
		}
		scopes = append(scopes, "; Path="+path+domain)
		if path != "/" {
			scopes = append(scopes, "; Path=/"+domain)
		}
	}
	return scopes
}

// TestDeletionsReachEveryScope has a browser hold a session in each scope, and in all of
// them. A sign-out, a refused session and a new sign-in leave no cookie of it.
func TestDeletionsReachEveryScope(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	hosts := map[string][]string{"app.example.com": {"app.example.com", "example.com"}}
	if longtest.Scale(false, true) {
		hosts["example.com"] = []string{"example.com"}
		hosts["a.b.example.co.uk"] = []string{"a.b.example.co.uk", "b.example.co.uk", "example.co.uk"}
		hosts["main.d1.amplifyapp.com:8443"] = []string{"main.d1.amplifyapp.com", "d1.amplifyapp.com"}
		hosts["localhost:8443"] = nil
		hosts["127.0.0.1:8443"] = nil
		hosts["[::1]:8443"] = nil
	}
	for host, domains := range hosts {
		for _, domain := range []string{"", strings.Join(domains[max(0, len(domains)-1):], "")} {
			for _, path := range longtest.Scale([]string{"/app"}, []string{"/", "/app"}) {
				e := newEnv(t, func(c *session.Config) { c.Cookies.Domain, c.Cookies.Path = domain, path })
				scopes := scopesOf(path, domains...)
				for i := range len(scopes) + 1 {
					held := scopes
					if i < len(scopes) {
						held = scopes[i : i+1]
					}
					for _, event := range []string{"sign-out", "refused session", "sign-in"} {
						t.Run(fmt.Sprintf("%s at %s with %q held as %q", event, host, domain+path, held), func(t *testing.T) {
							testDeletions(t, e, "https://"+host+"/app/x", held, event)
						})
					}
				}
			}
		}
	}
}

func testDeletions(t *testing.T, e *env, app string, held []string, event string) {
	b := newBrowser()
	set := e.server.Issue("ada", cognitotest.Expired)
	if event == "refused session" {
		held = held[:min(4, len(held))] // beyond, not every duplicate is judged, and nothing is cleared
	}
	for _, scope := range held {
		for _, cookie := range append(e.cookies("ada", set), e.prefixed("ada.clockDrift")+"=-7200000",
			e.prefixed("ada.signInDetails")+"={}", e.prefixed("ada.oauthMetadata")+"={}", e.prefixed("ada.userData")+"={}", e.prefixed("ada.deviceKey")+"=stays") {
			if event == "refused session" && strings.Contains(cookie, "refreshToken") {
				continue
			}
			b.setCookie(app, cookie+"; Secure"+scope)
		}
	}
	if len(b.cookiesFor(app)) < 8 {
		t.Fatal("the browser does not hold the session")
	}
	bobs := e.server.Issue("bob")
	b.visit(app, func(w http.ResponseWriter, r *http.Request) {
		switch event {
		case "sign-out":
			if err := e.manager.End(w, r); err != nil {
				t.Error(err)
			}
		case "refused session":
			if _, err := e.manager.Fetch(w, r, nil); !errors.Is(err, session.ErrSignedOut) {
				t.Error(err)
			}
		case "sign-in":
			if _, err := e.manager.Start(w, r, bobs); err != nil {
				t.Error(err)
			}
		}
	})
	left := slices.DeleteFunc(b.cookiesFor(app), func(cookie string) bool { return strings.Contains(cookie, "deviceKey") })
	var want []string
	if event == "sign-in" {
		want = e.cookies("bob", bobs)
	}
	slices.Sort(left)
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left: %.100q", left)
	}
}

// TestRefreshDeletesDuplicates has a browser hold a session in every scope. After a page's
// refresh it holds the new tokens alone.
func TestRefreshDeletesDuplicates(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	const app = site + "app/x"
	for _, cookies := range []session.Cookies{{}, {Domain: "example.com"}, {Path: "/app"}, {Domain: "app.example.com", Path: "/app"}} {
		e := newEnv(t, func(c *session.Config) { c.Cookies = cookies })
		b := newBrowser()
		old := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
		for _, scope := range scopesOf("/app", "app.example.com", "example.com") {
			if cookies.Path == "" && strings.Contains(scope, "/app") {
				continue
			}
			for _, cookie := range old {
				b.setCookie(app, cookie+"; Secure"+scope)
			}
		}
		b.visit(app, func(w http.ResponseWriter, r *http.Request) {
			s, err := e.manager.Fetch(w, r, nil)
			if err != nil || strings.Contains(old[1], s.AccessToken().Raw()) {
				t.Errorf("%+v: %v", cookies, err)
			}
		})
		if left := b.cookiesFor(app); len(left) != 4 || slices.Contains(left, old[1]) || slices.Contains(left, old[2]) {
			t.Errorf("%+v: left: %.120q", cookies, left)
		}
		b.visit(app, func(w http.ResponseWriter, r *http.Request) {
			if s, err := e.manager.Fetch(w, r, nil); err != nil || s.User().Username != "ada" || len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%+v: the next page: %v", cookies, err)
			}
		})
	}
}

// TestRefreshDeletesFormerScope has Domain or Path newly configured, or no longer. The
// browser sends the former cookies beside the new ones, for ever, unless a refresh deletes
// them.
func TestRefreshDeletesFormerScope(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	const app = site + "app/x"
	for _, test := range []struct {
		former  string
		cookies session.Cookies
	}{
		{"; Path=/", session.Cookies{Domain: "example.com"}},
		{"; Path=/; Domain=example.com", session.Cookies{}},
		{"; Path=/; Domain=example.com", session.Cookies{Domain: "app.example.com"}},
		{"; Path=/", session.Cookies{Path: "/app"}},
		{"; Path=/; Domain=example.com", session.Cookies{Path: "/app", Domain: "app.example.com"}},
	} {
		e := newEnv(t, func(c *session.Config) { c.Cookies = test.cookies })
		b := newBrowser()
		for _, cookie := range e.cookies("ada", e.server.Issue("ada", cognitotest.Expired)) {
			b.setCookie(app, cookie+"; Secure"+test.former)
		}
		var last *session.Session
		fetch := func(w http.ResponseWriter, r *http.Request) {
			s, err := e.manager.Fetch(w, r, nil)
			if err != nil {
				t.Fatal(err)
			}
			last = s
		}
		b.visit(app, fetch) // writes cookies in the new scope
		e.advance(2 * time.Hour)
		b.visit(app, fetch) // finds each name twice
		if n := len(b.cookiesFor(app)); n != 4 {
			t.Errorf("%+v: %d cookies", test, n)
		}
		b.visit(app, fetch)
		if !strings.Contains(strings.Join(b.cookiesFor(app), ";"), last.AccessToken().Raw()) {
			t.Errorf("%+v: the new cookies were deleted", test)
		}
	}
}

// TestDeletionsForAnyHost signs out at hosts that name no domain. The lines stay whole,
// and none has a Domain.
func TestDeletionsForAnyHost(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	for _, host := range []string{"", "localhost:80", "127.0.0.1:8080", "[::1]:8080", "[fe80::1%25en0]", "com", "co.uk:443", "..", "a\r\nSet-Cookie: b=c", "x;y", strings.Repeat("a.", 2000)} {
		r := pageRequest(cookies...)
		r.Host = host
		lines, err := e.end(r)
		if err != nil || !e.cleared(lines) || layoutName() == session.LayoutAmplify && len(lines) != 7 {
			t.Errorf("%.30q: %v, %q", host, err, lines)
		}
		for _, line := range lines {
			if strings.Contains(line, "Domain") || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%.30q: %q", host, line)
			}
		}
	}
}

// TestDeletionReplacesEarlierLine clears a session when the answer has a line that sets a
// cookie of it, such as one of a refresh before.
func TestDeletionReplacesEarlierLine(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	w := httptest.NewRecorder()
	foreign := e.prefixed("ada.accessToken") + "=y; Path=/elsewhere"
	w.Header()["Set-Cookie"] = []string{e.prefixed("ada.accessToken") + "=x; Path=/; Max-Age=60; Secure", foreign}
	if _, err := e.manager.Fetch(w, pageRequest(cookies[:3]...), nil); !errors.Is(err, session.ErrSignedOut) {
		t.Fatal(err)
	}
	for _, line := range w.Header()["Set-Cookie"] {
		if !strings.Contains(line, "=; ") && line != foreign {
			t.Errorf("%q is left", line)
		}
	}
}

// TestDeletionsOfUnknownCookies signs out without most cookies. Those that the request did
// not carry are deleted only where we write. A name that no header may hold is left out.
func TestDeletionsOfUnknownCookies(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	lines, err := e.end(pageRequest(e.prefixed("LastAuthUser")+"=ada", e.prefixed("ada.accessToken")+"=x", e.prefixed("a\x01.accessToken")+"=x"))
	if err != nil {
		t.Error(err)
	}
	count := make(map[string]int)
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "=")
		count[strings.TrimPrefix(name, e.prefixed(""))]++
	}
	want := map[string]int{"LastAuthUser": 3, "ada.accessToken": 3, "ada.idToken": 1, "ada.refreshToken": 1, "ada.clockDrift": 1, "ada.signInDetails": 1, "ada.oauthMetadata": 1}
	if !maps.Equal(count, want) {
		t.Errorf("deleted: %v, want %v", count, want)
	}
}

// TestDeletionsAreBounded bounds the header of an answer, which proxies refuse if it is
// too long. The cookies that make a session are deleted all the same.
func TestDeletionsAreBounded(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	const user = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
	all := []string{"accessToken", "idToken", "refreshToken", "clockDrift", "signInDetails", "oauthMetadata", "userData"}
	amplifys := all[:5]
	for _, test := range []struct {
		name, host string
		cookies    session.Cookies
		slots      []string
		junk       int // cookies of other users
		max        int // bytes
		scopes     int // in which each cookie that makes the session is deleted, at least
	}{
		{"usually", "app.example.com", session.Cookies{}, amplifys, 0, 3600, 3},
		{"with Domain", "app.example.com", session.Cookies{Domain: "example.com"}, amplifys, 0, 3600, 3},
		{"with Path", "app.example.com", session.Cookies{Domain: "example.com", Path: "/app"}, amplifys, 0, 7000, 6},
		{"every cookie", "app.example.com", session.Cookies{Domain: "example.com", Path: "/app"}, all, 0, 10 << 10, 0},
		{"a host that a proxy has written", "backend:8080", session.Cookies{Domain: "example.com", Path: "/app"}, amplifys, 0, 5000, 4},
		{"a deep host", "a.b.c.d.example.com", session.Cookies{Domain: "example.com", Path: "/app", Partitioned: true, SameSite: http.SameSiteNoneMode}, all, 0, 10 << 10, 8},
		{"a host of many labels", strings.Repeat("a.", 100) + "example.com", session.Cookies{}, all, 0, 10 << 10, 0},
		{"many users", "app.example.com", session.Cookies{Domain: "example.com"}, all, 240, 16 << 10, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, func(c *session.Config) { c.Cookies = test.cookies })
			var cookies []string
			for i := range test.junk {
				cookies = append(cookies, e.prefixed(fmt.Sprintf("%s%d.accessToken=x", user, i)))
			}
			cookies = append(cookies, e.prefixed("LastAuthUser")+"="+user)
			for _, slot := range test.slots {
				cookies = append(cookies, e.prefixed(user+"."+slot)+"=x")
			}
			set := e.server.Issue("ada")
			for name, answer := range map[string]func(http.ResponseWriter, *http.Request) error{
				"sign-out": e.manager.End,
				"sign-in": func(w http.ResponseWriter, r *http.Request) error {
					_, err := e.manager.Start(w, r, set)
					return err
				},
			} {
				r, w := pageRequest(cookies...), httptest.NewRecorder()
				r.Host = test.host
				if err := answer(w, r); err != nil {
					t.Fatal(err)
				}
				size, lines := 0, 0
				scopes := make(map[string]int)
				for _, line := range w.Header()["Set-Cookie"] {
					if strings.Contains(line, "; Max-Age=0") {
						size += len(line)
						lines++
					}
					cookie, _, _ := strings.Cut(line, "=")
					scopes[cookie]++
				}
				t.Logf("%s: %d deletions, %d bytes", name, lines, size)
				if size > test.max {
					t.Errorf("%s: %d bytes in %d lines", name, size, lines)
				}
				if name == "sign-in" && test.junk > 0 {
					continue // nothing names the former user by now
				}
				for _, cookie := range []string{"LastAuthUser", user + ".accessToken", user + ".idToken", user + ".refreshToken"} {
					if n := scopes[e.prefixed(cookie)]; n < max(1, test.scopes) {
						t.Errorf("%s: %s is deleted in %d scopes", name, cookie, n)
					}
				}
			}
		})
	}
}
