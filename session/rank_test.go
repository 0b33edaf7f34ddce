package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestRankOfPlantedTokens plants newer tokens of mallory's under the names of other users.
// Her addresses are theirs, and not verified.
func TestRankOfPlantedTokens(t *testing.T) {
	t.Parallel()
	address := map[string]string{"email": "grace@example.com", "phone_number": "+49151"}
	unverified := map[string]string{"email": "grace@example.com", "phone_number": "+49151", "email_verified": "false", "phone_number_verified": "false"}
	e := newEnv(t, nil, ada, cognitotest.User{Username: "7d55", Attributes: address}, cognitotest.User{Username: "mallory", Attributes: unverified})
	for name, username := range map[string]string{"ada": "ada", "ADA": "ada", "7d55": "7d55", "grace%40example.com": "7d55", "%2B49151": "7d55"} {
		own := e.server.Issue(username)
		e.advance(time.Minute)
		planted := e.cookies(name, e.server.Issue("mallory"))[1:]
		for _, cookies := range [][]string{slices.Concat(planted, e.cookies(name, own)), slices.Concat(e.cookies(name, own), planted)} {
			s, _, err := e.fetch(pageRequest(cookies...))
			if err != nil || s.AccessToken().Raw() != own.Access || s.IDToken() == nil || s.IDToken().Raw() != own.ID {
				t.Errorf("%s: %v, %v", name, s, err)
			}
		}
	}
}

// TestLowerRankNeverStandsIn plants a valid session of bob's among ada's cookies, under
// her name and under one that is nobody's. Hers has expired. It is hers or none.
func TestLowerRankNeverStandsIn(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, name := range []string{"ada", "somebody"} {
		e := newEnv(t, nil)
		own := e.cookies("ada", e.server.Issue("ada"))
		e.advance(2 * time.Hour)
		cookies := slices.Concat(e.cookies(name, e.server.Issue("bob")), own)
		if s, _, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" {
			t.Errorf("%s: %v, %v", name, s, err)
		}
		for op, fault := range map[string]cognitotest.Fault{"an outage": down, "another outage": {Drop: true}} {
			e.manager = e.newManager(nil)
			e.failButKeys(fault)
			if s, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
				t.Errorf("%s, %s: %v, %v, %v", name, op, s, err, e.changes(lines))
			}
		}
	}
	e := newEnv(t, nil)
	own := e.cookies("ada", e.server.Issue("ada"))
	e.advance(2 * time.Hour)
	before := e.server.Calls(opRefresh)
	e.server.SetFault(func(op string) cognitotest.Fault { // of ada's refresh token alone
		if op == opRefresh && e.server.Calls(opRefresh) == before+1 {
			return cognitotest.Fault{Status: 400, Code: "UserLambdaValidationException"}
		}
		return cognitotest.Fault{}
	})
	cookies := slices.Concat(e.cookies("somebody", e.server.Issue("bob")), own)
	if s, _, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) || e.server.Calls(opRefresh) != before+1 {
		t.Errorf("after a failure: %v, %v", s, err)
	}
	e.recover()
	own[3] = e.prefixed("ada.refreshToken=refused")
	planted := e.cookies("ada", e.server.Issue("bob"))
	if s, _, err := e.fetch(pageRequest(slices.Concat(planted[:3], own)...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("after a refusal: %v, %v", s, err)
	}
}

// TestNameThatNoTokenShows has ada signed in under an alias that is in no token. Expired
// tokens of bob's are planted under his own name, with a refused refresh token.
func TestNameThatNoTokenShows(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	bobs := e.server.Issue("bob", cognitotest.Expired)
	bobs.Refresh = "refused"
	own := e.cookies("nickname", e.server.Issue("ada"))
	cookies := slices.Concat(e.cookies("bob", bobs), own)
	for range 2 {
		if s, lines, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" || len(lines) > 0 {
			t.Errorf("%v, %v, %v", s, err, e.changes(lines))
		}
	}
	e.advance(2 * time.Hour)
	if s, lines, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" || e.value(lines, "nickname.accessToken") == "" {
		t.Errorf("expired: %v, %v, %v", s, err, e.changes(lines))
	}
}

