package session_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

func (p *place) set(lines []string) *tokens.Set {
	return &tokens.Set{Access: p.value(lines, "ada.accessToken"), ID: p.value(lines, "ada.idToken"), Refresh: p.value(lines, "ada.refreshToken")}
}

// TestUndeliveredSecondRefresh has two requests with the same cookies force a refresh.
// The browser gets the answer to the first, not to the second.
func TestUndeliveredSecondRefresh(t *testing.T) {
	for name, seen := range map[string]bool{"at once": false, "after it was seen": true} {
		t.Run(name, func(t *testing.T) {
			p := open(t, nil)
			p.pool.SetRotation(true, 0)
			first := p.pool.Issue("ada")
			p.wait(time.Minute)
			force := &session.FetchOptions{ForceRefresh: true}
			_, lines, err := p.fetchWith(script(p.cookies("ada", first)...), force)
			if err != nil {
				t.Fatal(err)
			}
			second := p.set(lines)
			if seen {
				p.fetch(page(p.cookies("ada", second)...))
			}
			p.wait(time.Second)
			if _, _, err := p.fetchWith(script(p.cookies("ada", first)...), force); err != nil { // lost
				t.Fatal(err)
			}
			p.wait(5 * time.Second)
			_, lines, err = p.fetch(page(p.cookies("ada", second)...))
			if err != nil || p.value(lines, "ada.refreshToken") == "" {
				t.Errorf("she does not get the newest tokens: %v, %v", err, p.changes(lines))
			}
			p.wait(time.Hour)
			if p.value(lines, "ada.refreshToken") != "" {
				second = p.set(lines)
			}
			if _, _, err := p.fetch(page(p.cookies("ada", second)...)); err != nil {
				t.Errorf("an hour later: %v", err)
			}
		})
	}
}

// TestUndeliveredInTheSameSecond forces a refresh right after the sign-in.
func TestUndeliveredInTheSameSecond(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, 0)
	first := p.pool.Issue("ada")
	r := page(p.cookies("ada", first)...)
	if _, _, err := p.fetchWith(r, &session.FetchOptions{ForceRefresh: true}); err != nil { // lost
		t.Fatal(err)
	}
	p.wait(5 * time.Second)
	_, lines, err := p.fetch(r)
	if err != nil || p.value(lines, "ada.refreshToken") == "" {
		t.Errorf("she does not get the newest tokens: %v, %v", err, p.changes(lines))
	}
}

// TestPlantedEndedToken plants a refresh token that somebody has signed out with among
// the cookies of a session that has none of its own (Amplify's responseType "token").
func TestPlantedEndedToken(t *testing.T) {
	for _, planted := range []string{"anything", "mallory's own"} {
		p := open(t, nil)
		set := p.pool.Issue("ada")
		if planted != "anything" {
			planted = p.pool.Issue("bob").Refresh
		}
		pairs := p.cookies("ada", set)[:3]
		if _, _, err := p.fetch(page(pairs...)); err != nil {
			t.Fatal(err)
		}
		p.m.End(httptest.NewRecorder(), page(p.key("bob.refreshToken")+"="+planted)) // no session needed
		pairs = append(pairs, p.key("ada.refreshToken")+"="+planted)
		// not cached, or the ID token is another
		for _, pairs := range [][]string{pairs, append(pairs[:2:2], pairs[3])} {
			if _, lines, err := p.fetch(page(pairs...)); err != nil {
				t.Errorf("ada is signed out: %v, %v", err, p.changes(lines))
			}
		}
	}
}

