package session

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cognitogate/cognitogate/internal/clockcache"
	"github.com/cognitogate/cognitogate/internal/recent"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

const (
	recordOverhead = 800            // bytes of a record beside its texts
	recordMargin   = 24 * time.Hour // after a session is over, so that a request is told why
	maxTakes       = 20             // tries to delete a record that others change

	endedHandleTTL   = 24 * time.Hour
	unsavedRecordTTL = 24 * time.Hour
	maxEndedHandles  = 10_000
	maxUnsaved       = 4096
	maxAdded         = 8 // records of one sign-in that are taken over
)

// record is a session as a store holds it. It is immutable and shared.
type record struct {
	content
	handle   sealedcookie.Handle
	sealed   []byte
	replaces []byte // the sealed record before a refresh
}

// size is about what it takes in memory, in bytes.
func (r *record) size() int {
	return recordOverhead + len(r.User) + len(r.Access) + len(r.ID) + len(r.Refresh) + len(r.sealed) + len(r.replaces)
}

// recordCache holds records by their handles, so that a request with a known handle asks no
// store. Only records of the store, and those on the way to it, go in.
type recordCache struct {
	*clockcache.Cache[*record]
}

// newRecordCache returns a recordCache that takes two thirds of so many bytes, by the rules
// of newCache.
func newRecordCache(bytes int64) recordCache {
	if bytes == 0 {
		bytes = defaultCacheBytes
	}
	if bytes < 0 {
		return recordCache{}
	}
	return recordCache{clockcache.New[*record](bytes / 3 * 2)}
}

// get returns the record of a handle, or nil.
func (c recordCache) get(handle string) *record {
	if handle == "" {
		return nil
	}
	if e := c.Get(recordCacheKey(handle)); e != nil {
		return e.Value
	}
	return nil
}

func (c recordCache) put(r *record) { c.Put(recordCacheKey(r.handle.Text), r, r.size()) }

func (c recordCache) drop(h sealedcookie.Handle) { c.Drop(0, h.Text) }

func recordCacheKey(handle string) clockcache.Key {
	return clockcache.Key{Texts: [3]string{handle}}
}

// handleRecords are the records of an app client in a store, and what this process knows of
// them.
type handleRecords struct {
	handles  *sealedcookie.Handles
	store    refresh.Store
	lifetime Lifetime
	maxAge   time.Duration // after which the browser forgets a handle
	now      func() time.Time

	records recordCache

	mu      sync.Mutex
	unsaved recent.Map[string, *record]  // that the store has not taken, by key
	ended   recent.Map[string, bool]     // by key; whether the record is deleted
	added   recent.Map[string, []string] // keys of records that were taken over, by sign-in
}

func newHandleRecords(cfg *Config, store refresh.Store, maxAge time.Duration) (*handleRecords, error) {
	handles, err := sealedcookie.NewHandles(cfg.UserPool.ID, cfg.UserPool.ClientID, cfg.Now, cfg.secrets()...)
	if err != nil {
		return nil, err
	}
	return &handleRecords{
		handles: handles, store: store, lifetime: cfg.Lifetime, maxAge: maxAge, now: cfg.Now,
		records: newRecordCache(cfg.CacheBytes),
		unsaved: recent.Map[string, *record]{Keep: unsavedRecordTTL, Max: maxUnsaved},
		ended:   recent.Map[string, bool]{Keep: endedHandleTTL, Max: maxEndedHandles},
		added:   recent.Map[string, []string]{Keep: endedHandleTTL, Max: maxEndedHandles},
	}, nil
}

// read returns the record of a handle. Errors but errNoRecord and refresh.ErrEnded are the
// store's.
func (hr *handleRecords) read(ctx context.Context, h sealedcookie.Handle) (*record, error) {
	hr.mu.Lock()
	deleted, ended := hr.ended.Get(h.Key, hr.now())
	unsaved, _ := hr.unsaved.Get(h.Key, hr.now())
	hr.mu.Unlock()
	if ended {
		if !deleted {
			_, _ = hr.take(ctx, h)
		}
		return nil, refresh.ErrEnded
	}
	sealed, err := hr.store.Get(ctx, h.Key)
	if err != nil {
		return nil, err
	}
	content, ok := hr.handles.Open(h, sealed)
	if !ok {
		hr.records.drop(h)
		return nil, errNoRecord
	}
	r := &record{content: *content, handle: h, sealed: sealed}
	if unsaved != nil {
		if bytes.Equal(sealed, unsaved.replaces) {
			r = unsaved
			hr.swap(ctx, r)
		} else {
			hr.forgetUnsaved(h)
		}
	}
	hr.remember(r)
	return r, nil
}

// remember caches a record, unless its handle was signed out meanwhile.
func (hr *handleRecords) remember(r *record) {
	hr.records.put(r)
	hr.mu.Lock()
	_, ended := hr.ended.Get(r.handle.Key, hr.now())
	hr.mu.Unlock()
	if ended {
		hr.records.drop(r.handle)
	}
}

