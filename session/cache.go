package session

import (
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/clockcache"
	"github.com/cognitogate/cognitogate/tokens"
)

const (
	entryOverhead = 1200 // bytes of a cached session beside the texts that are counted
)

// cache holds verified sessions, so that the next request with the same cookies needs no
// signature check. Only verified sessions go in, so a forger cannot fill it.
type cache struct {
	*clockcache.Cache[cachedSession]
}

// arrival says how the tokens of a session came. A session that arrived in one way never
// answers for tokens that arrive in the other: only a bearer token may be without a user.
type arrival byte

const (
	inCookies arrival = iota
	asBearer
)

type cachedSession struct {
	// signOutCount is of ended sign-ins, when this one was last found not to be one. It
	// is atomic, and first, where 32-bit machines align it.
	signOutCount uint64
	session      Session
	freshUntil   time.Time // when it begins to be expiring
}

// newCache returns a cache of at most so many bytes. 0 means the default, and a negative
// number a cache that holds nothing.
func newCache(bytes int64) cache {
	if bytes == 0 {
		bytes = defaultCacheBytes
	}
	if bytes < 0 {
		return cache{}
	}
	return cache{clockcache.New[cachedSession](bytes)}
}

// put caches a session that was verified when signOutCount sign-ins had been ended, and
// returns it as requests will share it. Its tokens must be texts of their own: parts of a
// request's header would keep the whole header in memory.
func (c cache) put(how arrival, s *Session, freshUntil time.Time, signOutCount uint64) *Session {
	if c.Cache == nil {
		return s
	}
	cached := cachedSession{signOutCount, *s, freshUntil}
	if s.details != "" {
		cached.session.details = strings.Clone(s.details)
		cached.session.user = s.User() // reading JSON costs as much as the rest of a request
	}
	id := ""
	if s.id != nil {
		id = s.id.Raw()
	}
	e := c.Put(cacheKey(how, s.access.Raw(), id, cached.session.details), cached, s.size())
	if e == nil {
		return s
	}
	return &e.Value.session
}

// access returns the token of this text if a session with it is cached that arrived in
// cookies, whatever else was in them. The token may have expired meanwhile.
func (c cache) access(raw string) *tokens.Token {
	if e := c.Find(byte(inCookies), raw); e != nil {
		return e.Value.session.access
	}
	return nil
}

// drop forgets the session of an access token.
func (c cache) drop(how arrival, access string) { c.Drop(byte(how), access) }

func cacheKey(how arrival, access, id, details string) clockcache.Key {
	return clockcache.Key{Kind: byte(how), Texts: [3]string{access, id, details}}
}

// size is about what a session takes in memory, in bytes.
func (s *Session) size() int {
	n := entryOverhead + 2*len(s.details) + len(s.access.Raw())
	if s.id != nil {
		n += len(s.id.Raw())
	}
	for _, list := range [][]string{s.access.Groups(), s.access.Scopes()} {
		for _, item := range list {
			n += 2*len(item) + 48 // in the token too, and in the ID token
		}
	}
	return n
}
