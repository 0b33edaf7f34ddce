package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
	"github.com/cognitogate/cognitogate/tokens"
)

// newHandleReplicas makes n replicas on LayoutHandle, whatever the layout of the test run
// is. edit may be nil.
func newHandleReplicas(t *testing.T, n int, edit func(*session.Config), users ...cognitotest.User) *replicas {
	t.Helper()
	r := &replicas{env: newEnv(t, nil, users...), store: &faultyStore{Memory: storetest.NewMemory()}}
	r.server.SetRotation(true, 0)
	r.layout = testLayouts[session.LayoutHandle]()
	r.store.SetNow(r.clock)
	for range n {
		r.managers = append(r.managers, r.newReplica(edit))
	}
	r.manager = r.managers[0]
	return r
}

// record returns the key and the value of the only record.
func (r *replicas) record() (key string, value []byte) {
	r.t.Helper()
	for k, v := range r.store.Values() {
		if strings.HasPrefix(k, "cg1:h:") {
			if key != "" {
				r.t.Fatal("there are several records")
			}
			key, value = k, v
		}
	}
	return key, value
}

// wants checks how a replica answers a page with these cookies. nil is ada's session. No
// answer sets or deletes a cookie.
func (r *replicas) wants(step string, i int, cookies []string, want error) {
	r.t.Helper()
	w := httptest.NewRecorder()
	s, err := r.managers[i].Fetch(w, pageRequest(cookies...), nil)
	logError(err)
	if !errors.Is(err, want) || err == nil && s.User().Username != "ada" || len(w.Header()["Set-Cookie"]) > 0 {
		r.t.Errorf("%s, replica %d: %v, %v, %.50q; want %v", step, i, s, err, w.Header()["Set-Cookie"], want)
	}
}

// TestHandleSession signs in, refreshes and signs out in a browser. The cookie has 64
// characters, however long the tokens are, and a refresh writes none.
func TestHandleSession(t *testing.T) {
	t.Parallel()
	r := newHandleReplicas(t, 2, nil, manyGroups())
	b := newBrowser()
	visit := func(act func(w http.ResponseWriter, r *http.Request) error) (lines []string) {
		t.Helper()
		w := httptest.NewRecorder()
		if err := act(w, pageRequest(b.cookiesFor(site)...)); err != nil {
			t.Fatal(err)
		}
		for _, line := range w.Header()["Set-Cookie"] {
			if b.setCookie(site, line); containsToken(line) || len(line) > 250 {
				t.Errorf("a line of %d bytes: %.50q", len(line), line)
			}
		}
		return w.Header()["Set-Cookie"]
	}
	lines := visit(func(w http.ResponseWriter, req *http.Request) error {
		_, err := r.manager.Start(w, req, r.server.Issue("ada"))
		return err
	})
	name := "__Host-cognitogate.session." + r.server.UserPool().ClientID + ".handle"
	cookieName, rest, _ := strings.Cut(lines[0], "=")
	value, attributes, _ := strings.Cut(rest, "; ")
	if len(lines) != 1 || cookieName != name || len(value) != 64 || attributes != "Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax" {
		t.Errorf("%q", lines)
	}
	cookies := b.cookiesFor(site)
	for i := range 4 {
		r.wants("signed in", i%2, cookies, nil)
		r.advance(61 * time.Minute)
		r.wants("refreshed", (i+1)%2, cookies, nil)
		if n := r.server.Calls(opRefresh); n != i+1 {
			t.Fatalf("%d refreshes, not %d", n, i+1)
		}
	}
	_, record := r.record()
	if containsToken(string(record)) || strings.Contains(string(record), value) {
		t.Error("the record shows a token, or the handle")
	}
	visit(func(w http.ResponseWriter, req *http.Request) error { return r.manager.End(w, req) })
	if key, _ := r.record(); key != "" || len(b.cookiesFor(site)) > 0 || r.server.Calls(opRevoke) != 1 {
		t.Errorf("after the sign-out there is the record %q, cookies %q, %d revocations", key, b.cookiesFor(site), r.server.Calls(opRevoke))
	}
	r.advance(2 * time.Second)
	for i := range r.managers {
		r.wants("signed out", i, cookies, session.ErrSignedOut)
	}
	if containsToken(r.logs.String()) {
		t.Error("the log has a token")
	}
}

