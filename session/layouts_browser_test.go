package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
)

// browsedSite is a site with replicas, as one browser sees it.
type browsedSite struct {
	*replicas
	*browser
}

// newBrowsedSite makes a site with two replicas of a layout. Its user has the longest
// tokens.
func newBrowsedSite(t *testing.T, layout session.Layout) *browsedSite {
	t.Helper()
	s := &browsedSite{&replicas{env: newEnv(t, nil, manyGroups()), store: &faultyStore{Memory: storetest.NewMemory()}}, newBrowser()}
	s.server.SetRotation(true, 0)
	s.layout = testLayouts[layout]()
	s.store.SetNow(s.clock)
	for range 2 {
		s.add(nil)
	}
	return s
}

// add adds a replica, and returns its number.
func (s *browsedSite) add(edit func(*session.Config)) int {
	s.managers = append(s.managers, s.newReplica(edit))
	return len(s.managers) - 1
}

// open opens a page at a replica, or has a script ask it. The browser acts on the answer. If
// want is nil, ada has to be signed in.
func (s *browsedSite) open(step string, i int, request func(...string) *http.Request, want error) {
	s.t.Helper()
	a := s.send(request(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
		return s.managers[i].Fetch(w, r, nil)
	})
	if !errors.Is(a.err, want) || a.err == nil && (a.session.User().Username != "ada" || len(a.session.IDToken().Groups()) != 200) {
		s.t.Errorf("%s, replica %d: %v, %v; want %v", step, i, a.session, a.err, want)
	}
	s.read(a)
}

// signIn signs ada in at a replica.
func (s *browsedSite) signIn(i int) {
	s.t.Helper()
	a := s.send(pageRequest(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
		return s.managers[i].Start(w, r, s.server.Issue("ada"))
	})
	if a.err != nil {
		s.t.Fatal(a.err)
	}
	s.read(a)
}

// put replaces all cookies of the browser.
func (s *browsedSite) put(cookies []string) {
	s.browser = newBrowser()
	for _, cookie := range cookies {
		s.setCookie(site, cookie+"; Path=/; Secure; HttpOnly")
	}
}

// TestLayoutsInABrowser has a browser keep, lose, mix and repeat the cookies of the layouts
// that no script can read.
func TestLayoutsInABrowser(t *testing.T) {
	t.Parallel()
	for _, layout := range []session.Layout{session.LayoutSealed, session.LayoutHandle} {
		s := newBrowsedSite(t, layout)
		step := func(name string) string { return fmt.Sprint(layout, ", ", name) }
		s.signIn(0)
		first := s.cookiesFor(site)
		s.open(step("signed in"), 1, pageRequest, nil)

		next := s.add(func(c *session.Config) { c.Secret, c.OldSecrets = secretOf(9), [][]byte{storeSecret} })
		s.open(step("the secret is replaced"), next, pageRequest, nil)
		s.advance(2 * time.Hour)
		s.open(step("the secret is replaced, expired"), next, scriptRequest, nil)
		s.open(step("the secret is replaced, refreshed"), next, pageRequest, nil)
		if n := s.server.Calls(opRefresh); n != 1 {
			t.Errorf("%s: %d refreshes", layout, n)
		}

		// A second session, whose cookies the browser mixes with those of the first one.
		s.put(nil)
		s.signIn(0)
		second := s.cookiesFor(site)
		if len(second) != len(first) || len(second) != map[session.Layout]int{session.LayoutSealed: 5, session.LayoutHandle: 1}[layout] {
			t.Fatalf("%s: %d cookies, and then %d", layout, len(first), len(second))
		}
		mixed := map[string][]string{"another app client's": s.renamedTo(second, s.ofOtherAppClient())}
		if layout == session.LayoutSealed {
			mixed["a chunk is missing"] = append(second[:2:2], second[3:]...)
			mixed["a chunk of another session"] = append(second[:4:4], s.renamedTo(second[4:], first[4:])...)
			mixed["half of each session"] = append(second[:2:2], first[2:]...)
		}
		for name, cookies := range mixed {
			s.put(cookies)
			for range 2 {
				s.open(step(name), 0, pageRequest, session.ErrSignedOut)
			}
			if n := len(s.cookiesFor(site)); n != len(cookies) {
				t.Errorf("%s, %s: %d of %d cookies are left", layout, name, n, len(cookies))
			}
		}
		s.signIn(0)
		s.open(step("signed in again"), 0, pageRequest, nil)
		if n := len(s.cookiesFor(site)); n != len(second) {
			t.Errorf("%s: after the next sign-in there are %d cookies", layout, n)
		}
		s.put(second)
		s.open(step("all cookies are back"), 0, pageRequest, nil)
		s.open(step("all cookies are back"), 1, pageRequest, nil)

		a := s.send(pageRequest(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return nil, s.managers[0].End(w, r)
		})
		if s.read(a); a.err != nil || len(s.cookiesFor(site)) > 0 {
			t.Errorf("%s: the sign-out: %v, and %d cookies are left", layout, a.err, len(s.cookiesFor(site)))
		}
		s.put(second)
		s.open(step("copies, at the same replica"), 0, scriptRequest, session.ErrSignedOut)
		s.open(step("copies, at a new replica"), s.add(nil), scriptRequest, session.ErrSignedOut)
		s.advance(2 * time.Second)
		s.open(step("copies, at a replica that knew the session"), 1, scriptRequest, session.ErrSignedOut)
		s.open(step("copies, in a page"), 0, pageRequest, session.ErrSignedOut)
	}
}

