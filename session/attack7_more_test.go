package session_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// TestEndedPageAfterSignIn: ada's page in another tab is judged after her sign-out, and
// answered after the next sign-in.
func TestEndedPageAfterSignIn(t *testing.T) {
	for _, next := range []string{"ada", "bob"} {
		p := open(t, nil)
		b := newBrowser()
		set := p.pool.Issue("ada")
		b.hold(p, "ada", set)
		pairs := p.cookies("ada", set)
		if err := p.m.End(httptest.NewRecorder(), page(pairs...)); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		_, err := p.m.Fetch(w, page(pairs...), nil) // the other tab's, sent before the sign-out
		if !errors.Is(err, session.ErrSignedOut) {
			t.Fatal(err)
		}
		fresh := p.pool.Issue(next)
		b.jar = newBrowser().jar
		b.hold(p, next, fresh)
		for _, line := range w.Header()["Set-Cookie"] {
			b.plant(site, line)
		}
		p.wait(time.Second)
		if s, _, err := p.fetch(page(b.pairs(site)...)); err != nil || s.User().Username != next {
			t.Errorf("%s is signed out: %v", next, err)
		}
	}
}