// TestStartReplacesTheHandle: whoever knew the handle before the sign-in has nothing
// afterwards.
func TestStartReplacesTheHandle(t *testing.T) {
	t.Parallel()
	r := newHandleReplicas(t, 2, nil)
	first := pairsOf(r.start(pageRequest(), r.server.Issue("bob")))
	r.managers[1].Fetch(nil, pageRequest(first...), nil)
	lines := r.start(pageRequest(first...), r.server.Issue("ada"))
	second := pairsOf(lines)
	if len(lines) != 1 || len(second) != 1 || second[0] == first[0] {
		t.Errorf("%q, and before %q", lines, first)
	}
	r.record() // there is one
	r.wants("the first handle", 0, first, session.ErrSignedOut)
	r.managers = append(r.managers, r.newReplica(nil))
	r.wants("the first handle", 2, first, session.ErrSignedOut)
	r.wants("the second handle", 1, second, nil)
	// The same tokens again.
	set := r.server.Issue("ada")
	third := pairsOf(r.start(pageRequest(second...), set))
	fourth := pairsOf(r.start(pageRequest(third...), set))
	r.wants("the third handle", 0, third, session.ErrSignedOut)
	r.wants("the fourth handle", 0, fourth, nil)
	r.record()
	// Start without the store writes nothing, and keeps the session.
	r.store.setFault(storeDown)
	w := httptest.NewRecorder()
	if _, err := r.manager.Start(w, pageRequest(fourth...), r.server.Issue("bob")); !errors.Is(err, tokens.ErrUnavailable) || len(w.Header()["Set-Cookie"]) > 0 {
		t.Errorf("without the store: %v, %q", err, w.Header()["Set-Cookie"])
	}
	r.store.setFault(nil)
	r.wants("the fourth handle", 0, fourth, nil)
	// The record of the old handle cannot be deleted. This process does so later.
	r.store.setFault(func(_ context.Context, op session.StoreOperation, _ []byte) error {
		if op == session.StoreGet || op == session.StoreSwap {
			return errors.New("read only")
		}
		return nil
	})
	fifth := pairsOf(r.start(pageRequest(fourth...), r.server.Issue("ada")))
	r.store.setFault(nil)
	r.wants("the fourth handle", 0, fourth, session.ErrSignedOut)
	r.wants("the fifth handle", 0, fifth, nil)
	r.record()
}

// TestHandleStoreOperations: a known session asks nothing, unless it is always to be asked.
// A text that this server has not made asks nothing.
func TestHandleStoreOperations(t *testing.T) {
	t.Parallel()
	for _, always := range []bool{false, true} {
		r := newHandleReplicas(t, 1, func(c *session.Config) { c.AlwaysAskStore = always })
		cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
		r.wants("the first request", 0, cookies, nil)
		before := r.store.operations()
		for range 10 {
			r.wants("known", 0, cookies, nil)
		}
		if n := r.store.operations() - before; n != map[bool]int{false: 0, true: 10}[always] {
			t.Errorf("always %t: %d operations", always, n)
		}
		name, value, _ := strings.Cut(cookies[0], "=")
		before = r.store.operations()
		for i := range value {
			replaced := "A"
			if value[i] == 'A' {
				replaced = "B"
			}
			r.wants("another text", 0, []string{name + "=" + value[:i] + replaced + value[i+1:]}, session.ErrSignedOut)
		}
		for _, pair := range []string{name + "=", name + "=x", name + "=" + value + "A", name + "=" + value[:63], name + ".0=" + value,
			strings.ToLower(name) + "=" + value, strings.TrimPrefix(name, "__Host-") + "=" + value, strings.Replace(name, "__Host-", "__Secure-", 1) + "=" + value} {
			r.wants("another text", 0, []string{pair}, session.ErrSignedOut)
		}
		if n := r.store.operations() - before; n > 1 { // one hears of sign-outs
			t.Errorf("always %t: %d operations for other texts", always, n)
		}
		// Another app client has the same secret and the same store.
		other := &env{t: t, layout: r.layout, server: r.server.AddClient("7otherclient", ""), logs: r.logs, now: r.now}
		other.manager = other.newManager(func(c *session.Config) { c.Shared, c.Secret = r.store, storeSecret })
		_, foreign, _ := strings.Cut(pairsOf(other.start(pageRequest(), other.server.Issue("ada")))[0], "=")
		r.wants("another app client's", 0, []string{name + "=" + foreign}, session.ErrSignedOut)
	}
}

