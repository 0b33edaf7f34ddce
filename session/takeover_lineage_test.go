package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestTakeOverAccessTokenBecomesSession has somebody who knows an access token of ada's, such
// as an API that she calls with it, show it as Amplify's cookie. It must be worth what it
// says, for its hour, and never ada's whole session.
func TestTakeOverAccessTokenBecomesSession(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		e.server.SetRotation(true, 0)
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		e.advance(30 * time.Minute)
		b.read(b.send(navigation(), getWith(e.manager)))
		// Later, a refreshed access token of the same sign-in goes to an API.
		e.advance(24 * time.Hour)
		a := b.send(navigation(), getWith(e.manager))
		b.read(a)
		if a.err != nil {
			t.Fatal(a.err)
		}
		leaked := a.session.AccessToken().Raw()
		other := e.newTakingManager(layout, nil)
		_, lines, _ := fetch(other, navigation(e.prefixed("LastAuthUser=ada"), e.prefixed("ada.accessToken=")+leaked))
		stolen := pairsOf(lines)
		if strings.Contains(strings.Join(b.cookiesFor(site), ";"), firstOf(stolen)) && len(stolen) > 0 {
			t.Errorf("%s: an access token has brought ada's own cookie", layout)
		}
		e.advance(2 * time.Hour) // the leaked token has expired
		w := httptest.NewRecorder()
		if s, err := other.Fetch(w, navigation(stolen...), nil); err == nil {
			t.Errorf("%s: two hours later the thief is %s, with an ID token: %v, until %v", layout, s.User().Username, s.IDToken() != nil, s.ExpiresAt())
		}
	}
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return "\x00"
	}
	return list[0]
}

// TestTakeOverAccessTokenComesFirst shows an access token alone before ada's browser comes.
// Her session must not lose its refresh token.
func TestTakeOverAccessTokenComesFirst(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		own := e.server.Issue("ada")
		b := newBrowser()
		b.setSession(e.env, "ada", own)
		e.advance(10 * time.Minute)
		if _, _, err := fetch(e.manager, navigation(e.prefixed("LastAuthUser=ada"), e.prefixed("ada.accessToken=")+own.Access)); err != nil {
			t.Log(err)
		}
		a := b.send(navigation(), getWith(e.manager))
		b.read(a)
		if a.err != nil {
			t.Fatal(a.err)
		}
		a = b.send(navigation(), getWith(e.manager))
		b.read(a)
		if a.err != nil || a.session.IDToken() == nil {
			t.Errorf("%s: the next page has no ID token: %v", layout, a.err)
		}
		e.advance(2 * time.Hour)
		if a := b.send(navigation(), getWith(e.manager)); a.err != nil {
			t.Errorf("%s: ada's session has lost its refresh token: %v", layout, a.err)
		}
	}
}

// TestTakeOverLostAnswerThenRefresh loses the answer of a takeover. When the user comes back,
// Amplify's cookies are refreshed, and the session goes to the layout with these tokens.
func TestTakeOverLostAnswerThenRefresh(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		for _, restart := range []bool{false, true} {
			e := newTakeOverEnv(t, layout, nil)
			e.server.SetRotation(true, 0)
			b := newBrowser()
			b.setSession(e.env, "ada", e.server.Issue("ada"))
			e.advance(30 * time.Minute)
			b.send(navigation(), getWith(e.manager)) // never arrives
			e.advance(2 * time.Hour)
			a := b.send(navigation(), getWith(e.manager))
			b.read(a)
			if a.err != nil {
				t.Fatal(a.err)
			}
			if restart {
				e.manager = e.newTakingManager(layout, nil)
			}
			e.advance(10 * time.Minute)
			if a := b.send(navigation(), getWith(e.manager)); a.err != nil {
				t.Errorf("%s, restart %v: ten minutes after the takeover: %v", layout, restart, a.err)
			}
		}
	}
}

// TestTakeOverLateUnrefreshedTakeOver has two tabs take a session over, one just before its
// refresh is due and one just after. The answers arrive in either order.
func TestTakeOverLateUnrefreshedTakeOver(t *testing.T) {
	t.Parallel()
	for _, quickFirst := range []bool{false, true}[:longtest.Scale(1, 2)] {
		for _, layout := range opaqueLayouts {
			e := newTakeOverEnv(t, layout, nil)
			e.server.SetRotation(true, 0)
			b := newBrowser()
			b.setSession(e.env, "ada", e.server.Issue("ada"))
			e.advance(50 * time.Minute)
			var slow, quick *unreadAnswer
			for i := 0; ; i++ {
				a := b.send(navigation(), getWith(e.manager)) // its answer is slow
				if a.err != nil {
					t.Fatal(a.err)
				}
				if e.server.Calls(opRefresh) > 0 {
					quick = a
					break
				}
				slow = a
				e.advance(5 * time.Second)
				if i > 200 {
					t.Fatal("no refresh")
				}
			}
			if quickFirst {
				b.read(quick, slow)
			} else {
				b.read(slow, quick)
			}
			e.advance(12 * time.Minute) // the user reads the page
			if a := b.send(navigation(), getWith(e.manager)); a.err != nil {
				t.Errorf("%s: the answer of a second before has replaced the refreshed session: %v", layout, a.err)
			}
		}
	}
}

