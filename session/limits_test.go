package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// attacker sends requests with ada's tokens. ada is the attacker, or has lost some.
type attacker struct {
	*env
	set *tokens.Set // ada's first tokens; the access token has expired
}

// newest takes over the refresh token of an answer.
func (a *attacker) newest(lines []string) {
	if newest := a.value(lines, "ada.refreshToken"); newest != "" {
		a.set.Refresh = newest
	}
}

// device returns the cookies of a remembered device.
func (a *attacker) device(i int) []string {
	return []string{a.prefixed("ada.deviceKey=key") + fmt.Sprint(i), a.prefixed("ada.deviceGroupKey=group"), a.prefixed("ada.randomPasswordKey=password")}
}

// TestCallsDoNotGrowWithRequests sends thousands of requests of each kind that might make
// Cognito be called. The calls stay within a bound. Meanwhile bob's remembered result is
// kept, and afterwards he is refreshed, and signs out at Cognito.
func TestCallsDoNotGrowWithRequests(t *testing.T) {
	tokensInCookies(t)
	t.Parallel()
	requests := longtest.Scale(150, 10_000)
	// Within a minute a user's calls beyond the limits are one, and one a second.
	const demoted = 1 + 59
	junk := func(a *attacker, i int) *tokens.Set {
		return &tokens.Set{Access: a.set.Access, Refresh: fmt.Sprint("junk", i)}
	}
	withoutTokens := func(a *attacker, i int, client string) *http.Request {
		r := scriptRequest(a.prefixed("LastAuthUser=ada"), a.prefixed("ada.refreshToken=junk")+fmt.Sprint(i))
		r.RemoteAddr = client
		return r
	}
	sendNewest := func(a *attacker, access, id string, opts *session.FetchOptions) {
		set := &tokens.Set{Access: access, ID: id, Refresh: a.set.Refresh}
		s, lines, err := a.fetchWith(pageRequest(a.cookies("ada", set)...), opts)
		if err != nil || s.User().Username != "ada" {
			a.t.Fatalf("not served: %v", err)
		}
		a.newest(lines)
	}
	for n, test := range []struct {
		name     string
		duration time.Duration // of all requests
		prepare  func(a *attacker) (send func(i int))
		bound    int
	}{
		{"an old access token with many refresh tokens", 59 * time.Second, func(a *attacker) func(int) {
			return func(i int) { a.fetch(scriptRequest(a.cookies("ada", junk(a, i))...)) }
		}, 5 + demoted},
		{"an old access token with many refresh tokens, at once", 0, func(a *attacker) func(int) {
			return func(i int) { a.fetch(scriptRequest(a.cookies("ada", junk(a, i))...)) }
		}, 5 + 1},
		{"an old access token with many refresh tokens and device keys", 59 * time.Second, func(a *attacker) func(int) {
			return func(i int) { a.fetch(scriptRequest(append(a.cookies("ada", junk(a, i)), a.device(i)...)...)) }
		}, 6 + demoted}, // a call may be two: with the device key and without it
		{"sign-outs with many refresh tokens", 59 * time.Second, func(a *attacker) func(int) {
			return func(i int) { a.end(scriptRequest(a.cookies("ada", junk(a, i))...)) }
		}, 20 + demoted},
		{"many old access tokens of a sign-in", 59 * time.Second, func(a *attacker) func(int) {
			var access []string
			for i := range 30 {
				access = append(access, a.server.Issue("ada", cognitotest.Expired, accessOnly, func(d *cognitotest.Draft) {
					if d.Claims != nil {
						d.Claims["origin_jti"] = "one sign-in"
						d.Claims["iat"] = d.Claims["iat"].(int64) - int64(i)
					}
				}).Access)
			}
			return func(i int) {
				set := junk(a, i)
				set.Access = access[i%len(access)]
				a.fetch(scriptRequest(a.cookies("ada", set)...))
			}
		}, 5 + 20 + demoted}, // five of the latest, twenty of the others
		{"an old access token with the newest refresh token", 59 * time.Second, func(a *attacker) func(int) {
			access := a.set.Access
			return func(int) { sendNewest(a, access, "", nil) }
		}, 20},
		{"an old access token with many device keys", 0, func(a *attacker) func(int) {
			a.server.SetRotation(false, 0)
			return func(i int) {
				a.fetch(pageRequest(append(a.cookies("ada", a.set), a.device(i)...)...))
			}
		}, 20},
		{"a refused refresh token that has worked, with many device keys", 0, func(a *attacker) func(int) {
			a.server.SetRotation(false, 0)
			sendNewest(a, a.set.Access, "", nil)
			return func(i int) {
				a.failButKeys(cognitotest.Fault{Status: 400, Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"})
				a.fetchWith(pageRequest(append(a.cookies("ada", a.set), a.device(i)...)...), forced)
				a.recover()
			}
		}, 1 + 2*20}, // a device key that may be wrong is left out once
		{"forced, with one refresh token", 0, func(a *attacker) func(int) {
			a.server.SetRotation(false, 0)
			return func(int) { sendNewest(a, a.set.Access, "", forced) }
		}, 20},
		{"forced, with the first of many rotated refresh tokens", 0, func(a *attacker) func(int) {
			first := a.set.Refresh
			return func(int) { a.set.Refresh = first; sendNewest(a, a.set.Access, "", forced) }
		}, 20},
		{"a refused ID token beside a valid access token", 59 * time.Second, func(a *attacker) func(int) {
			valid := a.server.Issue("ada", accessOnly)
			a.set.Refresh = valid.Refresh
			return func(int) { sendNewest(a, valid.Access, "broken", nil) }
		}, 1},
		{"an expired ID token beside a valid access token", 59 * time.Second, func(a *attacker) func(int) {
			valid := a.server.Issue("ada", accessOnly)
			a.set.Refresh = valid.Refresh
			return func(int) { sendNewest(a, valid.Access, a.set.ID, nil) }
		}, 20},
		{"a refresh token that has worked, while Cognito fails", 9 * time.Second, func(a *attacker) func(int) {
			sendNewest(a, a.set.Access, "", nil)
			return func(int) {
				a.failButKeys(errorPage)
				a.fetch(pageRequest(a.cookies("ada", a.set)...))
				a.recover()
			}
		}, 1 + 40},
		{"no token at all, from one address", 59 * time.Second, func(a *attacker) func(int) {
			return func(i int) { a.fetch(withoutTokens(a, i, "203.0.113.7:4711")) }
		}, 2 + 2*59},
		{"no token at all, from one network of IPv6", 59 * time.Second, func(a *attacker) func(int) {
			return func(i int) {
				a.fetch(withoutTokens(a, i, fmt.Sprintf("[2001:db8::%x:%x]:4711", i, i)))
			}
		}, 2 + 2*59},
		{"rotated refresh tokens that have worked", 0, func(a *attacker) func(int) {
			var rotated []string
			for range 20 {
				rotated = append(rotated, a.set.Refresh)
				sendNewest(a, a.set.Access, "", nil)
			}
			a.server.SetRotation(true, 0)
			return func(i int) {
				set := *a.set
				set.Refresh = rotated[i%len(rotated)]
				a.fetchWith(scriptRequest(a.cookies("ada", &set)...), forced)
			}
		}, 0},
		{"no token at all, from many addresses", time.Second, func(a *attacker) func(int) {
			return func(i int) { a.fetch(withoutTokens(a, i, fmt.Sprintf("203.0.%d.%d:4711", i>>8, i&255))) }
		}, 120 + 20},
	} {
		if n%longtest.Scale(3, 1) > 0 {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, nil)
			e.server.SetRotation(true, 0)
			adas, bobs := e.server.Issue("ada", cognitotest.Expired), e.server.Issue("bob", cognitotest.Expired)
			missed := pageRequest(e.cookies("bob", bobs)...) // bob's browser misses the answer
			first, _, err := e.fetch(missed)
			if err != nil {
				t.Fatal(err)
			}
			send := test.prepare(&attacker{env: e, set: adas})
			e.server.SetFault(nil)
			calls := func() int { return e.server.Calls(opRefresh) + e.server.Calls(opRevoke) }
			before := calls()
			for i := range requests {
				send(i)
				e.advance(test.duration / time.Duration(requests))
			}
			n := calls() - before
			t.Logf("%d calls for %d requests in %v, at most %d", n, requests, test.duration, test.bound)
			if n > test.bound {
				t.Errorf("%d calls, want at most %d", n, test.bound)
			}
			before = calls()
			again, lines, err := e.fetch(missed)
			if err != nil || again.AccessToken().Raw() != first.AccessToken().Raw() || calls() != before {
				t.Fatalf("bob's result is forgotten: %v, %v, %d calls", again, err, calls()-before)
			}
			newest := pageRequest(e.cookies("bob", e.tokensOf("bob", lines))...)
			if _, lines, err = e.fetchWith(newest, forced); err != nil || calls() != before+1 {
				t.Fatalf("bob is not refreshed: %v", err)
			}
			if _, err := e.end(pageRequest(e.cookies("bob", e.tokensOf("bob", lines))...)); err != nil || calls() != before+2 {
				t.Errorf("bob's sign-out: %v, %d calls", err, calls()-before)
			}
		})
	}
}

