package session_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

// newSealedEnv makes an env on LayoutSealed, whatever the layout of the test run is.
func newSealedEnv(t *testing.T, edit func(*session.Config), users ...cognitotest.User) *env {
	t.Helper()
	e := newEnv(t, nil, users...)
	e.layout = testLayouts[session.LayoutSealed]()
	e.manager = e.newManager(edit)
	return e
}

// start signs a user in and returns the lines of the answer.
func (e *env) start(r *http.Request, set *tokens.Set) []string {
	e.t.Helper()
	w := httptest.NewRecorder()
	if _, err := e.manager.Start(w, r, set); err != nil {
		e.t.Fatal(err)
	}
	return w.Header()["Set-Cookie"]
}

// pairsOf returns the cookies that lines set.
func pairsOf(lines []string) (pairs []string) {
	for _, line := range lines {
		if pair, _, _ := strings.Cut(line, ";"); !strings.HasSuffix(pair, "=") {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// containsToken reports whether a text holds a token of the emulator. Random text may hold
// the first three characters.
func containsToken(text string) bool {
	return strings.Contains(text, "eyJhbGciOi") || strings.Contains(text, "eyJraWQiOi") || strings.Contains(text, "eyJjdHkiOi")
}

// manyGroups has the longest access tokens and ID tokens: 8.8 kB.
func manyGroups() cognitotest.User {
	groups := make([]string, 200)
	for i := range groups {
		groups[i] = fmt.Sprint("department-of-things-", i)
	}
	return cognitotest.User{Username: "ada", Groups: groups}
}

// TestSealedSession signs in, refreshes and signs out in a browser.
func TestSealedSession(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cookies session.Cookies
		prefix  string
		site    string
		scope   string
		user    cognitotest.User
		long    bool // only in test-long
	}{
		"usually":     {session.Cookies{}, "__Host-", site, "Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax", ada, true},
		"long tokens": {session.Cookies{UntilClosed: true}, "__Host-", site, "Path=/; Secure; HttpOnly; SameSite=Lax", manyGroups(), false},
		"in a frame": {session.Cookies{SameSite: http.SameSiteNoneMode, Partitioned: true}, "__Host-", site,
			"Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=None; Partitioned", ada, true},
		"a domain": {session.Cookies{Domain: "example.com", MaxAge: time.Hour}, "__Secure-", site,
			"Path=/; Max-Age=3600; Domain=example.com; Secure; HttpOnly; SameSite=Lax", ada, false},
		"a path":    {session.Cookies{Path: "/app"}, "__Secure-", site + "app/", "Path=/app; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax", ada, true},
		"localhost": {session.Cookies{Insecure: true}, "", "http://localhost/", "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", ada, false},
	} {
		if test.long && !longtest.Enabled() {
			continue
		}
		e := newSealedEnv(t, func(c *session.Config) { c.Cookies = test.cookies }, test.user)
		e.server.SetRotation(true, 0)
		b := newBrowser()
		prefix := test.prefix + "cognitogate.session." + e.server.UserPool().ClientID + "."
		// visit sends the browser's cookies and acts on the answer.
		visit := func(act sessionHandler) (s *session.Session, err error) {
			r := pageRequest(b.cookiesFor(test.site)...)
			r.URL.Path = "/app/"
			w := httptest.NewRecorder()
			s, err = act(w, r)
			logError(err)
			for _, line := range w.Header()["Set-Cookie"] {
				b.setCookie(test.site, line)
				pair, attributes, _ := strings.Cut(line, "; ")
				cookieName, value, _ := strings.Cut(pair, "=")
				if !strings.HasPrefix(cookieName, prefix) || containsToken(line) || len(line) > 4096 ||
					value != "" && attributes != test.scope || strings.HasPrefix(cookieName, "__Host-") && strings.Contains(line, "Domain=") || !strings.Contains(attributes, "HttpOnly") {
					t.Errorf("%s: a line of %d bytes: %s=%.20s…; %s", name, len(line), cookieName, value, attributes)
				}
			}
			return s, err
		}
		get := func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return e.manager.Fetch(w, r, nil)
		}
		served := func(step string, calls int) {
			t.Helper()
			s, err := visit(get)
			if err != nil || s.User().Username != "ada" || len(s.IDToken().Groups()) != len(test.user.Groups) || e.server.Calls(opRefresh) != calls {
				t.Errorf("%s, %s: %v, %v, %d calls", name, step, s, err, e.server.Calls(opRefresh))
			}
		}
		if _, err := visit(func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return e.manager.Start(w, r, e.server.Issue("ada"))
		}); err != nil {
			t.Fatal(name, err)
		}
		served("signed in", 0)
		e.manager = e.newManager(func(c *session.Config) { c.Cookies = test.cookies })
		served("after a restart", 0)
		copies := b.cookiesFor(test.site)
		for i := range longtest.Scale(1, 3) {
			e.advance(61 * time.Minute)
			served("expired", 1+i)
			served("refreshed", 1+i)
		}
		if n := len(b.cookiesFor(test.site)); n != len(copies) {
			t.Errorf("%s: %d cookies have become %d", name, len(copies), n)
		}
		copies = b.cookiesFor(test.site)
		if _, err := visit(func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return nil, e.manager.End(w, r)
		}); err != nil {
			t.Errorf("%s: the sign-out: %v", name, err)
		}
		if left := b.cookiesFor(test.site); len(left) > 0 {
			t.Errorf("%s: after the sign-out the browser has %.40q", name, left)
		}
		if _, _, err := e.fetch(pageRequest(copies...)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%s: copies of the cookies: %v", name, err)
		}
		if log := e.logs.String(); containsToken(log) || strings.Contains(log, "proxies may refuse") != (len(test.user.Groups) == 200) {
			t.Errorf("%s: the log: %s", name, log)
		}
	}
}

