package session_test

import (
	"io"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
)

// knowNewKeys makes the process fetch the key set.
func (e *env) knowNewKeys() {
	e.t.Helper()
	e.advance(11 * time.Second)
	fresh := e.server.Issue("bob")
	if _, _, err := e.fetch(pageRequest(e.cookies("bob", fresh)...)); err != nil {
		e.t.Fatal(err)
	}
}

// TestKeptResultOfARemovedKey: ada has used up her successful refreshes, and the
// user pool's keys are replaced, because they are stolen, say. The kept result is served.
func TestKeptResultOfARemovedKey(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	own := e.server.Issue("ada", cognitotest.Expired)
	for range 21 {
		e.fetchWith(pageRequest(e.cookies("ada", own)...), forced)
	}
	e.server.RotateKeys()
	e.knowNewKeys()
	s, _, err := e.fetch(pageRequest(e.cookies("ada", own)...))
	if err == nil {
		again := []string{e.prefixed("LastAuthUser=ada"), e.prefixed("ada.accessToken=") + s.AccessToken().Raw()}
		_, _, err := e.fetch(pageRequest(again...))
		t.Errorf("served a session of a removed key; shown again, it is: %v", err)
	}
}

// TestAliasWithRetiredKey: ada signs in by her verified e-mail address. The keys are
// replaced, and this process knows the old ones. A valid access token of mallory's is
// planted.
func TestAliasWithRetiredKey(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	user := cognitotest.User{Username: "0aa1", Attributes: map[string]string{"email": "ada@example.com", "email_verified": "true"}}
	for _, expired := range []bool{false, true} {
		e := newEnv(t, nil, user, bob)
		own := e.server.Issue("0aa1")
		p := func(slot string) string { return e.prefixed("ada%40example.com." + slot + "=") }
		cookies := []string{
			e.prefixed("LastAuthUser=ada%40example.com"),
			p("accessToken") + own.Access, p("idToken") + own.ID, p("refreshToken") + own.Refresh,
		}
		first, _, err := e.fetch(pageRequest(cookies...))
		if err != nil {
			t.Fatal(err)
		}
		e.server.RotateKeys()
		e.knowNewKeys()
		if expired {
			e.advance(2 * time.Hour)
			e.knowNewKeys()
		}
		mallory := e.server.Issue("bob")
		broken := e.cookies("bob", mallory)
		broken[2] = e.prefixed("bob.idToken=broken")
		e.fetch(scriptRequest(broken...)) // mallory uses up the repair that would unveil it
		s, _, err := e.fetch(pageRequest(append(cookies, p("accessToken")+mallory.Access)...))
		if err != nil || s.User().ID != first.User().ID {
			t.Errorf("expired %v: served %v, %v, want ada's", expired, s, err)
		}
	}
}

// TestKeyThatComesBack: Cognito's key set is served from two places, of which one is
// old for a while. ada's token is new; she has no refresh token. It is valid all the time.
func TestKeyThatComesBack(t *testing.T) {
	t.Parallel()
	for _, plant := range []bool{false, true} {
		e := newEnv(t, nil)
		jwks := func() string {
			resp, err := e.server.Client().Get(e.server.UserPool().IssuerURL() + "/.well-known/jwks.json")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, _ := io.ReadAll(resp.Body)
			return string(text)
		}
		unknown := e.server.Issue("bob", func(d *cognitotest.Draft) { d.Header["kid"] = "unknown" })
		oldKeys := jwks()
		e.server.AddKeys()
		bobs, own := e.server.Issue("bob"), e.server.Issue("ada")
		cookies := without("refreshToken", e.cookies("ada", own))
		if plant {
			cookies = append(cookies, e.prefixed("ada.accessToken=")+"x.y.z")
		}
		fetchKeys := func() {
			e.advance(11 * time.Second)
			e.fetch(scriptRequest(e.prefixed("LastAuthUser=bob"), e.prefixed("bob.accessToken=")+unknown.Access))
		}
		if _, _, err := e.fetch(pageRequest(e.cookies("bob", bobs)...)); err != nil { // the new key is known
			t.Fatal(err)
		}
		e.failOnly(opKeys, cognitotest.Fault{Status: 200, Body: oldKeys})
		fetchKeys()
		_, _, err := e.fetch(pageRequest(cookies...))
		t.Logf("planted %v, old key set: %v", plant, err)
		e.recover()
		fetchKeys()
		if _, _, err := e.fetch(pageRequest(e.cookies("bob", bobs)...)); err != nil {
			t.Fatal(err)
		}
		if s, _, err := e.fetch(pageRequest(cookies...)); err != nil {
			t.Errorf("planted %v: the key is back, and ada's valid token is refused: %v, %v", plant, s, err)
		}
		e.advance(9 * time.Minute)
		if s, _, err := e.fetch(pageRequest(cookies...)); err != nil {
			t.Errorf("planted %v, nine minutes later: %v, %v", plant, s, err)
		}
	}
}