// TestPlantedWorkingRefreshTokens plants refresh tokens of bob's that work. Each is tried
// once, and what Cognito gives for it deletes nothing.
func TestPlantedWorkingRefreshTokens(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, rotation := range []bool{false, true} {
		e := newEnv(t, nil)
		e.server.SetRotation(rotation, 0)
		cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
		for range 3 {
			cookies = append([]string{e.prefixed("ada.refreshToken=") + e.server.Issue("bob").Refresh}, cookies...)
		}
		for i := range 2 {
			s, lines, err := e.fetch(pageRequest(cookies...))
			if n := e.server.Calls(opRefresh); n != 2*(i+1) {
				t.Errorf("%d calls after request %d", n, i)
			}
			if i == 0 && (!errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0) || i == 1 && (err != nil || s.User().Username != "ada") {
				t.Errorf("request %d: %v, %v, %v", i, s, err, e.changes(lines))
			}
		}
		if rotation {
			continue
		}
		e.advance(5 * time.Minute) // no result is remembered
		if s, _, err := e.fetch(pageRequest(cookies...)); err != nil || e.server.Calls(opRefresh) != 5 {
			t.Errorf("later: %v, %v after %d calls", s, err, e.server.Calls(opRefresh))
		}
	}
}

// TestRefreshTokenOfAnotherUserAlone shows one of bob's beside ada's expired access token.
// Cognito is asked once, because with rotation each call would spend his.
func TestRefreshTokenOfAnotherUserAlone(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	cookies[3] = e.prefixed("ada.refreshToken=") + e.server.Issue("bob").Refresh
	for range 2 {
		if s, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 || e.server.Calls(opRefresh) != 1 {
			t.Errorf("%v, %v, %v after %d calls", s, err, e.changes(lines), e.server.Calls(opRefresh))
		}
		e.advance(5 * time.Minute)
	}
}

// TestRememberedResultIsNoTry plants two refused refresh tokens before one that another
// request has just refreshed.
func TestRememberedResultIsNoTry(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	e.server.SetRotation(true, 0)
	cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	if _, _, err := e.fetch(scriptRequest(cookies...)); err != nil {
		t.Fatal(err)
	}
	planted := []string{e.prefixed("ada.refreshToken=one"), e.prefixed("ada.refreshToken=two")}
	if s, _, err := e.fetch(scriptRequest(append(planted, cookies...)...)); err != nil || s.User().Username != "ada" {
		t.Errorf("%v, %v", s, err)
	}
}

// TestKnownRefreshTokenIsTriedFirst plants refresh tokens beside a session that this
// process has seen before, when it was valid or when it was begun.
func TestKnownRefreshTokenIsTriedFirst(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"seen", "begun", "refreshed"} {
		e := newEnv(t, nil)
		set := e.server.Issue("ada")
		switch how {
		case "seen":
			e.fetch(pageRequest(e.cookies("ada", set)...))
		case "begun":
			if _, err := e.manager.Start(httptest.NewRecorder(), pageRequest(), set); err != nil {
				t.Fatal(err)
			}
		case "refreshed":
			_, lines, _ := e.fetchWith(pageRequest(e.cookies("ada", set)...), forced)
			set = e.tokensOf("ada", lines)
		}
		cookies := e.cookies("ada", set)
		for i := range 8 {
			cookies = append([]string{e.prefixed("ada.refreshToken=") + fmt.Sprint("planted", i)}, cookies...)
		}
		e.advance(2 * time.Hour)
		before := e.server.Calls(opRefresh)
		if s, _, err := e.fetch(pageRequest(cookies...)); err != nil || e.server.Calls(opRefresh)-before != 1 {
			t.Errorf("%s: %v, %v, %d calls", how, s, err, e.server.Calls(opRefresh)-before)
		}
	}
}

