package session

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognitogate/cognitogate/internal/cookie"
	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

const (
	maxHandles  = 8  // of one request; without planted ones there is one
	maxTakes    = 20 // tries to delete a record that others change
	takeTimeout = 2 * time.Second

	recordMargin     = 24 * time.Hour // after a session is over, so that a request is told why
	endedHandleTTL   = 24 * time.Hour
	unsavedRecordTTL = 24 * time.Hour
	maxEndedHandles  = 10_000
	maxUnsaved       = 4096
)

var errTooManyHandles = errors.New("more handles than are looked at for one request")

// handleLayout keeps the tokens of a session in a store. The cookie has the handle of the
// record. A sign-in begins a record, a refresh replaces it, and a sign-out deletes it.
// Nothing puts a record under a handle again, so a deleted session never comes back.
type handleLayout struct {
	names
	cookieName string
	handles    *sealedcookie.Handles
	store      refresh.Store
	alwaysAsk  bool
	attributes cookie.Attributes
	lifetime   Lifetime
	now        func() time.Time
	log        *slog.Logger

	logDuplicates rate.Sometimes

	records recordCache

	mu      sync.Mutex
	unsaved recent.Map[string, *record] // that the store has not taken, by key
	ended   recent.Map[string, bool]    // by key; whether the record is deleted
}

func newHandleLayout(cfg *Config, store refresh.Store) (*handleLayout, error) {
	attributes := cookie.Attributes(cfg.Cookies.withDefaults())
	attributes.HTTPOnly = true
	handles, err := sealedcookie.NewHandles(cfg.UserPool.ID, cfg.UserPool.ClientID, cfg.Now, cfg.secrets()...)
	if err != nil {
		return nil, err
	}
	prefix := sealedcookie.Prefix(cfg.UserPool.ClientID, attributes)
	l := &handleLayout{
		names: names{prefix}, cookieName: prefix + sealedcookie.HandleName, handles: handles, store: store, alwaysAsk: cfg.AlwaysAskStore,
		attributes: attributes, lifetime: cfg.Lifetime, now: cfg.Now, log: cfg.Logger,
		records: newRecordCache(cfg.CacheBytes),
		unsaved: recent.Map[string, *record]{Keep: unsavedRecordTTL, Max: maxUnsaved},
		ended:   recent.Map[string, bool]{Keep: endedHandleTTL, Max: maxEndedHandles},
	}
	l.logDuplicates.Interval = time.Minute
	return l, nil
}

// single returns the tokens of the request's cookies if they leave no choice, and their
// record is known. Otherwise access is empty. single allocates nothing.
func (l *handleLayout) single(cookies requestCookies) (access, id string) {
	if l.alwaysAsk {
		return "", ""
	}
	value := ""
	for i := range cookies {
		c := &cookies[i]
		switch {
		case c.name != l.cookieName:
		case value != "" && value != c.value:
			return "", ""
		default:
			value = c.value
		}
	}
	if r := l.records.get(value); r != nil && l.lifetime.overErr(&r.content, l.now()) == nil {
		return r.Access, r.ID
	}
	return "", ""
}

// handlesOf returns the genuine handles in the cookies, each once. all reports whether there
// are no others.
func (l *handleLayout) handlesOf(cookies requestCookies) (handles []sealedcookie.Handle, all bool) {
	for i := range cookies {
		if cookies[i].name != l.cookieName {
			continue
		}
		h, ok := l.handles.Parse(cookies[i].value)
		switch {
		case !ok || slices.Contains(handles, h):
		case len(handles) == maxHandles:
			return handles, false
		default:
			handles = append(handles, h)
		}
	}
	return handles, len(cookies) < maxCookies
}

// users returns the user of the latest sign-in. Without the store it returns what is known of
// the record, and nothing may be refreshed: other processes could not get the new tokens.
func (l *handleLayout) users(ctx context.Context, cookies requestCookies) (found foundUsers, _ error) {
	handles, all := l.handlesOf(cookies)
	found = foundUsers{all: all, noneErr: errNotOpened}
	var latest *record
	for _, h := range handles {
		r, err := l.read(ctx, h)
		switch {
		case err == nil:
		case errors.Is(err, errNoRecord), errors.Is(err, refresh.ErrEnded):
			found.noneErr = err
			continue
		default:
			if r = l.records.get(h.Text); r == nil || l.alwaysAsk {
				return foundUsers{}, err
			}
			found.fixedErr = err
		}
		if latest == nil || r.SignedIn.After(latest.SignedIn) {
			latest = r
		}
	}
	if latest != nil {
		found.users = []userCookies{l.userOf(latest)}
	}
	return found, nil
}

