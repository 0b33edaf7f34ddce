package session_test

import (
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

// TestTakeOverHeaderSizeWithDomain signs out and in with cookies of both layouts planted in
// the Domain. The header is bounded as without TakeOver.
func TestTakeOverHeaderSizeWithDomain(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, func(c *session.Config) { c.Cookies.Domain = "eu.example.com" })
		var cookies []string
		for i := range 50 {
			cookies = append(cookies, e.prefixed(fmt.Sprintf("x%02d.accessToken=x", i)), fmt.Sprintf("__Secure-cognitogate.session.%s.1234567%02d=x", e.server.UserPool().ClientID, i))
		}
		r := navigation(cookies...)
		r.Host = "app.shop.eu.example.com"
		for name, do := range map[string]func(http.ResponseWriter) error{
			"Start": func(w http.ResponseWriter) error { _, err := e.manager.Start(w, r, e.server.Issue("ada")); return err },
			"End":   func(w http.ResponseWriter) error { return e.manager.End(w, r) },
		} {
			w := httptest.NewRecorder()
			t.Log(do(w))
			size := 0
			for _, line := range w.Header()["Set-Cookie"] {
				size += len(line) + len("Set-Cookie: \r\n")
			}
			if size > 32<<10 {
				t.Errorf("%s %s: %d bytes", layout, name, size)
			}
		}
	}
}

// TestTakeOverPlantedIsNoOutage plants a session of the attacker's in a browser without a
// session. The attacker uses its refreshes up, with requests of his own. The browser is sent
// to the sign-in page all the same, and not told of an outage.
func TestTakeOverPlantedIsNoOutage(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		bobs := e.server.Issue("bob")
		e.advance(2 * time.Hour)
		planted := e.cookies("bob", &tokens.Set{Access: bobs.Access, ID: bobs.ID, Refresh: "eyJjdHkiOi.planted"})
		outages := 0
		for minute := range 10 {
			for i := range 8 { // the attacker's
				set := &tokens.Set{Access: bobs.Access, ID: bobs.ID, Refresh: fmt.Sprintf("eyJjdHkiOi.x%d.%d", minute, i)}
				_, _, _ = fetch(e.manager, navigation(e.cookies("bob", set)...))
			}
			if _, _, err := fetch(e.manager, navigation(planted...)); errors.Is(err, tokens.ErrUnavailable) {
				outages++
			}
			e.advance(time.Minute)
		}
		if outages > 0 {
			t.Errorf("%s: in %d minutes of 10 a page of a browser without a session is an outage", layout, outages)
		}
	}
}

// TestTakeOverPlantedEndOfOwn signs out beside twenty planted sessions. An error of the own
// session's revocation is reported, and all are revoked.
func TestTakeOverPlantedEndOfOwn(t *testing.T) {
	longtest.Only(t)
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		b := newBrowser()
		b.read(b.send(navigation(), func(w http.ResponseWriter, r *http.Request) (*session.Session, error) {
			return e.manager.Start(w, r, e.server.Issue("ada"))
		}))
		var planted []string
		const n = 20
		for i := range n {
			planted = append(planted, e.cookies(fmt.Sprint("bob", i), e.server.Issue("bob"))...)
		}
		// Own revocation fails.
		e.failOnly(opRevoke, cognitotest.Fault{Status: 503})
		w := httptest.NewRecorder()
		err := e.manager.End(w, navigation(append(planted, b.cookiesFor(site)...)...))
		var api *tokens.APIError
		if !errors.As(err, &api) && !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("%s: own revocation failed: %v", layout, err)
		}
		e.recover()
		for range 3 {
			e.advance(time.Second)
			if s, _, err := fetch(e.newTakingManager(layout, nil), navigation(b.cookiesFor(site)...)); err == nil {
				t.Errorf("%s: %v", layout, s)
			}
		}
		// A sign-in and a sign-out beside planted ones: are all revoked, in one sweep?
		before := e.server.Calls(opRevoke)
		b.read(&unreadAnswer{lines: e.start(navigation(), e.server.Issue("ada"))})
		err = e.manager.End(httptest.NewRecorder(), navigation(append(planted, b.cookiesFor(site)...)...))
		if revoked := e.server.Calls(opRevoke) - before; revoked < n+1 || err != nil {
			t.Errorf("%s: %d revocations, %v", layout, revoked, err)
		}
	}
}

// TestTakeOverStripTaken takes the cookies of a session that was taken over off a request.
func TestTakeOverStripTaken(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		_, lines, err := fetch(e.manager, navigation(e.cookies("ada", e.server.Issue("ada"))...))
		if err != nil {
			t.Fatal(err)
		}
		r := e.manager.StripCookies(navigation(pairsOf(lines)...))
		if got := r.Header.Get("Cookie"); strings.Contains(got, "cognitogate.session") {
			t.Errorf("%s: %.200s", layout, got)
		}
	}
}

// TestTakeOverLeftoversOfDevices has only the cookies of a remembered device left. They are no
// session, and a sign-in says nothing about them.
func TestTakeOverLeftoversOfDevices(t *testing.T) {
	t.Parallel()
	for _, layout := range opaqueLayouts {
		e := newTakeOverEnv(t, layout, nil)
		cookies := []string{e.prefixed("ada.deviceKey=eu_1"), e.prefixed("ada.deviceGroupKey=g"), e.prefixed("ada.randomPasswordKey=p")}
		r := navigation(cookies...)
		_, _, err := fetch(e.manager, r)
		if reason := e.manager.Reason(r, err); reason != session.ReasonNoCookies {
			t.Errorf("%s: reason %s", layout, reason)
		}
		amplify := 0
		for _, line := range e.start(navigation(cookies...), e.server.Issue("ada")) {
			if strings.HasPrefix(line, "Cognito") {
				amplify++
			}
		}
		if amplify > 0 {
			t.Errorf("%s: %d lines for Amplify's cookies, of which the browser has none of a session", layout, amplify)
		}
	}
}
