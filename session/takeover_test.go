package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

// takeOverEnv is a site that has changed from LayoutAmplify an hour after ada has signed in.
// before is its Manager of before.
type takeOverEnv struct {
	*env
	before *session.Manager
	store  *faultyStore
}

// newTakeOverEnv makes a takeOverEnv on a layout. edit may be nil.
func newTakeOverEnv(t *testing.T, layout session.Layout, edit func(*session.Config)) *takeOverEnv {
	t.Helper()
	e := &takeOverEnv{env: newEnv(t, nil, ada, bob), store: &faultyStore{Memory: storetest.NewMemory()}}
	e.layout = amplifyTestLayout{}
	e.before = e.newManager(nil)
	e.store.SetNow(e.clock)
	e.manager = e.newTakingManager(layout, edit)
	return e
}

// newTakingManager makes a Manager that takes sessions over. edit may be nil.
func (e *takeOverEnv) newTakingManager(layout session.Layout, edit func(*session.Config)) *session.Manager {
	e.t.Helper()
	return e.newManager(func(c *session.Config) {
		c.Layout, c.Secret, c.Shared = layout, sealedSecret, e.store
		c.TakeOver.Before = time.Date(2026, 9, 1, 13, 0, 0, 0, time.UTC)
		if edit != nil {
			edit(c)
		}
	})
}

// navigation is a request of a tab by a link of the site.
func navigation(cookies ...string) *http.Request {
	r := pageRequest(cookies...)
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return r
}

func (e *takeOverEnv) marker() string {
	return "__Host-cognitogate.takeover." + e.server.UserPool().ClientID
}

// fetch has a Manager answer a request.
func fetch(m *session.Manager, r *http.Request) (*session.Session, []string, error) {
	w := httptest.NewRecorder()
	s, err := m.Fetch(w, r, nil)
	logError(err)
	return s, w.Header()["Set-Cookie"], err
}

// opaqueLayouts are those that take sessions over.
var opaqueLayouts = []session.Layout{session.LayoutSealed, session.LayoutHandle}

// TestTakeOver changes the layout while ada is signed in. Her session goes on, with valid
// tokens and with expired ones. Amplify's cookies are gone, and a sign-out is one.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		for _, age := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
			name := string(layout) + " after " + age.String()
			e := newTakeOverEnv(t, layout, nil)
			e.server.SetRotation(true, 0)
			b := newBrowser()
			set := e.server.Issue("ada")
			b.setSession(e.env, "ada", set)
			b.setCookie(site, e.prefixed("ada.signInDetails")+"=%7B%22loginId%22%3A%22ada%22%7D; Path=/; Secure; Max-Age=86400")
			e.advance(age)
			visit := func(act sessionHandler) (*session.Session, error) {
				a := b.send(navigation(), act)
				b.read(a)
				return a.session, a.err
			}
			get := func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
				return e.manager.Fetch(w, r, nil)
			}
			s, err := visit(get)
			if err != nil || s.User().Username != "ada" || s.User().UnverifiedLoginID != "" {
				t.Fatal(name, s, err)
			}
			cookies := strings.Join(b.cookiesFor(site), "; ")
			if strings.Contains(cookies, "CognitoIdentityServiceProvider") || strings.Count(cookies, e.marker()) != 1 {
				t.Errorf("%s: %.300s", name, cookies)
			}
			calls := e.server.Calls(opKeys) + e.server.Calls(opRefresh)
			if s, err := visit(get); err != nil || s.User().Username != "ada" || e.server.Calls(opKeys)+e.server.Calls(opRefresh) != calls {
				t.Errorf("%s: the next page: %v, %v, or calls", name, s, err)
			}
			e.manager = e.newTakingManager(layout, nil)
			if s, err := visit(get); err != nil || s.User().Username != "ada" {
				t.Errorf("%s: another process: %v, %v", name, s, err)
			}
			e.advance(61 * time.Minute)
			if s, err := visit(get); err != nil || s.User().Username != "ada" {
				t.Errorf("%s: a refresh: %v, %v", name, s, err)
			}
			if _, err := visit(func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
				return nil, e.manager.End(w, r)
			}); err != nil {
				t.Errorf("%s: sign-out: %v", name, err)
			}
			if cookies := b.cookiesFor(site); len(cookies) != 1 || !strings.HasPrefix(cookies[0], e.marker()) {
				t.Errorf("%s: after the sign-out: %.300q", name, cookies)
			}
			b.setSession(e.env, "ada", e.server.Issue("ada", at(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC))))
			if s, err := visit(get); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("%s: planted after the sign-out: %v, %v", name, s, err)
			}
		}
	}
}

