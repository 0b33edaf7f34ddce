package session_test

import (
	"context"
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

// TestEndAlwaysClears signs out with complete and incomplete cookies, while Cognito
// answers and while it does not (Amplify does neither: W26, W10).
func TestEndAlwaysClears(t *testing.T) {
	type fault = cognitotest.Fault
	for kind, f := range map[string]fault{"well": {}, "down": {Status: 503}, "dropped": {Drop: true}, "throttled": {Status: 429},
		"refused":       {Status: 400, Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"},
		"no revocation": {Status: 400, Code: "UnsupportedOperationException"}, "wrong client": {Status: 400, Code: "InvalidParameterException"}} {
		p := open(t, nil)
		set := p.pool.Issue("ada")
		all := p.cookies("ada", set)
		dead := p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))
		for name, pairs := range map[string][]string{
			"complete": all, "expired": dead, "no LastAuthUser": all[1:], "no access token": {all[0], all[3]}, "no refresh token": all[:3],
			"only a refresh token": all[3:], "only LastAuthUser": all[:1], "garbage": {all[0], p.key("ada.accessToken=x"), p.key("ada.refreshToken=")},
			"LastAuthUser names another": append([]string{p.key("LastAuthUser=bob")}, all[1:]...), "undecodable": {p.key("LastAuthUser=%zz"), p.key("%zz.accessToken=x")},
			"two users": append(p.cookies("bob", p.pool.Issue("bob")), all...),
		} {
			p.pool.SetFault(func(op string) fault {
				if op == "JWKS" {
					return fault{}
				}
				return f
			})
			calls := p.pool.Calls("RevokeToken")
			w := httptest.NewRecorder()
			err := p.m.End(w, script(pairs...))
			note(err)
			var names []string
			for _, pair := range pairs {
				name, _, _ := strings.Cut(pair, "=")
				names = append(names, name)
			}
			deleted(t, w.Header()["Set-Cookie"], names)
			if !p.cleared(w.Header()["Set-Cookie"]) {
				t.Errorf("%s, %s: %v", kind, name, w.Header()["Set-Cookie"])
			}
			failed := kind == "down" || kind == "dropped" || kind == "throttled" || kind == "wrong client"
			asked := p.pool.Calls("RevokeToken") > calls
			if errors.Is(err, tokens.ErrUnavailable) != (failed && asked) || err != nil && !failed {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
			if has := strings.Contains(strings.Join(pairs, ";"), "refreshToken=eyJ"); has != asked {
				t.Errorf("%s, %s: Cognito is asked: %v", kind, name, asked)
			}
		}
	}
}

// TestEndRevokes leaves nothing that a copy of the cookies could be used for, even
// when the browser does not wait.
func TestEndRevokes(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	r := page(p.cookies("ada", set)...)
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	if err := p.m.End(httptest.NewRecorder(), r.WithContext(ctx)); err != nil {
		t.Fatal(err)
	}
	p.wait(2 * time.Hour)
	if s, _, err := p.fetch(page(p.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}

// TestEndReplacesARefresh has the guard refresh and the handler sign out: one line
// for a name and scope, and none that sets.
func TestEndReplacesARefresh(t *testing.T) {
	p := open(t, nil)
	r := page(p.cookies("ada", p.pool.Issue("ada", cognitotest.Expired))...)
	w := httptest.NewRecorder()
	w.Header().Add("Set-Cookie", "theme=dark")
	if _, err := p.m.Fetch(w, r, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.m.End(w, r); err != nil {
		t.Fatal(err)
	}
	lines := w.Header()["Set-Cookie"]
	if lines[0] != "theme=dark" || !p.cleared(lines[1:]) {
		t.Errorf("%q", lines)
	}
	var names []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a name has two lines: %q", names)
	}
}

// TestUserAttributes tells a session that is over from a token that may not ask.
func TestUserAttributes(t *testing.T) {
	p := open(t, nil)
	refused := cognitotest.Fault{Status: 400, Code: "NotAuthorizedException", Message: "Access Token has been revoked"}
	for _, test := range []struct {
		scope string
		fault cognitotest.Fault
		want  error
	}{
		{"aws.cognito.signin.user.admin", cognitotest.Fault{}, nil},
		{"openid aws.cognito.signin.user.admin", refused, session.ErrSignedOut},
		{"aws.cognito.signin.user.admin", cognitotest.Fault{Status: 503}, tokens.ErrUnavailable},
		{"openid", cognitotest.Fault{Status: 400, Code: "NotAuthorizedException", Message: "Access Token does not have required scopes"}, errAny},
	} {
		set := p.pool.Issue("ada", func(d *cognitotest.Draft) {
			if d.Use == tokens.Access {
				d.Claims["scope"] = test.scope
			}
		})
		s, _, err := p.fetch(page(p.cookies("ada", set)...))
		if err != nil {
			t.Fatal(err)
		}
		p.pool.SetFault(func(string) cognitotest.Fault { return test.fault })
		got, err := p.m.UserAttributes(t.Context(), s)
		p.pool.SetFault(nil)
		note(err)
		switch test.want {
		case nil:
			if err != nil || got["email"] != "ada@example.com" {
				t.Errorf("%v, %v", got, err)
			}
		case errAny:
			if api := (*tokens.APIError)(nil); !errors.As(err, &api) || errors.Is(err, session.ErrSignedOut) {
				t.Error(err)
			}
		default:
			if !errors.Is(err, test.want) {
				t.Error(err)
			}
		}
	}
}

var errAny = errors.New("any error")

// TestNothingPrintsTokens formats what handlers hold.
func TestNothingPrintsTokens(t *testing.T) {
	p := open(t, nil)
	s, _, err := p.fetch(page(p.cookies("ada", p.pool.Issue("ada"))...))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		note(fmt.Errorf(format, s))
		note(fmt.Errorf(format, *s))
		note(fmt.Errorf(format, s.AccessToken()))
	}
}

// TestConfig reports every fault, each by its field.
func TestConfig(t *testing.T) {
	_, err := session.NewManager(session.Config{
		UserPool: tokens.UserPool{ID: "x"},
		Cookies:  session.Cookies{Domain: "a b", SameSite: 9, MaxAge: -time.Second, Insecure: true},
	})
	for _, field := range []string{"UserPool.ID", "UserPool.ClientID", "Cookies.Domain", "Cookies.SameSite", "Cookies.MaxAge"} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+field+": ") {
			t.Errorf("no word of %s in %v", field, err)
		}
	}
	for _, domain := range []string{"example.com; Secure", "a..b", "https://example.com", "example.com/", "é.example", strings.Repeat("a", 64) + ".com"} {
		if _, err := session.NewManager(session.Config{UserPool: tokens.UserPool{ID: "eu-west-1_Abc", ClientID: "abc"}, Cookies: session.Cookies{Domain: domain}}); err == nil {
			t.Errorf("the domain %q is accepted", domain)
		}
	}
}
