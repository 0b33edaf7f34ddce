package session_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/session"
)

// TestSessionAmongManyCookies puts a session's cookies among thousands of others, in
// several header lines, as HTTP/2 sends them.
func TestSessionAmongManyCookies(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	own := e.cookies("ada", e.server.Issue("ada"))
	others := func(n int) (cookies []string) {
		for i := range n {
			cookies = append(cookies, fmt.Sprintf("other%d=%d", i, i), "CognitoIdentityServiceProvider.another.LastAuthUser=bob", "bad@name", "=", `q="x"`)
		}
		return cookies
	}
	r := pageRequest(slices.Concat(others(300), own[:len(own)/2], others(300))...)
	r.Header.Add("Cookie", strings.Join(slices.Concat(others(100), own[len(own)/2:], others(10)), ";"))
	if s, _, err := e.fetch(r); err != nil || s.User().Username != "ada" || s.IDToken() == nil {
		t.Errorf("%v, %v", s, err)
	}
}

// TestHeaderOfAMegabyte bounds the time that a Cookie header takes, the lines of its
// answer and the calls to Cognito.
func TestHeaderOfAMegabyte(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	for name, cookie := range map[string]func(i int) string{
		"users":          func(i int) string { return fmt.Sprint(e.prefixed("LastAuthUser"), "=user", i) },
		"spellings":      func(i int) string { return fmt.Sprintf("%s=x", e.prefixed(fmt.Sprintf("%%61d%%61%d.accessToken", i))) },
		"access tokens":  func(i int) string { return fmt.Sprint(e.prefixed("ada.accessToken"), "=eyJ.eyJ.", i) },
		"refresh tokens": func(i int) string { return fmt.Sprint(e.prefixed("ada.refreshToken"), "=", i) },
		"escapes":        func(i int) string { return e.prefixed(strings.Repeat("%25", 20) + ".accessToken") },
	} {
		var b strings.Builder
		b.WriteString(e.prefixed("LastAuthUser") + "=ada")
		for i := 0; b.Len() < 1<<20; i++ {
			b.WriteString("; " + cookie(i))
		}
		r := pageRequest(b.String())
		start := time.Now()
		_, lines, err := e.fetch(r)
		deletions, _ := e.end(r)
		if len(lines)+len(deletions) > 700 {
			t.Errorf("%s: %d and %d lines", name, len(lines), len(deletions))
		}
		if err == nil || time.Since(start) > 3*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(start))
		}
	}
	if n := e.server.Calls(opRefresh) + e.server.Calls(opRevoke); n > 30 { // 20 for the refresh tokens' sign-out
		t.Errorf("%d calls to Cognito", n)
	}
}

// TestUndecodableSignInDetailsAreAbsent: a planted cookie that cannot be decoded shadows
// neither the user's own nor the cache.
func TestUndecodableSignInDetailsAreAbsent(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	for _, planted := range []string{"%ff", "%zz", "%"} {
		e := newEnv(t, nil)
		details := e.prefixed("ada.signInDetails=")
		const genuine = `{%22loginId%22:%22ada%22}`
		own := e.cookies("ada", e.server.Issue("ada"))
		for _, tt := range []struct {
			loginID string
			values  []string
		}{
			{"ada", []string{genuine}},
			{"ada", []string{planted, genuine}},
			{"ada", []string{genuine, planted}},
			{"ada", []string{planted, genuine, planted}},
			{"", []string{planted}},
			{"", []string{planted, planted}},
			{"", nil},
		} {
			cookies := slices.Clone(own)
			for _, value := range tt.values {
				cookies = append(cookies, details+value)
			}
			var last *session.Session
			for i := range 3 {
				s, _, err := e.fetch(pageRequest(cookies...))
				if err != nil || s.User().UnverifiedLoginID != tt.loginID {
					t.Fatalf("%q: %+v, %v", tt.values, s.User(), err)
				}
				if i == 2 && s != last {
					t.Errorf("%q: the session is not cached", tt.values)
				}
				last = s
			}
		}
		if n, _ := e.manager.Cached(); n != 1 {
			t.Errorf("%s: %d sessions are cached", planted, n)
		}
	}
}

// TestEscapedTokensAreFoundInTheCache: the cache holds decoded tokens, and is first asked
// for the values as they were sent.
func TestEscapedTokensAreFoundInTheCache(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	access, id := e.prefixed("ada.accessToken="), e.prefixed("ada.idToken=")
	escaped := func(token string) string { return strings.ReplaceAll(token, ".", "%2E") }
	for name, tt := range map[string]struct {
		cookies []string
		id      bool
	}{
		"escaped":                         {[]string{access + escaped(set.Access), id + escaped(set.ID)}, true},
		"escaped access token":            {[]string{access + escaped(set.Access), id + set.ID}, true},
		"planted before":                  {[]string{access + "%ff", access + set.Access, id + "%", id + set.ID}, true},
		"planted after":                   {[]string{access + set.Access, access + "%ff", id + set.ID, id + "%zz"}, true},
		"planted around an escaped one":   {[]string{access + "%ff", access + escaped(set.Access), access + "%", id + set.ID}, true},
		"an ID token that is not decoded": {[]string{access + set.Access, id + "%ff"}, false},
	} {
		r := pageRequest(append(tt.cookies, e.prefixed("LastAuthUser=ada"))...)
		first, _, err := e.fetch(r)
		if err != nil || (first.IDToken() != nil) != tt.id {
			t.Errorf("%s: %v with ID token %v, %v", name, first, first.IDToken(), err)
			continue
		}
		if s, _, err := e.fetch(r); s != first {
			t.Errorf("%s: the session is not cached, %v", name, err)
		}
	}
	r := pageRequest(e.prefixed("LastAuthUser=ada"), access+"%ff")
	if s, _, err := e.fetch(r); s != nil || !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("an access token that cannot be decoded: %v, %v", s, err)
	}
}