// at has a sign-in be of a time. Its tokens are as old as others.
func at(signedIn time.Time) func(*cognitotest.Draft) {
	return func(d *cognitotest.Draft) { d.Claims["auth_time"] = signedIn.Unix() }
}

// TestNotTakenOver shows sessions and requests of which one condition is missing. No answer
// has a cookie, and no refresh token is used.
func TestNotTakenOver(t *testing.T) {
	t.Parallel()
	change := time.Date(2026, 9, 1, 13, 0, 0, 0, time.UTC)
	e := newTakeOverEnv(t, session.LayoutSealed, nil)
	handle := e.newTakingManager(session.LayoutHandle, nil)
	own := e.server.Issue("ada")
	bobs := e.server.Issue("bob")
	second := e.server.Issue("ada")
	late := e.server.Issue("ada", at(change))
	timeless := e.server.Issue("ada", func(d *cognitotest.Draft) { delete(d.Claims, "auth_time") })
	forged := e.server.Issue("ada", func(d *cognitotest.Draft) { d.Sign = func([]byte) []byte { return make([]byte, 256) } })
	sealed := "__Host-cognitogate.session." + e.server.UserPool().ClientID + ".12345678=x"
	with := func(cookies ...string) []string { return append(e.cookies("ada", own), cookies...) }
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, expired := range []bool{false, true} {
		if expired {
			e.advance(2 * time.Hour)
		}
		for name, test := range map[string]struct {
			cookies []string
			edit    func(*http.Request)
			reason  session.Reason
		}{
			"a cookie of the layout":      {cookies: with(fmt.Sprint(sealed, expired)), reason: session.ReasonNotOpened},
			"the marker":                  {cookies: with(e.marker() + "=1"), reason: session.ReasonNoCookies},
			"the marker with any value":   {cookies: with(e.marker() + "="), reason: session.ReasonNoCookies},
			"another site's link":         {cookies: with(), edit: header("Sec-Fetch-Site", "cross-site"), reason: session.ReasonNoCookies},
			"a sibling's link":            {cookies: with(), edit: header("Sec-Fetch-Site", "same-site"), reason: session.ReasonNoCookies},
			"a browser that says nothing": {cookies: with(), edit: func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") }, reason: session.ReasonNoCookies},
			"a frame":                     {cookies: with(), edit: header("Sec-Fetch-Dest", "iframe"), reason: session.ReasonNoCookies},
			"a script":                    {cookies: with(), edit: header("Sec-Fetch-Mode", "cors"), reason: session.ReasonNoCookies},
			"signed in later":             {cookies: e.cookies("ada", late), reason: session.ReasonNotTakenOver},
			"signed in at no time":        {cookies: e.cookies("ada", timeless), reason: session.ReasonNotTakenOver},
			"forged":                      {cookies: e.cookies("ada", forged), reason: session.ReasonNotTakenOver},
			"two users": {cookies: append(e.cookies("ada", own), e.cookies("bob", onlyAccess(bobs))[1:]...),
				reason: session.ReasonNotTakenOver},
			"another user's ID token": {cookies: e.cookies("ada", &tokens.Set{Access: own.Access, ID: bobs.ID, Refresh: own.Refresh}),
				reason: session.ReasonNotTakenOver},
			"two refresh tokens": {cookies: with(e.prefixed("ada.refreshToken") + "=" + second.Refresh), reason: session.ReasonNotTakenOver},
			"another user's refresh token under another name": {cookies: with(e.prefixed("bob.refreshToken") + "=" + bobs.Refresh),
				reason: session.ReasonNotTakenOver},
			"an older sign-in beside a later one": {cookies: with(e.prefixed("ada.accessToken") + "=" + late.Access), reason: session.ReasonNotTakenOver},
			"a forged token beside it":            {cookies: with(e.prefixed("ada.idToken") + "=" + forged.ID), reason: session.ReasonNotTakenOver},
			"no access token":                     {cookies: e.cookies("ada", &tokens.Set{ID: own.ID, Refresh: own.Refresh}), reason: session.ReasonNotTakenOver},
		} {
			for _, m := range []*session.Manager{e.manager, handle} {
				if m == handle && test.reason == session.ReasonNotOpened {
					continue // the name is another one
				}
				r := navigation(test.cookies...)
				if test.edit != nil {
					test.edit(r)
				}
				s, lines, err := fetch(m, r)
				if name == "a cookie of the layout" { // which is noted
					lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, e.marker()+"=1") })
				}
				if !errors.Is(err, session.ErrSignedOut) || m.Reason(r, err) != test.reason || len(lines) > 0 {
					t.Errorf("%s, expired %v: %v, %v (%s), %.60q", name, expired, s, err, m.Reason(r, err), lines)
				}
			}
		}
	}
	// More cookies than are read may hide another session, and each token costs a check.
	for _, more := range []string{e.prefixed("x") + "=x", e.prefixed("ada.accessToken") + "=x"} {
		cookies := with()
		for i := range 260 {
			cookies = append(cookies, fmt.Sprint(more, i))
		}
		if _, lines, err := fetch(e.manager, navigation(cookies...)); !strings.Contains(e.manager.Explain(navigation(), err), "several sessions") || len(lines) > 0 {
			t.Errorf("many cookies: %v, %.60q", err, lines)
		}
	}
	if e.server.Calls(opRefresh) > 0 {
		t.Errorf("%d refreshes of sessions that were not taken over", e.server.Calls(opRefresh))
	}
	if s, _, err := fetch(e.manager, navigation(with()...)); err != nil || s.User().Username != "ada" {
		t.Errorf("the session itself: %v, %v", s, err)
	}
}

