package session_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
)

// BenchmarkParseCookies finds the cookies of a session among others.
func BenchmarkParseCookies(b *testing.B) {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	m, err := session.NewManager(session.Config{UserPool: server.UserPool()})
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{5, 150} {
		others := make([]string, n)
		for i := range others {
			others[i] = fmt.Sprintf("_ga_%d=GS1.1.1790000000.%d.1.1790000000", i, i)
		}
		anonymous := http.Header{"Cookie": {strings.Join(others, "; ")}}
		r, err := http.NewRequest("GET", "/", nil)
		if err != nil {
			b.Fatal(err)
		}
		server.SignIn(r, "ada")
		signedIn := http.Header{"Cookie": {r.Header.Get("Cookie") + "; " + strings.Join(others, "; ")}}
		for kind, h := range map[string]http.Header{"anonymous": anonymous, "signed-in": signedIn} {
			b.Run(fmt.Sprint(kind, "-", n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m.ReadOnly(h)
				}
			})
		}
	}
}

// TestAnonymousRequestAllocatesNothing fetches the session of a request without one.
func TestAnonymousRequestAllocatesNothing(t *testing.T) {
	longtest.WithoutRace(t)
	e := newEnv(t, nil)
	r := pageRequest("theme=dark", "_ga=GA1.1.1", "CognitoIdentityServiceProvider.another.LastAuthUser=bob")
	if n := testing.AllocsPerRun(100, func() { _, _ = e.manager.Fetch(nil, r, nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestUserOfCachedSessionAllocatesNothing asks for the user of a session from the cache.
func TestUserOfCachedSessionAllocatesNothing(t *testing.T) {
	longtest.WithoutRace(t)
	e := newEnv(t, nil)
	cookies, loginID := e.cookies("ada", e.server.Issue("ada")), ""
	if layoutName() == session.LayoutAmplify {
		cookies, loginID = append(cookies, e.prefixed(`ada.signInDetails={%22loginId%22:%22ada%22}`)), "ada"
	}
	r := pageRequest(cookies...)
	uncached, _, err := e.fetch(r)
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := e.fetch(r)
	if err != nil || s.User() != uncached.User() || s.User().UnverifiedLoginID != loginID {
		t.Errorf("%+v from the cache, %+v before, %v", s.User(), uncached.User(), err)
	}
	if n := testing.AllocsPerRun(100, func() { s.User() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
