package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

func getWith(m *session.Manager) sessionHandler {
	return func(w http.ResponseWriter, r *http.Request) (*session.Session, error) { return m.Fetch(w, r, nil) }
}

// TestTakeOverStoreRefusesWrites has a store take no records for three minutes, or until
// the process restarts. Amplify's cookies have the refreshed tokens meanwhile.
func TestTakeOverStoreRefusesWrites(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		e := newTakeOverEnv(t, session.LayoutHandle, nil)
		e.server.SetRotation(true, 0)
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		e.advance(2 * time.Hour)
		e.store.setFault(func(_ context.Context, op session.StoreOperation, _ []byte) error {
			if op == session.StoreAdd {
				return errAny
			}
			return nil
		})
		a := b.send(navigation(), getWith(e.manager))
		b.read(a)
		if a.err != nil {
			t.Fatal(a.err)
		}
		if restart {
			e.manager = e.newTakingManager(session.LayoutHandle, nil)
		} else {
			e.advance(3 * time.Minute)
		}
		e.store.setFault(nil)
		a = b.send(navigation(), getWith(e.manager))
		if a.err != nil {
			t.Errorf("restart %v: after the outage: %v (%d refreshes)", restart, a.err, e.server.Calls(opRefresh))
		}
	}
}

// TestTakeOverMakesOneRecord shows one session again and again without the marker.
func TestTakeOverMakesOneRecord(t *testing.T) {
	t.Parallel()
	e := newTakeOverEnv(t, session.LayoutHandle, nil)
	cookies := e.cookies("ada", e.server.Issue("ada"))
	const n = 300
	for range n {
		if _, _, err := fetch(e.manager, navigation(cookies...)); err != nil {
			break
		}
	}
	e.manager = e.newTakingManager(session.LayoutHandle, nil)
	if _, _, err := fetch(e.manager, navigation(cookies...)); err != nil {
		t.Error(err)
	}
	if records := len(e.store.Values()); records != 1 || e.store.operations() > n+n/4 {
		t.Errorf("%d records of one session, %d operations for %d requests", records, e.store.operations(), n)
	}
}

// TestTakeOverOfMadeUpTokens shows one access token beside many made-up refresh tokens, and
// signs out with made-up access tokens. The store gets a few records, and is not asked.
func TestTakeOverOfMadeUpTokens(t *testing.T) {
	t.Parallel()
	e := newTakeOverEnv(t, session.LayoutHandle, nil)
	own := e.server.Issue("ada")
	for i := range 50 {
		if _, _, err := fetch(e.manager, navigation(e.cookies("ada", &tokens.Set{Access: own.Access, ID: own.ID, Refresh: fmt.Sprint("made-up", i)})...)); err != nil {
			t.Fatal(err)
		}
	}
	if records := len(e.store.Values()); records != 8 {
		t.Errorf("%d records of one sign-in", records)
	}
	again := &tokens.Set{Access: own.Access, ID: own.ID, Refresh: "made-up0"} // an answer that was lost
	if _, lines, err := fetch(e.manager, navigation(e.cookies("ada", again)...)); err != nil || !strings.Contains(strings.Join(lines, ""), "cognitogate.session.") {
		t.Errorf("a record that is there: %v", err)
	}
	before := e.store.operations()
	var planted []string
	for i := range 8 {
		planted = append(planted, e.prefixed(fmt.Sprintf("u%d.accessToken=x%d", i, i)))
	}
	e.manager.End(httptest.NewRecorder(), navigation(planted...))
	if n := e.store.operations() - before; n > 0 {
		t.Errorf("a sign-out with made-up tokens makes %d calls of the store", n)
	}
}

