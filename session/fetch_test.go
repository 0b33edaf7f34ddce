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
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestPresenceIsNotValidity puts garbage into every slot of a request.
func TestPresenceIsNotValidity(t *testing.T) {
	p := open(t, func(c *session.Config) { c.Bearer = true })
	set := p.pool.Issue("ada")
	other := open(t, nil).pool.Issue("ada") // another pool's
	garbage := map[string]string{"empty": "", "word": "x", "true": "true", "dots": "..", "null": "null", "json": `{"sub":"ada"}`,
		"not a token": "a.b.c", "alg none": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", "forged": forge(set.Access, 1),
		"the ID token": set.ID, "another pool's": other.Access, "the refresh token": set.Refresh, "percent": "%zz", "large": strings.Repeat("a", 20000)}
	for kind, g := range garbage {
		for _, slots := range [][]string{
			{"LastAuthUser=ada", "ada.accessToken=" + g},
			{"LastAuthUser=ada", "ada.accessToken=" + g, "ada.idToken=" + set.ID},
			{"LastAuthUser=ada", "ada.accessToken=" + g, "ada.idToken=" + g, "ada.clockDrift=" + g, "ada.signInDetails=" + g},
			{"LastAuthUser=ada", "ada.refreshToken=dead" + fmt.Sprint(len(g))},
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
			for i := range slots {
				slots[i] = p.key(slots[i])
			}
			if s, _, err := p.fetch(page(slots...)); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("%s in %.60q: %v, %v", kind, slots, s, err)
			}
		}
		r := page(p.cookies("ada", set)...)
		r.Header.Set("Authorization", "Bearer "+g)
		if s, _, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%s as bearer token: %v, %v", kind, s, err)
		}
		// A bad ID token, drift or details never make a good access token bad.
		pairs := []string{p.key("LastAuthUser=ada"), p.key("ada.accessToken=") + set.Access, p.key("ada.idToken=") + g,
			p.key("ada.clockDrift=") + g, p.key("ada.signInDetails=") + g, p.key("ada.deviceKey=") + g}
		s, lines, err := p.fetch(page(pairs...))
		if err != nil || s.User().ID == "" || len(lines) > 0 || s.IDToken() != nil && s.IDToken().Raw() != set.ID {
			t.Errorf("%s beside a good access token: %v, %v, %v", kind, s, err, lines)
		}
	}
	if s, ok := session.FromContext(session.NewContext(context.Background(), nil)); ok || s != nil {
		t.Error("a nil session in a context is one")
	}
	for _, s := range []*session.Session{nil, new(session.Session)} {
		if s.User() != (session.User{}) || s.AccessToken() != nil || s.IDToken() != nil || s.InGroup("") || !s.ExpiresAt().IsZero() || s.HasScope("x") {
			t.Errorf("%v is somebody", s)
		}
		if _, err := p.m.UserAttributes(t.Context(), s); !errors.Is(err, session.ErrSignedOut) {
			t.Error(err)
		}
		r := page()
		if got, _, err := p.fetch(r.WithContext(session.NewContext(r.Context(), s))); err == nil {
			t.Errorf("%v in a context is taken for %v", s, got)
		}
	}
}