// TestSealedSecretIsReplaced: nobody is signed out, and a refresh seals anew.
func TestSealedSecretIsReplaced(t *testing.T) {
	t.Parallel()
	e := newSealedEnv(t, nil)
	secret := bytes.Repeat([]byte("new"), 11)
	cookies := pairsOf(e.start(pageRequest(), e.server.Issue("ada")))
	both := e.newManager(func(c *session.Config) { c.Secret, c.OldSecrets = secret, [][]byte{sealedSecret} })
	only := e.newManager(func(c *session.Config) { c.Secret = secret })
	if _, err := both.Fetch(nil, pageRequest(cookies...), nil); err != nil {
		t.Errorf("with the old secret: %v", err)
	}
	if _, err := only.Fetch(nil, pageRequest(cookies...), nil); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("without the old secret: %v", err)
	}
	e.advance(2 * time.Hour)
	w := httptest.NewRecorder()
	if _, err := both.Fetch(w, pageRequest(cookies...), nil); err != nil {
		t.Fatal(err)
	}
	if s, err := only.Fetch(nil, pageRequest(pairsOf(w.Header()["Set-Cookie"])...), nil); err != nil || s.User().Username != "ada" {
		t.Errorf("refreshed: %v, %v", s, err)
	}
}

// TestSealedCookiesOfOthers: what was sealed for another app client, or another user pool,
// is nobody's under any name.
func TestSealedCookiesOfOthers(t *testing.T) {
	t.Parallel()
	e := newSealedEnv(t, nil)
	otherClient := &env{t: t, layout: e.layout, server: e.server.AddClient("7otherclient", ""), logs: e.logs, now: e.now}
	otherClient.manager = otherClient.newManager(nil)
	otherPool := newSealedEnv(t, nil)
	own := pairsOf(e.start(pageRequest(), e.server.Issue("ada", accessOnly))) // one cookie
	ownName, _, _ := strings.Cut(own[0], "=")
	for _, other := range []*env{otherClient, otherPool} {
		for _, pair := range pairsOf(other.start(pageRequest(), other.server.Issue("ada"))) {
			_, value, _ := strings.Cut(pair, "=")
			for _, cookie := range []string{pair, ownName + "=" + value} {
				if s, _, err := e.fetch(pageRequest(cookie)); !errors.Is(err, session.ErrSignedOut) {
					t.Errorf("%.80s: %v, %v", cookie, s, err)
				}
			}
		}
	}
	// Its own text under another name of its own is nobody's either.
	_, value, _ := strings.Cut(own[0], "=")
	moved := ownName[:len(ownName)-4] + "AAAA=" + value
	for range 2 { // it is in memory under its own name
		if s, _, err := e.fetch(pageRequest(moved)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("under another name: %v, %v", s, err)
		}
		if _, _, err := e.fetch(pageRequest(own...)); err != nil {
			t.Error(err)
		}
	}
}

