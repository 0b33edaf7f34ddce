package tokens

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	keysFreshFor   = time.Hour        // then they are fetched again in the background
	keysServeFor   = 24 * time.Hour   // then a dead endpoint is no longer covered up
	keysRefetchGap = 10 * time.Second // between fetches for unknown kids
	keysFetchLimit = 5 * time.Second
	keysBackoffMin = time.Second
	keysBackoffMax = 30 * time.Second
	maxKeySetBytes = 256 << 10
)

// RemoteKeySet fetches the key sets that the pool's issuers publish.
//
// An issuer's key set is fetched when a token first names it. It is kept for an
// hour and then fetched again in the background, so that no request waits; an
// unknown kid has it fetched at once, but at most every ten seconds, whoever
// asks. Requests that need the same fetch share it. A failed fetch is remembered
// (one second, doubling to thirty) and meanwhile those who need it fail at once
// with [ErrUnavailable]; keys that are known keep serving for a day. A successful
// fetch replaces the set: a key that has left it verifies nothing any more.
type RemoteKeySet struct {
	issuers map[string]*issuerKeys // fixed at construction
}

// NewRemoteKeySet returns the key set of the pool's issuers. It makes no
// request. The error is that of UserPool.Validate.
func NewRemoteKeySet(pool UserPool, opts *Options) (*RemoteKeySet, error) {
	if err := pool.Validate(); err != nil {
		return nil, fmt.Errorf("tokens: NewRemoteKeySet: %w", err)
	}
	return newRemoteKeySet(pool, opts.withDefaults()), nil
}

func newRemoteKeySet(pool UserPool, opts Options) *RemoteKeySet {
	s := &RemoteKeySet{issuers: make(map[string]*issuerKeys)}
	for _, issuer := range pool.IssuerURLs() {
		s.issuers[issuer] = &issuerKeys{issuer: issuer, opts: opts}
	}
	return s
}

// Key returns the issuer's key with this kid, fetching the key set if need be.
func (s *RemoteKeySet) Key(ctx context.Context, issuer, kid string) (crypto.PublicKey, error) {
	k, err := s.lookup(ctx, issuer, kid)
	if err != nil {
		return nil, err
	}
	return k.rsa, nil
}

func (s *RemoteKeySet) lookup(ctx context.Context, issuer, kid string) (*publicKey, error) {
	keys, ok := s.issuers[issuer]
	if !ok {
		return nil, UnknownKey
	}
	return keys.lookup(ctx, kid)
}

// retired returns a key that has left the issuer's key set within the last day.
func (s *RemoteKeySet) retired(issuer, kid string) *publicKey {
	keys, ok := s.issuers[issuer]
	if !ok {
		return nil
	}
	keys.mu.Lock()
	defer keys.mu.Unlock()
	if k := keys.retired[kid]; k != nil && keys.opts.Now().Sub(k.retiredAt) < keysServeFor {
		return k
	}
	return nil
}

// publicKey is a key and whether it is still trusted. Tokens keep a pointer to
// the one that signed them, so that a key which leaves its set takes them along.
type publicKey struct {
	rsa  *rsa.PublicKey
	gone atomic.Bool

	set       *issuerKeys // where it comes from; nil if from a KeySet of the user's
	since     time.Time   // without a set: when it was asked for
	retiredAt time.Time   // guarded by set.mu
}

// trusted reports whether the key is still in the key set, and has a set that
// has grown old fetched again: requests that are served from a cache ask for no
// key, and must learn of a removed one all the same.
func (k *publicKey) trusted() bool {
	return !k.gone.Load() && k.set.serves(k.set.known.Load())
}

// issuerKeys is the key set of one issuer.
type issuerKeys struct {
	issuer string
	opts   Options

	known atomic.Pointer[knownKeys] // nil until the first fetch

	mu       sync.Mutex
	retired  map[string]*publicKey
	flight   *keyFlight // the fetch under way, or nil
	started  time.Time  // of the last fetch
	failures int        // fetches failed in a row
	retryAt  time.Time  // no fetch before, after a failure
	lastErr  error
}

// knownKeys is what a fetch brought. It is never written to.
type knownKeys struct {
	byID map[string]*publicKey
	at   time.Time
}

// keyFlight is a fetch that any number of requests wait for.
type keyFlight struct {
	done chan struct{}
	err  error // read after done
}

