package refresh_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/tokens"
)

// verified returns a verified access token of a user's sign-in.
func (e *env) verified(user, originID string) *tokens.Token {
	e.t.Helper()
	raw := e.server.Issue(user, func(d *cognitotest.Draft) { d.Claims["origin_jti"] = originID }).Access
	token, err := e.verifier.Verify(e.t.Context(), raw, tokens.Access)
	if err != nil {
		e.t.Fatal(err)
	}
	return token
}

// TestTextsOfOneSubjectAreBounded: an old token of ada's, with texts that mean nothing,
// ends no sign-in of hers and displaces nothing.
func TestTextsOfOneSubjectAreBounded(t *testing.T) {
	e := newEnv(t)
	bobs, kept, old := e.verified("bob", "bob's"), e.verified("ada", "kept"), e.verified("ada", "old")
	e.EndText(bobs, bobs.Raw())
	for i := range 66_000 { // more than all memory
		e.EndText(old, fmt.Sprint("junk", i))
	}
	if !e.IsEnded(bobs) || e.IsEnded(kept) || e.IsEnded(old) {
		t.Errorf("ended: bob's %v, ada's other sign-in %v, the old one %v", e.IsEnded(bobs), e.IsEnded(kept), e.IsEnded(old))
	}
	if !e.IsTextEnded("junk0") || e.IsTextEnded("junk65999") {
		t.Error("not the first texts are remembered")
	}
	e.EndTextBeside(old, "known")
	e.EndText(kept, "of another sign-in")
	if !e.IsTextEnded("known") || !e.IsTextEnded("of another sign-in") {
		t.Error("her own sign-outs are forgotten")
	}
	e.EndSignIns([]*tokens.Token{kept})
	if !e.IsEnded(kept) {
		t.Error("texts keep a sign-in from being ended")
	}
}

// TestBoundOfOneSubjectIsOfOneDay: a user who signs out often, for weeks, ends nothing else.
func TestBoundOfOneSubjectIsOfOneDay(t *testing.T) {
	e := newEnv(t)
	old := e.verified("ada", "old")
	for day := range 3 {
		for i := range 60 {
			e.EndText(old, fmt.Sprint("day", day, " ", i))
		}
		if last := fmt.Sprint("day", day, " 59"); !e.IsTextEnded(last) {
			t.Errorf("%s is not remembered", last)
		}
		e.advance(12 * time.Hour)
		e.EndText(old, fmt.Sprint("noon", day)) // the user is never away for a day
		e.advance(12 * time.Hour)
	}
}

// TestSignInsOfOneSubjectAreBounded: beyond a thousand sign-outs, all earlier sign-ins of
// the subject are ended. Nothing of others is displaced.
func TestSignInsOfOneSubjectAreBounded(t *testing.T) {
	longtest.Only(t)
	e := newEnv(t)
	bobs, kept := e.verified("bob", "bob's"), e.verified("ada", "kept")
	e.EndSignIns([]*tokens.Token{bobs})
	for i := range 1000 {
		e.EndSignIns([]*tokens.Token{e.verified("ada", fmt.Sprint("sign-in", i))})
	}
	if e.IsEnded(kept) {
		t.Error("a thousand sign-outs are not remembered one by one")
	}
	e.EndSignIns([]*tokens.Token{e.verified("ada", "one more")})
	e.advance(time.Second)
	if !e.IsEnded(kept) || !e.IsEnded(bobs) {
		t.Errorf("ended: an earlier sign-in %v, bob's %v", e.IsEnded(kept), e.IsEnded(bobs))
	}
	if e.IsEnded(e.verified("ada", "later")) {
		t.Error("a later sign-in is ended")
	}
}

// TestUnverifiedTextsDisplaceNothing floods the memory with texts that anybody can send.
func TestUnverifiedTextsDisplaceNothing(t *testing.T) {
	e := newEnv(t)
	got := e.mustRefresh("a")
	e.EndSignIns([]*tokens.Token{got.Access})
	other := e.mustRefresh("b")
	e.EndText(other.Access, other.Access.Raw())
	third := e.mustRefresh("c")
	for i := range 20_000 {
		e.EndUnverified([]string{fmt.Sprint("junk", i)})
	}
	e.EndUnverified([]string{third.Access.Raw()})
	for name, token := range map[string]*tokens.Token{"a sign-in": got.Access, "a text": other.Access, "an unverified text": third.Access} {
		if !e.IsEnded(token) {
			t.Errorf("%s is forgotten", name)
		}
	}
	e.advance(10 * time.Minute)
	if e.IsEnded(third.Access) || !e.IsEnded(other.Access) {
		t.Error("an unverified text is remembered for longer than ten minutes, or a verified one not")
	}
}

// TestUntrustedResultIsNoResult: the key of a kept result has left the key set.
func TestUntrustedResultIsNoResult(t *testing.T) {
	e := newEnv(t)
	first := e.mustRefresh("a")
	e.untrusted = first.Access.Raw()
	second := e.mustRefresh("a")
	if second.Access.Raw() == first.Access.Raw() || strings.Join(e.exchanged, " ") != "a a'" {
		t.Errorf("calls with %q", e.exchanged)
	}
	if third := e.mustRefresh("a"); third.Access.Raw() != second.Access.Raw() {
		t.Error("the second result is not kept")
	}
}