// TestPlantedNames plants names with tokens that are refused. One check each comes before
// a second, and names do not displace each other.
func TestPlantedNames(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	var planted []string
	for i := range 12 {
		planted = append(planted, e.prefixed("LastAuthUser=")+fmt.Sprint("planted", i))
		for k := range 4 {
			planted = append(planted, e.prefixed(fmt.Sprint("planted", i, ".accessToken="))+forge(set.Access, 10*i+k))
		}
	}
	for range 2 {
		e.manager = e.newManager(nil)
		if s, lines, err := e.fetch(pageRequest(append(planted, e.cookies("ada", set)...)...)); err != nil || len(lines) > 0 {
			t.Errorf("%v, %v, %v", s, err, e.changes(lines))
		}
		e.advance(time.Minute)
	}
}

// TestBoundsClearNothing exceeds the bounds on cookies and names. What may be a session
// stays.
func TestBoundsClearNothing(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for name, n := range map[string]int{"ada.clockDrift=": 300, "LastAuthUser=": 40} {
		e := newEnv(t, nil)
		cookies := []string{e.prefixed("LastAuthUser=ada"), e.prefixed("ada.accessToken=x")}
		for i := range n {
			cookies = append(cookies, e.prefixed(name)+fmt.Sprint("planted", i))
		}
		cookies = append(cookies, e.cookies("bob", e.server.Issue("bob"))...)
		if s, lines, err := e.fetch(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Errorf("%s: %v, %v, %v", name, s, err, e.changes(lines))
		}
	}
}

// TestLongRefreshTokensAreNobodys sends a refresh token that no cookie can hold, alone and
// before ada's own.
func TestLongRefreshTokensAreNobodys(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	long := e.prefixed("ada.refreshToken=") + strings.Repeat("A", 4097)
	if _, _, err := e.fetch(pageRequest(append([]string{long}, cookies[:3]...)...)); !errors.Is(err, session.ErrSignedOut) || e.server.Calls(opRefresh) > 0 {
		t.Errorf("%v after %d calls", err, e.server.Calls(opRefresh))
	}
	if s, _, err := e.fetch(pageRequest(append([]string{long}, cookies...)...)); err != nil || e.server.Calls(opRefresh) != 1 {
		t.Errorf("%v, %v after %d calls", s, err, e.server.Calls(opRefresh))
	}
	e.end(pageRequest(append([]string{long}, cookies[:3]...)...))
	if n := e.server.Calls(opRevoke); n > 0 {
		t.Errorf("%d revocations", n)
	}
}

// TestFaultOfOneRefreshToken plants a refresh token whose parameters Cognito refuses,
// which says nothing about the session. The next one is tried all the same.
func TestFaultOfOneRefreshToken(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	cookies := e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))
	calls := 0
	e.server.SetFault(func(op string) cognitotest.Fault {
		if op != opRefresh {
			return cognitotest.Fault{}
		}
		if calls++; calls > 1 {
			return cognitotest.Fault{}
		}
		return cognitotest.Fault{Status: 400, Code: "InvalidParameterException"}
	})
	if s, _, err := e.fetch(pageRequest(append([]string{e.prefixed("ada.refreshToken=a-b")}, cookies...)...)); err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestEndedTokenBesideUndecided plants an older token of ada's that was signed out. Her own
// cannot be judged in an outage, so nothing is cleared.
func TestEndedTokenBesideUndecided(t *testing.T) {
	t.Parallel()
	for _, plant := range []bool{false, true} {
		e := newEnv(t, nil)
		ended := e.server.Issue("ada")
		e.end(pageRequest(e.cookies("ada", ended)...))
		e.server.AddKeys()
		own := e.server.Issue("ada")
		e.fail(down) // neither keys nor refreshes
		cookies := e.cookies("ada", own)
		if plant {
			cookies = append([]string{e.prefixed("ada.accessToken=") + ended.Access}, cookies...)
		}
		e.advance(11 * time.Second)
		_, lines, err := e.fetch(pageRequest(cookies...))
		if !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
			t.Errorf("planted %v, in an outage: %v; %v", plant, err, e.changes(lines))
		}
	}
}