// TestTakeOverLateAfterSignOut signs out while the answer of a takeover is on its way.
func TestTakeOverLateAfterSignOut(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		for _, age := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
			e := newTakeOverEnv(t, layout, nil)
			b := newBrowser()
			b.setSession(e.env, "ada", e.server.Issue("ada"))
			e.advance(age)
			slow := b.send(navigation(), getWith(e.manager))
			out := b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
				return nil, e.manager.End(w, r)
			})
			b.read(out)
			b.read(slow)
			if s, _, err := fetch(e.manager, navigation(b.cookiesFor(site)...)); err == nil {
				t.Errorf("%s after %v: signed out, and then %v again; %d revocations", layout, age, s.User().Username, e.server.Calls(opRevoke))
			}
		}
	}
}

// TestTakeOverAndEndInOneAnswer does both in one handler, without a guard.
func TestTakeOverAndEndInOneAnswer(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		own, w := e.server.Issue("ada"), httptest.NewRecorder()
		r := navigation(e.cookies("ada", own)...)
		if _, err := e.manager.Fetch(w, r, nil); err != nil {
			t.Fatal(err)
		}
		stolen := pairsOf(w.Header()["Set-Cookie"])
		e.end(w, r)
		if e.server.Calls(opRevoke) == 0 {
			t.Errorf("%s: nothing is revoked", layout)
		}
		if s, _, err := fetch(e.manager, navigation(stolen...)); err == nil {
			t.Errorf("%s: the session of the answer lives on: %v", layout, s.User().Username)
		}
	}
}

// TestTakeOverLateAfterSignIn signs in as bob while the answer of ada's takeover is on its
// way. The browser is bob's.
func TestTakeOverLateAfterSignIn(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		e.advance(30 * time.Minute)
		slow := b.send(navigation(), getWith(e.manager))
		in := b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return e.manager.Start(w, r, e.server.Issue("bob"))
		})
		b.read(in)
		b.read(slow)
		both := len(b.cookiesFor(site))
		a := b.send(navigation(), getWith(e.manager))
		b.read(a)
		if a.err != nil || a.session.User().Username != "bob" {
			t.Errorf("%s: after the sign-in of bob: %v, %v", layout, a.session, a.err)
		}
		if left := len(b.cookiesFor(site)); left >= both {
			t.Errorf("%s: %d of %d cookies are left", layout, left, both)
		}
	}
}

// TestTakeOverOfLaterSignIn plants an old access token, anybody's, beside a refresh token
// of a later sign-in.
func TestTakeOverOfLaterSignIn(t *testing.T) {
	t.Parallel()
	change := time.Date(2026, 9, 1, 13, 0, 0, 0, time.UTC)
	for _, oldUser := range []string{"bob", "ada"} {
		for _, layout := range opaqueLayouts {
			e := newTakeOverEnv(t, layout, nil)
			old := e.server.Issue(oldUser)
			e.advance(60 * 24 * time.Hour)
			later := e.server.Issue("bob")
			cookies := e.cookies("bob", &tokens.Set{Access: old.Access, Refresh: later.Refresh})
			s, lines, err := fetch(e.manager, navigation(cookies...))
			if err == nil {
				t.Errorf("%s, old token of %s: taken over: %s, who has signed in at %v, after %v: %d lines", layout, oldUser, s.User().Username, s.AccessToken().AuthTime().UTC(), change, len(lines))
			}
		}
	}
}

// TestTakeOverOfSlidingSession takes over a session that is older than Cookies.MaxAge, which
// each refresh of LayoutAmplify renews.
func TestTakeOverOfSlidingSession(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, func(c *session.Config) { c.Cookies.MaxAge = 24 * time.Hour })
		b := newBrowser()
		// She has signed in three days ago, and the last refresh was a moment ago.
		b.setSession(e.env, "ada", e.server.Issue("ada", at(e.clock().Add(-3*24*time.Hour))))
		for i, after := range []time.Duration{0, time.Minute, time.Hour} {
			e.advance(after)
			a := b.send(navigation(), getWith(e.manager))
			b.read(a)
			if a.err != nil {
				t.Errorf("%s: page %d: %v", layout, i, a.err)
			}
			e.manager = e.newTakingManager(layout, func(c *session.Config) { c.Cookies.MaxAge = 24 * time.Hour })
		}
	}
}

