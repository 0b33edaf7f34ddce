package session_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestUserPoolsAndClientsAreApart has two user pools, and two app clients of one of them,
// in one program. No session, cookie or token of one counts for another.
func TestUserPoolsAndClientsAreApart(t *testing.T) {
	t.Parallel()
	acceptBearer := func(c *session.Config) { c.Bearer = true }
	web := newEnv(t, acceptBearer)
	admin := &env{t: t, layout: web.layout, server: web.server.AddClient("7adminclient", ""), logs: web.logs, now: web.now}
	admin.manager = admin.newManager(acceptBearer)
	foreign := newEnv(t, acceptBearer)
	foreign.server.SetUser(cognitotest.User{Username: "ada", Groups: []string{"root"}})
	envs := []*env{web, admin, foreign}

	for i, e := range envs {
		set := e.server.Issue("ada")
		s, _, err := e.fetch(pageRequest(e.cookies("ada", set)...))
		if err != nil {
			t.Fatal(err)
		}
		for k, other := range envs {
			if i == k {
				continue
			}
			r := pageRequest()
			r = r.WithContext(session.NewContext(r.Context(), s))
			if _, _, err := other.fetch(r); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("%d accepts the session of %d in a context: %v", k, i, err)
			}
			if _, lines, err := other.fetch(pageRequest(e.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
				t.Errorf("%d accepts the cookies of %d: %v, %v", k, i, err, lines)
			}
			if _, _, err := other.fetch(pageRequest(other.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("%d accepts the tokens of %d in its own cookies: %v", k, i, err)
			}
			r = pageRequest()
			r.Header.Set("Authorization", "Bearer "+set.Access)
			if _, _, err := other.fetch(r); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("%d accepts the bearer token of %d: %v", k, i, err)
			}
		}
	}

	// A request has the cookies of both app clients. Their guards are nested either way.
	adas, bobs := web.server.Issue("ada"), admin.server.Issue("bob")
	want := admin.cookies("bob", bobs)
	both := append(web.cookies("ada", adas), want...)
	r := pageRequest(both...)
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

	// A sign-out from one app client leaves the session of the other.
	b := newBrowser()
	for _, cookie := range both {
		b.setCookie(site, cookie+"; Path=/; Secure")
	}
	b.visit(site, func(w http.ResponseWriter, r *http.Request) { logError(web.manager.End(w, r)) })
	left := b.cookiesFor(site)
	slices.Sort(left)
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left: %.100q", left)
	}
}
