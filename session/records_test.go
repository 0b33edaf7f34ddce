package session_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

func storeDown(context.Context, session.StoreOperation, []byte) error {
	return errors.New("dial: connection refused")
}

// TestHandleWithoutTheStore: an outage signs nobody out. A known session goes on until its
// access token expires, and is not refreshed.
func TestHandleWithoutTheStore(t *testing.T) {
	t.Parallel()
	r := newHandleReplicas(t, 2, func(c *session.Config) { c.RefreshBefore = 10 * time.Minute })
	r.managers = append(r.managers, r.newReplica(func(c *session.Config) { c.AlwaysAskStore = true }))
	cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
	r.wants("known", 0, cookies, nil)
	r.wants("known", 2, cookies, nil)
	r.store.setFault(storeDown)
	r.wants("without the store", 0, cookies, nil)
	r.wants("without the store, not known", 1, cookies, tokens.ErrUnavailable)
	r.wants("without the store, always asked", 2, cookies, tokens.ErrUnavailable)
	r.advance(55 * time.Minute)
	r.wants("a refresh is due", 0, cookies, nil)
	if _, _, err := r.fetchAt(0, pageRequest(cookies...), forced); !errors.Is(err, tokens.ErrUnavailable) {
		t.Errorf("a forced refresh: %v", err)
	}
	r.advance(6 * time.Minute)
	r.wants("expired", 0, cookies, tokens.ErrUnavailable)
	if n := r.server.Calls(opRefresh); n != 0 {
		t.Errorf("%d refreshes", n)
	}
	r.store.setFault(nil)
	for i := range r.managers {
		r.wants("the store is back", i, cookies, nil)
	}
	if n := r.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

// TestSignOutWithoutTheStore: the cookie goes, the error says that the record is left, and
// this process refuses the handle. It deletes the record when the handle comes again.
func TestSignOutWithoutTheStore(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		r := newHandleReplicas(t, 1, nil)
		set := r.server.Issue("ada")
		cookies := pairsOf(r.start(pageRequest(), set))
		if !known {
			r.managers[0] = r.newReplica(nil)
			r.manager = r.managers[0]
		}
		r.store.setFault(storeDown)
		lines, err := r.end(pageRequest(cookies...))
		if !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("known %t: %v", known, err)
		}
		checkDeletedNames(t, "sign-out", lines, cookies)
		if r.isRevoked(set.Refresh) != known {
			t.Errorf("known %t, revoked %t", known, !known)
		}
		r.wants("without the store", 0, cookies, session.ErrSignedOut)
		r.store.setFault(nil)
		if key, _ := r.record(); key == "" {
			t.Error("the record is gone")
		}
		r.wants("the store is back", 0, cookies, session.ErrSignedOut)
		if key, _ := r.record(); key != "" {
			t.Errorf("known %t: the record is left", known)
		}
	}
}

// TestBrokenRecords: none is a session, and none has the cookie deleted. A sign-out and a
// sign-in go on.
func TestBrokenRecords(t *testing.T) {
	t.Parallel()
	r := newHandleReplicas(t, 1, nil)
	cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
	key, record := r.record()
	r.start(pageRequest(), r.server.Issue("bob"))
	var foreign []byte
	for k, v := range r.store.Values() {
		if strings.HasPrefix(k, "cg1:h:") && k != key {
			foreign = v
		}
	}
	changed := slices.Clone(record)
	changed[len(changed)-1] ^= 1
	for name, value := range map[string][]byte{
		"exchanged": foreign, "garbled": []byte("hello"), "changed": changed, "empty": {}, "cut": record[:len(record)-1], "a tombstone": append([]byte("t"), record[1:]...), "gone": nil,
	} {
		set := func() {
			if value == nil {
				r.store.Flush()
			} else {
				r.store.Set(key, value, time.Hour)
			}
		}
		set()
		r.managers[0] = r.newReplica(nil)
		r.manager = r.managers[0]
		for range 2 {
			r.wants(name, 0, cookies, session.ErrSignedOut)
			r.advance(time.Hour)
		}
		lines, err := r.end(pageRequest(cookies...))
		if err != nil {
			t.Errorf("%s: the sign-out: %v", name, err)
		}
		checkDeletedNames(t, name, lines, cookies)
		if _, ok := r.store.Values()[key]; ok {
			t.Errorf("%s: the record is left after a sign-out", name)
		}
		set()
		r.manager = r.newReplica(nil)
		if again := pairsOf(r.start(pageRequest(cookies...), r.server.Issue("ada"))); len(again) != 1 {
			t.Errorf("%s: the sign-in: %q", name, again)
		}
		if _, ok := r.store.Values()[key]; ok {
			t.Errorf("%s: the record is left after a sign-in", name)
		}
	}
}