// TestSealedNames are compared byte for byte.
func TestSealedNames(t *testing.T) {
	t.Parallel()
	e := newSealedEnv(t, nil)
	name, value, _ := strings.Cut(pairsOf(e.start(pageRequest(), e.server.Issue("ada", accessOnly)))[0], "=")
	for _, other := range []string{
		strings.Replace(name, "__Host-", "__host-", 1), strings.Replace(name, "__Host-", "__HOST-", 1), strings.Replace(name, "__Host-", "", 1),
		strings.Replace(name, "__Host-", "__Secure-", 1), strings.Replace(name, "_", "%5F", 1), strings.Replace(name, ".", "%2E", 1),
		"\u2000" + name, "\u0085" + name, "\x0b" + name, "\"" + name, "$Version=1,  " + name, name + "\u00a0", strings.ToLower(name), name + ".x", "x." + name,
	} {
		if s, _, err := e.fetch(pageRequest(other + "=" + value)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%q: %v, %v", other, s, err)
		}
	}
	if _, _, err := e.fetch(pageRequest(name + "=" + value)); err != nil {
		t.Error(err)
	}
}

// TestSealedChunks: if one is missing, or they are of two sessions, nobody is signed in for
// this request. Only a page that finds the same texts a minute later deletes them.
func TestSealedChunks(t *testing.T) {
	t.Parallel()
	e := newSealedEnv(t, nil, manyGroups(), bob)
	cookies := pairsOf(e.start(pageRequest(), e.server.Issue("ada")))
	e.advance(2 * time.Hour)
	_, lines, err := e.fetch(scriptRequest(cookies...))
	if err != nil {
		t.Fatal(err)
	}
	refreshed := pairsOf(lines)
	other := pairsOf(e.start(pageRequest(), e.server.Issue("ada")))
	if len(cookies) < 3 || len(refreshed) != len(cookies) || len(other) != len(cookies) {
		t.Fatalf("%d, %d, %d cookies", len(cookies), len(refreshed), len(other))
	}
	valueOf := func(pair string) string { _, value, _ := strings.Cut(pair, "="); return value }
	nameOf := func(pair string) string { name, _, _ := strings.Cut(pair, "="); return name }
	for name, broken := range map[string][]string{
		"the first is missing":      refreshed[1:],
		"the last is missing":       refreshed[:len(refreshed)-1],
		"one of before the refresh": append([]string{cookies[0]}, refreshed[1:]...),
		"one of another session":    append([]string{refreshed[0], nameOf(refreshed[1]) + "=" + valueOf(other[1])}, refreshed[2:]...),
		"two names":                 append([]string{refreshed[0]}, other[1:]...),
		"in another order":          append([]string{nameOf(refreshed[0]) + "=" + valueOf(refreshed[1]), nameOf(refreshed[1]) + "=" + valueOf(refreshed[0])}, refreshed[2:]...),
		"one is empty":              append([]string{refreshed[0], nameOf(refreshed[1]) + "="}, refreshed[2:]...),
		"one is cut":                append([]string{refreshed[0][:len(refreshed[0])-1]}, refreshed[1:]...),
		"junk":                      {nameOf(cookies[0])[:len(nameOf(cookies[0]))-2] + "=junk"},
		"a name that is none":       {nameOf(cookies[0]) + ".x=1"},
	} {
		for _, request := range []func(...string) *http.Request{pageRequest, scriptRequest, pageRequest} {
			if _, lines, err := e.fetch(request(broken...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("%s: %v, %d lines", name, err, len(lines))
			}
		}
		e.advance(time.Minute - time.Second)
		if _, lines, err := e.fetch(pageRequest(broken...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
			t.Errorf("%s, within a minute: %v, %d lines", name, err, len(lines))
		}
		e.advance(time.Second)
		if _, lines, err := e.fetch(scriptRequest(broken...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
			t.Errorf("%s, a script a minute later: %v, %d lines", name, err, len(lines))
		}
		// Other chunks were found just now.
		if _, lines, _ := e.fetch(pageRequest(cookies[1])); slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, nameOf(refreshed[2])) }) {
			t.Errorf("%s: a page without them deletes them: %.100q", name, lines)
		}
		_, lines, err := e.fetch(pageRequest(broken...))
		if !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%s, a minute later: %v", name, err)
		}
		checkDeletedNames(t, name, lines, broken)
		lines, err = e.end(pageRequest(broken...))
		if err != nil {
			t.Errorf("%s, sign-out: %v", name, err)
		}
		checkDeletedNames(t, name+", sign-out", lines, broken)
		checkDeletedNames(t, name+", sign-in", e.start(pageRequest(broken...), e.server.Issue("bob")), broken)
	}
	if s, lines, err := e.fetch(pageRequest(refreshed...)); err != nil || s.User().Username != "ada" || len(lines) > 0 {
		t.Errorf("all chunks: %v, %v, %d lines", s, err, len(lines))
	}
	// A chunk of an earlier, longer text stands beside them.
	longer := append(slices.Clone(refreshed), strings.Replace(nameOf(refreshed[0]), ".0", ".4", 1)+"="+valueOf(other[0]))
	for range 2 {
		if s, lines, err := e.fetch(pageRequest(longer...)); err != nil || s.User().Username != "ada" {
			t.Errorf("one more chunk: %v, %v, %d lines", s, err, len(lines))
		}
	}
}

