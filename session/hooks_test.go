package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// hookKey is the key of a text in a context, which shows where the context comes from.
type hookKey struct{}

// TestRefreshHooks: the call to Cognito runs below the refresh that makes it, each refresh
// that begins ends, and its error has a reason.
func TestRefreshHooks(t *testing.T) {
	t.Parallel()
	var log []string
	textOf := func(ctx context.Context) string { return fmt.Sprint(ctx.Value(hookKey{})) }
	e := newEnv(t, func(c *session.Config) {
		client, err := tokens.NewClient(c.UserPool, &tokens.Options{HTTPClient: c.HTTPClient, Now: c.Now, Hooks: tokens.Hooks{
			Called: func(ctx context.Context, op string, _ time.Duration, _ error) {
				log = append(log, op+" of "+textOf(ctx))
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c.Client = client
		c.Hooks.RefreshStarted = func(ctx context.Context) context.Context {
			log = append(log, "started")
			return context.WithValue(ctx, hookKey{}, "refresh")
		}
		c.Hooks.Refreshed = func(ctx context.Context, source session.RefreshSource, _ time.Duration, err error) {
			log = append(log, fmt.Sprintf("%s %s %s", textOf(ctx), source, session.ReasonOf(err)))
		}
	})
	cookies := e.cookies("ada", e.server.Issue("ada"))
	e.advance(2 * time.Hour)
	expect := func(name string, want ...string) {
		t.Helper()
		if !slices.Equal(log, want) {
			t.Errorf("%s: %q, want %q", name, log, want)
		}
		log = nil
	}
	e.fetch(pageRequest(cookies...))
	expect("a call", "started", opRefresh+" of refresh", "refresh call ")
	if layoutName() != session.LayoutHandle { // whose record has the new tokens
		e.fetch(pageRequest(cookies...))
		expect("a result", "started", "refresh kept ")
	}

	limited := false
	for i := range 40 { // until a limit forbids a call
		r := pageRequest(e.cookies("ada", &tokens.Set{Refresh: fmt.Sprint("unknown", i)})...)
		r.RemoteAddr = "192.0.2.1:443"
		e.fetch(r)
		limited = limited || slices.Contains(log, "refresh none too_often")
		if n := len(log); log[0] != "started" || !strings.HasPrefix(log[n-1], "refresh ") {
			t.Fatalf("a refresh has no end: %q", log)
		}
		log = nil
	}
	if !limited {
		t.Error("no refresh is told that a limit forbids")
	}
}

// TestCacheAskedHook tells each answer of the cache once.
func TestCacheAskedHook(t *testing.T) {
	t.Parallel()
	var hits []bool
	e := newEnv(t, func(c *session.Config) {
		c.Bearer = true
		c.Hooks.CacheAsked = func(_ context.Context, hit bool) { hits = append(hits, hit) }
	})
	set := e.server.Issue("ada")
	cookies := e.cookies("ada", set)
	bearer := pageRequest()
	bearer.Header.Set("Authorization", "Bearer "+set.Access)
	for _, test := range []struct {
		name string
		r    *http.Request
		want []bool
	}{
		{"no cookies", pageRequest(), nil},
		{"other cookies", pageRequest("theme=dark"), nil},
		{"a new session", pageRequest(cookies...), []bool{false}},
		{"the same", pageRequest(cookies...), []bool{true}},
		{"a new bearer token", bearer, []bool{false}},
		{"the same bearer token", bearer, []bool{true}},
		{"a forged session", pageRequest(e.cookies("ada", &tokens.Set{Access: forge(set.Access, 1)})...), []bool{false}},
	} {
		hits = nil
		e.fetch(test.r)
		if !slices.Equal(hits, test.want) {
			t.Errorf("%s: %v, want %v", test.name, hits, test.want)
		}
	}
	if n, bytes := e.manager.CacheSize(); n != 2 || bytes < 2000 {
		t.Errorf("the cache has %d sessions, %d bytes", n, bytes)
	}
}

// TestReasons names the reason of each way to have no session, whatever else a request
// holds. Explain says the same in more words.
func TestReasons(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	set := e.server.Issue("ada")
	access := func(edit func(*cognitotest.Draft)) *http.Request {
		drafted := e.server.Issue("ada", func(d *cognitotest.Draft) {
			if accessOnly(d); d.Use == tokens.Access {
				edit(d)
			}
		})
		return pageRequest(e.cookies("ada", onlyAccess(drafted))...)
	}
	claim := func(name string, value any) *http.Request {
		return access(func(d *cognitotest.Draft) { d.Claims[name] = value })
	}
	bearer := pageRequest("theme=dark")
	bearer.Header.Set("Authorization", "Bearer "+set.Access)
	prefetch := access(cognitotest.Expired)
	prefetch.Header.Set("Sec-Purpose", "prefetch")
	requests := map[session.Reason]*http.Request{
		session.ReasonNoCookies:    pageRequest("theme=dark"),
		session.ReasonOtherClient:  pageRequest("CognitoIdentityServiceProvider.1other.LastAuthUser=ada"),
		session.ReasonBearerOff:    bearer,
		session.ReasonNoUser:       access(func(d *cognitotest.Draft) { delete(d.Claims, "username") }),
		session.ReasonPrefetch:     prefetch,
		session.ReasonExpired:      access(cognitotest.Expired),
		session.ReasonMalformed:    pageRequest(e.cookies("ada", &tokens.Set{Access: "x.y.z"})...),
		session.ReasonBadSignature: pageRequest(e.cookies("ada", &tokens.Set{Access: forge(set.Access, 1)})...),
		session.ReasonBadClient:    claim("client_id", "1other"),
		session.ReasonBadUse:       claim("token_use", "refresh"),
		session.ReasonNotYetValid:  claim("nbf", e.clock().Add(time.Hour).Unix()),
	}
	if layoutName() == session.LayoutAmplify {
		requests[session.ReasonNoAccessToken] = pageRequest(e.prefixed("LastAuthUser=ada"))
	}
	for want, r := range requests {
		_, _, err := e.fetch(r)
		if got := e.manager.Reason(r, err); got != want || e.manager.Explain(r, err) == "" {
			t.Errorf("%s: %q for %v", want, got, err)
		}
	}
	if got := e.manager.Reason(pageRequest(), nil); got != "" {
		t.Errorf("without an error: %q", got)
	}
	e.fail(cognitotest.Fault{Drop: true})
	r := pageRequest(e.cookies("ada", onlyRefresh(set))...)
	_, _, err := e.fetch(r)
	if got := e.manager.Reason(r, err); got != session.ReasonUnavailable {
		t.Errorf("an outage: %q for %v", got, err)
	}
}

// TestReasonOfOtherClients: cookies of another app client are named as such on every layout.
// Those of this app client are not, whatever layout wrote them.
func TestReasonOfOtherClients(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	other := &env{t: t, layout: e.layout, server: e.server.AddClient("1other", ""), logs: e.logs, now: e.now}
	other.manager = other.newManager(nil)
	others := other.cookies("ada", other.server.Issue("ada"))
	own := e.server.UserPool().ClientID
	sealed, handle := "__Host-cognitogate.session."+own+".AAAAAAAA=x", "__Secure-cognitogate.session."+own+".handle=x"
	amplify := e.prefixed("LastAuthUser") + "=ada"
	ownOfOtherLayouts := map[session.Layout][]string{
		session.LayoutAmplify: {sealed, handle}, session.LayoutSealed: {amplify}, session.LayoutHandle: {amplify},
	}[layoutName()]
	for want, requests := range map[session.Reason][]*http.Request{
		session.ReasonOtherClient: {
			pageRequest(others...), pageRequest("CognitoIdentityServiceProvider.1other.LastAuthUser=ada"), pageRequest(append(ownOfOtherLayouts, others...)...),
			pageRequest("cognitogate.session.1other.AAAAAAAA=x"), pageRequest("a=b", "__Secure-cognitogate.session.1other.handle=x"),
		},
		session.ReasonNoCookies: {
			pageRequest(ownOfOtherLayouts...), pageRequest("cognitogate.session.1other=x"), pageRequest("cognitogate.session.1other.=x"), pageRequest("cognitogate.session..x=y"),
			pageRequest("cognitogate.session.ada@example.com.handle=x"), pageRequest("__host-cognitogate.session.1other.handle=x"), pageRequest("x.cognitogate.session.1other.handle=x"),
		},
	} {
		for _, r := range requests {
			_, _, err := e.fetch(r)
			got, explanation := e.manager.Reason(r, err), e.manager.Explain(r, err)
			if hasOwn := strings.Contains(r.Header.Get("Cookie"), own); got != want || strings.Contains(explanation, "but cookies of another layout") != hasOwn ||
				strings.Contains(explanation, `"1other"`) != (want == session.ReasonOtherClient && !hasOwn) {
				t.Errorf("%.300s: %q, %q", r.Header.Get("Cookie"), got, explanation)
			}
		}
	}
}

// TestReasonOf maps every error to one of few words, whatever its text is.
func TestReasonOf(t *testing.T) {
	t.Parallel()
	answer := func(status int, code, message string) error {
		api := &tokens.APIError{Op: opRefresh, Status: status, Code: code, Message: message}
		if api.SignedOut() || code == "RefreshTokenReuseException" {
			return fmt.Errorf("%w: %w", session.ErrSignedOut, api)
		}
		return fmt.Errorf("%w: %w", tokens.ErrUnavailable, api)
	}
	unavailable := func(err error) error { return fmt.Errorf("%w: %w", tokens.ErrUnavailable, err) }
	for _, test := range []struct {
		err  error
		want session.Reason
	}{
		{nil, ""},
		{errors.New("ada@example.com"), session.ReasonError},
		{tokens.Reason("ada@example.com"), session.ReasonError},
		{answer(400, "NotAuthorizedException", "Refresh Token has been revoked"), session.ReasonRevoked},
		{answer(400, "RefreshTokenReuseException", ""), session.ReasonReused},
		{answer(400, "TooManyRequestsException", ""), session.ReasonThrottled},
		{answer(429, "", ""), session.ReasonThrottled},
		{answer(400, "NotAuthorizedException", "Unable to verify secret hash for client x"), session.ReasonRefused},
		{answer(403, "ada@example.com", ""), session.ReasonRefused},
		{answer(500, "", "ada@example.com"), session.ReasonUnavailable},
		{unavailable(context.Canceled), session.ReasonCanceled},
		{unavailable(context.DeadlineExceeded), session.ReasonTimeout},
		{unavailable(errors.New("ada@example.com")), session.ReasonUnavailable},
		{unavailable(tokens.NotYetValid), session.ReasonNotYetValid},
	} {
		if got := session.ReasonOf(test.err); got != test.want {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}
