package session_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestEndedTokensAreRefused has a late answer restore cookies that are valid but for the
// sign-out. They hold tokens of the request that signed out, or refreshed ones, cached or
// not.
func TestEndedTokensAreRefused(t *testing.T) {
	t.Parallel()
	for _, rotation := range []bool{true, false} {
		e := newEnv(t, func(c *session.Config) { c.RefreshBefore = 50 * time.Minute })
		e.server.SetRotation(rotation, time.Minute)
		first, other := e.server.Issue("ada"), e.server.Issue("ada")
		e.advance(30*time.Minute + time.Second)
		_, lines, err := e.fetch(pageRequest(e.cookies("ada", first)...)) // refreshed early
		if err != nil {
			t.Fatal(err)
		}
		second := e.tokensOf("ada", lines)
		mixed := *second
		mixed.Access = first.Access
		for _, set := range []*tokens.Set{second, other} { // both are cached
			if _, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.end(pageRequest(e.cookies("ada", first)...)); err != nil {
			t.Fatal(err)
		}
		for _, after := range []time.Duration{0, 10 * time.Minute, 19 * time.Minute} {
			e.advance(after)
			for name, set := range map[string]*tokens.Set{"first": first, "second": second, "first access token": &mixed} {
				if _, err := e.manager.Fetch(nil, pageRequest(e.cookies("ada", set)...), nil); !errors.Is(err, session.ErrSignedOut) {
					t.Errorf("after %v, %s, without a writer: %v", after, name, err)
				}
				if s, lines, err := e.fetch(scriptRequest(e.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
					t.Errorf("after %v, %s, a script: %v, %v", after, name, s, err)
				}
				// Amplify in the browser would trust these tokens for ever, so a page clears them.
				if s, lines, err := e.fetch(pageRequest(e.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) || !e.cleared(lines) {
					t.Errorf("after %v, %s, a page: %v, %v", after, name, s, err)
				}
			}
			if s, _, err := e.fetch(pageRequest(e.cookies("ada", other)...)); err != nil {
				t.Errorf("her other browser: %v, %v", s, err)
			}
		}
	}
}

// TestPlantedEndedTokenEndsNothing plants a refresh token that somebody has signed out
// with among the cookies of a session without one (Amplify's responseType "token").
func TestPlantedEndedTokenEndsNothing(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, genuine := range []bool{false, true} {
		e := newEnv(t, nil)
		planted := "anything"
		if genuine {
			planted = e.server.Issue("bob").Refresh
		}
		cookies := e.cookies("ada", e.server.Issue("ada"))[:3]
		if _, _, err := e.fetch(pageRequest(cookies...)); err != nil {
			t.Fatal(err)
		}
		e.end(pageRequest(e.prefixed("bob.refreshToken") + "=" + planted)) // needs no session
		cookies = append(cookies, e.prefixed("ada.refreshToken")+"="+planted)
		// With and without the ID token, the second is not the cached session.
		for _, cookies := range [][]string{cookies, append(cookies[:2:2], cookies[3])} {
			if _, lines, err := e.fetch(pageRequest(cookies...)); err != nil {
				t.Errorf("ada is signed out: %v, %v", err, e.changes(lines))
			}
		}
	}
}

// TestAnonymousSignOutsDisplaceNothing has anonymous sign-outs try to make the program
// forget a real one.
func TestAnonymousSignOutsDisplaceNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	e.fetch(r)
	e.end(r)
	if _, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Fatal(err)
	}
	for i := range longtest.Scale(450, 3000) { // more than 8192 refresh tokens
		var cookies []string
		for k := range 20 {
			cookies = append(cookies, fmt.Sprintf("%s=x%d.%d", e.prefixed(fmt.Sprintf("u%d.refreshToken", k)), i, k))
		}
		e.end(pageRequest(cookies...))
	}
	if _, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("after anonymous sign-outs: %v", err)
	}
}

// TestOlderCachedTokensAreEnded signs out with newer tokens of the same sign-in than the
// cached ones. Amplify has refreshed in the browser, without rotation.
func TestOlderCachedTokensAreEnded(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	r := pageRequest(e.cookies("ada", set)...)
	e.fetch(r) // cached
	e.advance(10 * time.Minute)
	client, err := tokens.NewClient(e.server.UserPool(), &tokens.Options{HTTPClient: e.server.Client(), Now: e.clock})
	if err != nil {
		t.Fatal(err)
	}
	own, err := client.Refresh(t.Context(), set.Refresh, nil)
	if err != nil {
		t.Fatal(err)
	}
	own.Refresh = set.Refresh // there is no rotation
	e.fetch(pageRequest(e.cookies("ada", own)...))
	e.end(pageRequest(e.cookies("ada", own)...))
	if _, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("cached: %v", err)
	}
}