// TestPoolsAreNothingToEachOther has two pools, and two app clients of one pool.
func TestPoolsAreNothingToEachOther(t *testing.T) {
	web := open(t, func(c *session.Config) { c.Bearer = true })
	admin := &place{t: t, pool: web.pool.AddClient("7adminclient", ""), logs: web.logs, now: web.now}
	foreign := open(t, func(c *session.Config) { c.Bearer = true })
	foreign.pool.SetUser(cognitotest.User{Username: "ada", Groups: []string{"root"}})
	admin.m = admin.manager(func(c *session.Config) { c.Bearer = true })
	places := []*place{web, admin, foreign}

	for i, p := range places {
		set := p.pool.Issue("ada")
		s, _, err := p.fetch(page(p.cookies("ada", set)...))
		if err != nil {
			t.Fatal(err)
		}
		for k, q := range places {
			if i == k {
				continue
			}
			// The session in the context of the other's guard.
			r := page()
			r = r.WithContext(session.NewContext(r.Context(), s))
			if _, _, err := q.fetch(r); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("place %d takes the session of place %d: %v", k, i, err)
			}
			// Its cookies, and its tokens under the other's names.
			if _, lines, err := q.fetch(page(p.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("place %d reads the cookies of place %d: %v, %v", k, i, err, lines)
			}
			if _, _, err := q.fetch(page(q.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("place %d reads the tokens of place %d: %v", k, i, err)
			}
			r = page()
			r.Header.Set("Authorization", "Bearer "+set.Access)
			if _, _, err := q.fetch(r); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("place %d takes the bearer token of place %d: %v", k, i, err)
			}
		}
	}

	// Both clients' cookies in one request, nested either way.
	ada, bob := web.pool.Issue("ada"), admin.pool.Issue("bob")
	both := append(web.cookies("ada", ada), admin.cookies("bob", bob)...)
	r := page(both...)
	outer, _, err := web.fetch(r)
	if err != nil || outer.User().Username != "ada" || !outer.InGroup("admins") {
		t.Fatal(outer, err)
	}
	inner, _, err := admin.fetch(r.WithContext(session.NewContext(r.Context(), outer)))
	if err != nil || inner.User().Username != "bob" || inner.InGroup("admins") {
		t.Fatal(inner, err)
	}
	if again, _, err := web.fetch(r.WithContext(session.NewContext(r.Context(), inner))); err != nil || again.User().Username != "ada" {
		t.Error(again, err)
	}
	// One signs out, the other stays.
	b := newBrowser()
	for _, pair := range both {
		b.plant("https://app.example.com/", pair+"; Path=/; Secure")
	}
	b.visit("https://app.example.com/", func(w http.ResponseWriter, r *http.Request) { note(web.m.End(w, r)) })
	left := b.pairs("https://app.example.com/")
	slices.Sort(left)
	want := admin.cookies("bob", bob)
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left: %.100q", left)
	}
}

// TestSessionInTheContext is returned as it is, as long as it is one.
func TestSessionInTheContext(t *testing.T) {
	p := open(t, nil)
	s, _, err := p.fetch(page(p.cookies("ada", p.pool.Issue("ada"))...))
	if err != nil {
		t.Fatal(err)
	}
	r := page()
	r = r.WithContext(session.NewContext(r.Context(), s))
	if got, _, err := p.fetch(r); got != s || err != nil {
		t.Error(got, err)
	}
	if got, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); err == nil {
		t.Errorf("%v is refreshed without cookies", got)
	}
	p.wait(2 * time.Hour)
	if got, _, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v has expired in the context: %v", got, err)
	}
}