// TestTakeOverAtOnce has several tabs of a browser ask for pages at once, of several
// processes. The browser reads the answers in any order, and the session stands.
func TestTakeOverAtOnce(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		for _, age := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
			e := newTakeOverEnv(t, layout, nil)
			e.server.SetRotation(true, 0)
			managers := []*session.Manager{e.manager, e.newTakingManager(layout, nil)}
			b := newBrowser()
			b.setSession(e.env, "ada", e.server.Issue("ada"))
			e.advance(age)
			answers := make(chan *unreadAnswer)
			const n = 6
			for i := range n {
				go func() {
					answers <- b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
						return managers[i%2].Fetch(w, r, nil)
					})
				}()
			}
			// The lines of all answers arrive mixed.
			var all [n][]string
			for i := range n {
				a := <-answers
				if a.err != nil {
					t.Fatal(layout, age, a.err)
				}
				all[i] = a.lines
			}
			for k := 0; slices.ContainsFunc(all[:], func(lines []string) bool { return k < len(lines) }); k++ {
				for i := range all {
					if k < len(all[i]) {
						b.setCookie(site, all[i][k])
					}
				}
			}
			for _, m := range managers {
				if s, _, err := fetch(m, navigation(b.cookiesFor(site)...)); err != nil || s.User().Username != "ada" {
					t.Errorf("%s after %v: %v, %v", layout, age, s, err)
				}
			}
			if e.server.Calls(opRefresh) > 1 {
				t.Errorf("%s after %v: %d refreshes", layout, age, e.server.Calls(opRefresh))
			}
		}
	}
}

// TestTakeOverInOneAnswer fetches, starts and ends in one handler.
func TestTakeOverInOneAnswer(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		own, w := e.server.Issue("ada"), httptest.NewRecorder()
		r := navigation(e.cookies("ada", own)...)
		for range 2 {
			if s, err := e.manager.Fetch(w, r, nil); err != nil || s.User().Username != "ada" {
				t.Errorf("%s: %v, %v", layout, s, err)
			}
		}
		e.end(w, r)
		if s, err := e.manager.Fetch(w, r, nil); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%s: after a sign-out: %v, %v", layout, s, err)
		}
		b := newBrowser()
		b.setSession(e.env, "ada", own)
		b.read(&unreadAnswer{lines: w.Header()["Set-Cookie"]})
		if cookies := b.cookiesFor(site); len(cookies) != 1 || !strings.HasPrefix(cookies[0], e.marker()+"=1") {
			t.Errorf("%s: the browser has %.100q", layout, cookies)
		}
		// A sign-in replaces Amplify's session, whoever's it is.
		b.setSession(e.env, "ada", own)
		b.storage = newBrowser().storage
		b.setSession(e.env, "ada", own)
		b.read(&unreadAnswer{lines: e.start(navigation(b.cookiesFor(site)...), e.server.Issue("bob"))})
		if cookies := b.cookiesFor(site); strings.Contains(strings.Join(cookies, ";"), "CognitoIdentityServiceProvider") ||
			!slices.Contains(cookies, e.marker()+"=1") {
			t.Errorf("%s: after a sign-in the browser has %.100q", layout, cookies)
		}
		if s, _, err := fetch(e.manager, navigation(b.cookiesFor(site)...)); err != nil || s.User().Username != "bob" {
			t.Errorf("%s: after a sign-in: %v, %v", layout, s, err)
		}
	}
}

func (e *takeOverEnv) end(w http.ResponseWriter, r *http.Request) {
	e.t.Helper()
	if err := e.manager.End(w, r); err != nil {
		e.t.Error(err)
	}
}

