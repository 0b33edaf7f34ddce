package session_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
)

// TestWarnings has requests that are served show what may go wrong soon. The log names the
// cause once, however many requests show it.
func TestWarnings(t *testing.T) {
	amplifyOnly(t)
	t.Parallel()
	e := newEnv(t, nil)
	other := e.server.AddClient("1other", "")
	valid, expired, foreign := e.server.Issue("ada"), e.server.Issue("ada", cognitotest.Expired), other.Issue("ada")
	fetch := func(cookies ...string) func() { return func() { e.fetch(pageRequest(cookies...)) } }
	start := func() { e.manager.Start(httptest.NewRecorder(), pageRequest(), valid) }
	own := strings.Join(e.cookies("ada", valid), "; ")
	padding := func(total int) string { return "x=" + strings.Repeat("x", total-len(own)-len("; ; x=")) }
	var foreignCookies []string
	r := pageRequest()
	other.SignIn(r, "ada")
	for _, c := range r.Cookies() {
		foreignCookies = append(foreignCookies, c.String())
	}
	bearer := pageRequest()
	bearer.Header.Set("Authorization", "Bearer "+foreign.Access)
	expiredBearer := pageRequest()
	expiredBearer.Header.Set("Authorization", "Bearer "+other.Issue("ada", cognitotest.Expired).Access)
	bearerClient := func(cfg *session.Config) { cfg.Bearer, cfg.BearerClients = true, []string{"1other"} }
	twoLines := pageRequest(own)
	twoLines.Header["Cookie"] = append(twoLines.Header["Cookie"], padding(7<<10))
	cookies := func(c session.Cookies) func(*session.Config) {
		return func(cfg *session.Config) { cfg.Cookies = c }
	}
	before := func(d time.Duration) func(*session.Config) {
		return func(cfg *session.Config) { cfg.RefreshBefore = d }
	}
	clock := func(ahead time.Duration) func(*session.Config) {
		return func(cfg *session.Config) { cfg.Now = func() time.Time { return e.clock().Add(ahead) } }
	}
	for name, test := range map[string]struct {
		edit func(*session.Config)
		do   func()
		want []string // parts of the line; nil if there is none
	}{
		"nothing":                            {nil, fetch(own), nil},
		"a long header":                      {nil, fetch(own, padding(7<<10)), []string{"near 8 KiB", "large_client_header_buffers", "bytes=7168", "of_sessions="}},
		"a long header in two lines":         {nil, func() { e.fetch(twoLines) }, []string{"near 8 KiB", "bytes=7168"}},
		"a shorter header":                   {nil, fetch(own, padding(7<<10-1)), nil},
		"a long header of nobody":            {nil, fetch(padding(7<<10) + own[:10]), nil},
		"cookies under two Domains":          {cookies(session.Cookies{Domain: "example.com", Path: "/app"}), fetch(own, e.cookies("ada", expired)[1]), []string{"comes twice", "Cookies.Domain=example.com", "Cookies.Path=/app"}},
		"RefreshBefore of half a life":       {before(30 * time.Minute), fetch(own), nil},
		"RefreshBefore too long":             {before(31 * time.Minute), fetch(own), []string{"look_at=RefreshBefore RefreshBefore=31m0s life=1h0m0s counts=30m0s"}},
		"RefreshBefore too long, a sign-in":  {before(31 * time.Minute), start, []string{"look_at=RefreshBefore"}},
		"a clock behind":                     {clock(-time.Hour), fetch(own), []string{"clock is behind", "off=1h0m0s"}},
		"a clock behind, a sign-in":          {clock(-time.Hour), start, []string{"clock is behind", "off=1h0m0s"}},
		"a clock behind, a refresh":          {clock(-time.Hour), func() { e.fetchWith(pageRequest(own), forced) }, []string{"clock is behind", "off=1h0m0s"}},
		"a clock ahead, a refresh":           {clock(50 * time.Minute), func() { e.fetchWith(pageRequest(own), forced) }, []string{"clock is ahead", "off=50m0s"}},
		"a clock ahead, a sign-in":           {clock(50 * time.Minute), start, []string{"clock is ahead", "off=50m0s"}},
		"a clock far ahead, a sign-in":       {clock(2 * time.Hour), start, []string{"new tokens are not valid", `look_at="this server's clock`, "expired"}},
		"a clock five minutes behind":        {clock(-5 * time.Minute), fetch(own), nil},
		"a clock five minutes ahead":         {clock(5 * time.Minute), start, nil},
		"an old token is no sign of a clock": {clock(50 * time.Minute), fetch(own), nil},
		"cookies of another app client":      {nil, fetch(foreignCookies...), []string{"look_at=UserPool.ClientID", "1other"}},
		"a token of another app client":      {func(cfg *session.Config) { cfg.Bearer = true }, func() { e.fetch(bearer) }, []string{"look_at=UserPool.ClientID", "1other"}},
		"a bearer token of a named one":      {bearerClient, func() { e.fetch(bearer) }, nil},
		"which says nothing about cookies":   {bearerClient, func() { e.fetch(bearer); fetch(foreignCookies...)() }, []string{"look_at=UserPool.ClientID", "1other"}},
		"an expired one says nothing":        {bearerClient, func() { e.fetch(expiredBearer); fetch(foreignCookies...)() }, []string{"look_at=UserPool.ClientID", "1other"}},
		"the same, after an own session":     {func(cfg *session.Config) { cfg.Bearer = true }, func() { fetch(own)(); fetch(foreignCookies...)(); e.fetch(bearer) }, nil},
		"the same, after an expired one": {func(cfg *session.Config) { cfg.Bearer = true }, func() {
			e.failOnly(opRefresh, down)
			fetch(e.cookies("ada", expired)...)()
			e.logs.Reset()
			fetch(foreignCookies...)()
			e.fetch(bearer)
			e.server.SetFault(nil)
		}, nil},
		"cookies of no app client": {nil, fetch("CognitoIdentityServiceProvider.ada@example.com.accessToken=a", "theme=dark"), nil},
	} {
		e.manager = e.newManager(func(cfg *session.Config) {
			cfg.CacheBytes = -1 // each request is looked at
			if test.edit != nil {
				test.edit(cfg)
			}
		})
		e.logs.Reset()
		for range 3 {
			test.do()
		}
		log := e.logs.String()
		if n, want := strings.Count(log, "level="), min(len(test.want), 1); n != want {
			t.Errorf("%s: %d lines: %s", name, n, log)
		}
		for _, want := range test.want {
			if !strings.Contains(log, want) {
				t.Errorf("%s: the log lacks %q: %s", name, want, log)
			}
		}
	}
}

// TestCachedRequestWarnsOfNothing shows that only the first request with a session looks.
func TestCachedRequestWarnsOfNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	r := pageRequest(e.cookies("ada", e.server.Issue("ada"))...)
	e.fetch(r)
	r.Header["Cookie"] = append(r.Header["Cookie"], "x="+strings.Repeat("x", 9<<10))
	if _, _, err := e.fetch(r); err != nil || e.logs.Len() > 0 {
		t.Errorf("%v, the log: %s", err, e.logs)
	}
}