// TestTakeOverOfOldToken has cookies that live shorter than tokens.
func TestTakeOverOfOldToken(t *testing.T) {
	t.Parallel()
	edit := func(c *session.Config) { c.Cookies.MaxAge = 30 * time.Minute }
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, edit)
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		e.advance(40 * time.Minute)
		a := b.send(navigation(), getWith(e.manager))
		b.read(a)
		if a.err != nil {
			t.Errorf("%s: %v", layout, a.err)
		}
		other := e.newTakingManager(layout, edit)
		a = b.send(navigation(), getWith(other))
		if a.err != nil {
			t.Errorf("%s: the next page: %v", layout, a.err)
		}
	}
}

// TestTakeOverLosesNoIDToken has an ID token expire while Cognito fails.
func TestTakeOverLosesNoIDToken(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada", e.shortID))
		e.advance(10 * time.Minute)
		e.failOnly(opRefresh, errorPage)
		a := b.send(navigation(), getWith(e.manager))
		b.read(a)
		e.recover()
		e.advance(time.Minute)
		a = b.send(navigation(), getWith(e.manager))
		b.read(a)
		if a.err != nil || a.session.IDToken() == nil {
			t.Errorf("%s: after the outage: %v, ID token %v", layout, a.err, a.session.IDToken())
		}
	}
}

// TestTakeOverLateAfterRefresh reads the answer of a takeover after a refresh.
func TestTakeOverLateAfterRefresh(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		e.server.SetRotation(true, 0)
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		e.advance(54 * time.Minute)
		slow := b.send(navigation(), getWith(e.manager))
		b.read(b.send(navigation(), getWith(e.manager)))
		for e.server.Calls(opRefresh) == 0 {
			e.advance(10 * time.Second)
			a := b.send(navigation(), getWith(e.manager))
			b.read(a)
			if a.err != nil {
				t.Fatal(a.err)
			}
		}
		e.advance(5 * time.Second)
		b.read(slow)
		e.advance(10 * time.Minute) // the user reads
		a := b.send(navigation(), getWith(e.manager))
		if a.err != nil {
			t.Errorf("%s: %v", layout, a.err)
		}
	}
}

// TestTakeOverCalls shows a spent refresh token at every page.
func TestTakeOverCalls(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		e.server.SetRotation(true, 0)
		own := e.server.Issue("ada")
		e.advance(2 * time.Hour)
		b := newBrowser()
		b.setSession(e.env, "ada", own)
		b.send(navigation(), getWith(e.manager)) // never arrives
		e.advance(5 * time.Minute)
		calls := e.server.Calls(opRefresh)
		for range 60 {
			b.read(b.send(navigation(), getWith(e.manager)))
			e.advance(time.Second)
		}
		if n := e.server.Calls(opRefresh) - calls; n > 3 {
			t.Errorf("%s: %d calls in a minute", layout, n)
		}
	}
}

// TestTakeOverAttributes takes over with other attributes than the default ones.
func TestTakeOverAttributes(t *testing.T) {
	t.Parallel()
	for name, cookies := range map[string]session.Cookies{
		"domain": {Domain: "example.com"}, "path": {Path: "/app"}, "strict": {SameSite: http.SameSiteStrictMode},
		"none": {SameSite: http.SameSiteNoneMode, Partitioned: true},
	} {
		for _, layout := range opaqueLayouts {
			e := newTakeOverEnv(t, layout, func(c *session.Config) { c.Cookies = cookies })
			w := httptest.NewRecorder()
			own := e.server.Issue("ada")
			r := navigation(e.cookies("ada", own)...)
			if _, err := e.manager.Fetch(w, r, nil); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			size := 0
			for _, line := range w.Header()["Set-Cookie"] {
				size += len(line) + len("Set-Cookie: \r\n")
			}
			next := navigation(append(pairsOf(w.Header()["Set-Cookie"]), e.cookies("ada", own)...)...)
			w2 := httptest.NewRecorder()
			if s, err := e.manager.Fetch(w2, next, nil); err != nil || s.User().Username != "ada" || len(w2.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%s: next %v %v %q", name, s, err, w2.Header()["Set-Cookie"])
			}
			if s, _, err := fetch(e.manager, navigation(append(e.cookies("ada", own), e.marker()+"=1")...)); err == nil {
				t.Errorf("%s: %v", name, s)
			}
		}
	}
}

