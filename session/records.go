package session

import (
	"github.com/cognitogate/cognitogate/internal/clockcache"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
)

const recordOverhead = 800 // bytes of a record beside its texts

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
