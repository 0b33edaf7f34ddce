package session_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// prefetch returns a prefetch of a page.
func prefetch(cookies ...string) *http.Request {
	r := pageRequest(cookies...)
	r.Header.Set("Sec-Purpose", "prefetch")
	return r
}

// TestPrefetchRefreshesNothing: the user may never see the answer. If the user does, the
// browser asks again.
func TestPrefetchRefreshesNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *session.Config) { c.RefreshBefore = 10 * time.Minute })
	cookies := e.cookies("ada", e.server.Issue("ada"))
	served := func(when string) {
		t.Helper()
		s, lines, err := e.fetch(prefetch(cookies...))
		if err != nil || s.User().Username != "ada" || len(lines) > 0 {
			t.Errorf("%s: %v, %v, %v", when, s.User(), lines, err)
		}
	}
	refused := func(when string, opts *session.FetchOptions, reason error) {
		t.Helper()
		before := e.server.Calls(opRefresh)
		_, lines, err := e.fetchWith(prefetch(cookies...), opts)
		if !errors.Is(err, session.ErrSignedOut) || reason != nil && !errors.Is(err, reason) || len(lines) > 0 || e.server.Calls(opRefresh) != before {
			t.Errorf("%s: %v, %v, %d refreshes", when, err, lines, e.server.Calls(opRefresh)-before)
		}
	}
	served("valid")
	refused("forced", forced, nil)
	e.advance(55 * time.Minute)
	served("about to expire")
	if n := e.server.Calls(opRefresh); n != 0 {
		t.Errorf("%d refreshes of a valid session", n)
	}
	e.advance(time.Hour)
	refused("expired", nil, tokens.Expired)

	if s, lines, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" || len(lines) == 0 {
		t.Fatalf("the page afterwards: %v, %v", lines, err)
	}
	if layoutName() != session.LayoutHandle { // which keeps the new tokens under the same cookie
		refused("refreshed for another request", nil, tokens.Expired)
	}

	e.server.RemoveUser("ada")
	e.advance(2 * time.Hour)
	refused("the user is deleted", nil, tokens.Expired)
	if _, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) || !e.cleared(lines) {
		t.Errorf("the page of a deleted user: %v, %v", lines, err)
	}
}

// TestLastAuthUserOnPages: a refresh writes LastAuthUser again only on the answer to a
// request that is surely for a page.
func TestLastAuthUserOnPages(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	for want, all := range map[string][]http.Header{
		"":    {{"Accept": {"*/*"}}, {}, {"Sec-Fetch-Mode": {"same-origin"}}},
		"set": pageHeaders,
	} {
		for _, headers := range all {
			cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
			_, lines, err := e.fetch(requestWith(headers, cookies...))
			if got := e.changes(lines)["LastAuthUser"]; err != nil || got != want {
				t.Errorf("%v: LastAuthUser %q, want %q: %v", headers, got, want, err)
			}
		}
	}
}