// TestOwnerIsNotLockedOut has an attacker use up every limit with an old token of ada's,
// of the same sign-in or of another. Her own refreshes and sign-outs go through.
func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	sameSignIn := func(d *cognitotest.Draft) {
		if d.Claims != nil {
			d.Claims["origin_jti"] = "ada's"
		}
	}
	older := func(d *cognitotest.Draft) {
		if d.Claims != nil {
			d.Claims["iat"] = d.Claims["iat"].(int64) - 60
		}
	}
	for _, test := range []struct {
		name    string
		shown   func(e *env, adas *tokens.Set) string // the attacker's access token
		outage  bool
		already bool // ada has been refreshed here before
	}{
		{name: "an old one of the same sign-in", shown: func(e *env, _ *tokens.Set) string {
			return e.server.Issue("ada", cognitotest.Expired, accessOnly, sameSignIn, older).Access
		}},
		{name: "an old one of the same sign-in, while Cognito fails", outage: true, shown: func(e *env, _ *tokens.Set) string {
			return e.server.Issue("ada", cognitotest.Expired, accessOnly, sameSignIn, older).Access
		}},
		{name: "one of another sign-in", shown: func(e *env, _ *tokens.Set) string {
			return e.server.Issue("ada", cognitotest.Expired, accessOnly).Access
		}},
		{name: "hers", already: true, shown: func(_ *env, adas *tokens.Set) string { return adas.Access }},
		{name: "hers, while Cognito fails", already: true, outage: true, shown: func(_ *env, adas *tokens.Set) string { return adas.Access }},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, nil)
			adas := e.server.Issue("ada", cognitotest.Expired, accessOnly, sameSignIn)
			if test.already {
				if _, _, err := e.fetch(pageRequest(e.cookies("ada", adas)...)); err != nil {
					t.Fatal(err)
				}
				e.advance(5 * time.Minute)
			}
			shown := &tokens.Set{Access: test.shown(e, adas)}
			for minute := range longtest.Scale(2, 3) {
				if test.outage {
					e.failButKeys(errorPage)
				}
				e.flood(1, 45, "ada", shown, func(cookies []string) {
					e.fetch(scriptRequest(cookies...))
					e.end(scriptRequest(cookies...))
				})
				e.recover()
				if s, _, err := e.fetch(pageRequest(e.cookies("ada", adas)...)); err != nil {
					t.Fatalf("minute %d: ada gets %v, %v", minute, s, err)
				}
				e.advance(time.Minute)
			}
			e.flood(1, 25, "ada", shown, func(cookies []string) { e.end(scriptRequest(cookies...)) })
			before := e.server.Calls(opRevoke)
			if _, err := e.end(pageRequest(e.cookies("ada", adas)...)); err != nil || e.server.Calls(opRevoke) != before+1 {
				t.Errorf("ada's sign-out: %v, %d calls", err, e.server.Calls(opRevoke)-before)
			}
		})
	}
}

