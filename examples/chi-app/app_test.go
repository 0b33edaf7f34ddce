package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
)

func TestPublicPages(t *testing.T) {
	v := newDemo(t).visitor(t)
	for _, c := range []struct {
		path   string
		status int
		text   string
	}{
		{"/", 200, "Nobody is signed in."},
		{"/call", 200, "Call it without cookies"},
		{"/healthz", 200, "ok"},
		{"/static/app.js", 200, "data-remains"},
		{"/static/style.css", 200, "prefers-color-scheme"},
		{"/static/icon.svg", 200, "<svg"},
		{"/static/nowhere.js", 404, "404"},
	} {
		resp := v.open(c.path).expect(t, c.status, c.text)
		resp.header(t, "X-Content-Type-Options", "nosniff")
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") {
			t.Errorf("%s: Content-Security-Policy is %q", c.path, policy)
		}
		if head := v.do("HEAD", c.path, nil, nil); head.StatusCode != c.status || head.body != "" {
			t.Errorf("HEAD %s: status %d and %d bytes, want %d and none", c.path, head.StatusCode, len(head.body), c.status)
		}
	}
	v.fetch("/static/nowhere.js").expect(t, 404).header(t, "Content-Type", "text/plain; charset=utf-8")
	v.signIn("ada")
	v.open("/").expect(t, 200, "Hello, ada.").header(t, "Cache-Control", "private, no-store")
}

func TestStaticFilesAreCached(t *testing.T) {
	v := newDemo(t).visitor(t)
	tag := v.open("/static/style.css").expect(t, 200).Header.Get("ETag")
	v.do("GET", "/static/style.css", nil, func(h http.Header) { h.Set("If-None-Match", tag) }).expect(t, http.StatusNotModified)
}

// TestLayouts signs in on the layouts whose cookies no script can read. The session outlives
// the tokens, and a restart if the store does.
func TestLayouts(t *testing.T) {
	for _, layout := range []session.Layout{session.LayoutSealed, session.LayoutHandle} {
		d := newDemo(t)
		if d.layout = layout; layout == session.LayoutHandle {
			d.records = storetest.NewMemory()
		}
		d.start(t)
		v := d.visitor(t)
		v.signIn("ada")
		v.open("/dashboard").expect(t, 200, `<dd id="groups">admins`)
		d.advance(2 * time.Minute)
		d.start(t)
		v.open("/dashboard").expect(t, 200, `<dd id="groups">admins`)
		if v.cookie(".LastAuthUser") != "" || (v.cookie(".handle") != "") != (layout == session.LayoutHandle) {
			t.Errorf("%s: the cookies are another layout's", layout)
		}
	}
}

func TestSignIn(t *testing.T) {
	v := newDemo(t).visitor(t)
	const link = "/api/auth/sign-in?next=%2Fdashboard%3Ftab%3D2"
	v.open("/dashboard?tab=2").expect(t, http.StatusTemporaryRedirect).leadsTo(t, link)
	v.answer(link, "ada").expect(t, http.StatusFound).leadsTo(t, "/dashboard?tab=2")
	v.open("/dashboard?tab=2").expect(t, 200, "What the access token says", "token_use").header(t, "Cache-Control", "private, no-store")
	v.open("/dashboard").expect(t, 200, `<dd id="groups">admins`, "nothing was refreshed", "decided <strong>passed</strong>")
	v.open("/api/auth/sign-in?next=%2Fadmin").expect(t, http.StatusFound).leadsTo(t, "/admin")
}

func TestSignInLeadsToNoOtherSite(t *testing.T) {
	d := newDemo(t)
	for _, next := range []string{"", "https://example.com/", "//example.com/", `/\example.com`, "javascript:alert(1)"} {
		d.visitor(t).answer("/api/auth/sign-in?next="+url.QueryEscape(next), "grace").leadsTo(t, "/dashboard")
	}
}

func TestSignInWhileCognitoFails(t *testing.T) {
	d := newDemo(t)
	d.server.SetFault(func(op string) (f cognitotest.Fault) {
		if op == "Token" {
			f.Status = 500
		}
		return f
	})
	v := d.visitor(t)
	v.answer("/api/auth/sign-in?next=%2Fadmin", "ada").
		expect(t, http.StatusServiceUnavailable, "cannot be reached just now", `href="/api/auth/sign-in?next=%2Fadmin"`).
		header(t, "Retry-After", "5")
	if v.cookie("accessToken") != "" {
		t.Error("a sign-in that failed has set a cookie")
	}
}