// TestRefreshedRecordIsNotAdded: a sign-out elsewhere during the refresh deletes the record.
// The refresh does not put it back. If another replica has replaced the record, that stays.
func TestRefreshedRecordIsNotAdded(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"signed out", "flushed", "replaced"} {
		r := newHandleReplicas(t, 2, nil)
		r.server.SetRotation(false, 0)
		cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
		key, record := r.record()
		r.advance(2 * time.Hour)
		var once sync.Once
		r.store.setFault(func(_ context.Context, op session.StoreOperation, value []byte) error {
			if op == session.StoreSwap && len(value) > 0 && value[0] == 'h' {
				once.Do(func() {
					switch name {
					case "signed out":
						if err := r.managers[1].End(httptest.NewRecorder(), pageRequest(cookies...)); err != nil {
							t.Error(err)
						}
					case "flushed":
						r.store.Flush()
					case "replaced":
						r.store.Set(key, append(slices.Clone(record), 0), time.Hour)
					}
				})
			}
			return nil
		})
		r.managers[0].Fetch(httptest.NewRecorder(), pageRequest(cookies...), nil)
		if left, value := r.record(); (left != "") != (name == "replaced") || name == "replaced" && len(value) != len(record)+1 {
			t.Errorf("%s: a record of %d bytes is left", name, len(value))
		}
		r.advance(2 * time.Second)
		for i := range r.managers {
			r.wants(name, i, cookies, session.ErrSignedOut)
		}
	}
}

// TestRefreshedRecordIsSavedLater: Cognito has rotated the refresh token, and the store does
// not take the record. The next request saves it.
func TestRefreshedRecordIsSavedLater(t *testing.T) {
	t.Parallel()
	for name, done := range map[string]bool{"without an effect": false, "with its effect": true} {
		for _, cacheBytes := range []int64{0, -1} {
			r := newHandleReplicas(t, 2, func(c *session.Config) { c.CacheBytes = cacheBytes })
			cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
			r.advance(2 * time.Hour)
			key, record := r.record()
			r.store.setFault(func(_ context.Context, op session.StoreOperation, value []byte) error {
				if op != session.StoreSwap || len(value) == 0 || value[0] != 'h' {
					return nil
				}
				if done {
					r.store.Set(key, value, 24*time.Hour)
				}
				return errors.New("reset by peer")
			})
			r.wants(name, 0, cookies, nil)
			if _, now := r.record(); (string(now) != string(record)) != done {
				t.Errorf("%s: the record has changed: %t", name, !done)
			}
			r.store.setFault(nil)
			r.advance(30 * time.Minute) // no result of the refresh is remembered any more
			// It is cached, and no request asks the store before it must.
			if _, _, err := r.fetchAt(0, pageRequest(cookies...), nil); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			r.advance(time.Hour)
			r.wants(name+", another refresh", 0, cookies, nil)
			r.advance(time.Hour)
			r.wants(name+", and one elsewhere", 1, cookies, nil)
			if n := r.server.Calls(opRefresh); n != 3 {
				t.Errorf("%s: %d refreshes", name, n)
			}
		}
	}
}