func (l *handleLayout) userOf(r *record) userCookies {
	u := userOf(&r.content)
	u.record, u.over = r, l.lifetime.overErr(&r.content, l.now())
	return u
}

// read returns the record of a handle. Errors but errNoRecord and refresh.ErrEnded are the
// store's.
func (l *handleLayout) read(ctx context.Context, h sealedcookie.Handle) (*record, error) {
	l.mu.Lock()
	deleted, ended := l.ended.Get(h.Key, l.now())
	unsaved, _ := l.unsaved.Get(h.Key, l.now())
	l.mu.Unlock()
	if ended {
		if !deleted {
			_, _ = l.take(ctx, h)
		}
		return nil, refresh.ErrEnded
	}
	sealed, err := l.store.Get(ctx, h.Key)
	if err != nil {
		return nil, err
	}
	content, ok := l.handles.Open(h, sealed)
	if !ok {
		l.records.drop(h)
		return nil, errNoRecord
	}
	r := &record{content: *content, handle: h, sealed: sealed}
	if unsaved != nil {
		if bytes.Equal(sealed, unsaved.replaces) {
			r = unsaved
			l.swap(ctx, r)
		} else {
			l.forgetUnsaved(h)
		}
	}
	l.remember(r)
	return r, nil
}

// remember caches a record, unless its handle was signed out meanwhile.
func (l *handleLayout) remember(r *record) {
	l.records.put(r)
	l.mu.Lock()
	_, ended := l.ended.Get(r.handle.Key, l.now())
	l.mu.Unlock()
	if ended {
		l.records.drop(r.handle)
	}
}

// writeRefreshed replaces the record. No cookie is written.
func (l *handleLayout) writeRefreshed(a answer, u *userCookies, got *refresh.Tokens, isEnded func() bool) {
	if !l.writer(a).mayRefresh(isEnded) || isEnded() {
		return
	}
	content := refreshedContent(u.record.SignedIn, got, l.now())
	if known := l.records.get(u.record.handle.Text); known != nil && haveSameTokens(&known.content, content) {
		return // another request with the same result has replaced the record, or does so
	}
	r := l.newRecord(u.record.handle, content)
	r.replaces = u.record.sealed
	l.remember(r)
	l.swap(a.r.Context(), r)
}

// swap replaces a record by its next one. If the store fails, the next request tries again.
// If the record is another one now, or none, that counts.
func (l *handleLayout) swap(ctx context.Context, r *record) {
	// Cognito may accept the old refresh token no more, whether the client waits or not.
	swapped, err := l.store.Swap(context.WithoutCancel(ctx), r.handle.Key, r.replaces, r.sealed, l.until(&r.content).Sub(l.now()))
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.unsaved.Put(r.handle.Key, r, l.now())
		return
	}
	l.forgetUnsaved(r.handle)
	if !swapped {
		l.records.drop(r.handle)
	}
}

func (l *handleLayout) forgetUnsaved(h sealedcookie.Handle) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsaved.Delete(h.Key)
}

func (l *handleLayout) newRecord(h sealedcookie.Handle, c *content) *record {
	return &record{content: *c, handle: h, sealed: l.handles.Seal(h, c, l.until(c))}
}

// until returns when a record may go: recordMargin after the session is over.
func (l *handleLayout) until(c *content) time.Time {
	until := c.SignedIn.Add(l.attributes.MaxAge) // the browser forgets the handle
	if absolute := c.SignedIn.Add(l.lifetime.Absolute); l.lifetime.Absolute > 0 && absolute.Before(until) {
		until = absolute
	}
	idle := c.Refreshed.Add(l.lifetime.Idle)
	if idle.Before(c.Expires) {
		idle = c.Expires
	}
	if l.lifetime.Idle > 0 && idle.Before(until) {
		until = idle
	}
	return until.Add(recordMargin)
}

// writeSignIn writes a new handle and deletes the records of the handles in the request. So
// a handle that was there before a sign-in is worth nothing afterwards.
func (l *handleLayout) writeSignIn(a answer, _ *Session, c *content) error {
	ctx := a.r.Context()
	r := l.newRecord(l.handles.New(), c)
	if err := l.add(ctx, r); err != nil {
		return storeUnavailable(err)
	}
	limited, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	handles, _ := l.handlesOf(a.cookies)
	for _, h := range handles {
		_, _ = l.take(limited, h) // else it is tried again when the handle is shown
	}
	l.remember(r)
	w := l.writer(a)
	w.settle()
	w.put(w.attributes.Line(l.cookieName, r.handle.Text))
	if !strings.HasPrefix(l.cookieName, hostPrefix) && w.request.countName(l.cookieName) > 1 {
		w.deletions.add(deletion{name: l.cookieName, carried: true, written: true})
	}
	w.deleteAllOthers()
	w.finish()
	return nil
}

