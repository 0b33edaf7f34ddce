package session_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
)

// oddNames are usernames that need care beyond the recorded ones.
var oddNames = []string{"LastAuthUser", "x.LastAuthUser", "ada.accessToken", "accessToken", "...", "a.b.c", "username",
	"a%b", "%", "%2", "hal%41x", "%25", "a%2540b", `"`, `a"b`, "=", ";", "a=b;c", "\r\nSet-Cookie: x=y", "\x00", "\x7f", "\ufeff", "\u2028",
	"; Domain=evil.example", "__Host-x", strings.Repeat("日", 128)}

// TestEveryUsernameHasASession signs in users with names of every kind, refreshes their
// sessions and signs them out. A browser accepts the cookies.
func TestEveryUsernameHasASession(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	var file struct{ Encoding []struct{ Input string } }
	readJSON(t, "encoding.json", &file)
	names := slices.Clone(oddNames)
	for i, recorded := range file.Encoding {
		if i%longtest.Scale(8, 1) == 0 {
			names = append(names, recorded.Input)
		}
	}
	together := longtest.Scale[rune](30, 1) // characters in one name
	for c := rune(1); c < 0x100; c += together {
		var name strings.Builder
		name.WriteString("x")
		for i := range together {
			name.WriteString(string(c + i))
		}
		names = append(names, name.String()+"y")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	var users []cognitotest.User
	for _, name := range names {
		users = append(users, cognitotest.User{Username: name})
	}
	e := newEnv(t, nil, users...)
	for _, name := range names {
		set := e.server.Issue(name)
		w := httptest.NewRecorder()
		if _, err := e.manager.Start(w, pageRequest(), set); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		b := newBrowser()
		for _, line := range w.Header()["Set-Cookie"] {
			c, err := http.ParseSetCookie(line)
			if err != nil {
				t.Fatalf("%q: %q: %v", name, line, err)
			}
			if c.Domain != "" || c.Path != "/" || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 365*24*60*60 {
				t.Errorf("%q: attributes of %q", name, line)
			}
			b.setCookie(site, line)
		}
		cookies := b.cookiesFor(site)
		if len(cookies) != 4 {
			t.Errorf("%q: %d cookies", name, len(cookies))
		}
		s, _, err := e.fetch(pageRequest(cookies...))
		if err != nil || s.User().Username != name || s.AccessToken().Raw() != set.Access || s.IDToken() == nil {
			t.Errorf("%q is read as %v: %v", name, s, err)
		}
		e.advance(2 * time.Hour)
		if s, _, err = e.fetch(pageRequest(cookies...)); err != nil || s.User().Username != name {
			t.Errorf("%q after a refresh: %v: %v", name, s, err)
		}
		lines, err := e.end(pageRequest(cookies...))
		if err != nil {
			t.Errorf("%q: sign-out: %v", name, err)
		}
		for _, line := range lines {
			b.setCookie(site, line)
		}
		if left := b.cookiesFor(site); len(left) > 0 {
			t.Errorf("%q: after the sign-out: %.100q", name, left)
		}
	}
}

// TestEverySpellingIsReadAndDeleted sends cookies in every spelling of their names that
// browsers hold.
func TestEverySpellingIsReadAndDeleted(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	names := []string{"carol@example.com", "gus(1)", "hal%41x", "été", "a.b@c.d", "ada", "a%b", "a b", "a/b", "LastAuthUser"}[:longtest.Scale(5, 10)]
	var users []cognitotest.User
	for _, name := range names {
		users = append(users, cognitotest.User{Username: name})
	}
	e := newEnv(t, nil, users...)
	hex := regexp.MustCompile("%..")
	for _, name := range names {
		once := cookie.EncodeName(name)
		spellings := map[string]string{
			"client's": once, "adapter's": strings.NewReplacer("%28", "(", "%29", ")").Replace(once),
			"raw": name, "double": cookie.EncodeName(once), "lower case": hex.ReplaceAllStringFunc(once, strings.ToLower),
		}
		for kind, user := range spellings {
			lastAuthUser := e.prefixed("LastAuthUser") + "=" + cookie.EncodeValue(name)
			cookies := e.cookies(user, e.server.Issue(name))
			cookies[0] = lastAuthUser
			s, _, err := e.fetch(pageRequest(cookies...))
			if err != nil || s.User().Username != name || s.IDToken() == nil {
				t.Errorf("%s name of %q: %v, %v", kind, name, s, err)
				continue
			}
			all := []string{e.prefixed("LastAuthUser"), e.prefixed(user + ".accessToken"), e.prefixed(user + ".idToken"), e.prefixed(user + ".refreshToken")}
			lines, err := e.end(pageRequest(cookies...))
			if err != nil {
				t.Error(err)
			}
			checkDeleted(t, lines, all)

			// A page clears an expired session.
			e.advance(2 * time.Hour)
			_, lines, err = e.fetch(pageRequest(cookies[:3]...))
			if !errors.Is(err, session.ErrSignedOut) {
				t.Error(err)
			}
			checkDeleted(t, lines, all[:3])

			// A refresh leaves no other spelling, which would hold old tokens.
			cookies = e.cookies(user, e.server.Issue(name, cognitotest.Expired))
			cookies[0] = lastAuthUser
			_, lines, err = e.fetch(pageRequest(cookies...))
			if err != nil {
				t.Error(err)
			}
			if user != once {
				checkDeleted(t, lines, all[1:])
			}
		}
	}
}