// TestTakeOverLateBySeconds reads the answer of a takeover seven seconds late. A refresh
// falls into them.
func TestTakeOverLateBySeconds(t *testing.T) {
	longtest.Only(t)
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		e.server.SetRotation(true, 0)
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		e.advance(30 * time.Minute)
		// When does a refresh fall due?
		probe := newBrowser()
		for i := 0; e.server.Calls(opRefresh) == 0; i++ {
			if i == 0 {
				probe.setSession(e.env, "bob", e.server.Issue("bob", func(d *cognitotest.Draft) {
					d.Claims["iat"], d.Claims["exp"] = e.clock().Add(-30*time.Minute).Unix(), e.clock().Add(30*time.Minute).Unix()
				}))
			}
			e.advance(time.Second)
			probe.read(probe.send(navigation(), getWith(e.manager)))
			if i > 1900 {
				t.Fatal("no refresh")
			}
		}
		due := e.clock()

		e = newTakeOverEnv(t, layout, nil)
		e.server.SetRotation(true, 0)
		b = newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		e.advance(due.Sub(e.clock()) - 2*time.Second)
		slow := b.send(navigation(), getWith(e.manager))
		quick := b.send(navigation(), getWith(e.manager))
		b.read(quick)
		e.advance(4 * time.Second)
		b.read(b.send(navigation(), getWith(e.manager)))
		if e.server.Calls(opRefresh) != 1 {
			t.Fatalf("%d refreshes", e.server.Calls(opRefresh))
		}
		e.advance(3 * time.Second)
		b.read(slow)
		e.advance(3 * time.Minute) // the user reads the page
		if a := b.send(navigation(), getWith(e.manager)); a.err != nil {
			t.Errorf("%s: %v", layout, a.err)
		}
	}
}

// TestTakeOverLostAnswer loses an answer. The next page takes the session over.
func TestTakeOverLostAnswer(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		for _, age := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
			e := newTakeOverEnv(t, layout, nil)
			e.server.SetRotation(true, 0)
			b := newBrowser()
			b.setSession(e.env, "ada", e.server.Issue("ada"))
			e.advance(age)
			b.send(navigation(), getWith(e.manager))
			e.advance(90 * time.Second)
			b.read(b.send(navigation(), getWith(e.manager)))
			e.advance(10 * time.Minute)
			if a := b.send(navigation(), getWith(e.manager)); a.err != nil {
				t.Errorf("%s: %v", layout, a.err)
			}
		}
	}
}