// checkDeletedNames checks that lines delete exactly these cookies.
func checkDeletedNames(t *testing.T, title string, lines, cookies []string) {
	t.Helper()
	deleted := make(map[string]bool)
	for _, line := range lines {
		if name, rest, _ := strings.Cut(line, "="); strings.HasPrefix(rest, ";") {
			deleted[name] = true
		}
	}
	for _, cookie := range cookies {
		name, _, _ := strings.Cut(cookie, "=")
		if !deleted[name] {
			t.Errorf("%s: %s is not deleted", title, name)
		}
		delete(deleted, name)
	}
	if len(deleted) > 0 {
		t.Errorf("%s: also deleted: %v", title, deleted)
	}
}

// TestSealedSessionShrinks: a refresh brings fewer groups, and then more.
func TestSealedSessionShrinks(t *testing.T) {
	t.Parallel()
	e := newSealedEnv(t, nil, manyGroups())
	e.server.SetRotation(true, 0)
	b := newBrowser()
	read := func(lines []string) (n int) {
		for _, line := range lines {
			b.setCookie(site, line)
		}
		return len(b.cookiesFor(site))
	}
	set := e.server.Issue("ada")
	long := read(e.start(pageRequest(), set))
	if again := read(e.start(pageRequest(b.cookiesFor(site)...), set)); again != long {
		t.Errorf("signed in again: %d cookies, not %d", again, long)
	}
	for _, step := range []struct {
		groups  []string
		fits    func(n int) bool
		request func(...string) *http.Request
	}{
		{nil, func(n int) bool { return n < long-1 }, scriptRequest},
		{manyGroups().Groups, func(n int) bool { return n == long }, pageRequest},
		{nil, func(n int) bool { return n < long-1 }, pageRequest},
	} {
		e.server.SetUser(cognitotest.User{Username: "ada", Groups: step.groups})
		e.advance(2 * time.Hour)
		for range 2 { // the second time nothing is refreshed
			s, lines, err := e.fetch(step.request(b.cookiesFor(site)...))
			if n := read(lines); err != nil || len(s.IDToken().Groups()) != len(step.groups) || !step.fits(n) {
				t.Errorf("%d groups: %d cookies, %v", len(step.groups), n, err)
			}
		}
	}
}