// TestUnknownKeyBesidePlantedExpired: after the keys were replaced, ada's token cannot be
// judged. An expired token of another user does not decide whose the session is.
func TestUnknownKeyBesidePlantedExpired(t *testing.T) {
	t.Parallel()
	for _, plant := range []bool{false, true} {
		e := newEnv(t, nil)
		e.server.SetRotation(true, 0)
		own := e.server.Issue("ada")
		e.server.RotateKeys()
		mallory := e.server.Issue("bob")
		e.advance(2 * time.Hour)
		cookies := e.cookies("ada", own)
		if plant {
			cookies = append(cookies, e.prefixed("ada.accessToken=")+mallory.Access)
		}
		s, lines, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.User().Username != "ada" {
			t.Errorf("planted %v: %v, %v, %v", plant, s, err, e.changes(lines))
		}
	}
}

// TestUnknownKeyBesidePlantedEnded is the same with a token whose sign-in was ended.
func TestUnknownKeyBesidePlantedEnded(t *testing.T) {
	t.Parallel()
	for _, plant := range []bool{false, true} {
		e := newEnv(t, nil)
		own := e.server.Issue("ada")
		e.server.RotateKeys()
		e.advance(2 * time.Hour)
		mallory := e.server.Issue("bob")
		e.end(pageRequest(e.cookies("bob", mallory)...))
		cookies := e.cookies("ada", own)
		if plant {
			cookies = append(cookies, e.prefixed("ada.accessToken=")+mallory.Access)
		}
		s, lines, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.User().Username != "ada" {
			t.Errorf("planted %v: %v, %v, %v", plant, s, err, e.changes(lines))
		}
	}
}

// TestDeviceOfAPlantedToken plants a token of ada's phone, issued later. Its device key is
// not that of the session here, so a refusal clears nothing.
func TestDeviceOfAPlantedToken(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	own := e.server.Issue("ada")
	e.advance(10 * time.Minute)
	phone := e.server.Issue("ada", cognitotest.Device(adasDevice))
	e.advance(3 * time.Hour)
	cookies := append(e.cookies("ada", own), e.prefixed("ada.accessToken=")+phone.Access)
	if s, lines, err := e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != "ada" {
		t.Errorf("%v, %v, %v", s, err, e.changes(lines))
	}
	if s, _, err := e.fetch(pageRequest(cookies[:len(cookies)-1]...)); err != nil || s.User().Username != "ada" {
		t.Errorf("afterwards: %v, %v", s, err)
	}
}