// TestHandleAfterSignOutElsewhere replays a handle. A replica that does not know the session
// refuses it at once, and so does one that always asks. One that knows it hears of the
// sign-out within two seconds.
func TestHandleAfterSignOutElsewhere(t *testing.T) {
	t.Parallel()
	for name, age := range map[string]time.Duration{"valid": time.Minute, "expired": 2 * time.Hour} {
		r := newHandleReplicas(t, 2, nil)
		r.managers = append(r.managers, r.newReplica(func(c *session.Config) { c.AlwaysAskStore = true }))
		cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
		for i := range r.managers {
			r.wants(name, i, cookies, nil)
		}
		r.advance(age)
		_, old := r.record()
		key, _ := r.record()
		if _, err := r.end(pageRequest(cookies...)); err != nil {
			t.Fatal(err)
		}
		r.wants(name+", always asked", 2, cookies, session.ErrSignedOut)
		r.managers = append(r.managers, r.newReplica(nil))
		r.wants(name+", not known", 3, cookies, session.ErrSignedOut)
		r.advance(2 * time.Second)
		for i := range r.managers {
			r.wants(name+", later", i, cookies, session.ErrSignedOut)
		}
		// An old copy of the store comes back.
		calls := r.server.Calls(opRefresh)
		r.store.Set(key, old, time.Hour)
		r.managers = append(r.managers, r.newReplica(nil))
		for i := range r.managers {
			if s, err := r.managers[i].Fetch(httptest.NewRecorder(), scriptRequest(cookies...), nil); !errors.Is(err, session.ErrSignedOut) {
				t.Errorf("%s, the record is back, replica %d: %v, %v", name, i, s, err)
			}
		}
		if n := r.server.Calls(opRefresh); n != calls {
			t.Errorf("%s: %d refreshes of the record that is back", name, n-calls)
		}
	}
}

// TestHandleIsRefreshedOnce: many requests at several replicas make one call and keep one
// session.
func TestHandleIsRefreshedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newHandleReplicas(t, 3, nil)
		r.server.SetFault(func(string) cognitotest.Fault { time.Sleep(100 * time.Millisecond); return cognitotest.Fault{} })
		cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
		for round := range 3 {
			r.advance(2 * time.Hour)
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() { r.wants("in parallel", i%3, cookies, nil) })
			}
			wg.Wait()
			if n := r.server.Calls(opRefresh); n != round+1 {
				t.Errorf("%d refreshes after round %d", n, round)
			}
			time.Sleep(time.Minute)
		}
	})
}

// TestHandleLifetime: the server ends a session, whatever the tokens say. A page deletes the
// record and the cookie. The store forgets a record that nobody shows.
func TestHandleLifetime(t *testing.T) {
	t.Parallel()
	for want, test := range map[session.Reason]struct {
		lifetime session.Lifetime
		steps    []time.Duration // after the last one it is over
	}{
		session.ReasonTooOld: {session.Lifetime{Absolute: 150 * time.Minute}, []time.Duration{time.Hour, 89 * time.Minute, time.Minute}},
		session.ReasonIdle:   {session.Lifetime{Idle: 3 * time.Hour}, []time.Duration{3*time.Hour - time.Second, 3*time.Hour - time.Second, 3 * time.Hour}},
	} {
		for _, later := range []time.Duration{0, 24 * time.Hour} {
			r := newHandleReplicas(t, 1, func(c *session.Config) { c.Lifetime = test.lifetime })
			cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
			for i, step := range test.steps {
				if r.advance(step); i < len(test.steps)-1 {
					r.wants(string(want), 0, cookies, nil)
				}
			}
			if r.advance(later); later > 0 {
				if key, _ := r.record(); key != "" {
					t.Errorf("%s: the store keeps the record", want)
				}
				r.wants(string(want), 0, cookies, session.ErrSignedOut)
				continue
			}
			calls := r.server.Calls(opRefresh)
			if _, lines, err := r.fetchAt(0, scriptRequest(cookies...), nil); session.ReasonOf(err) != want || len(lines) > 0 {
				t.Errorf("a script: %v, %q", err, lines)
			}
			_, lines, err := r.fetchAt(0, pageRequest(cookies...), nil)
			if session.ReasonOf(err) != want || r.server.Calls(opRefresh) != calls {
				t.Errorf("a page: %v, %q", err, lines)
			}
			checkDeletedNames(t, string(want), lines, cookies)
			if key, _ := r.record(); key != "" {
				t.Errorf("%s: the record is left", want)
			}
		}
	}
}

// TestHandleSecretIsReplaced: nobody is signed out, as long as the old secret opens.
func TestHandleSecretIsReplaced(t *testing.T) {
	t.Parallel()
	r := newHandleReplicas(t, 1, nil)
	cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
	next := secretOf(9)
	r.managers = append(r.managers,
		r.newReplica(func(c *session.Config) { c.Secret, c.OldSecrets = next, [][]byte{storeSecret} }),
		r.newReplica(func(c *session.Config) { c.Secret = next }),
		r.newReplica(func(c *session.Config) { c.OldSecrets = [][]byte{next} }))
	r.wants("the old secret opens", 1, cookies, nil)
	r.wants("no old secret", 2, cookies, session.ErrSignedOut)
	r.advance(2 * time.Hour)
	r.wants("refreshed", 1, cookies, nil)
	r.wants("the new secret opens", 3, cookies, nil)
}
