package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestStartReplaces leaves nothing of an earlier session, whoever's it was.
func TestStartReplaces(t *testing.T) {
	p := open(t, nil)
	pairs := append(p.cookies("bob", p.pool.Issue("bob")), p.key("bob.clockDrift")+"=1", p.key("carol.refreshToken")+"=x",
		p.key("ada.signInDetails")+"={}", p.key("ada.deviceKey")+"=d", p.key("a%zz.accessToken")+"=x", p.key("ada.idToken")+"=old")
	w := httptest.NewRecorder()
	set := p.pool.Issue("ada")
	set.ID = ""
	s, err := p.m.Start(w, page(pairs...), set)
	if err != nil || s.User().Username != "ada" || s.IDToken() != nil {
		t.Fatal(s, err)
	}
	want := map[string]string{"LastAuthUser": "set", "ada.accessToken": "set", "ada.refreshToken": "set", "ada.idToken": "cleared", "ada.signInDetails": "cleared",
		"bob.accessToken": "cleared", "bob.idToken": "cleared", "bob.refreshToken": "cleared", "bob.clockDrift": "cleared", "carol.refreshToken": "cleared", "a%zz.accessToken": "cleared"}
	if got := p.changes(w.Header()["Set-Cookie"]); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestStartRefuses believes nothing unverified, and then writes nothing.
func TestStartRefuses(t *testing.T) {
	p := open(t, nil)
	ada, bob := p.pool.Issue("ada"), p.pool.Issue("bob")
	client := p.pool.AddClient("otherclient", "").Issue("ada")
	for name, test := range map[string]struct {
		set  *tokens.Set
		want error
	}{
		"nothing":           {&tokens.Set{}, tokens.Malformed},
		"forged":            {&tokens.Set{Access: forge(ada.Access, 1)}, tokens.BadSignature},
		"ID as access":      {&tokens.Set{Access: ada.ID}, tokens.BadUse},
		"another client's":  {client, tokens.BadClient},
		"forged ID":         {&tokens.Set{Access: ada.Access, ID: forge(ada.ID, 1)}, tokens.BadSignature},
		"two users'":        {&tokens.Set{Access: ada.Access, ID: bob.ID}, nil},
		"a clock is wrong":  {p.pool.Issue("ada", cognitotest.Expired), tokens.ErrUnavailable},
		"not an user's":     {p.pool.Issue("ada", func(d *cognitotest.Draft) { delete(d.Claims, "username") }), nil},
		"a key too new yet": {p.pool.Issue("ada", func(d *cognitotest.Draft) { d.Header["kid"] = "new" }), tokens.ErrUnavailable},
	} {
		w := httptest.NewRecorder()
		s, err := p.m.Start(w, page(), test.set)
		note(err)
		if s != nil || err == nil || test.want != nil && !errors.Is(err, test.want) || len(w.Header()) > 0 {
			t.Errorf("%s: %v, %v, %v", name, s, err, w.Header())
		}
	}
}
