package session_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestEndAlwaysClears signs out with complete and incomplete cookies, while Cognito
// answers and while it does not. Amplify's sign-out route clears nothing in such cases.
func TestEndAlwaysClears(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // a second attempt comes at once
		type fault = cognitotest.Fault
		for kind, f := range map[string]fault{
			"well": {}, "down": down, "dropped": {Drop: true}, "throttled": {Status: 429},
			"refused":       {Status: 400, Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"},
			"no revocation": {Status: 400, Code: "UnsupportedOperationException"},
			"wrong client":  {Status: 400, Code: "InvalidParameterException"},
		} {
			e := newEnv(t, nil)
			all := e.cookies("ada", e.server.Issue("ada"))
			for name, cookies := range map[string][]string{
				"complete":                   all,
				"expired":                    e.cookies("ada", e.server.Issue("ada", cognitotest.Expired)),
				"no LastAuthUser":            all[1:],
				"no access token":            {all[0], all[3]},
				"no refresh token":           all[:3],
				"only a refresh token":       all[3:],
				"only LastAuthUser":          all[:1],
				"garbage":                    {all[0], e.prefixed("ada.accessToken=x"), e.prefixed("ada.refreshToken=")},
				"LastAuthUser names another": append([]string{e.prefixed("LastAuthUser=bob")}, all[1:]...),
				"undecodable":                {e.prefixed("LastAuthUser=%zz"), e.prefixed("%zz.accessToken=x")},
				"two users":                  append(e.cookies("bob", e.server.Issue("bob")), all...),
			} {
				e.failButKeys(f)
				before := e.server.Calls(opRevoke)
				lines, err := e.end(scriptRequest(cookies...))
				var names []string
				for _, cookie := range cookies {
					name, _, _ := strings.Cut(cookie, "=")
					names = append(names, name)
				}
				checkDeleted(t, lines, names)
				if !e.cleared(lines) {
					t.Errorf("%s, %s: %v", kind, name, lines)
				}
				failed := kind == "down" || kind == "dropped" || kind == "throttled" || kind == "wrong client"
				asked := e.server.Calls(opRevoke) > before
				if errors.Is(err, tokens.ErrUnavailable) != (failed && asked) || err != nil && !failed {
					t.Errorf("%s, %s: %v", kind, name, err)
				}
				if has := strings.Contains(strings.Join(cookies, ";"), "refreshToken=eyJ"); has != asked {
					t.Errorf("%s, %s: Cognito is asked: %v", kind, name, asked)
				}
			}
		}
	})
}

// checkDeleted fails unless there is a deletion for each name.
func checkDeleted(t *testing.T, lines, names []string) {
	t.Helper()
	for _, name := range names {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+"=; ") && strings.Contains(l, "; Max-Age=0") }) {
			t.Errorf("%q is not deleted by %.200q", name, lines)
		}
	}
}

// TestEndRevokes signs out with a browser that does not wait for the answer. Copies of
// the cookies are worth nothing afterwards.
func TestEndRevokes(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if _, err := e.end(r.WithContext(ctx)); err != nil {
		t.Fatal(err)
	}
	e.advance(2 * time.Hour)
	if s, _, err := e.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}

// TestEndReplacesRefresh has a guard refresh and its handler sign out. The answer has one
// line for a name and scope, and none that sets.
func TestEndReplacesRefresh(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))...)
	w := httptest.NewRecorder()
	w.Header().Add("Set-Cookie", "theme=dark")
	if _, err := e.manager.Fetch(w, r, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.manager.End(w, r); err != nil {
		t.Fatal(err)
	}
	lines := w.Header()["Set-Cookie"]
	if lines[0] != "theme=dark" || !e.cleared(lines[1:]) {
		t.Errorf("%q", lines)
	}
	for i, line := range lines {
		for _, other := range lines[:i] {
			if cookie.SameCookie(line, other) {
				t.Errorf("two lines are for one cookie: %q, %q", other, line)
			}
		}
	}
}