func TestGroups(t *testing.T) {
	d := newDemo(t)
	v := d.visitor(t)
	v.open("/admin").expect(t, http.StatusTemporaryRedirect).leadsTo(t, "/api/auth/sign-in?next=%2Fadmin")
	v.signIn("grace")
	v.open("/admin").expect(t, http.StatusForbidden, "a group is missing", "Sign out grace", `<strong id="who">grace</strong>`)
	v.fetch("/admin").expect(t, http.StatusForbidden).header(t, "Content-Type", "application/problem+json")
	// The page names the refused user, also if this request has refreshed.
	d.advance(2 * time.Minute)
	v.open("/admin").expect(t, http.StatusForbidden, "Sign out grace")
	if n := d.server.Calls("GetTokensFromRefreshToken"); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}

	v = d.visitor(t)
	v.signIn("ada")
	v.open("/admin").expect(t, 200, "GetTokensFromRefreshToken", "group admins", "the Matcher")
}

func TestCurrentUser(t *testing.T) {
	v := newDemo(t).visitor(t)
	resp := v.fetch("/apis/get-current-user").expect(t, http.StatusUnauthorized, `"status":401`)
	resp.header(t, "WWW-Authenticate", "Bearer")
	v.signIn("ada")
	resp = v.fetch("/apis/get-current-user").expect(t, 200)
	resp.header(t, "Content-Type", "application/json")
	var got struct {
		User struct{ Username, UserID string }
	}
	if err := json.Unmarshal([]byte(resp.body), &got); err != nil || got.User.Username != "ada" || len(got.User.UserID) != 36 {
		t.Errorf("the current user is %s (%v)", resp.body, err)
	}
	if timing := resp.Header.Get("Server-Timing"); !strings.Contains(timing, `guard;desc="passed";dur=`) {
		t.Errorf("Server-Timing is %q", timing)
	}
}

func TestExpiredTokensAreRefreshed(t *testing.T) {
	d := newDemo(t)
	v := d.visitor(t)
	v.signIn("ada")
	old := v.cookie("ada.accessToken")
	d.advance(2 * time.Minute)
	v.open("/dashboard").expect(t, 200, `data-source="call"`, "<strong>refreshed</strong>")
	if fresh := v.cookie("ada.accessToken"); fresh == "" || fresh == old {
		t.Error("the browser holds no new access token")
	}
	v.open("/dashboard").expect(t, 200, "nothing was refreshed")
	if n := d.server.Calls("GetTokensFromRefreshToken"); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
}

func TestNotes(t *testing.T) {
	d := newDemo(t)
	v := d.visitor(t)
	note := func(text string) url.Values { return url.Values{"text": {text}} }
	v.send("/dashboard/notes", note("nobody")).expect(t, http.StatusSeeOther).leadsTo(t, "/api/auth/sign-in")
	v.signIn("grace")
	v.send("/dashboard/notes", note("<b>bugs</b>")).expect(t, http.StatusSeeOther).leadsTo(t, "/dashboard#notes")
	d.advance(2 * time.Minute)
	v.send("/dashboard/notes", note("nanoseconds")).expect(t, http.StatusSeeOther)
	v.open("/dashboard").expect(t, 200, "&lt;b&gt;bugs&lt;/b&gt;", "nanoseconds", "came with expired tokens")

	v.send("/dashboard/notes", note(" \n")).expect(t, http.StatusUnprocessableEntity, "Please write something.")
	long := strings.Repeat("é", maxNote+1)
	v.send("/dashboard/notes", note(long)).expect(t, http.StatusUnprocessableEntity, "at most 280 characters", long+"</textarea>")
	v.send("/dashboard/notes", note(strings.Repeat("x", maxForm))).expect(t, http.StatusBadRequest)
	for i := range 2 * maxNotes {
		v.send("/dashboard/notes", note(fmt.Sprintf("note %d.", i))).expect(t, http.StatusSeeOther)
	}
	page := v.open("/dashboard").expect(t, 200, "note 39.", "note 20.")
	if strings.Contains(page.body, "note 19.") || strings.Contains(page.body, "nanoseconds") {
		t.Error("the guestbook grows without bound")
	}
}

func TestOutageSignsNobodyOut(t *testing.T) {
	d := newDemo(t)
	v := d.visitor(t)
	v.signIn("ada")
	d.advance(2 * time.Minute)
	d.server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 500} })
	resp := v.open("/dashboard").expect(t, http.StatusServiceUnavailable, "You have not been signed out")
	resp.header(t, "Retry-After", "5")
	resp.header(t, "Cache-Control", "no-store")
	if len(resp.Header["Set-Cookie"]) > 0 {
		t.Error("an outage has changed cookies")
	}
	v.send("/dashboard/notes", url.Values{"text": {"bugs"}}).expect(t, http.StatusServiceUnavailable, "send your form once more")
	v.fetch("/apis/get-current-user").expect(t, http.StatusServiceUnavailable, `"status":503`).header(t, "Retry-After", "5")
	v.open("/").expect(t, 200, "Nobody is signed in.")
	d.server.SetFault(nil)
	v.open("/dashboard").expect(t, 200, "Signed in as")
}

