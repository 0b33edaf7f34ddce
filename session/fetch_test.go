package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestUnverifiedCookiesAreNoSession puts garbage into every cookie of a request.
func TestUnverifiedCookiesAreNoSession(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.Bearer = true })
	set := e.server.Issue("ada")
	other := newEnv(t, nil).server.Issue("ada") // of another user pool
	for kind, g := range map[string]string{
		"empty": "", "word": "x", "true": "true", "dots": "..", "null": "null", "json": `{"sub":"ada"}`,
		"not a token": "a.b.c", "alg none": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", "forged": forge(set.Access, 1),
		"ID token": set.ID, "another user pool's": other.Access, "refresh token": set.Refresh, "percent": "%zz", "large": strings.Repeat("a", 20000),
	} {
		for _, cookies := range [][]string{
			{"LastAuthUser=ada", "ada.accessToken=" + g},
			{"LastAuthUser=ada", "ada.accessToken=" + g, "ada.idToken=" + set.ID},
			{"LastAuthUser=ada", "ada.accessToken=" + g, "ada.idToken=" + g, "ada.clockDrift=" + g, "ada.signInDetails=" + g},
			{"LastAuthUser=ada", "ada.refreshToken=refused" + fmt.Sprint(len(g))},
			{"LastAuthUser=" + g, "ada.accessToken=" + g},
			{"LastAuthUser=ada", "ada.idToken=" + set.ID},
			{"LastAuthUser=ada"},
			{"LastAuthUser=" + g, "ada.accessToken=" + set.Access},
			{"ada.accessToken=" + set.Access},
			{"LastAuthUser=bob", "ada.accessToken=" + set.Access},
			{"LastAuthUser=ada", "ADA.accessToken=" + set.Access},
			{"LastAuthUser=ada", "ada.accesstoken=" + set.Access},
			{"lastauthuser=ada", "ada.accessToken=" + set.Access},
			{"x.LastAuthUser=ada", "ada.accessToken=" + set.Access},
			{"LastAuthUser=ada", "x.ada.accessToken=" + set.Access},
			{"LastAuthUser=ada", "ada.accessToken.x=" + set.Access},
		} {
			for i := range cookies {
				cookies[i] = e.prefixed(cookies[i])
			}
			if s, _, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("%s in %.60q: %v, %v", kind, cookies, s, err)
			}
		}
		r := pageRequest(e.cookies("ada", set)...)
		r.Header.Set("Authorization", "Bearer "+g)
		if s, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%s as bearer token: %v, %v", kind, s, err)
		}
		// Nothing beside a valid access token makes it invalid.
		cookies := []string{e.prefixed("LastAuthUser=ada"), e.prefixed("ada.accessToken=") + set.Access, e.prefixed("ada.idToken=") + g,
			e.prefixed("ada.clockDrift=") + g, e.prefixed("ada.signInDetails=") + g, e.prefixed("ada.deviceKey=") + g}
		s, lines, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.User().ID == "" || len(lines) > 0 || s.IDToken() != nil && s.IDToken().Raw() != set.ID {
			t.Errorf("%s beside a valid access token: %v, %v, %v", kind, s, err, lines)
		}
	}
}

// TestSessionInContext returns the session of a request's context until it expires.
func TestSessionInContext(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	s, _, err := e.fetch(pageRequest(e.cookies("ada", e.server.Issue("ada"))...))
	if err != nil {
		t.Fatal(err)
	}
	r := pageRequest()
	r = r.WithContext(session.NewContext(r.Context(), s))
	if got, _, err := e.fetch(r); got != s || err != nil {
		t.Error(got, err)
	}
	if got, _, err := e.fetchWith(r, forced); err == nil {
		t.Errorf("%v is refreshed without cookies", got)
	}
	e.advance(2 * time.Hour)
	if got, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v has expired in the context: %v", got, err)
	}
}