// swap replaces a record by its next one. If the store fails, the next request tries again.
// If the record is another one now, or none, that counts.
func (hr *handleRecords) swap(ctx context.Context, r *record) {
	// Cognito may accept the old refresh token no more, whether the client waits or not.
	swapped, err := hr.store.Swap(context.WithoutCancel(ctx), r.handle.Key, r.replaces, r.sealed, hr.until(&r.content).Sub(hr.now()))
	if err != nil {
		hr.mu.Lock()
		defer hr.mu.Unlock()
		hr.unsaved.Put(r.handle.Key, r, hr.now())
		return
	}
	hr.forgetUnsaved(r.handle)
	if !swapped {
		hr.records.drop(r.handle)
	}
}

func (hr *handleRecords) forgetUnsaved(h sealedcookie.Handle) {
	hr.mu.Lock()
	defer hr.mu.Unlock()
	hr.unsaved.Delete(h.Key)
}

func (hr *handleRecords) newRecord(h sealedcookie.Handle, c *content) *record {
	return &record{content: *c, handle: h, sealed: hr.handles.Seal(h, c, hr.until(c))}
}

// until returns when a record may go: recordMargin after the session is over.
func (hr *handleRecords) until(c *content) time.Time {
	until := c.SignedIn.Add(hr.maxAge) // the browser forgets the handle
	if absolute := c.SignedIn.Add(hr.lifetime.Absolute); hr.lifetime.Absolute > 0 && absolute.Before(until) {
		until = absolute
	}
	idle := c.Refreshed.Add(hr.lifetime.Idle)
	if idle.Before(c.Expires) {
		idle = c.Expires
	}
	if hr.lifetime.Idle > 0 && idle.Before(until) {
		until = idle
	}
	return until.Add(recordMargin)
}

// add puts a new record into the store. After an error it tries once more: the first try may
// have had its effect.
func (hr *handleRecords) add(ctx context.Context, r *record) (err error) {
	for range 2 {
		if _, err = hr.store.Add(ctx, r.handle.Key, r.sealed, hr.until(&r.content).Sub(hr.now())); err == nil {
			return nil
		}
	}
	return err
}

// addOnce puts the record of tokens that are taken over into the store, unless it was put
// there before. It reports why the record that is there is no session. A sign-in may have a
// few records: somebody could show its access token beside any number of made-up refresh
// tokens, and fill the store.
func (hr *handleRecords) addOnce(ctx context.Context, r *record, signIn string) error {
	hr.mu.Lock()
	_, ended := hr.ended.Get(r.handle.Key, hr.now())
	added, _ := hr.added.Get(signIn, hr.now())
	isNew := !slices.Contains(added, r.handle.Key)
	if isNew && !ended && len(added) < maxAdded {
		hr.added.Put(signIn, append(slices.Clone(added), r.handle.Key), hr.now())
	}
	hr.mu.Unlock()
	switch {
	case ended:
		return signedOutBecause(refresh.ErrEnded)
	case isNew && len(added) >= maxAdded:
		return errTooManyRecords
	}
	there, err := hr.store.Add(ctx, r.handle.Key, r.sealed, hr.until(&r.content).Sub(hr.now()))
	if err != nil {
		return err
	}
	if there == nil {
		hr.remember(r)
		return nil
	}
	first, ok := hr.handles.Open(r.handle, there)
	if !ok {
		return errNoRecord
	}
	if err := hr.lifetime.overErr(first, hr.now()); err != nil {
		return signedOutBecause(err)
	}
	return nil
}

// take deletes the record of a handle, whatever others make of it meanwhile, and returns
// what it was. From now on this process refuses the handle. After an error, it deletes the
// record when the handle is shown again.
func (hr *handleRecords) take(ctx context.Context, h sealedcookie.Handle) (taken []*record, err error) {
	hr.noteEnded(h, false)
	hr.forgetUnsaved(h)
	hr.records.drop(h)
	failures := 0
	for range maxTakes {
		var sealed []byte
		swapped := false
		if sealed, err = hr.store.Get(ctx, h.Key); err == nil && sealed != nil {
			if content, ok := hr.handles.Open(h, sealed); ok {
				taken = append(taken, &record{content: *content, handle: h, sealed: sealed})
			}
			swapped, err = hr.store.Swap(ctx, h.Key, sealed, nil, 0)
		}
		switch {
		case err == nil && (sealed == nil || swapped):
			hr.noteEnded(h, true)
			return taken, nil
		case err != nil:
			if failures++; failures == 2 { // the first try may have had its effect
				return taken, err
			}
		}
	}
	return taken, cmp.Or(err, errRecordChanges)
}

func (hr *handleRecords) noteEnded(h sealedcookie.Handle, deleted bool) {
	hr.mu.Lock()
	defer hr.mu.Unlock()
	hr.ended.Put(h.Key, deleted, hr.now())
}