// TestRestThoughSomethingIsKept has an outage begin after a refresh whose answer the
// browser has missed, when the kept tokens are about to expire, too.
func TestRestThoughSomethingIsKept(t *testing.T) {
	p := open(t, func(c *session.Config) { c.RefreshBefore = 4 * time.Minute })
	p.pool.SetLifetime(5 * time.Minute)
	p.pool.SetRotation(true, 0)
	r := page(p.cookies("ada", p.pool.Issue("ada"))...)
	p.wait(61 * time.Second)
	if _, _, err := p.fetch(r); err != nil || p.pool.Calls(opRefresh) != 1 { // lost
		t.Fatal(err)
	}
	p.wait(61 * time.Second)
	p.pool.SetFault(func(string) cognitotest.Fault { return cognitotest.Fault{Status: 503} })
	p.fetch(r)
	before := p.pool.Calls(opRefresh)
	for range 10 {
		if _, _, err := p.fetch(r); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.pool.Calls(opRefresh) - before; n > 0 {
		t.Errorf("%d calls for ten requests of a session that rests", n)
	}
}

// TestRestOfPlanted is the same with mallory's refresh token among ada's cookies.
func TestRestOfPlanted(t *testing.T) {
	p := open(t, nil)
	set, bobs := p.pool.Issue("ada"), p.pool.Issue("bob")
	p.wait(time.Minute)
	if _, _, err := p.fetchWith(page(p.cookies("bob", bobs)...), &session.FetchOptions{ForceRefresh: true}); err != nil {
		t.Fatal(err)
	}
	p.pool.SetFault(func(op string) cognitotest.Fault {
		if op == "JWKS" {
			return cognitotest.Fault{}
		}
		return cognitotest.Fault{Status: 503}
	})
	pairs := p.cookies("ada", set)
	pairs = append([]string{p.key("ada.refreshToken=" + bobs.Refresh)}, pairs...)
	p.fetch(page(pairs...))
	before := p.pool.Calls(opRefresh)
	for range 10 {
		if _, _, err := p.fetch(page(pairs...)); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.pool.Calls(opRefresh) - before; n > 0 {
		t.Errorf("%d calls for ten requests of a session that rests", n)
	}
}

// TestKeptHeaders has one user refresh with long Cookie headers.
func TestKeptHeaders(t *testing.T) {
	p := open(t, nil)
	p.pool.SetRotation(true, time.Minute)
	size := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	set := p.pool.Issue("ada", cognitotest.Expired)
	p.fetch(page(p.cookies("ada", p.pool.Issue("ada"))...))
	before := size()
	for range 200 {
		pairs := append(p.cookies("ada", set), "x="+strings.Repeat("x", 500<<10))
		_, lines, err := p.fetchWith(page(pairs...), &session.FetchOptions{ForceRefresh: true})
		if err != nil {
			t.Fatal(err)
		}
		set.Refresh = p.value(lines, "ada.refreshToken")
	}
	if n := (size() - before) >> 10; n > 10<<10 {
		t.Errorf("%d kB are kept of 200 refreshes", n)
	}
	runtime.KeepAlive(p)
}

// TestFloodOfSignOuts has anonymous sign-outs make the program forget one.
func TestFloodOfSignOuts(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	r := page(p.cookies("ada", set)...)
	p.fetch(r)
	p.m.End(httptest.NewRecorder(), r)
	if _, _, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Fatal(err)
	}
	n := 0
	for i := range 3000 {
		var pairs []string
		for k := range 4 {
			pairs = append(pairs, fmt.Sprintf("%s=x%d.%d", p.key(fmt.Sprintf("u%d.refreshToken", k)), i, k))
		}
		p.m.End(httptest.NewRecorder(), page(pairs...))
		n++
	}
	if _, _, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("after %d sign-outs of nobody: %v", n, err)
	}
}

// TestOlderCachedTokens: no rotation. Amplify has refreshed since.
func TestOlderCachedTokens(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	r := page(p.cookies("ada", set)...)
	p.fetch(r) // cached
	p.wait(10 * time.Minute)
	client, err := tokens.NewClient(p.pool.UserPool(), &tokens.Options{HTTPClient: p.pool.Client(), Now: p.time})
	if err != nil {
		t.Fatal(err)
	}
	own, err := client.Refresh(t.Context(), set.Refresh, nil)
	if err != nil {
		t.Fatal(err)
	}
	own.Refresh = set.Refresh // there is no rotation
	p.fetch(page(p.cookies("ada", own)...))
	p.m.End(httptest.NewRecorder(), page(p.cookies("ada", own)...))
	if _, _, err := p.fetch(r); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("cached: %v", err)
	}
}

// TestPlantedKeptToken plants mallory's refresh token, of which a result is kept, before
// that of ada, whose session needs no refresh.
func TestPlantedKeptToken(t *testing.T) {
	for _, bytes := range []int64{0, -1} {
		p := open(t, func(c *session.Config) { c.CacheBytes = bytes })
		set, bobs := p.pool.Issue("ada"), p.pool.Issue("bob")
		p.wait(time.Minute)
		if _, _, err := p.fetchWith(page(p.cookies("bob", bobs)...), &session.FetchOptions{ForceRefresh: true}); err != nil {
			t.Fatal(err)
		}
		pairs := append([]string{p.key("ada.refreshToken=" + bobs.Refresh)}, p.cookies("ada", set)...)
		for range 3 {
			if s, lines, err := p.fetch(page(pairs...)); err != nil || len(lines) > 0 || s.User().Username != "ada" {
				t.Errorf("%v, %v", err, p.changes(lines))
			}
		}
		if n := p.pool.Calls(opRefresh); n != 1 {
			t.Errorf("%d refreshes, want bob's", n)
		}
	}
}

// TestEndedBesidePlanted has a refresh token that nobody has signed out with stand
// beside the ended ones that a late answer has brought back.
func TestEndedBesidePlanted(t *testing.T) {
	p := open(t, nil)
	set := p.pool.Issue("ada")
	pairs := p.cookies("ada", set)
	p.fetch(page(pairs...))
	p.m.End(httptest.NewRecorder(), page(pairs...))
	if s, _, err := p.fetch(page(append(pairs, p.key("ada.refreshToken=anything"))...)); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}