// TestPlantedTokenRestoresNothing plants a refresh token that nobody has signed out with
// beside the ended tokens that a late answer has restored.
func TestPlantedTokenRestoresNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada"))
	e.fetch(pageRequest(cookies...))
	e.end(pageRequest(cookies...))
	if s, _, err := e.fetch(pageRequest(append(cookies, e.prefixed("ada.refreshToken=anything"))...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}

// TestSignOutWithoutAccessToken signs out with a refresh token alone. A result of it is
// remembered, and ends too.
func TestSignOutWithoutAccessToken(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	old := e.server.Issue("ada", cognitotest.Expired)
	_, lines, err := e.fetch(pageRequest(e.cookies("ada", old)...))
	if err != nil {
		t.Fatal(err)
	}
	e.end(pageRequest(e.cookies("ada", onlyRefresh(old))...))
	if s, _, err := e.fetch(pageRequest(e.cookies("ada", e.tokensOf("ada", lines))...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}

// TestSignOutDuringOutage cannot have the refresh token revoked. Hours and days later it
// still brings no session.
func TestSignOutDuringOutage(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	e.fetch(r)
	e.fail(down)
	if _, err := e.end(r); !errors.Is(err, tokens.ErrUnavailable) {
		t.Fatal(err)
	}
	e.recover()
	for _, after := range []time.Duration{0, 10 * time.Minute, 5 * time.Hour, 48 * time.Hour} {
		e.failOnly(opRevoke, down)
		e.advance(after)
		if s, lines, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) || e.value(lines, "ada.accessToken") != "" {
			t.Errorf("after %v: %v, %v", after, s, err)
		}
	}
}

// TestEndedBearerTokenIsRefused shows the access token of an ended sign-in as a bearer
// token.
func TestEndedBearerTokenIsRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.Bearer = true })
	set := e.server.Issue("ada")
	bearer := pageRequest()
	bearer.Header.Set("Authorization", "Bearer "+set.Access)
	if _, _, err := e.fetch(bearer); err != nil {
		t.Fatal(err)
	}
	e.end(pageRequest(e.cookies("ada", set)...))
	for range 2 {
		if s, _, err := e.fetch(bearer); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%v, %v", s, err)
		}
	}
	bearer.Header.Set("Authorization", "Bearer "+e.server.Issue("ada").Access)
	if _, _, err := e.fetch(bearer); err != nil {
		t.Errorf("another sign-in of hers: %v", err)
	}
}

// TestEndedTokenOfAnotherUser plants bob's refresh token among ada's cookies. His sign-in
// was ended while it could not be revoked. Cognito refuses ada's own refresh token, so
// her cookies are cleared all the same.
func TestEndedTokenOfAnotherUser(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	bobs := e.server.Issue("bob")
	e.fetch(pageRequest(e.cookies("bob", bobs)...)) // fetches the keys
	e.fail(down)
	e.end(pageRequest(e.cookies("bob", bobs)...))
	e.recover()
	e.advance(10 * time.Minute)
	set := e.server.Issue("ada", cognitotest.Expired)
	set.Refresh = "refused"
	cookies := append([]string{e.prefixed("ada.refreshToken=") + bobs.Refresh}, e.cookies("ada", set)...)
	if s, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) || !e.cleared(lines) {
		t.Errorf("%v, %v, %v", s, err, e.changes(lines))
	}
}

// TestExpiredTokenEndsNothing signs out with an expired access token of ada's, which an
// attacker may have found in a log.
func TestExpiredTokenEndsNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	old := e.server.Issue("ada")
	e.advance(2 * time.Hour)
	_, lines, err := e.fetch(pageRequest(e.cookies("ada", old)...))
	if err != nil {
		t.Fatal(err)
	}
	r := pageRequest(e.cookies("ada", e.tokensOf("ada", lines))...)
	e.fetch(r)
	e.end(scriptRequest(e.prefixed("LastAuthUser=ada"), e.prefixed("ada.accessToken=")+old.Access))
	if _, lines, err := e.fetch(r); err != nil {
		t.Errorf("ada is signed out: %v, %v", err, e.changes(lines))
	}
}

// TestSignOutWithPlantedDuplicates plants bob's access tokens before ada's, and she signs
// out. Her own sign-in ends.
func TestSignOutWithPlantedDuplicates(t *testing.T) {
	t.Parallel()
	for _, duplicates := range []int{1, 3} {
		e := newEnv(t, nil)
		own := e.cookies("ada", e.server.Issue("ada"))
		e.fetch(pageRequest(own...))
		e.advance(time.Minute)
		cookies := own
		for range duplicates {
			cookies = append([]string{e.prefixed("ada.accessToken=") + e.server.Issue("bob").Access}, cookies...)
		}
		e.end(pageRequest(cookies...))
		if s, _, err := e.fetch(pageRequest(own...)); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%d duplicates: %v, %v", duplicates, s, err)
		}
	}
}

// TestSignOutEndsSecondUser signs out with the cookies of two users. LastAuthUser names
// bob, and ada's sign-in ends too.
func TestSignOutEndsSecondUser(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	own := e.cookies("ada", e.server.Issue("ada"))
	e.fetch(pageRequest(own...))
	rest := own
	if layoutName() == session.LayoutAmplify {
		rest = own[1:] // without LastAuthUser
	}
	e.end(pageRequest(append(e.cookies("bob", e.server.Issue("bob")), rest...)...))
	if s, _, err := e.fetch(pageRequest(own...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}