// TestGlobalSignOutOfManyDevices signs a user out of fifty devices, which all ask at once.
// Each is told, and the one that signs in anew is served.
func TestGlobalSignOutOfManyDevices(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	var devices []*tokens.Set
	for range 50 {
		devices = append(devices, e.server.Issue("ada", accessOnly))
	}
	client, err := tokens.NewClient(e.server.UserPool(), &tokens.Options{HTTPClient: e.server.Client(), Now: e.clock})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.GlobalSignOut(t.Context(), devices[0].Access); err != nil {
		t.Fatal(err)
	}
	e.advance(time.Hour)
	for i, set := range devices {
		if _, lines, err := e.fetch(pageRequest(e.cookies("ada", set)...)); !errors.Is(err, session.ErrSignedOut) || !e.cleared(lines) {
			t.Errorf("device %d: %v", i, err)
		}
	}
	if _, _, err := e.fetch(pageRequest(e.cookies("ada", e.server.Issue("ada", cognitotest.Expired))...)); err != nil {
		t.Errorf("signed in anew: %v", err)
	}
}

// TestDemotedCallIsNotRepeated has Cognito throttle calls that only a rate allows. The
// tokens.Client makes no second attempt then, which it does for others.
func TestDemotedCallIsNotRepeated(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada", cognitotest.Expired)
	junk := func(i int) *http.Request {
		return scriptRequest(e.cookies("ada", &tokens.Set{Access: set.Access, Refresh: fmt.Sprint("junk", i)})...)
	}
	e.fetch(junk(0))
	throttled := cognitotest.Fault{Status: 429}
	calls := func(send func()) int {
		e.failButKeys(throttled)
		before := e.server.Calls(opRefresh) + e.server.Calls(opRevoke)
		send()
		e.recover()
		return e.server.Calls(opRefresh) + e.server.Calls(opRevoke) - before
	}
	if n := calls(func() { e.fetch(junk(1)) }); n != 2 {
		t.Errorf("within the limits: %d attempts, want 2", n)
	}
	for i := range 10 {
		e.fetch(junk(2 + i))
	}
	e.advance(time.Second)
	if n := calls(func() { e.fetch(junk(20)) }); n != 1 {
		t.Errorf("beyond the limits: %d attempts", n)
	}
	alone := scriptRequest(e.cookies("x", &tokens.Set{Refresh: "junk"})...)
	if n := calls(func() { e.fetch(alone) }); n != 1 {
		t.Errorf("without a token: %d attempts", n)
	}
	if n := calls(func() { e.end(alone) }); n != 1 {
		t.Errorf("a sign-out without a token: %d attempts", n)
	}
}