// TestLatestSealedSignInWins: a late answer has brought back an earlier sign-in.
func TestLatestSealedSignInWins(t *testing.T) {
	t.Parallel()
	e := newSealedEnv(t, nil)
	first := pairsOf(e.start(pageRequest(), e.server.Issue("bob")))
	e.advance(time.Second)
	lines := e.start(pageRequest(first...), e.server.Issue("ada"))
	checkDeletedNames(t, "sign-in", lines, first)
	second := pairsOf(lines)
	for _, both := range [][]string{slices.Concat(first, second), slices.Concat(second, first)} {
		s, lines, err := e.fetch(scriptRequest(both...))
		if err != nil || s.User().Username != "ada" || len(lines) > 0 {
			t.Errorf("a script: %v, %v, %d lines", s, err, len(lines))
		}
		s, lines, err = e.fetch(pageRequest(both...))
		if err != nil || s.User().Username != "ada" {
			t.Errorf("a page: %v, %v", s, err)
		}
		checkDeletedNames(t, "a page", lines, first)
	}
	before := e.server.Calls(opRevoke)
	if _, err := e.end(pageRequest(slices.Concat(first, second)...)); err != nil || e.server.Calls(opRevoke) != before+2 {
		t.Errorf("the sign-out: %v, %d revocations", err, e.server.Calls(opRevoke)-before)
	}
	for _, cookies := range [][]string{first, second} {
		if s, _, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("after the sign-out: %v, %v", s, err)
		}
	}
}

// TestParallelAnswersCarryOneText: the browser may act on parts of several answers.
func TestParallelAnswersCarryOneText(t *testing.T) {
	t.Parallel()
	for _, cacheBytes := range []int64{0, -1} {
		e := newSealedEnv(t, func(c *session.Config) { c.CacheBytes = cacheBytes }, manyGroups())
		e.server.SetRotation(true, 0)
		cookies := pairsOf(e.start(pageRequest(), e.server.Issue("ada")))
		e.advance(2 * time.Hour)
		var mu sync.Mutex
		answers := make(map[string]int)
		inParallel(7, 7, func(int) {
			w := httptest.NewRecorder()
			if _, err := e.manager.Fetch(w, scriptRequest(cookies...), nil); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[strings.Join(pairsOf(w.Header()["Set-Cookie"]), "; ")]++
		})
		if len(answers) != 1 || e.server.Calls(opRefresh) != 1 {
			t.Errorf("%d texts, %d calls", len(answers), e.server.Calls(opRefresh))
		}
	}
}

// TestReplicasWriteOneText: the answers of two replicas with one result carry the same text,
// although their clocks differ.
func TestReplicasWriteOneText(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, 0, 0, nil)
	r.layout = testLayouts[session.LayoutSealed]()
	for i := range 3 {
		r.managers = append(r.managers, r.newReplica(func(c *session.Config) {
			c.Now = func() time.Time { return r.clock().Add(time.Duration(i) * 700 * time.Millisecond) }
		}))
	}
	r.manager = r.managers[0]
	cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
	for round := range 2 {
		r.advance(2 * time.Hour)
		texts := make(map[string]bool)
		var refreshed []string
		for i := range r.managers {
			_, lines, err := r.fetchAt(i, scriptRequest(cookies...), nil)
			if err != nil {
				t.Fatal(err)
			}
			refreshed = pairsOf(lines)
			texts[strings.Join(refreshed, "; ")] = true
		}
		if len(texts) != 1 || r.server.Calls(opRefresh) != round+1 {
			t.Errorf("round %d: %d texts, %d calls", round, len(texts), r.server.Calls(opRefresh))
		}
		cookies = refreshed
	}
}