// TestTakeOverOfEndedSession shows a session that was signed out before the change, and one
// that Cognito has ended.
func TestTakeOverOfEndedSession(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		own := e.server.Issue("ada")
		if err := e.manager.EndUser(t.Context(), subjectOf(t, e, own)); err != nil {
			t.Fatal(err)
		}
		if s, lines, err := fetch(e.manager, navigation(e.cookies("ada", own)...)); !errors.Is(err, session.ErrSignInEnded) || strings.Contains(strings.Join(lines, ""), "cognitogate.session.") {
			t.Errorf("%s: %v, %v, %.100q", layout, s, err, lines)
		}
		bobs := e.server.Issue("bob")
		e.server.RemoveUser("bob")
		e.advance(2 * time.Hour)
		if s, lines, err := fetch(e.manager, navigation(e.cookies("bob", bobs)...)); !errors.Is(err, session.ErrSignedOut) || strings.Contains(strings.Join(lines, ""), "cognitogate.session.") {
			t.Errorf("%s: revoked: %v, %v, %.100q", layout, s, err, lines)
		}
	}
}

func subjectOf(t *testing.T, e *takeOverEnv, set *tokens.Set) string {
	t.Helper()
	s, err := e.before.Verify(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	return s.User().ID
}

// TestTakeOverInOutage signs nobody out: whatever cannot be told now, the next page takes
// the session over.
func TestTakeOverInOutage(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		for name, fail := range map[string]func(e *takeOverEnv){
			"keys":    func(e *takeOverEnv) { e.fail(down) },
			"refresh": func(e *takeOverEnv) { e.advance(2 * time.Hour); e.failOnly(opRefresh, errorPage) },
			"store": func(e *takeOverEnv) {
				if layout == session.LayoutHandle {
					e.store.setFault(func(context.Context, session.StoreOperation, []byte) error { return errAny })
				}
			},
		} {
			if !longtest.Enabled() && name != "refresh" {
				continue
			}
			e := newTakeOverEnv(t, layout, nil)
			e.server.SetRotation(true, 0)
			b := newBrowser()
			b.setSession(e.env, "ada", e.server.Issue("ada"))
			fail(e)
			get := func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
				return e.manager.Fetch(w, r, nil)
			}
			a := b.send(navigation(), get)
			b.read(a)
			served := name == "store" // from Amplify's cookies, or because sealed sessions need none
			if served != (a.err == nil) || !served && !errors.Is(a.err, tokens.ErrUnavailable) || len(a.lines) > 0 && !(served && layout == session.LayoutSealed) {
				t.Errorf("%s, %s: %v, %.100q", layout, name, a.err, a.lines)
			}
			e.recover()
			e.store.setFault(nil)
			e.advance(time.Minute)
			a = b.send(navigation(), get)
			b.read(a)
			if s, _, err := fetch(e.manager, navigation(b.cookiesFor(site)...)); a.err != nil || err != nil || s.User().Username != "ada" {
				t.Errorf("%s, %s: afterwards: %v, %v, %v", layout, name, a.err, s, err)
			}
		}
	}
}

// TestTakeOverWithLifetime counts from the last refresh before the takeover, whenever it is.
func TestTakeOverWithLifetime(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, func(c *session.Config) {
			c.Lifetime = session.Lifetime{Idle: 3 * time.Hour, Absolute: 5 * time.Hour}
		})
		cookies := e.cookies("ada", e.server.Issue("ada", at(e.clock().Add(-23*time.Hour))))
		bobs := e.cookies("bob", e.server.Issue("bob"))
		_, lines, err := fetch(e.manager, navigation(cookies...))
		if err != nil {
			t.Fatal(err)
		}
		first := pairsOf(lines)
		e.advance(2 * time.Hour)
		w := httptest.NewRecorder()
		if _, err := e.manager.Fetch(w, navigation(first...), nil); err != nil {
			t.Error(err)
		}
		e.advance(2 * time.Hour)
		if _, lines, err := fetch(e.manager, navigation(bobs...)); session.ReasonOf(err) != session.ReasonIdle || len(lines) > 0 {
			t.Errorf("%s: not used for four hours: %v", layout, err)
		}
		e.advance(90 * time.Minute)
		if layout == session.LayoutSealed {
			first = pairsOf(w.Header()["Set-Cookie"])
		}
		if _, _, err := fetch(e.manager, navigation(first...)); session.ReasonOf(err) != session.ReasonTooOld {
			t.Errorf("%s: after five hours and a half: %v", layout, err)
		}
	}
}

// TestTakeOverMistakes reports what is wrong with the configuration.
func TestTakeOverMistakes(t *testing.T) {
	server := cognitotest.New()
	for want, cfg := range map[string]session.Config{
		"TakeOver: needs": {TakeOver: session.TakeOver{Before: time.Now()}},
		"TakeOver.Before": {Layout: session.LayoutSealed, Secret: sealedSecret, TakeOver: session.TakeOver{Before: time.Now().Add(25 * time.Hour)}},
	} {
		cfg.UserPool = server.UserPool()
		if _, err := session.NewManager(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
