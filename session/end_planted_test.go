package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestSignOutWithoutKeysAmongPlantedTokens signs out while the key set fails. Unsigned tokens
// of names that nobody uses take no place of the user's own.
func TestSignOutWithoutKeysAmongPlantedTokens(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, plant := range []bool{false, true} {
			e := newEnv(t, nil)
			set := e.server.Issue("ada")
			cookies := e.cookies("ada", set)
			all := cookies
			if plant {
				var planted []string
				for i := range 4 {
					planted = append(planted, fmt.Sprintf("%s=%s", e.prefixed(fmt.Sprintf("u%d.accessToken", i)), forge(set.ID, i)))
				}
				all = append(planted, cookies...)
			}
			e.failOnly(opKeys, down)
			_, err := e.end(pageRequest(all...))
			e.recover()
			time.Sleep(time.Minute)
			e.advance(time.Minute)
			if s, _, err2 := e.fetch(pageRequest(cookies[:3]...)); !errors.Is(err2, session.ErrSignedOut) {
				t.Errorf("planted %v, End: %v; copies of the cookies: %v, %v", plant, err, s, err2)
			}
		}
	})
}

// TestSignOutOfATokenWithANewKey: the key of a token may not be known yet, and be known a
// little later. Then the token is refused.
func TestSignOutOfATokenWithANewKey(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	e.fetch(pageRequest(e.cookies("bob", e.server.Issue("bob"))...)) // has the old keys
	e.server.AddKeys()
	e.advance(time.Minute)
	// Anybody makes the process fetch the key set.
	junk := e.server.Issue("bob", func(d *cognitotest.Draft) { d.Header["kid"] = "junk" })
	e.fetch(pageRequest(e.cookies("bob", junk)...))
	e.server.RotateKeys()
	set := e.server.Issue("ada")
	r := pageRequest(e.cookies("ada", set)...)
	e.advance(time.Second)
	e.end(r)
	e.advance(11 * time.Second)
	if s, _, err := e.fetch(pageRequest(e.cookies("ada", withoutRefresh(set))...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("copies of the cookies: %v, %v", s, err)
	}
}

// TestSignOutBesideAnotherSession: somebody else's newer session, and refresh tokens that mean
// nothing, do not keep the user's own from being revoked.
func TestSignOutBesideAnotherSession(t *testing.T) {
	t.Parallel()
	for _, plant := range []bool{false, true} {
		e := newEnv(t, nil)
		own := e.server.Issue("ada")
		e.advance(time.Minute)
		cookies := e.cookies("ada", own)
		if plant {
			planted := e.cookies("bob", e.server.Issue("bob"))
			for i := range 3 {
				planted = append(planted, fmt.Sprintf("%s=junk%d", e.prefixed("x.refreshToken"), i))
			}
			cookies = append(planted, cookies...)
		}
		_, err := e.end(pageRequest(cookies...))
		if !e.isRevoked(own.Refresh) {
			t.Errorf("planted %v: her refresh token is not revoked; End: %v", plant, err)
		}
	}
}

// TestSignOutOfExpiredBesideAnotherSession is the same for an expired session.
func TestSignOutOfExpiredBesideAnotherSession(t *testing.T) {
	t.Parallel()
	for _, plant := range []bool{false, true} {
		e := newEnv(t, nil)
		own := e.server.Issue("ada")
		e.advance(2 * time.Hour)
		cookies := e.cookies("ada", own)
		if plant {
			planted := e.cookies("bob", e.server.Issue("bob"))
			for i := range 3 {
				planted = append(planted, fmt.Sprintf("%s=junk%d", e.prefixed("x.refreshToken"), i))
			}
			cookies = append(planted, cookies...)
		}
		_, err := e.end(pageRequest(cookies...))
		e.advance(3 * time.Minute)
		if s, _, err2 := e.fetch(pageRequest(e.cookies("ada", own)...)); err2 == nil {
			t.Errorf("planted %v, End: %v; three minutes later %v", plant, err, s)
		}
	}
}

// TestSignOutWithoutRevocationAmongPlantedTokens: without token revocation the refresh token
// goes on at Cognito. This process refuses what it brings.
func TestSignOutWithoutRevocationAmongPlantedTokens(t *testing.T) {
	t.Parallel()
	for _, plant := range []bool{false, true} {
		e := newEnv(t, nil)
		e.server.SetTokenRevocation(false)
		cookies := e.cookies("ada", e.server.Issue("ada"))
		all := cookies
		if plant {
			all = append([]string{e.prefixed("ada.refreshToken=junk")}, cookies...)
		}
		e.advance(2 * time.Hour)
		_, err := e.end(pageRequest(all...))
		e.advance(5 * time.Minute)
		if s, _, err2 := e.fetch(pageRequest(cookies...)); err2 == nil {
			t.Errorf("planted %v, End: %v; five minutes later: %v", plant, err, s)
		}
	}
}

// TestSignOutHasRoomForTheOwnCookies plants names whose deletions would take all the room that
// an answer has for deletions.
func TestSignOutHasRoomForTheOwnCookies(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	b := newBrowser()
	set := e.server.Issue("ada")
	b.setSession(e, "ada", set)
	plantAt := func(path, pair string) {
		b.setCookie("https://evil.example.com"+path, pair+"; Domain=example.com; Secure; Path="+path)
	}
	for i, n := range []int{1290, 250, 110, 40, 1, 2} {
		path := []string{"/dashboard/reports/today", "/dashboard/reports/", "/dashboard/reports", "/dashboard/", "/dashboard", "/"}[i]
		plantAt(path, e.prefixed("LastAuthUser=")+strings.Repeat("(", n))
		plantAt(path, e.prefixed(strings.Repeat("%28", n)+".refreshToken=x"))
	}
	r := pageRequest(b.cookiesFor(plantedPage)...)
	r.URL.Path = "/dashboard/reports/today"
	w := httptest.NewRecorder()
	e.manager.End(w, r)
	for _, line := range w.Header()["Set-Cookie"] {
		b.setCookie(plantedPage, line)
	}
	for _, pair := range b.cookiesFor(site) {
		if strings.Contains(pair, ".ada.") {
			t.Errorf("after her sign-out the browser has %.100s", pair)
		}
	}
	// The sibling names her again; another replica serves the next user of this browser.
	plantAt("/", e.prefixed("LastAuthUser=ada"))
	if s, err := e.newManager(nil).Fetch(httptest.NewRecorder(), pageRequest(b.cookiesFor(site)...), nil); err == nil {
		t.Errorf("another replica serves %s after the sign-out", s.User().Username)
	}
}
