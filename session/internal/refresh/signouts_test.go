package refresh_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestSignOutsOfOneSubjectAreBounded: beyond a thousand, they end all earlier sign-ins of
// that subject, and displace nothing of others.
func TestSignOutsOfOneSubjectAreBounded(t *testing.T) {
	e := newEnv(t)
	verified := func(user string, originID string) *tokens.Token {
		raw := e.server.Issue(user, func(d *cognitotest.Draft) { d.Claims["origin_jti"] = originID }).Access
		token, err := e.verifier.Verify(t.Context(), raw, tokens.Access)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	bobs, kept := verified("bob", "bob's"), verified("ada", "kept")
	e.EndSignIns([]*tokens.Token{bobs})
	one := verified("ada", "one")
	for i := range 999 {
		e.EndText(one, fmt.Sprint("text", i))
	}
	e.EndSignIns([]*tokens.Token{one})
	if !e.IsEnded(one) || e.IsEnded(kept) {
		t.Error("a thousand sign-outs are not remembered one by one")
	}
	for i := range 40_000 { // more than all memory
		e.EndText(one, fmt.Sprint("more", i))
	}
	e.advance(time.Second)
	if !e.IsEnded(one) || !e.IsEnded(kept) || !e.IsEnded(bobs) {
		t.Errorf("ended: %v, an earlier sign-in: %v, bob's: %v", e.IsEnded(one), e.IsEnded(kept), e.IsEnded(bobs))
	}
	if later := verified("ada", "later"); e.IsEnded(later) {
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