// TestSuccessIsGivenBack refreshes many sessions without a genuine token, and many of one
// user beyond the limits, at one moment. Only failures use up the rates.
func TestSuccessIsGivenBack(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	const client = "203.0.113.7:4711"
	for i := range 10 {
		set := e.server.Issue("ada", cognitotest.Expired, accessOnly)
		r := pageRequest(e.cookies("ada", onlyRefresh(set))...)
		r.RemoteAddr = client
		if _, _, err := e.fetch(r); err != nil {
			t.Fatalf("%d without a token: %v", i, err)
		}
	}
	shown := e.server.Issue("ada", cognitotest.Expired, accessOnly)
	for i := range 5 {
		e.fetch(pageRequest(e.cookies("ada", &tokens.Set{Access: shown.Access, Refresh: fmt.Sprint("junk", i)})...))
	}
	for i := range 10 {
		set := e.server.Issue("ada", accessOnly)
		set.Access = shown.Access
		if _, _, err := e.fetch(pageRequest(e.cookies("ada", set)...)); err != nil {
			t.Fatalf("%d beyond the limits: %v", i, err)
		}
	}
}

// TestClientAddress asks whose address counts: by default that of RemoteAddr. An unknown
// address is not limited by itself.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		address func(*http.Request) netip.Addr
		remote  string
		calls   int
	}{
		{"default", nil, "203.0.113.7:4711", 2},
		{"IPv4 in IPv6", nil, "[::ffff:203.0.113.7]:4711", 2},
		{"IPv4 in IPv6, of many clients", nil, "[::ffff:203.0.113.%d]:4711", 10},
		{"with a zone", nil, "[fe80::1%eth0]:4711", 2},
		{"unknown", nil, "@", 10},
		{"configured", func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Real-Ip")) }, "203.0.113.7:4711", 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, func(c *session.Config) { c.ClientAddress = test.address })
			for i := range 10 {
				r := scriptRequest(e.cookies("x", &tokens.Set{Refresh: fmt.Sprint("junk", i)})...)
				r.RemoteAddr = strings.Replace(test.remote, "%d", fmt.Sprint(i), 1)
				r.Header.Set("X-Real-Ip", fmt.Sprint("192.0.2.", i))
				_, lines, err := e.fetch(r)
				if i >= test.calls && !errors.Is(err, tokens.ErrUnavailable) || len(lines) > 0 {
					t.Errorf("request %d: %v, %v", i, err, lines)
				}
			}
			if n := e.server.Calls(opRefresh); n != test.calls {
				t.Errorf("%d calls, want %d", n, test.calls)
			}
		})
	}
}

// TestFoundLatestToken: an attacker has found ada's latest access token, which has expired
// by now, and shows it with made-up refresh tokens. Her session was served here while it
// was valid, and never refreshed.
func TestFoundLatestToken(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	adas := e.server.Issue("ada")
	if _, _, err := e.fetch(pageRequest(e.cookies("ada", adas)...)); err != nil {
		t.Fatal(err)
	}
	found := &tokens.Set{Access: adas.Access}
	e.fetch(pageRequest(e.cookies("ada", &tokens.Set{Access: adas.Access, Refresh: "made-up"})...)) // found while it was valid
	e.advance(2 * time.Hour)
	e.flood(1, 45, "ada", found, func(cookies []string) { e.fetch(scriptRequest(cookies...)) })
	if _, _, err := e.fetch(pageRequest(e.cookies("ada", adas)...)); err != nil {
		t.Errorf("ada is locked out: %v", err)
	}
	e.flood(1, 45, "ada", found, func(cookies []string) { e.end(scriptRequest(cookies...)) })
	before := e.server.Calls(opRevoke)
	if _, err := e.end(pageRequest(e.cookies("ada", adas)...)); err != nil || e.server.Calls(opRevoke) != before+1 {
		t.Errorf("ada's sign-out: %v, %d calls", err, e.server.Calls(opRevoke)-before)
	}
}