// TestPlantedAccessTokenOfAnotherUser plants access tokens of bob's where ada's own is
// missing. Her ID token, or else Cognito's answer, says whose the session is.
func TestPlantedAccessTokenOfAnotherUser(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil, cognitotest.User{Username: "7d55", Attributes: map[string]string{"email": "ada@example.com", "email_verified": "true"}}, bob)
	own, expired := e.server.Issue("7d55"), e.server.Issue("bob", cognitotest.Expired, accessOnly).Access
	e.advance(time.Minute)
	valid := e.server.Issue("bob", accessOnly).Access
	unknown := e.server.Issue("7d55", accessOnly, func(d *cognitotest.Draft) { d.Header["kid"] = "new" }).Access
	for _, name := range []string{"7d55", "ada%40example.com"} {
		id := e.prefixed(name+".idToken=") + own.ID
		for what, test := range map[string]struct {
			cookies []string
			want    string
		}{
			"a valid one":                        {[]string{id, "=" + valid}, "7d55"},
			"a valid one without an ID token":    {[]string{"=" + valid}, "bob"}, // the name may be an alias of bob's
			"an expired one":                     {[]string{id, "=" + expired}, "7d55"},
			"an expired one without an ID token": {[]string{"=" + expired}, "7d55"},
			"both":                               {[]string{id, "=" + valid, "=" + expired}, "7d55"},
			"garbage too":                        {[]string{id, "=x", "=" + valid}, "7d55"},
			"hers has a key that is not known":   {[]string{id, "=" + unknown, "=" + valid}, "7d55"},
			"bob's ID token too":                 {[]string{e.prefixed(name+".idToken=") + e.server.Issue("bob").ID, id, "=" + valid}, "7d55"},
			"an expired one and bob's ID token":  {[]string{e.prefixed(name+".idToken=") + e.server.Issue("bob").ID, "=" + expired}, "7d55"},
			"an expired one and another name":    {[]string{e.prefixed("LastAuthUser=bob"), id, "=" + expired}, "7d55"},
		} {
			cookies := []string{e.prefixed("LastAuthUser=") + name, e.prefixed(name+".refreshToken=") + own.Refresh}
			for _, c := range test.cookies {
				if strings.HasPrefix(c, "=") {
					c = e.prefixed(name+".accessToken") + c
				}
				cookies = append(cookies, c)
			}
			if test.want == "7d55" && name != "7d55" && !slices.Contains(test.cookies, id) {
				continue // nothing shows that the alias is hers but Cognito's answer
			}
			e.manager = e.newManager(nil)
			s, lines, err := e.fetch(pageRequest(cookies...))
			if err != nil || s.User().Username != test.want {
				t.Errorf("%s, %s: %v, %v", name, what, s, err)
			}
			if test.want == "7d55" && e.changes(lines)[name+".accessToken"] != "set" {
				t.Errorf("%s, %s: not written: %v", name, what, e.changes(lines))
			}
		}
	}
}

// TestRefreshTokensOfOtherNamesInVain plants other users whose refresh tokens bring
// nothing. Ada opens a page every 61 seconds. Only the first one may fail.
func TestRefreshTokensOfOtherNamesInVain(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, refused := range []bool{true, false} {
		e := newEnv(t, nil, ada, bob, cognitotest.User{Username: "carl"})
		own := e.cookies("ada", e.server.Issue("ada"))
		e.advance(time.Minute)
		var planted []string
		for _, user := range []string{"bob", "carl"} {
			cookies := e.cookies(user, e.server.Issue(user)) // later, so better, than ada's
			if refused {
				cookies[3] = e.prefixed(user+".refreshToken=junk") + user
			}
			planted = append(planted, cookies...)
		}
		e.server.SetTrigger(func(username string) string {
			if username == "ada" {
				return ""
			}
			return "PreTokenGeneration failed"
		})
		e.advance(2 * time.Hour)
		for i := range 4 {
			s, lines, err := e.fetch(pageRequest(append(planted, own...)...))
			if i > 0 && (err != nil || s.User().Username != "ada") || err != nil && len(lines) > 0 {
				t.Errorf("refused %v, request %d: %v, %v, %v", refused, i, s, err, e.changes(lines))
			}
			e.advance(61 * time.Second)
		}
	}
}

// TestAliasAmongForgedIDTokens plants more ID tokens than are checked for one request, in a
// process that has seen none of them. The one that shows ada's alias is checked sometimes,
// and is enough.
func TestAliasAmongForgedIDTokens(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil, cognitotest.User{Username: "7d55", Attributes: map[string]string{"email": "ada@example.com", "email_verified": "true"}})
	own := e.server.Issue("7d55")
	name := "ada%40example.com"
	cookies := []string{e.prefixed("LastAuthUser=") + name, e.prefixed(name+".accessToken=") + own.Access, e.prefixed(name+".refreshToken=") + own.Refresh}
	for i := range 30 {
		cookies = append(cookies, e.prefixed(name+".idToken=")+forge(own.ID, i))
	}
	cookies = append(cookies, e.prefixed(name+".idToken=")+own.ID)
	served := 0
	for range 10 {
		e.manager = e.newManager(nil)
		if s, _, err := e.fetch(pageRequest(cookies...)); err == nil && s.User().Username == "7d55" {
			served++
		}
	}
	if served == 0 {
		t.Error("ada is never served")
	}
}