// TestFetchWithoutWriter refreshes nothing.
func TestFetchWithoutWriter(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	set.ID = "broken"
	r := pageRequest(e.cookies("ada", set)...)
	if s, err := e.manager.Fetch(nil, r, nil); err != nil || s.User().Username != "ada" {
		t.Error(s, err)
	}
	// Refreshed cookies could not be written, which says nothing about the user.
	if s, err := e.manager.Fetch(nil, r, forced); s != nil || err == nil || errors.Is(err, session.ErrSignedOut) || errors.Is(err, tokens.ErrUnavailable) {
		t.Error("forced:", s, err)
	}
	e.advance(2 * time.Hour)
	if _, err := e.manager.Fetch(nil, r, nil); !errors.Is(err, session.ErrSignedOut) || !errors.Is(err, tokens.Expired) {
		t.Error(err)
	}
	if n := e.server.Calls(opRefresh); n > 0 {
		t.Errorf("%d refreshes", n)
	}
	// The one repair of the broken ID token in a minute is still allowed.
	e.advance(-2 * time.Hour)
	if s, _, err := e.fetch(r); err != nil || s.IDToken() == nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestBrokenIDTokenIsRepaired refreshes a session with a broken ID token, once a minute.
// ID and access token must name one user.
func TestBrokenIDTokenIsRepaired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // a second attempt comes at once
		for kind, id := range map[string]func(e *env, set *tokens.Set) string{
			"garbage":         func(*env, *tokens.Set) string { return "x" },
			"forged":          func(_ *env, set *tokens.Set) string { return forge(set.ID, 1) },
			"another user's":  func(e *env, _ *tokens.Set) string { return e.server.Issue("bob").ID },
			"an access token": func(_ *env, set *tokens.Set) string { return set.Access },
		} {
			e := newEnv(t, nil)
			set := e.server.Issue("ada")
			set.ID = id(e, set)
			s, lines, err := e.fetch(pageRequest(e.cookies("ada", set)...))
			if err != nil || s.User().Username != "ada" || s.IDToken() == nil || s.IDToken().Username() != "ada" || e.changes(lines)["ada.idToken"] != "set" {
				t.Errorf("%s: %v, %v", kind, s, err)
			}

			// While the repair fails, the access token alone is the session.
			set.Refresh = e.server.Issue("ada").Refresh
			e.fail(down)
			before := e.server.Calls(opRefresh)
			for range 3 {
				s, lines, err = e.fetch(pageRequest(e.cookies("ada", set)...))
				if err != nil || s.User().Username != "ada" || s.IDToken() != nil || len(lines) > 0 {
					t.Errorf("%s, not repaired: %v, %v", kind, s, err)
				}
			}
			if n := e.server.Calls(opRefresh) - before; n > 2 { // one call of two attempts
				t.Errorf("%s: %d calls", kind, n)
			}
		}
	})
}

// TestUpgradeIsNotRefreshedEarly fetches the session of an upgrade. Its answer, a 101,
// may carry no cookies, so only an expired session is refreshed.
func TestUpgradeIsNotRefreshedEarly(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada"))
	for _, test := range []struct {
		after   time.Duration
		refresh bool
	}{{time.Hour - 3*time.Second, false}, {5 * time.Second, true}} {
		e.advance(test.after)
		s, lines, err := e.fetch(upgradeRequest(cookies...))
		if err != nil || (len(lines) > 0) != test.refresh || e.server.Calls(opRefresh) > 0 != test.refresh {
			t.Errorf("after %v: %v, %v, %d lines", test.after, s, err, len(lines))
		}
		if _, ok := e.changes(lines)["LastAuthUser"]; ok && layoutName() == session.LayoutAmplify {
			t.Error("an upgrade is no page: LastAuthUser must stay")
		}
	}
	// The browser may have missed the cookies: its next request gets the same.
	if _, lines, err := e.fetch(pageRequest(cookies...)); err != nil || len(lines) == 0 && layoutName() != session.LayoutHandle || e.server.Calls(opRefresh) != 1 {
		t.Error(lines, err)
	}
}