// ofOtherAppClient returns the cookies of a session of another app client, with the same
// secret and the same store.
func (s *browsedSite) ofOtherAppClient() []string {
	other := &env{t: s.t, layout: s.layout, server: s.server.AddClient("7otherclient", ""), logs: s.logs, now: s.now}
	other.manager = other.newManager(func(c *session.Config) { c.Shared, c.Secret = s.store, storeSecret })
	return pairsOf(other.start(pageRequest(), other.server.Issue("ada")))
}

// renamedTo returns the values of some cookies under the names of others.
func (*browsedSite) renamedTo(names, values []string) (renamed []string) {
	for i := range names {
		name, _, _ := strings.Cut(names[i], "=")
		_, value, _ := strings.Cut(values[i], "=")
		renamed = append(renamed, name+"="+value)
	}
	return renamed
}

// TestHandleReplay signs out at one replica and shows the handle to others, which know it.
// One that always asks the store refuses it at once. Another one does so within two seconds,
// however often it is asked.
func TestHandleReplay(t *testing.T) {
	t.Parallel()
	for _, pause := range longtest.Scale([]time.Duration{70 * time.Millisecond}, []time.Duration{70 * time.Millisecond, 999 * time.Millisecond, 2 * time.Second}) {
		synctest.Test(t, func(t *testing.T) {
			r := newHandleReplicas(t, 1, func(c *session.Config) { c.Now = time.Now })
			r.server.SetNow(time.Now)
			r.store.SetNow(time.Now)
			for _, always := range []bool{false, true} {
				r.managers = append(r.managers, r.newReplica(func(c *session.Config) { c.Now, c.AlwaysAskStore = time.Now, always }))
			}
			cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
			others := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
			for range 3 {
				for i := range r.managers {
					r.wants("signed in", i, cookies, nil)
				}
				time.Sleep(time.Second / 3)
			}
			before := r.store.operations()
			r.wants("known", 1, cookies, nil)
			if n := r.store.operations() - before; n > 1 { // one hears of sign-outs
				t.Errorf("the session is not known: %d operations", n)
			}
			if err := r.manager.End(httptest.NewRecorder(), pageRequest(cookies...)); err != nil {
				t.Fatal(err)
			}
			started := time.Now()
			r.wants("signed out", 0, cookies, session.ErrSignedOut)
			r.wants("always asked", 2, cookies, session.ErrSignedOut)
			for time.Since(started) < time.Minute {
				time.Sleep(pause)
				if !signedIn(t, r.managers[1], pageRequest(cookies...)) {
					break
				}
				synctest.Wait()
			}
			if took := time.Since(started); took > 2*time.Second {
				t.Errorf("a request each %v: refused after %v", pause, took)
			}
			for range 20 {
				time.Sleep(time.Second)
				r.wants("later", 1, cookies, session.ErrSignedOut)
			}
			r.wants("another session", 1, others, nil)
		})
	}
}