// TestTakeOverJunkIsNoOutage plants tokens that cannot be judged.
func TestTakeOverJunkIsNoOutage(t *testing.T) {
	t.Parallel()
	e := newTakeOverEnv(t, session.LayoutSealed, nil)
	own := e.server.Issue("ada")
	junk := e.server.Issue("ada", func(d *cognitotest.Draft) {
		d.Claims["iss"] = strings.Replace(d.Claims["iss"].(string), "://", "://issuer-", 1)
		d.Sign = func([]byte) []byte { return make([]byte, 256) }
	})
	future := e.server.Issue("ada", func(d *cognitotest.Draft) {
		d.Claims["nbf"] = e.clock().Add(time.Hour).Unix()
		d.Sign = func([]byte) []byte { return make([]byte, 256) }
	})
	for i, planted := range []string{junk.Access, future.Access, "x", "a.b.c"} {
		if _, _, err := fetch(e.manager, navigation(append(e.cookies("ada", own), e.prefixed("ada.accessToken=")+planted)...)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestTakeOverManyNames plants many names in LastAuthUser.
func TestTakeOverManyNames(t *testing.T) {
	t.Parallel()
	e := newTakeOverEnv(t, session.LayoutSealed, nil)
	own := e.server.Issue("ada")
	var cookies []string
	for i := range 40 {
		cookies = append(cookies, e.prefixed("LastAuthUser=x")+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	for range 3 {
		if _, _, err := fetch(e.manager, navigation(append(cookies, e.cookies("ada", own)...)...)); err != nil && !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%v", err)
		}
	}
}

// TestTakeOverOptions sets options of Fetch on a request that is taken over.
func TestTakeOverOptions(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		for name, opts := range map[string]*session.FetchOptions{"force": forced, "maxage": {MaxAge: time.Minute}} {
			e := newTakeOverEnv(t, layout, nil)
			e.server.SetRotation(true, 0)
			b := newBrowser()
			b.setSession(e.env, "ada", e.server.Issue("ada"))
			e.advance(30 * time.Minute)
			e.failOnly(opRefresh, errorPage)
			a := b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
				return e.manager.Fetch(w, r, opts)
			})
			if !errors.Is(a.err, tokens.ErrUnavailable) || len(a.lines) > 0 {
				t.Errorf("%s %s: %v", layout, name, a.err)
			}
			e.recover()
			e.advance(time.Minute)
			a = b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
				if _, err := e.manager.Fetch(w, r, nil); err != nil {
					return nil, err
				}
				return e.manager.Fetch(w, r, opts)
			})
			b.read(a)
			if a.err != nil || e.clock().Sub(a.session.AccessToken().IssuedAt()) > time.Minute {
				t.Errorf("%s %s: %v", layout, name, a.err)
			}
			e.advance(2 * time.Hour)
			if a := b.send(navigation(), getWith(e.manager)); a.err != nil {
				t.Errorf("%s %s: later %v", layout, name, a.err)
			}
		}
	}
}

// TestTakeOverTwoReplicasNoStore has two replicas without a store take a session over.
func TestTakeOverTwoReplicasNoStore(t *testing.T) {
	t.Parallel()
	e := newTakeOverEnv(t, session.LayoutSealed, func(c *session.Config) { c.Shared = nil })
	other := e.newTakingManager(session.LayoutSealed, func(c *session.Config) { c.Shared = nil })
	b := newBrowser()
	b.setSession(e.env, "ada", e.server.Issue("ada"))
	e.advance(2 * time.Hour)
	one, two := b.send(navigation(), getWith(e.manager)), b.send(navigation(), getWith(other))
	b.read(two, one)
	for _, m := range []*session.Manager{e.manager, other} {
		if a := b.send(navigation(), getWith(m)); a.err != nil {
			t.Errorf("%v", a.err)
		}
	}
}

// TestTakeOverMarksKnownBrowser has a browser come back that has signed in before TakeOver
// was configured. When its session has ended, a planted one is not taken over.
func TestTakeOverMarksKnownBrowser(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		untaking := e.newTakingManager(layout, func(c *session.Config) { c.TakeOver = session.TakeOver{} })
		b := newBrowser()
		b.read(b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return untaking.Start(w, r, e.server.Issue("ada"))
		}))
		planted := e.server.Issue("bob")
		for range 3 {
			e.advance(2 * time.Hour)
			a := b.send(navigation(), getWith(e.manager))
			if b.read(a); a.err != nil {
				t.Fatal(a.err)
			}
		}
		e.server.RemoveUser("ada") // her session is over
		e.advance(2 * time.Hour)
		b.read(b.send(navigation(), getWith(e.manager)))
		b.setSession(e.env, "bob", planted)
		if a := b.send(navigation(), getWith(e.manager)); a.err == nil {
			t.Errorf("%s: the browser has come back four times, and is now %v's", layout, a.session.User().Username)
		}
	}
}