// TestUndecidedCookiesStay lists requests without a session whose cookies are not
// cleared.
func TestUndecidedCookiesStay(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	unknown := e.server.Issue("ada", func(d *cognitotest.Draft) { d.Header["kid"] = "new" })
	early := e.server.Issue("ada", func(d *cognitotest.Draft) { d.Claims["nbf"] = e.clock().Add(time.Hour).Unix() })
	for name, test := range map[string]struct {
		cookies []string
		want    error
	}{
		"no cookies":                     {nil, session.ErrSignedOut},
		"others' cookies":                {[]string{"a=b"}, session.ErrSignedOut},
		"only LastAuthUser":              {[]string{e.prefixed("LastAuthUser=ada")}, session.ErrSignedOut},
		"unknown key, no refresh token":  {e.cookies("ada", withoutRefresh(unknown)), session.ErrSignedOut},
		"not valid yet":                  {e.cookies("ada", early), tokens.ErrUnavailable},
		"not valid yet, no other tokens": {e.cookies("ada", &tokens.Set{Access: early.Access}), tokens.ErrUnavailable},
	} {
		_, lines, err := e.fetch(pageRequest(test.cookies...))
		if !errors.Is(err, test.want) || len(lines) > 0 {
			t.Errorf("%s: %v, %v", name, err, lines)
		}
	}
}

// TestMissingAccessTokenIsRefreshed sends a refresh token without an access token. Amplify
// sees nobody there.
func TestMissingAccessTokenIsRefreshed(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set, bobs := e.server.Issue("ada"), e.server.Issue("bob")
	all := map[string][]string{
		"no access token":                  e.cookies("ada", onlyRefresh(set)),
		"an empty one":                     e.cookies("ada", &tokens.Set{ID: set.ID, Refresh: set.Refresh}),
		"only an ID token of another user": e.cookies("ada", &tokens.Set{ID: bobs.ID, Refresh: set.Refresh}),
	}
	if layoutName() == session.LayoutAmplify {
		all["none"] = []string{e.prefixed("LastAuthUser=ada"), e.prefixed("ada.refreshToken=") + set.Refresh}
		all["an ID token of another user beside her own"] = []string{e.prefixed("LastAuthUser=ada"), e.prefixed("ada.idToken=") + bobs.ID,
			e.prefixed("ada.idToken=") + set.ID, e.prefixed("ada.refreshToken=") + set.Refresh}
	}
	for name, cookies := range all {
		if s, lines, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" || e.changes(lines)["ada.accessToken"] != "set" {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	cookies := e.cookies("ada", &tokens.Set{ID: set.ID, Refresh: bobs.Refresh})
	if s, _, err := e.fetch(pageRequest(cookies...)); err == nil {
		t.Errorf("a refresh token of another user: %v", s)
	}
}

// TestAnswerIsNotCached looks at the headers of an answer to a signed-in user.
func TestAnswerIsNotCached(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	for vary, want := range map[string][]string{"": {"Cookie"}, "Accept": {"Accept", "Cookie"}, "accept, cookie": {"accept, cookie"}} {
		w := httptest.NewRecorder()
		if vary != "" {
			w.Header().Set("Vary", vary)
		}
		w.Header().Set("Cache-Control", "public, max-age=60")
		if _, err := e.manager.Fetch(w, r, nil); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.Header()["Vary"], want) || w.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("%v", w.Header())
		}
		w.Header().Add("Cache-Control", "x")
		w.Header().Add("Vary", "x")
	}
	w := httptest.NewRecorder()
	if _, err := e.manager.Fetch(w, r, nil); err != nil || len(w.Header()["Vary"]) != 1 || len(w.Header()["Cache-Control"]) != 1 {
		t.Errorf("one answer has changed another's: %v", w.Header())
	}
}