// TestLifetime: the server ends a session, whatever the tokens say.
func TestLifetime(t *testing.T) {
	t.Parallel()
	type step struct {
		after time.Duration
		err   string // "" is a session
	}
	for name, test := range map[string]struct {
		lifetime session.Lifetime
		tokens   time.Duration
		steps    []step
	}{
		"absolute": {session.Lifetime{Absolute: 150 * time.Minute}, time.Hour,
			[]step{{time.Hour, ""}, {time.Hour, ""}, {29 * time.Minute, ""}, {time.Minute, "Lifetime.Absolute"}}},
		"absolute, with a valid token": {session.Lifetime{Absolute: 10 * time.Minute}, time.Hour,
			[]step{{9 * time.Minute, ""}, {time.Minute, "Lifetime.Absolute"}}},
		"idle": {session.Lifetime{Idle: 3 * time.Hour}, time.Hour,
			[]step{{3*time.Hour - time.Second, ""}, {3*time.Hour - time.Second, ""}, {3 * time.Hour, "Lifetime.Idle"}}},
		"idle, less than the access token's life": {session.Lifetime{Idle: time.Minute}, time.Hour,
			[]step{{59 * time.Minute, ""}, {30 * time.Second, ""}, {time.Hour, "Lifetime.Idle"}}},
		"both": {session.Lifetime{Idle: 2 * time.Hour, Absolute: 3 * time.Hour}, time.Hour,
			[]step{{119 * time.Minute, ""}, {61 * time.Minute, "Lifetime.Absolute"}}},
		"none": {session.Lifetime{}, time.Hour, []step{{20 * 24 * time.Hour, ""}}},
	} {
		e := newSealedEnv(t, func(c *session.Config) { c.Lifetime = test.lifetime })
		e.server.SetLifetime(test.tokens)
		cookies := pairsOf(e.start(pageRequest(), e.server.Issue("ada")))
		for i, step := range test.steps {
			e.advance(step.after)
			_, lines, err := e.fetch(pageRequest(cookies...))
			if step.err == "" {
				if err != nil {
					t.Errorf("%s, step %d: %v", name, i, err)
				}
				if refreshed := pairsOf(lines); len(refreshed) > 0 {
					cookies = refreshed
				}
				continue
			}
			calls := e.server.Calls(opRefresh)
			if !errors.Is(err, session.ErrSignedOut) || !strings.Contains(err.Error(), step.err) || session.ReasonOf(err) != map[string]session.Reason{"Lifetime.Idle": session.ReasonIdle, "Lifetime.Absolute": session.ReasonTooOld}[step.err] {
				t.Errorf("%s, step %d: %v", name, i, err)
			}
			checkDeletedNames(t, name, lines, cookies)
			if _, lines, err := e.fetch(scriptRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("%s, a script: %v, %d lines", name, err, len(lines))
			}
			if _, err := e.end(pageRequest(cookies...)); err != nil || e.server.Calls(opRefresh) != calls || e.server.Calls(opRevoke) != 1 {
				t.Errorf("%s, the sign-out: %v, %d revocations", name, err, e.server.Calls(opRevoke))
			}
		}
	}
}

func TestLayoutMistakes(t *testing.T) {
	t.Parallel()
	pool := cognitotest.New().UserPool()
	secret := bytes.Repeat([]byte("secret"), 6)
	for name, test := range map[string]struct {
		edit func(*session.Config)
		want []string // fields
	}{
		"sealed":                  {func(c *session.Config) { c.Layout, c.Secret = session.LayoutSealed, secret }, nil},
		"sealed without a secret": {func(c *session.Config) { c.Layout = session.LayoutSealed }, []string{"Secret"}},
		"sealed with short secrets": {func(c *session.Config) {
			c.Layout, c.Secret, c.OldSecrets = session.LayoutSealed, secret[:31], [][]byte{secret, nil, bytes.Repeat([]byte{7}, 32)}
		}, []string{"Secret", "OldSecrets", "OldSecrets"}},
		"handle": {func(c *session.Config) {
			c.Layout, c.Secret, c.Shared, c.AlwaysAskStore = session.LayoutHandle, secret, storetest.NewMemory(), true
		}, nil},
		"handle without a store and a secret": {func(c *session.Config) { c.Layout = session.LayoutHandle }, []string{"Shared", "Secret"}},
		"always ask a store without sessions": {func(c *session.Config) { c.Layout, c.Secret, c.AlwaysAskStore = session.LayoutSealed, secret, true }, []string{"AlwaysAskStore"}},
		"another":                             {func(c *session.Config) { c.Layout = "Sealed" }, []string{"Layout"}},
		"Amplify":                             {func(c *session.Config) { c.Layout = session.LayoutAmplify }, nil},
		"Amplify with a lifetime":             {func(c *session.Config) { c.Lifetime.Idle = time.Hour }, []string{"Lifetime"}},
		"negative": {func(c *session.Config) {
			c.Layout, c.Secret, c.Lifetime = session.LayoutSealed, secret, session.Lifetime{Idle: -1, Absolute: -1}
		}, []string{"Lifetime.Idle", "Lifetime.Absolute"}},
	} {
		cfg := session.Config{UserPool: pool}
		test.edit(&cfg)
		_, err := session.NewManager(cfg)
		var fields []string
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, mistake := range joined.Unwrap() {
				if c := (*tokens.ConfigError)(nil); errors.As(mistake, &c) {
					fields = append(fields, c.Field)
				}
			}
		}
		if !slices.Equal(fields, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