// add puts a new record into the store. After an error it tries once more: the first try may
// have had its effect.
func (l *handleLayout) add(ctx context.Context, r *record) (err error) {
	for range 2 {
		if _, err = l.store.Add(ctx, r.handle.Key, r.sealed, l.until(&r.content).Sub(l.now())); err == nil {
			return nil
		}
	}
	return err
}

// takeUsers deletes the records of all handles, and returns their users, the latest sign-in
// first. If the store fails, it returns what is known of them.
func (l *handleLayout) takeUsers(ctx context.Context, cookies requestCookies) (found foundUsers, err error) {
	handles, all := l.handlesOf(cookies)
	found.all = all
	var errs []error
	if !all {
		errs = append(errs, errTooManyHandles)
	}
	var taken []*record
	for _, h := range handles {
		known := l.records.get(h.Text)
		records, err := l.take(ctx, h)
		if err != nil {
			errs = append(errs, err)
			if len(records) == 0 && known != nil {
				records = append(records, known)
			}
		}
		taken = append(taken, records...)
	}
	slices.SortStableFunc(taken, func(a, b *record) int {
		return cmp.Or(b.SignedIn.Compare(a.SignedIn), b.Refreshed.Compare(a.Refreshed))
	})
	for _, r := range taken {
		found.users = append(found.users, l.userOf(r))
	}
	return found, errors.Join(errs...)
}

// take deletes the record of a handle, whatever others make of it meanwhile, and returns
// what it was. From now on this process refuses the handle. After an error, it deletes the
// record when the handle is shown again.
func (l *handleLayout) take(ctx context.Context, h sealedcookie.Handle) (taken []*record, err error) {
	l.noteEnded(h, false)
	l.forgetUnsaved(h)
	l.records.drop(h)
	failures := 0
	for range maxTakes {
		var sealed []byte
		swapped := false
		if sealed, err = l.store.Get(ctx, h.Key); err == nil && sealed != nil {
			if content, ok := l.handles.Open(h, sealed); ok {
				taken = append(taken, &record{content: *content, handle: h, sealed: sealed})
			}
			swapped, err = l.store.Swap(ctx, h.Key, sealed, nil, 0)
		}
		switch {
		case err == nil && (sealed == nil || swapped):
			l.noteEnded(h, true)
			return taken, nil
		case err != nil:
			if failures++; failures == 2 { // the first try may have had its effect
				return taken, err
			}
		}
	}
	return taken, cmp.Or(err, errRecordChanges)
}

func (l *handleLayout) noteEnded(h sealedcookie.Handle, deleted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended.Put(h.Key, deleted, l.now())
}

// clear deletes the records and cookies of sessions that are over. A record that another
// process has replaced meanwhile stays, and so do its cookies.
func (l *handleLayout) clear(a answer, users []userCookies) {
	w := l.writer(a)
	for i := range users {
		r := users[i].record
		if swapped, err := l.store.Swap(a.r.Context(), r.handle.Key, r.sealed, nil, 0); err != nil || !swapped {
			continue
		}
		l.noteEnded(r.handle, true)
		l.records.drop(r.handle)
		for k := range a.cookies {
			if c := &a.cookies[k]; c.name == l.cookieName && c.value == r.handle.Text {
				w.deleteCarried(c)
			}
		}
	}
	w.finish()
}

// clearAll deletes all cookies of this app client. takeUsers has deleted the records.
func (l *handleLayout) clearAll(a answer, _ []userCookies) {
	w := l.writer(a)
	w.settle()
	w.deleteAllOthers()
	w.finish()
}

// clearStale does nothing: a record that is missing may be a store's that comes back. The
// next sign-in replaces the cookie.
func (l *handleLayout) clearStale(answer, []staleCookie) {}

// warnOfDuplicates says once a minute that the cookie comes twice.
func (l *handleLayout) warnOfDuplicates(cookies requestCookies, _ []userCookies) {
	if cookies.haveDuplicates() {
		l.logDuplicates.Do(func() { l.log.Warn(duplicatesWarning) })
	}
}

// holdsTokens reports whether the cookie stands for a session's tokens.
func (l *handleLayout) holdsTokens(*requestCookie) bool { return true }

func (l *handleLayout) writer(a answer) *answerCookies {
	return newAnswerCookies(a, l.names, l.attributes)
}
