package browsertest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/browsertest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
)

var (
	firstSecret = bytes.Repeat([]byte("first "), 6)
	nextSecret  = bytes.Repeat([]byte("next "), 7)
)

// layoutSite is a site whose sessions no script can read. Several processes can serve it,
// one at a time.
type layoutSite struct {
	*browsertest.Tab
	layout  session.Layout
	user    cognitotest.User
	server  *cognitotest.Server
	login   string // origin of the managed login
	store   *storetest.Memory
	process atomic.Pointer[process]
	ahead   atomic.Int64 // of the clock
}

// process is a process that serves the site.
type process struct {
	*http.ServeMux
	auth *cognito.Auth
}

// newLayoutSite makes a site whose user has the longest tokens, of 8.8 kB.
func newLayoutSite(t *testing.T, browser context.Context, layout session.Layout) *layoutSite {
	t.Helper()
	s := &layoutSite{layout: layout, store: storetest.NewMemory(), user: cognitotest.User{Username: "ada", Password: "Passw0rd!"}}
	for i := range 200 {
		s.user.Groups = append(s.user.Groups, fmt.Sprint("department-of-things-", i))
	}
	s.server = cognitotest.New(s.user, cognitotest.User{Username: "mallory"})
	start := time.Now()
	s.server.SetNow(func() time.Time { return start.Add(time.Duration(s.ahead.Load())) })
	s.store.SetNow(s.server.Now)
	s.login = serveTLS(t, "127.0.0.1", s.server)
	s.server.SetURL(s.login)
	origin := serveTLS(t, "app.site.localhost", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.process.Load().ServeHTTP(w, r)
	}))
	s.Tab = browsertest.NewTab(t, browser, origin)
	s.TrustAll()
	s.process.Store(s.newProcess(nil))
	return s
}

// serveTLS serves a site, and returns its origin with a name of this machine.
func serveTLS(t *testing.T, name string, site http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(site)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // browsers close connections that they have not used
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", name, 1)
}