func TestSignOut(t *testing.T) {
	d := newDemo(t)
	v := d.visitor(t)
	v.signIn("ada")
	out := v.send("/api/auth/sign-out", nil).expect(t, http.StatusSeeOther).Header.Get("Location")
	if !strings.HasPrefix(out, d.server.UserPool().LoginURL()+"/logout?") {
		t.Errorf("the sign-out leads to %s, want the managed login's", out)
	}
	v.open("/api/auth/sign-out-callback").expect(t, http.StatusFound).leadsTo(t, "/")
	if v.cookie("Token") != "" || v.cookie("LastAuthUser") != "" {
		t.Error("cookies are left after the sign-out")
	}
	if n := d.server.Calls("RevokeToken"); n != 1 {
		t.Errorf("%d revocations, want 1", n)
	}
	v.open("/dashboard").expect(t, http.StatusTemporaryRedirect)

	v.signIn("ada")
	d.server.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 500} })
	v.send("/api/auth/sign-out", nil).expect(t, http.StatusSeeOther)
	if v.cookie("Token") != "" {
		t.Error("cookies are left because Cognito was down")
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	v := newDemo(t).visitor(t)
	v.signIn("ada")
	for _, path := range []string{"/api/auth/sign-out", "/dashboard/notes"} {
		v.do("POST", path, url.Values{"text": {"spam"}}, func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") }).
			expect(t, http.StatusForbidden, "It was not obeyed.")
	}
	if page := v.open("/dashboard").expect(t, 200); strings.Contains(page.body, "spam") {
		t.Error("another site has added a note")
	}
}

// The emulated user pool has the same id in every run, and new keys.
func TestCookiesOfAnEarlierRun(t *testing.T) {
	d := newDemo(t)
	v := d.visitor(t)
	v.signIn("ada")
	d.server.RotateKeys()
	d.server.RemoveUser("ada") // which revokes her refresh token
	d.server.SetUser(users[0])
	d.start(t)
	v.open("/dashboard").expect(t, http.StatusTemporaryRedirect)
	if v.cookie("accessToken") != "" {
		t.Error("cookies of the earlier run are left")
	}
	v.signIn("ada")
	v.open("/dashboard").expect(t, 200)
}

// publicRoutes are all that need no session. A new route is private, or is added here on
// purpose.
var publicRoutes = []string{"GET /", "/api/auth/*", "GET /call", "GET /gallery", "GET /healthz", "GET /static/{name}"}

func TestPublicRoutes(t *testing.T) {
	server := cognitotest.New()
	cfg := config{UserPool: server.UserPool(), Origin: "https://app.example.com", Secret: newSecret(), Replica: "A", Logger: slog.New(slog.DiscardHandler)}
	cfg.useServices(server)
	a, err := newApp(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cognitotest.CheckRoutes(t, a.auth, a.router, publicRoutes...)

	// Routes that are added without a thought are private.
	a.router.Get("/reports", a.call)
	a.router.Post("/reports/{id}", a.call)
	a.router.Get("/calls", a.call) // /call is public
	cognitotest.CheckRoutes(t, a.auth, a.router, publicRoutes...)
	r := httptest.NewRequest("GET", "/reports", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if w.Code != http.StatusTemporaryRedirect || !strings.HasPrefix(w.Header().Get("Location"), "/api/auth/sign-in?") {
		t.Errorf("without a session, a new page answers %d", w.Code)
	}

	// Only under what the Matcher leaves out is a guard forgotten, and the build fails.
	a.router.Get("/api/reports", a.currentUser)
	build := &failures{TB: t}
	cognitotest.CheckRoutes(build, a.auth, a.router, publicRoutes...)
	if len(build.errors) != 1 || !strings.Contains(build.errors[0], "GET /api/reports is not guarded") {
		t.Errorf("a new API without Require: CheckRoutes says %q", build.errors)
	}
}

// failures collects the errors of a test instead of failing.
type failures struct {
	testing.TB
	errors []string
}

func (f *failures) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

// TestUnknownAddresses: without a session, nobody learns which pages there are.
func TestUnknownAddresses(t *testing.T) {
	v := newDemo(t).visitor(t)
	v.open("/nowhere").expect(t, http.StatusTemporaryRedirect).leadsTo(t, "/api/auth/sign-in?next=%2Fnowhere")
	v.fetch("/nowhere").expect(t, http.StatusUnauthorized)
	v.signIn("grace")
	v.open("/static/").expect(t, 404, "There is nothing under this address.")
	v.open("/nowhere").expect(t, 404, "There is nothing under this address.", `<strong id="who">grace</strong>`)
	v.fetch("/nowhere").expect(t, 404).header(t, "Content-Type", "text/plain; charset=utf-8")
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := newApp(config{}); err == nil || !strings.Contains(err.Error(), "UserPool.") {
		t.Errorf("newApp without a user pool: %v", err)
	}
}