// TestTakeOverLateAfterSignInByClock signs in as bob while the answer of ada's
// takeover, with a refresh, is on its way. Cognito's clock is five seconds ahead.
func TestTakeOverLateAfterSignInByClock(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		e.manager = e.newTakingManager(layout, func(c *session.Config) {
			c.Now = func() time.Time { return e.clock().Add(-5 * time.Second) }
		})
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		e.advance(2 * time.Hour)
		slow := b.send(navigation(), getWith(e.manager))
		if slow.err != nil {
			t.Fatal(slow.err)
		}
		e.advance(2 * time.Second)
		in := b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return e.manager.Start(w, r, e.server.Issue("bob"))
		})
		if in.err != nil {
			t.Fatal(in.err)
		}
		b.read(in)
		b.read(slow)
		e.advance(10 * time.Second)
		for range 2 {
			a := b.send(navigation(), getWith(e.manager))
			b.read(a)
			if a.err != nil || a.session.User().Username != "bob" {
				t.Errorf("%s: after the sign-in of bob, two seconds after ada's page, the browser is %v's, %v", layout, a.session.User().Username, a.err)
			}
		}
	}
}

// TestTakeOverMarksClearedBrowser has a browser whose session, of before TakeOver was
// configured, is over. It comes by a link of another site, which deletes the cookies. A
// session that is planted then is not taken over.
func TestTakeOverMarksClearedBrowser(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		untaking := e.newTakingManager(layout, func(c *session.Config) { c.TakeOver = session.TakeOver{} })
		b := newBrowser()
		b.read(b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return untaking.Start(w, r, e.server.Issue("ada"))
		}))
		planted := e.server.Issue("bob")
		e.server.RemoveUser("ada") // her session is over
		e.advance(2 * time.Hour)
		r := navigation()
		r.Header.Set("Sec-Fetch-Site", "same-site")
		b.read(b.send(r, getWith(e.manager)))
		b.setSession(e.env, "bob", planted)
		if a := b.send(navigation(), getWith(e.manager)); a.err == nil {
			t.Errorf("%s: a page has deleted ada's cookies and has set no marker, and the browser is now %v's", layout, a.session.User().Username)
		}
	}
}

// TestTakeOverOldCopyIsNotIdle has an older copy of the access token in another spelling or
// scope beside the current one. The session was used a minute ago.
func TestTakeOverOldCopyIsNotIdle(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, func(c *session.Config) { c.Lifetime.Idle = 3 * time.Hour })
		first := e.server.Issue("ada")
		e.advance(4 * time.Hour)
		_, lines, err := fetch(e.before, navigation(e.cookies("ada", first)...))
		if err != nil {
			t.Fatal(err)
		}
		now := pairsOf(lines)
		e.advance(time.Minute)
		if _, _, err := fetch(e.newTakingManager(layout, func(c *session.Config) { c.Lifetime.Idle = 3 * time.Hour }), navigation(now...)); err != nil {
			t.Fatal(err)
		}
		old := []string{e.prefixed("%61da.accessToken=") + first.Access}
		for _, cookies := range [][]string{append(old, now...), append(now, old...)} {
			if _, _, err := fetch(e.newTakingManager(layout, func(c *session.Config) { c.Lifetime.Idle = 3 * time.Hour }), navigation(cookies...)); err != nil {
				t.Errorf("%s: a session that was refreshed a minute ago: %v", layout, err)
			}
		}
	}
}

// TestTakeOverEndBesideLostTakeOver signs out with Amplify's cookies, after the answer of a
// takeover was lost. The record goes too.
func TestTakeOverEndBesideLostTakeOver(t *testing.T) {
	t.Parallel()
	e := newTakeOverEnv(t, session.LayoutHandle, nil)
	b := newBrowser()
	b.setSession(e.env, "ada", e.server.Issue("ada"))
	e.advance(30 * time.Minute)
	slow := b.send(navigation(), getWith(e.manager))
	e.failOnly(opRevoke, down)
	b.read(b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
		return nil, e.manager.End(w, r)
	}))
	e.recover()
	b.read(slow)
	n := 0
	for _, v := range e.store.Values() {
		if len(v) > 1500 {
			n++
		}
	}
	if n > 0 {
		t.Errorf("End has left %d records in the store, of %d values", n, len(e.store.Values()))
	}
	e.advance(25 * time.Hour) // after the notes
	e.manager = e.newTakingManager(session.LayoutHandle, nil)
	if a := b.send(navigation(), getWith(e.manager)); a.err == nil {
		t.Errorf("a day after the sign-out, and a restart, the record is %v's session again", a.session.User().Username)
	}
}

