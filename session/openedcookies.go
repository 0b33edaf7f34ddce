package session

import (
	"github.com/cognitogate/cognitogate/internal/clockcache"
	"github.com/cognitogate/cognitogate/internal/sealedcookie"
)

const (
	sealedResultBytes    = 8 << 20 // some 1 000 results
	sealedCookieOverhead = 600     // bytes of a sealedSession beside its texts
)

// sealedSession is a session as sealed cookies hold it. It is immutable and shared.
type sealedSession struct {
	sealedcookie.Session
	name      string                // of the sign-in's cookies
	takenOver bool                  // by an answer of a takeover
	cookies   []sealedcookie.Cookie // in the order of their positions
}

// size is about what it takes in memory, in bytes.
func (s *sealedSession) size() int {
	n := sealedCookieOverhead + len(s.User) + len(s.Access) + len(s.ID) + len(s.Refresh)
	for _, c := range s.cookies {
		n += len(c.Value) + 32
	}
	return n
}

// openedCookies hold the sessions that were opened or sealed, by the values of their
// cookies, so that a request with known cookies opens nothing. Nobody can fill it who
// cannot seal.
type openedCookies struct {
	*clockcache.Cache[*sealedSession]
}

// newOpenedCookies returns openedCookies that take two thirds of so many bytes, by the
// rules of newCache. A session takes about twice as much in them as in the cache of
// verified sessions.
func newOpenedCookies(bytes int64) openedCookies {
	if bytes == 0 {
		bytes = defaultCacheBytes
	}
	if bytes < 0 {
		return openedCookies{}
	}
	return openedCookies{clockcache.New[*sealedSession](bytes / 3 * 2)}
}

// get returns the session of exactly these values of this name, or nil.
func (o openedCookies) get(name string, values []string) *sealedSession {
	if len(values) == 0 || values[0] == "" {
		return nil
	}
	e := o.Get(valuesKey(values))
	if e == nil || e.Value.name != name || len(e.Value.cookies) != len(values) {
		return nil
	}
	for i, c := range e.Value.cookies {
		if c.Value != values[i] {
			return nil
		}
	}
	return e.Value
}

func (o openedCookies) put(s *sealedSession) {
	var values [sealedcookie.MaxChunks]string
	for i, c := range s.cookies {
		values[i] = c.Value
	}
	o.Put(valuesKey(values[:len(s.cookies)]), s, s.size())
}

// valuesKey returns a key that holds the first values. The first one alone is random.
func valuesKey(values []string) (key clockcache.Key) {
	copy(key.Texts[:], values)
	return key
}

// sealedResults hold the sessions that were sealed lately, by their tokens.
type sealedResults struct {
	*clockcache.Cache[*sealedSession]
}

func newSealedResults() sealedResults {
	return sealedResults{clockcache.New[*sealedSession](sealedResultBytes)}
}

// get returns the sealed session of a result, or nil. A session that Start has begun anew
// is another one, and so is one with another ID token.
func (r sealedResults) get(name string, content *sealedcookie.Session) *sealedSession {
	e := r.Get(resultKey(name, content))
	if e == nil || !e.Value.SignedIn.Equal(content.SignedIn) || e.Value.ID != content.ID {
		return nil
	}
	return e.Value
}

func (r sealedResults) put(s *sealedSession) { r.Put(resultKey(s.name, &s.Session), s, s.size()) }

func resultKey(name string, content *sealedcookie.Session) clockcache.Key {
	return clockcache.Key{Texts: [3]string{content.Access, content.Refresh, name}}
}