// newProcess returns a process that has seen nothing. edit may be nil.
func (s *layoutSite) newProcess(edit func(*cognito.Config)) *process {
	s.T.Helper()
	cfg := cognito.Config{
		UserPool: s.server.UserPool(), HTTPClient: s.server.Client(), Now: s.server.Now, Logger: slog.New(slog.DiscardHandler),
		Origin: s.Origin, Secret: firstSecret, Layout: s.layout, Shared: s.store, AfterSignOut: "/",
	}
	if edit != nil {
		edit(&cfg)
	}
	auth, err := cognito.New(cfg)
	if err != nil {
		s.T.Fatal(err)
	}
	p := &process{http.NewServeMux(), auth}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		text := "Nobody"
		if user := auth.Session(r); user != nil {
			text = fmt.Sprintf("%s, %d groups", user.User().Username, len(user.IDToken().Groups()))
		}
		fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><title>App</title><h1>%s</h1><form method="post" action="/api/auth/sign-out"><button>Sign out</button></form>`, text)
	})
	p.Handle("/api/auth/", auth.Routes())
	p.Handle("GET /{$}", auth.Load(page))
	p.Handle("GET /dashboard", auth.Require(page))
	return p
}

// restart has another process serve the site, which has seen nothing. edit may be nil.
func (s *layoutSite) restart(edit func(*cognito.Config)) {
	s.T.Helper()
	s.process.Store(s.newProcess(edit))
}

func (s *layoutSite) advance(d time.Duration) { s.ahead.Add(int64(d)) }

func (s *layoutSite) refreshes() int { return s.server.Calls("GetTokensFromRefreshToken") }

// held returns the session's cookies in the browser, by name. It checks their attributes.
func (s *layoutSite) held() map[string]string {
	s.T.Helper()
	cookies := make(map[string]string)
	for _, c := range s.Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-cognitogate.") || !c.HTTPOnly || !c.Secure || c.Domain != "app.site.localhost" || c.Path != "/" {
			s.T.Errorf("the cookie %.120v", c)
		}
		if strings.Contains(c.Name, ".session.") {
			cookies[c.Name] = c.Value
		}
	}
	return cookies
}

// chunk returns the session's cookie whose name has this ending.
func (s *layoutSite) chunk(ending string) *network.Cookie {
	s.T.Helper()
	c := s.Cookie(ending)
	if c == nil {
		s.T.Fatalf("no cookie ends in %s", ending)
	}
	return c
}

func (s *layoutSite) put(cookies map[string]string) {
	s.T.Helper()
	for name, value := range cookies {
		s.SetCookie(name, value)
	}
}

// signIn opens a page that wants a user, and signs ada in. The managed login may know her.
// Her sign-in before was more than a minute ago, for otherwise it would seem that the
// browser keeps no cookies.
func (s *layoutSite) signIn() {
	s.T.Helper()
	if marker := s.CookieNamed("__Host-cognitogate.signed-in."); marker != nil {
		s.DeleteCookie(marker.Name)
	}
	status := s.Load(chromedp.Navigate(s.Origin + "/dashboard"))
	if strings.HasPrefix(s.Location(), s.login+"/login") {
		s.Do(chromedp.SendKeys(chromedp.CSS("input[name=username]"), s.user.Username), chromedp.SendKeys(chromedp.CSS("input[name=password]"), s.user.Password))
		status = s.Load(chromedp.Click(chromedp.CSS("form button:not(.plain)")))
	}
	if status != http.StatusOK {
		s.T.Fatalf("the page after the sign-in: %d %s", status, s.Evaluate("document.body.innerText"))
	}
	s.At("/dashboard")
	s.showsAda("after the sign-in")
}

// isAda checks that ada is signed in.
func (s *layoutSite) isAda(step string) {
	s.T.Helper()
	s.Open("/dashboard")
	s.showsAda(step)
}

func (s *layoutSite) showsAda(step string) {
	s.T.Helper()
	if got := s.Evaluate(`document.querySelector("h1").textContent`); got != fmt.Sprintf("ada, %d groups", len(s.user.Groups)) {
		s.T.Fatalf("%s: %s", step, got)
	}
	if got := s.Evaluate("document.cookie"); got != "" {
		s.T.Errorf("%s: scripts read %.200q", step, got)
	}
}

// isNobody checks that nobody is signed in, which is no error, and that no answer changes
// the session's cookies.
func (s *layoutSite) isNobody(step string) {
	s.T.Helper()
	before := s.held()
	s.Open("/")
	if got := s.Evaluate(`document.querySelector("h1").textContent`); got != "Nobody" {
		s.T.Errorf("%s: the page shows %s", step, got)
	}
	if got := s.Evaluate(`fetch("/dashboard").then(r => r.status)`); got != "401" {
		s.T.Errorf("%s: a script gets %s", step, got)
	}
	if after := s.held(); !maps.Equal(after, before) {
		s.T.Errorf("%s: %d cookies have changed, and %d are there", step, len(before), len(after))
	}
}

// refusesCopies checks that cookies of a session that is signed out are nobody's. A page
// deletes those that hold tokens.
func (s *layoutSite) refusesCopies(step string, copies map[string]string) {
	s.T.Helper()
	s.put(copies)
	if got := s.Evaluate(`fetch("/dashboard").then(r => r.status)`); got != "401" {
		s.T.Errorf("%s: a script gets %s", step, got)
	}
	s.Open("/")
	if got := s.Evaluate(`document.querySelector("h1").textContent`); got != "Nobody" {
		s.T.Errorf("%s: the page shows %s", step, got)
	}
	if n := len(s.held()); n > 0 && s.layout == session.LayoutSealed {
		s.T.Errorf("%s: the page leaves %d cookies", step, n)
	}
}

// TestLayouts uses a site in the layouts whose cookies no script can read, with tokens of
// 8.8 kB.
func TestLayouts(t *testing.T) {
	browser := browsertest.Start(t)
	for _, layout := range []session.Layout{session.LayoutSealed, session.LayoutHandle} {
		t.Run(string(layout), func(t *testing.T) {
			s := newLayoutSite(t, browser, layout)
			s.isNobody("a new browser")
			s.plantFromSibling()
			s.signIn()
			s.countCookies()
			s.refresh()
			s.changeGroups()
			s.replaceSecret()
			if layout == session.LayoutSealed {
				s.breakChunks()
			} else {
				s.loseRecord()
			}
			s.showOtherAppClients()
			s.signOut()
		})
	}
}

// plantFromSibling has another host of the domain set a cookie that this site's server has
// made for another user. The browser does not take it for the site.
func (s *layoutSite) plantFromSibling() {
	s.T.Helper()
	w := httptest.NewRecorder()
	if _, err := s.process.Load().auth.Sessions().Start(w, httptest.NewRequest("GET", s.Origin, nil), s.server.Issue("mallory")); err != nil {
		s.T.Fatal(err)
	}
	sibling := serveTLS(s.T, "evil.site.localhost", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		for _, c := range w.Result().Cookies() {
			rw.Header().Add("Set-Cookie", c.Name+"="+c.Value+"; Path=/; Domain=site.localhost; Secure")
		}
		rw.Header().Add("Set-Cookie", "planted=1; Path=/; Domain=site.localhost; Secure; HttpOnly"+r.URL.RawQuery)
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(rw, `<!doctype html><link rel="icon" href="data:,"><title>Evil</title>`)
	}))
	s.Load(chromedp.Navigate(sibling + "/"))
	if s.CookieNamed("planted") == nil {
		s.T.Error("a sibling cannot plant any cookie, so the test shows nothing")
	}
	s.Load(chromedp.Navigate(sibling + "/?;Max-Age=0"))
	s.isNobody("after a sibling has planted cookies")
}

// countCookies checks how many cookies the session has.
func (s *layoutSite) countCookies() {
	s.T.Helper()
	least, most := 1, 1
	if s.layout == session.LayoutSealed {
		if most = 2; len(s.user.Groups) > 0 {
			least, most = 5, 5
		}
	}
	if n := len(s.held()); n < least || n > most {
		s.T.Errorf("%d cookies, want %d to %d", n, least, most)
	}
}

// refresh lets the tokens expire. A page, and then scripts at once, have them refreshed.
func (s *layoutSite) refresh() {
	s.T.Helper()
	before := s.held()
	s.advance(2 * time.Hour)
	s.isAda("expired")
	if changed := !maps.Equal(s.held(), before); s.refreshes() != 1 || changed != (s.layout == session.LayoutSealed) {
		s.T.Errorf("%d refreshes, and the cookies have changed: %t", s.refreshes(), changed)
	}
	s.advance(2 * time.Hour)
	const inParallel = `Promise.all([...Array(7)].map(() => fetch("/dashboard").then(r => r.status)))`
	if got := s.Evaluate(inParallel); got != "200,200,200,200,200,200,200" || s.refreshes() != 2 {
		s.T.Errorf("in parallel: %s, %d refreshes", got, s.refreshes())
	}
	s.isAda("refreshed in parallel")
	if s.refreshes() != 2 {
		s.T.Errorf("%d refreshes", s.refreshes())
	}
	s.countCookies()
}

// changeGroups has a refresh bring a user without groups, and the next one the groups
// again.
func (s *layoutSite) changeGroups() {
	s.T.Helper()
	groups := s.user.Groups
	for _, s.user.Groups = range [][]string{nil, groups} {
		s.server.SetUser(s.user)
		s.advance(2 * time.Hour)
		s.isAda("other groups")
		s.countCookies()
	}
}

// replaceSecret adds a new secret, and then leaves the old one out.
func (s *layoutSite) replaceSecret() {
	s.T.Helper()
	before := s.held()
	s.restart(func(cfg *cognito.Config) { cfg.Secret, cfg.OldSecrets = nextSecret, [][]byte{firstSecret} })
	s.isAda("the secret is replaced")
	if !maps.Equal(s.held(), before) {
		s.T.Error("the cookies have changed without a refresh")
	}
	calls := s.refreshes()
	s.advance(2 * time.Hour)
	s.isAda("expired after the secret is replaced")
	if s.refreshes() != calls+1 {
		s.T.Errorf("%d refreshes", s.refreshes()-calls)
	}
	s.restart(func(cfg *cognito.Config) { cfg.Secret = nextSecret })
	if s.layout == session.LayoutSealed {
		s.isAda("the old secret is left out")
	} else {
		s.isNobody("the old secret, which made the handle, is left out")
		s.signIn()
	}
	s.restart(nil)
	s.isNobody("the new secret is gone")
	s.signIn()
}

// breakChunks removes a chunk, and replaces one by another session's. Nobody is signed in
// then, and a sign-in heals the session.
func (s *layoutSite) breakChunks() {
	s.T.Helper()
	first := s.chunk(".1")
	s.DeleteCookie(first.Name)
	s.isNobody("a chunk is missing")
	s.SetCookie(first.Name, first.Value)
	s.isAda("the chunk is back")
	s.DeleteCookie(s.chunk(".0").Name)
	s.isNobody("the first chunk is missing")
	s.signIn()

	second := s.chunk(".1")
	s.SetCookie(second.Name, first.Value)
	if second.Name == first.Name || second.Value == first.Value {
		s.T.Error("two sessions have the same cookie")
	}
	s.isNobody("a chunk is another session's")
	s.advance(time.Minute)
	s.Open("/")
	if n := len(s.held()); n > 0 {
		s.T.Errorf("a page that finds them again a minute later leaves %d cookies", n)
	}
	s.signIn()
	s.countCookies()
}

// loseRecord has the store lose the record. The browser keeps its cookie until the next
// sign-in.
func (s *layoutSite) loseRecord() {
	s.T.Helper()
	before := s.held()
	for key := range s.store.Values() {
		if strings.HasPrefix(key, "cg1:h:") {
			s.store.Evict(key)
		}
	}
	s.restart(nil)
	s.isNobody("the record is lost")
	s.advance(2 * time.Hour)
	s.isNobody("the record is lost, much later")
	s.signIn()
	for name, value := range s.held() {
		if value == before[name] {
			s.T.Error("the sign-in has kept the handle")
		}
	}
}

// showOtherAppClients shows cookies of another app client that has the same secret and the
// same store, under their own names and under this one's.
func (s *layoutSite) showOtherAppClients() {
	s.T.Helper()
	own := s.held()
	otherClient := s.server.AddClient("7otherclient", "")
	other := s.newProcess(func(cfg *cognito.Config) { cfg.UserPool = otherClient.UserPool() })
	w := httptest.NewRecorder()
	if _, err := other.auth.Sessions().Start(w, httptest.NewRequest("GET", s.Origin, nil), otherClient.Issue("ada")); err != nil {
		s.T.Fatal(err)
	}
	foreign := make(map[string]string)
	renamed := make(map[string]string)
	for _, c := range w.Result().Cookies() {
		foreign[c.Name] = c.Value
		ending := c.Name[strings.LastIndex(c.Name, "."):]
		for name := range own {
			if strings.HasSuffix(name, ending) {
				renamed[name] = c.Value
			}
		}
	}
	if len(renamed) == 0 || len(foreign) != len(own) {
		s.T.Errorf("%d cookies of the other app client, %d of ours, %d renamed", len(foreign), len(own), len(renamed))
	}
	s.put(foreign)
	s.isAda("beside another app client's cookies")
	for name := range own {
		s.DeleteCookie(name)
	}
	s.isNobody("only another app client's cookies")
	s.put(renamed)
	s.isNobody("another app client's cookies under our names")
	for name := range foreign {
		s.DeleteCookie(name)
	}
	s.put(own)
	s.isAda("our cookies are back")
}

// signOut signs out, and shows copies of the cookies to four processes: the one that has
// signed out, one that knows the session, one that knows it and always asks the store, and
// a new one.
func (s *layoutSite) signOut() {
	s.T.Helper()
	here, elsewhere := s.process.Load(), s.newProcess(nil)
	asking := elsewhere
	if s.layout == session.LayoutHandle {
		asking = s.newProcess(func(cfg *cognito.Config) { cfg.AlwaysAskStore = true })
	}
	for _, p := range []*process{elsewhere, asking, here} {
		s.process.Store(p)
		s.isAda("before the sign-out")
	}
	copies := s.held()
	s.Arrive(http.StatusOK, "/", chromedp.Click(chromedp.CSS("form button")))
	s.Shows("h1", "Nobody")
	if left := s.Cookies(); len(left) > 0 {
		s.T.Errorf("after the sign-out the browser has %.100v", left)
	}
	s.refusesCopies("at the same process", copies)
	s.process.Store(s.newProcess(nil))
	s.refusesCopies("at a new process", copies)
	if s.layout == session.LayoutHandle {
		s.process.Store(asking)
		s.refusesCopies("at a process that asks the store", copies)
	}
	s.advance(2 * time.Second)
	s.process.Store(elsewhere)
	s.refusesCopies("two seconds later, at a process that knew the session", copies)
	s.put(copies)
	s.signIn()
	for name, value := range s.held() {
		if value == copies[name] {
			s.T.Errorf("the new session keeps the cookie %s", name)
		}
	}
	s.countCookies()
	s.Arrive(http.StatusOK, "/", chromedp.Click(chromedp.CSS("form button")))
	if left := s.Cookies(); len(left) > 0 {
		s.T.Errorf("after the last sign-out the browser has %.100v", left)
	}
}