// TestTakeOverMarkerOutlivesSession plants a session after the own one has ended.
func TestTakeOverMarkerOutlivesSession(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		b := newBrowser()
		b.setSession(e.env, "ada", e.server.Issue("ada"))
		planted := e.server.Issue("bob")
		b.read(b.send(navigation(), getWith(e.manager)))
		e.server.RemoveUser("ada")
		e.advance(2 * time.Hour)
		b.read(b.send(navigation(), getWith(e.manager)))
		b.setSession(e.env, "bob", planted)
		if a := b.send(navigation(), getWith(e.manager)); a.err == nil {
			t.Errorf("%s: %v", layout, a.session)
		}
	}
}

// TestTakeOverLateAfterKnownSignOut signs out with the new cookies, and reads the answer of
// an earlier takeover then.
func TestTakeOverLateAfterKnownSignOut(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		for _, age := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
			e := newTakeOverEnv(t, layout, nil)
			e.server.SetRotation(true, 0)
			b := newBrowser()
			b.setSession(e.env, "ada", e.server.Issue("ada"))
			e.advance(age)
			slow := b.send(navigation(), getWith(e.manager))
			b.read(b.send(navigation(), getWith(e.manager)))
			b.read(b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
				return nil, e.manager.End(w, r)
			}))
			b.read(slow)
			for _, after := range []time.Duration{0, 61 * time.Minute, 30 * time.Hour} {
				e.advance(after)
				if a := b.send(navigation(), getWith(e.manager)); a.err == nil {
					t.Errorf("%s: %v later: %v", layout, after, a.session)
				}
			}
		}
	}
}

// TestTakeOverDeletesEverywhere has Amplify's cookies in every domain of a deep host.
func TestTakeOverDeletesEverywhere(t *testing.T) {
	t.Parallel()
	const deep = "https://www.shop.eu.example.com/"
	for _, domain := range []string{"", "; Domain=example.com", "; Domain=shop.eu.example.com"} {
		e := newTakeOverEnv(t, session.LayoutSealed, nil)
		b := newBrowser()
		own := e.server.Issue("ada")
		for _, c := range append(e.cookies("ada", own), e.prefixed("ada.clockDrift=0"), e.prefixed("ada.signInDetails=x")) {
			b.setCookie(deep, c+"; Path=/; Secure; Max-Age=86400"+domain)
		}
		r := navigation(b.cookiesFor(deep)...)
		r.Host = "www.shop.eu.example.com"
		_, lines, err := fetch(e.manager, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			b.setCookie(deep, line)
		}
		for _, c := range b.cookiesFor(deep) {
			if strings.HasPrefix(c, "CognitoIdentityServiceProvider") {
				t.Errorf("domain %q: left: %.90s", domain, c)
			}
		}
	}
}

// TestTakeOverManyPlanted starts a session beside 300 planted cookies. The header is
// bounded.
func TestTakeOverManyPlanted(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		var cookies []string
		for i := range 300 {
			cookies = append(cookies, e.prefixed("x"+strings.Repeat("y", 40)+string(rune('a'+i%26))+string(rune('a'+i/26))+".accessToken=x"))
		}
		w := httptest.NewRecorder()
		if _, err := e.manager.Start(w, navigation(cookies...), e.server.Issue("ada")); err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, line := range w.Header()["Set-Cookie"] {
			size += len(line) + len("Set-Cookie: \r\n")
		}
		if size > 32<<10 { // docs/proxies.md: proxy_buffer_size
			t.Errorf("%s: %d bytes", layout, size)
		}
		if s, _, err := fetch(e.manager, navigation(append(pairsOf(w.Header()["Set-Cookie"]), cookies...)...)); err != nil || s.User().Username != "ada" {
			t.Errorf("%s: %v", layout, err)
		}
	}
}