// TestTakeOverRefusedWritesNothing: a Fetch that is refused writes no refreshed tokens.
func TestTakeOverRefusedWritesNothing(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		old := e.server.Issue("bob")
		e.advance(60 * 24 * time.Hour)
		later := e.server.Issue("bob")
		_, lines, err := fetch(e.manager, navigation(e.cookies("bob", &tokens.Set{Access: old.Access, Refresh: later.Refresh})...))
		if err == nil || len(lines) > 0 {
			t.Errorf("%s: %v, and %d lines", layout, err, len(lines))
		}
	}
}

// TestTakeOverMarksCachedPages has cookies that end with the browser, and a session of
// before TakeOver was configured. Its scripts come first after the change, so that its pages
// find the session in the cache. When the browser was closed, a planted session is not taken
// over.
func TestTakeOverMarksCachedPages(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		edit := func(c *session.Config) { c.Cookies.UntilClosed = true }
		e := newTakeOverEnv(t, layout, edit)
		untaking := e.newTakingManager(layout, func(c *session.Config) { c.TakeOver, c.Cookies.UntilClosed = session.TakeOver{}, true })
		b := newBrowser()
		b.read(b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return untaking.Start(w, r, e.server.Issue("ada"))
		}))
		planted := e.server.Issue("bob")
		pages := 0
		for range 4 { // hours
			e.advance(61 * time.Minute)
			script := navigation()
			script.Header.Set("Sec-Fetch-Mode", "cors")
			script.Header.Set("Sec-Fetch-Dest", "empty")
			b.read(b.send(script, getWith(e.manager)))
			for range 5 {
				a := b.send(navigation(), getWith(e.manager))
				if b.read(a); a.err != nil {
					t.Fatal(a.err)
				}
				pages++
			}
		}
		if strings.Contains(strings.Join(b.cookiesFor(site), ";"), e.marker()) {
			continue
		}
		b = newBrowser() // closed and opened: only cookies with Max-Age would stay, and there are none
		b.setSession(e.env, "bob", planted)
		if a := b.send(navigation(), getWith(e.manager)); a.err == nil {
			t.Errorf("%s: after %d pages with a session there is no marker, and the browser is now %v's", layout, pages, a.session.User().Username)
		}
	}
}

// TestTakeOverRecordComesBack has a sign-in as bob delete the record of ada's session, which
// was taken over. Her handle is worth nothing from then on.
func TestTakeOverRecordComesBack(t *testing.T) {
	t.Parallel()
	e := newTakeOverEnv(t, session.LayoutHandle, nil)
	own := e.server.Issue("ada")
	b := newBrowser()
	b.setSession(e.env, "ada", own)
	e.advance(10 * time.Minute)
	b.read(b.send(navigation(), getWith(e.manager)))
	old := b.cookiesFor(site)
	in := b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
		return e.manager.Start(w, r, e.server.Issue("bob"))
	})
	b.read(in)
	other := e.newTakingManager(session.LayoutHandle, nil)
	if s, _, err := fetch(other, navigation(old...)); err == nil {
		t.Errorf("after the sign-in the handle is %s's", s.User().Username)
	}
	_, _, err := fetch(other, navigation(e.prefixed("LastAuthUser=ada"), e.prefixed("ada.accessToken=")+own.Access))
	t.Log(err)
	if s, _, err := fetch(other, navigation(old...)); err == nil {
		t.Errorf("an access token has brought the record of %s's deleted handle back", s.User().Username)
	}
}

// TestTakeOverFreshAfterLostAnswer loses the answer of a takeover and asks for a fresh session
// then.
func TestTakeOverFreshAfterLostAnswer(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		e.server.SetRotation(true, 0)
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		e.advance(20 * time.Minute)
		b.send(navigation(), getWith(e.manager)) // never arrives
		e.advance(time.Minute)
		a := b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return e.manager.Fetch(w, r, &session.FetchOptions{MaxAge: 5 * time.Minute})
		})
		b.read(a)
		if a.err != nil {
			t.Fatal(a.err)
		}
		e.advance(4 * time.Minute)
		if a := b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return e.manager.Fetch(nil, r, &session.FetchOptions{MaxAge: 5 * time.Minute})
		}); a.err != nil {
			t.Errorf("%s: the session was refreshed four minutes ago: %v", layout, a.err)
		}
		if a := b.send(navigation(), getWith(e.manager)); a.err != nil {
			t.Errorf("%s: %v", layout, a.err)
		}
	}
}