// TestOnlyReading has no ResponseWriter: nothing is refreshed.
func TestOnlyReading(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	set.ID = "broken"
	r := page(p.cookies("ada", set)...)
	if s, err := p.m.Fetch(nil, r, nil); err != nil || s.User().Username != "ada" {
		t.Error(s, err)
	}
	// There is nothing to write refreshed cookies to, which says nothing about the user.
	if s, err := p.m.Fetch(nil, r, &session.FetchOptions{ForceRefresh: true}); s != nil || err == nil ||
		errors.Is(err, session.ErrSignedOut) || errors.Is(err, tokens.ErrUnavailable) {
		t.Error("forced:", s, err)
	}
	p.wait(2 * time.Hour)
	if _, err := p.m.Fetch(nil, r, nil); !errors.Is(err, session.ErrSignedOut) || !errors.Is(err, tokens.Expired) {
		t.Error(err)
	}
	if n := p.pool.Calls("GetTokensFromRefreshToken"); n > 0 {
		t.Errorf("%d refreshes", n)
	}
	// Having only read has not used up the one repair of the broken ID token.
	p.wait(-2 * time.Hour)
	if s, _, err := p.fetch(r); err != nil || s.IDToken() == nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestBrokenIDToken is repaired by one refresh a minute (W31, W3).
func TestBrokenIDToken(t *testing.T) {
	for kind, id := range map[string]func(p *place, set *tokens.Set) string{
		"garbage":         func(*place, *tokens.Set) string { return "x" },
		"forged":          func(_ *place, set *tokens.Set) string { return forge(set.ID, 1) },
		"another user's":  func(p *place, _ *tokens.Set) string { return p.pool.Issue("bob").ID },
		"an access token": func(_ *place, set *tokens.Set) string { return set.Access },
	} {
		p := open(t, nil)
		set := p.pool.Issue("ada")
		set.ID = id(p, set)
		s, lines, err := p.fetch(page(p.cookies("ada", set)...))
		if err != nil || s.User().Username != "ada" || s.IDToken() == nil || s.IDToken().Username() != "ada" || p.changes(lines)["ada.idToken"] != "set" {
			t.Errorf("%s: %v, %v", kind, s, err)
		}

		// While it cannot be repaired, the access token serves alone.
		set.Refresh = p.pool.Issue("ada").Refresh
		p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
		before := p.pool.Calls("GetTokensFromRefreshToken")
		for range 3 {
			s, lines, err = p.fetch(page(p.cookies("ada", set)...))
			if err != nil || s.User().Username != "ada" || s.IDToken() != nil || len(lines) > 0 {
				t.Errorf("%s, not repaired: %v, %v", kind, s, err)
			}
		}
		if n := p.pool.Calls("GetTokensFromRefreshToken") - before; n > 2 { // one call of two attempts
			t.Errorf("%s: %d calls", kind, n)
		}
	}
}

// TestUpgrade does not refresh proactively what an answer of 101 could not carry.
func TestUpgrade(t *testing.T) {
	p := open(t, nil)
	pairs := p.cookies("ada", p.pool.Issue("ada"))
	for _, test := range []struct {
		after   time.Duration
		refresh bool
	}{{time.Hour - 3*time.Second, false}, {5 * time.Second, true}} {
		p.wait(test.after)
		r := page(pairs...)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		s, lines, err := p.fetch(r)
		if err != nil || (len(lines) > 0) != test.refresh || p.pool.Calls("GetTokensFromRefreshToken") > 0 != test.refresh {
			t.Errorf("after %v: %v, %v, %d lines", test.after, s, err, len(lines))
		}
		if _, ok := p.changes(lines)["LastAuthUser"]; ok {
			t.Error("an upgrade is no page: LastAuthUser is left alone")
		}
	}
	// The browser may not have got the cookies: its next request gets the same.
	if _, lines, err := p.fetch(page(pairs...)); err != nil || len(lines) == 0 || p.pool.Calls("GetTokensFromRefreshToken") != 1 {
		t.Error(lines, err)
	}
}

// TestKeptCookies lists the endings that are not for good.
func TestKeptCookies(t *testing.T) {
	p := open(t, nil)
	unknown := p.pool.Issue("ada", func(d *cognitotest.Draft) { d.Header["kid"] = "new" })
	unknown.Refresh = ""
	early := p.pool.Issue("ada", func(d *cognitotest.Draft) { d.Claims["nbf"] = p.time().Add(time.Hour).Unix() })
	for name, test := range map[string]struct {
		pairs []string
		want  error
	}{
		"no cookies":               {nil, session.ErrSignedOut},
		"only others":              {[]string{"a=b"}, session.ErrSignedOut},
		"only LastAuthUser":        {[]string{p.key("LastAuthUser=ada")}, session.ErrSignedOut},
		"unknown key, no refresh":  {p.cookies("ada", unknown)[:3], session.ErrSignedOut},
		"not valid yet":            {p.cookies("ada", early), tokens.ErrUnavailable},
		"not valid yet, no others": {p.cookies("ada", early)[:2], tokens.ErrUnavailable},
	} {
		_, lines, err := p.fetch(page(test.pairs...))
		if !errors.Is(err, test.want) || len(lines) > 0 {
			t.Errorf("%s: %v, %v", name, err, lines)
		}
	}
}

// TestMissingAccessToken gets one by a refresh (W5).
func TestMissingAccessToken(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	for name, pairs := range map[string][]string{
		"no access token": {p.key("LastAuthUser=ada"), p.key("ada.refreshToken=") + set.Refresh},
		"an empty one":    {p.key("LastAuthUser=ada"), p.key("ada.accessToken="), p.key("ada.idToken=") + set.ID, p.key("ada.refreshToken=") + set.Refresh},
		"an ID token of another user beside her own": {p.key("LastAuthUser=ada"), p.key("ada.idToken=") + p.pool.Issue("bob").ID,
			p.key("ada.idToken=") + set.ID, p.key("ada.refreshToken=") + set.Refresh},
	} {
		if s, lines, err := p.fetch(page(pairs...)); err != nil || s.User().Username != "ada" || p.changes(lines)["ada.accessToken"] != "set" {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	pairs := []string{p.key("LastAuthUser=ada"), p.key("ada.idToken=") + p.pool.Issue("bob").ID, p.key("ada.refreshToken=") + set.Refresh}
	if s, _, err := p.fetch(page(pairs...)); err == nil {
		t.Errorf("an ID token of another user: %v", s)
	}
}

// TestForgedRefresh has the endpoint answer with tokens that are not ada's.
func TestForgedRefresh(t *testing.T) {
	p := open(t, nil)
	pairs := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
	forged, bob := p.pool.Issue("ada"), p.pool.Issue("bob")
	for name, answer := range map[string]string{
		"forged access":    fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q}}`, forge(forged.Access, 1)),
		"forged ID":        fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q,"IdToken":%q}}`, forged.Access, forge(forged.ID, 1)),
		"two users'":       fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q,"IdToken":%q}}`, forged.Access, bob.ID),
		"ID as access":     fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q}}`, forged.ID),
		"no access token":  `{"AuthenticationResult":{}}`,
		"no result at all": `{}`,
	} {
		p.m = p.manager(nil)
		p.pool.SetFault(func(op string) cognitotest.Fault {
			if op == "JWKS" {
				return cognitotest.Fault{}
			}
			return cognitotest.Fault{Status: 200, Body: answer}
		})
		if s, lines, err := p.fetch(page(pairs...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Errorf("%s: %v, %v, %d lines", name, s, err, len(lines))
		}
	}
	p.m = p.manager(nil)
	p.pool.SetFault(func(op string) cognitotest.Fault {
		if op == "JWKS" {
			return cognitotest.Fault{}
		}
		return cognitotest.Fault{Status: 200, Body: fmt.Sprintf(`{"AuthenticationResult":{"AccessToken":%q,"IdToken":%q}}`, bob.Access, bob.ID)}
	})
	if s, _, err := p.fetch(page(pairs...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("another user's: %v, %v", s, err)
	}
}

// TestNotCached looks at the headers of an answer to somebody who is signed in.
func TestNotCached(t *testing.T) {
	p := open(t, nil)
	r := page(p.cookies("ada", p.pool.Issue("ada"))...)
	for vary, want := range map[string][]string{"": {"Cookie"}, "Accept": {"Accept", "Cookie"}, "accept, cookie": {"accept, cookie"}} {
		w := httptest.NewRecorder()
		if vary != "" {
			w.Header().Set("Vary", vary)
		}
		w.Header().Set("Cache-Control", "public, max-age=60")
		if _, err := p.m.Fetch(w, r, nil); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.Header()["Vary"], want) || w.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("%v", w.Header())
		}
		w.Header().Add("Cache-Control", "x")
		w.Header().Add("Vary", "x")
	}
	w := httptest.NewRecorder()
	if _, err := p.m.Fetch(w, r, nil); err != nil || len(w.Header()["Vary"]) != 1 || len(w.Header()["Cache-Control"]) != 1 {
		t.Errorf("one answer has changed another's: %v", w.Header())
	}
}