// TestRefreshedRecordOfAGoneBrowser: the browser goes away after the refresh, before the
// record is saved. Other replicas get the new tokens.
func TestRefreshedRecordOfAGoneBrowser(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := newHandleReplicas(t, 2, func(c *session.Config) {
		c.Hooks.Refreshed = func(context.Context, session.RefreshSource, time.Duration, error) { cancel() }
	})
	cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
	_, before := r.record()
	r.advance(2 * time.Hour)
	_, _, _ = r.fetchAt(0, pageRequest(cookies...).WithContext(ctx), nil)
	if _, after := r.record(); string(after) == string(before) {
		t.Error("the record is not saved")
	}
	r.wants("elsewhere", 1, cookies, nil)
	if n := r.server.Calls(opRefresh); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

// TestRecordComesBackAfterADay: Cognito has not revoked the refresh token of a session that
// was signed out, and whose access token had expired. The sign-in is refused all the same.
func TestRecordComesBackAfterADay(t *testing.T) {
	t.Parallel()
	r := newHandleReplicas(t, 1, nil)
	r.server.SetRotation(false, 0)
	cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
	key, record := r.record()
	r.advance(2 * time.Hour)
	r.failOnly(opRevoke, down)
	if _, err := r.end(pageRequest(cookies...)); !errors.Is(err, tokens.ErrUnavailable) {
		t.Errorf("the sign-out: %v", err)
	}
	r.recover()
	for range 5 { // requests of others, with which sign-outs are told again
		r.advance(5 * time.Hour)
		if s, err := r.manager.Fetch(nil, pageRequest(r.cookies("bob", r.server.Issue("bob"))...), nil); err != nil {
			t.Errorf("bob: %v, %v", s, err)
		}
	}
	r.store.Set(key, record, time.Hour)
	if s, err := r.manager.Fetch(httptest.NewRecorder(), scriptRequest(cookies...), nil); !errors.Is(err, session.ErrSignedOut) {
		t.Errorf("%v, %v", s, err)
	}
}

// TestSignOutRepeats: another replica refreshes while this one signs out. The record that it
// writes is deleted too, and its refresh token is revoked.
func TestSignOutRepeats(t *testing.T) {
	t.Parallel()
	r := newHandleReplicas(t, 2, nil)
	cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
	r.wants("known", 1, cookies, nil)
	key, first := r.record()
	var once sync.Once
	r.store.setFault(func(_ context.Context, op session.StoreOperation, value []byte) error {
		if op == session.StoreSwap && value == nil {
			once.Do(func() {
				if _, _, err := r.fetchAt(1, scriptRequest(cookies...), forced); err != nil {
					t.Error(err)
				}
				if again, second := r.record(); again != key || string(second) == string(first) {
					t.Error("the refresh has not replaced the record")
				}
			})
		}
		return nil
	})
	if _, err := r.end(pageRequest(cookies...)); err != nil {
		t.Error(err)
	}
	if left, _ := r.record(); left != "" {
		t.Error("the record is left")
	}
	r.advance(2 * time.Second)
	for i := range r.managers {
		r.wants("signed out", i, cookies, session.ErrSignedOut)
	}
}

// TestOverSessionIsCleared: Cognito says that a session is over. A page deletes the record
// and the cookie. If the record is another one by now, or the store fails, both stay.
func TestOverSessionIsCleared(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deleted", "replaced", "fails"} {
		r := newHandleReplicas(t, 1, nil)
		cookies := pairsOf(r.start(pageRequest(), r.server.Issue("ada")))
		key, record := r.record()
		r.advance(2 * time.Hour)
		r.failOnly(opRefresh, cognitotest.Fault{Status: 400, Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"})
		r.store.setFault(func(_ context.Context, op session.StoreOperation, value []byte) error {
			switch {
			case op != session.StoreSwap || value != nil:
			case name == "replaced":
				r.store.Set(key, append(slices.Clone(record), 0), time.Hour)
			case name == "fails":
				return errors.New("reset by peer")
			}
			return nil
		})
		if _, lines, err := r.fetchAt(0, scriptRequest(cookies...), nil); !errors.Is(err, session.ErrSignedOut) || len(lines) > 0 {
			t.Errorf("%s, a script: %v, %q", name, err, lines)
		}
		w := httptest.NewRecorder()
		if _, err := r.manager.Fetch(w, pageRequest(cookies...), nil); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("%s: %v", name, err)
		}
		left, _ := r.record()
		if lines := w.Header()["Set-Cookie"]; (len(lines) == 0) != (name != "deleted") || (left == "") != (name == "deleted") {
			t.Errorf("%s: %q, and the record is left: %t", name, lines, left != "")
		}
	}
}