// serves reports whether known may still be used, and has it fetched again in
// the background when it is old. One that comes from the future is old too: the
// clock was wrong then or is wrong now.
func (s *issuerKeys) serves(known *knownKeys) bool {
	if known == nil {
		return false
	}
	age := s.opts.Now().Sub(known.at)
	if age > keysFreshFor || age < 0 {
		s.fetch(known, false) // whoever asks next sees the result
	}
	return age < keysServeFor
}

func (s *issuerKeys) lookup(ctx context.Context, kid string) (*publicKey, error) {
	known := s.known.Load()
	serves := s.serves(known)
	if serves && known.byID[kid] != nil {
		return known.byID[kid], nil
	}
	flight, err := s.fetch(known, serves)
	if err != nil {
		return nil, err
	}
	select {
	case <-flight.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: key set of %s: %w", ErrUnavailable, s.issuer, ctx.Err())
	}
	if flight.err != nil {
		return nil, flight.err
	}
	if k := s.known.Load().byID[kid]; k != nil {
		return k, nil
	}
	return nil, UnknownKey
}

// landed is the flight of those who come just after one has landed.
var landed = func() *keyFlight {
	f := &keyFlight{done: make(chan struct{})}
	close(f.done)
	return f
}()

// fetch starts a fetch for somebody who has seen the keys that were known, or
// joins the one under way. It fails at once after a recent failure, and, for an
// unknown kid, when the last fetch was just now.
func (s *issuerKeys) fetch(seen *knownKeys, forUnknownKid bool) (*keyFlight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != nil {
		return s.flight, nil
	}
	if s.known.Load() != seen {
		return landed, nil
	}
	now := s.opts.Now()
	// A clock that was set back must not stop fetching: a start in the future
	// counts as long ago.
	recent := forUnknownKid && !s.started.After(now) && now.Sub(s.started) < keysRefetchGap
	if s.lastErr != nil && (recent || now.Before(s.retryAt) && s.retryAt.Sub(now) <= keysBackoffMax) {
		return nil, s.lastErr
	}
	if recent {
		return nil, UnknownKey
	}
	s.started = now
	s.flight = &keyFlight{done: make(chan struct{})}
	go s.fly(s.flight)
	return s.flight, nil
}

// fly fetches the key set. It runs on no request's context: the one that starts
// it may be cancelled while others wait.
func (s *issuerKeys) fly(flight *keyFlight) {
	ctx, cancel := context.WithTimeout(context.Background(), keysFetchLimit)
	defer cancel()
	keys, err := s.download(ctx)
	if err != nil {
		err = fmt.Errorf("%w: key set of %s: %w", ErrUnavailable, s.issuer, err)
	}
	s.mu.Lock()
	if err != nil {
		backoff := min(keysBackoffMin<<min(s.failures, 5), keysBackoffMax)
		backoff -= rand.N(backoff / 4) // so that replicas do not ask in step
		s.failures++
		s.retryAt = s.opts.Now().Add(backoff)
	} else {
		s.failures = 0
		s.replace(keys)
	}
	s.lastErr = err
	flight.err = err
	s.flight = nil
	s.mu.Unlock()
	if s.opts.Hooks.KeysFetched != nil {
		s.opts.Hooks.KeysFetched(ctx, s.issuer, len(keys), err)
	}
	close(flight.done)
}

// replace makes keys the whole set. s.mu is held.
func (s *issuerKeys) replace(keys map[string]*rsa.PublicKey) {
	now := s.opts.Now().Round(0) // sleep stops the monotonic clock, and keys age
	var old map[string]*publicKey
	if known := s.known.Load(); known != nil {
		old = known.byID
	}
	fresh := make(map[string]*publicKey, len(keys))
	for kid, key := range keys {
		if k := old[kid]; k != nil && k.rsa.Equal(key) {
			fresh[kid] = k
			continue
		}
		fresh[kid] = &publicKey{rsa: key, set: s}
	}
	maps.DeleteFunc(s.retired, func(_ string, k *publicKey) bool { return now.Sub(k.retiredAt) >= keysServeFor })
	for kid, k := range old {
		if fresh[kid] == k {
			continue
		}
		k.gone.Store(true)
		if s.retired == nil {
			s.retired = make(map[string]*publicKey)
		}
		k.retiredAt = now
		s.retired[kid] = k
	}
	s.known.Store(&knownKeys{fresh, now})
}

func (s *issuerKeys) download(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, keySetURL(s.issuer), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.opts.HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", req.URL, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySetBytes)) // what is longer is no JSON then
	if err != nil {
		return nil, err
	}
	return parseKeySet(text)
}
