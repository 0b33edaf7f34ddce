package tokens

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/internal/background"
	"github.com/cognitogate/cognitogate/internal/outage"
)

const (
	keysRefetchAfter = time.Hour        // in the background
	keysUsableFor    = 24 * time.Hour   // while fetches fail; also how long retired keys are known
	unknownKidPause  = 10 * time.Second // between fetches for unknown kids
	keysFetchTimeout = 5 * time.Second
	keysBackoffMin   = time.Second
	keysBackoffMax   = 30 * time.Second
	maxKeySetBytes   = 256 << 10
)

// RemoteKeySet fetches the key sets that the user pool's issuers publish. It follows
// these rules for each issuer:
//
//   - The first token of the issuer makes it fetch the key set.
//   - After an hour it fetches the set again in the background. No request waits.
//   - A token with an unknown kid makes it fetch the set at once, at most every ten
//     seconds.
//   - Requests that need a fetch at the same time share one.
//   - After a failed fetch it waits one second, doubling to thirty. Until then,
//     requests for keys that it does not have fail at once with [ErrUnavailable].
//   - Keys that it has remain usable for a day without a successful fetch.
//   - A successful fetch replaces the set: a key that has left it verifies nothing
//     any more.
type RemoteKeySet struct {
	issuers map[string]*issuerKeys // never written to after construction
}

// NewRemoteKeySet returns the key set of the user pool's issuers. It makes no
// request. The error is that of UserPool.Validate.
func NewRemoteKeySet(userPool UserPool, opts *Options) (*RemoteKeySet, error) {
	if err := userPool.Validate(); err != nil {
		return nil, fmt.Errorf("tokens: NewRemoteKeySet: %w", err)
	}
	return newRemoteKeySet(userPool, opts.withDefaults()), nil
}

func newRemoteKeySet(userPool UserPool, opts Options) *RemoteKeySet {
	s := &RemoteKeySet{issuers: make(map[string]*issuerKeys)}
	for i, issuer := range userPool.IssuerURLs() {
		s.issuers[issuer] = &issuerKeys{issuer: issuer, first: i == 0, set: s, opts: opts,
			field: keySetField(issuer, userPool), outage: keySetOutage(issuer, opts.Logger)}
	}
	return s
}

// Key returns the issuer's key with this kid. It fetches the key set if need be.
func (s *RemoteKeySet) Key(ctx context.Context, issuer, kid string) (crypto.PublicKey, error) {
	k, err := s.key(ctx, issuer, kid)
	if err != nil {
		return nil, err
	}
	return k.rsa, nil
}

func (s *RemoteKeySet) key(ctx context.Context, issuer, kid string) (*publicKey, error) {
	keys, ok := s.issuers[issuer]
	if !ok {
		return nil, UnknownKey
	}
	return keys.key(ctx, kid)
}

// hasFetched reports whether the issuer has served its key set.
func (s *RemoteKeySet) hasFetched(issuer string) bool {
	keys := s.issuers[issuer]
	return keys != nil && keys.current.Load() != nil
}

func (s *RemoteKeySet) anyFetched() bool {
	for issuer := range s.issuers {
		if s.hasFetched(issuer) {
			return true
		}
	}
	return false
}

// fetchOnce fetches the issuer's key set, unless it has served one.
func (s *RemoteKeySet) fetchOnce(ctx context.Context, issuer string) error {
	if s.hasFetched(issuer) {
		return nil
	}
	_, err := s.key(ctx, issuer, "")
	if err != nil && !errors.Is(err, UnknownKey) {
		return err
	}
	return nil
}

// ensureUsable fetches the issuer's key set, unless its keys are usable.
func (s *RemoteKeySet) ensureUsable(ctx context.Context, issuer string) error {
	keys := s.issuers[issuer]
	if keys == nil || keys.usable(ctx, keys.current.Load(), keys.opts.Now()) {
		return nil
	}
	if _, err := keys.key(ctx, ""); !errors.Is(err, UnknownKey) {
		return err
	}
	return nil
}

// retiredKey returns a key that has left the issuer's key set within the last day.
func (s *RemoteKeySet) retiredKey(issuer, kid string) *publicKey {
	keys, ok := s.issuers[issuer]
	if !ok {
		return nil
	}
	keys.mu.Lock()
	defer keys.mu.Unlock()
	if k := keys.retired[kid]; k != nil && keys.opts.Now().Sub(k.retiredAt) < keysUsableFor {
		return k
	}
	return nil
}

// publicKey is a key and whether it is still trusted. Each Token points to the key
// that signed it, so a key that leaves its set takes its tokens along.
type publicKey struct {
	rsa     *rsa.PublicKey
	removed atomic.Bool // from its key set

	issuer    *issuerKeys // whose key it is; nil for a key of Options.Keys
	askedAt   time.Time   // when Options.Keys returned it
	retiredAt time.Time   // guarded by issuer.mu
}

// trusted reports whether the key is still in its issuer's key set. It also keeps the
// set up to date: requests that are served from a cache ask for no key, and must
// still learn of a removed one.
func (k *publicKey) trusted(now time.Time) bool {
	if k.issuer == nil {
		age := now.Sub(k.askedAt)
		return age >= 0 && age < customKeyTTL // after a clock was set back, age is negative
	}
	return !k.removed.Load() && k.issuer.usable(context.Background(), k.issuer.current.Load(), now)
}

// issuerKeys is the key set of one issuer.
type issuerKeys struct {
	issuer string
	first  bool // of the user pool's issuers
	set    *RemoteKeySet
	opts   Options
	field  string // of UserPool, which says where the key set is
	outage *outage.Log

	current atomic.Pointer[fetchedKeys] // nil before the first successful fetch

	mu        sync.Mutex
	retired   map[string]*publicKey
	running   *keyFetch // or nil
	startedAt time.Time // of the last fetch
	failures  int       // of fetches in a row
	retryAt   time.Time // after a failure
	lastErr   error     // of the last fetch
}

// fetchedKeys is the result of a fetch. It is never written to.
type fetchedKeys struct {
	byID      map[string]*publicKey
	fetchedAt time.Time
}

// keyFetch is a fetch that any number of requests wait for.
type keyFetch struct {
	done chan struct{}
	err  error // to be read once done is closed
}

// usable reports whether keys are young enough to verify tokens. It starts a fetch in
// the background if they are old. Keys with a time in the future count as old: the
// clock was wrong when they were fetched, or is wrong now.
func (s *issuerKeys) usable(ctx context.Context, keys *fetchedKeys, now time.Time) bool {
	if keys == nil {
		return false
	}
	age := now.Sub(keys.fetchedAt)
	if age > keysRefetchAfter || age < 0 {
		s.fetch(ctx, keys, false)
	}
	return age < keysUsableFor
}

func (s *issuerKeys) key(ctx context.Context, kid string) (*publicKey, error) {
	keys := s.current.Load()
	usable := s.usable(ctx, keys, s.opts.Now())
	if usable && keys.byID[kid] != nil {
		return keys.byID[kid], nil
	}
	fetch, err := s.fetch(ctx, keys, usable)
	if err != nil {
		return nil, err
	}
	select {
	case <-fetch.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: key set of %s: %w", ErrUnavailable, s.issuer, ctx.Err())
	}
	if fetch.err != nil {
		return nil, fetch.err
	}
	if k := s.current.Load().byID[kid]; k != nil {
		return k, nil
	}
	return nil, UnknownKey
}

// finished is a fetch that has succeeded.
var finished = func() *keyFetch {
	f := &keyFetch{done: make(chan struct{})}
	close(f.done)
	return f
}()

// fetch returns the fetch to wait for: the running one, or a new one. If the current
// keys are no longer those that the caller has seen, a fetch has just finished. After
// a recent failure fetch returns an error instead. For an unknown kid it also does so
// after any recent fetch.
func (s *issuerKeys) fetch(ctx context.Context, seen *fetchedKeys, forUnknownKid bool) (*keyFetch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return s.running, nil
	}
	if s.current.Load() != seen {
		return finished, nil
	}
	// A clock that was set back must not stop fetches: times too far in the future
	// count as past.
	now := s.opts.Now()
	tooSoon := forUnknownKid && !s.startedAt.After(now) && now.Sub(s.startedAt) < unknownKidPause
	backoff := now.Before(s.retryAt) && s.retryAt.Sub(now) <= keysBackoffMax
	if s.lastErr != nil && (tooSoon || backoff) {
		return nil, s.lastErr
	}
	if tooSoon {
		return nil, UnknownKey
	}
	s.startedAt = now
	s.running = &keyFetch{done: make(chan struct{})}
	s.run(ctx, s.running)
	return s.running, nil
}

// run fetches the key set in the background, with the values of the request's context. The
// request may be cancelled while others wait, and that does not cancel the fetch. s.mu is
// held.
func (s *issuerKeys) run(ctx context.Context, fetch *keyFetch) {
	ctx = context.WithoutCancel(ctx)
	var keys map[string]*rsa.PublicKey
	start := s.startedAt
	task := background.Task{Name: "tokens: a fetch of a key set", Logger: s.opts.Logger}
	task.Go(func() (err error) {
		ctx = s.opts.Hooks.keysFetchStarted(ctx, s.issuer)
		limited, cancel := context.WithTimeout(ctx, keysFetchTimeout)
		defer cancel()
		keys, err = s.download(limited)
		return err
	}, func(err error) {
		if err != nil {
			err = fmt.Errorf("%w: key set of %s: %w", ErrUnavailable, s.issuer, err)
		}
		s.finish(fetch, keys, err)
	}, func(error) {
		s.noteOutage(ctx, start, fetch.err)
	}, func(error) {
		if s.opts.Hooks.KeysFetched != nil {
			s.opts.Hooks.KeysFetched(ctx, s.issuer, len(keys), fetch.err)
		}
	}, func(error) {
		close(fetch.done)
	})
}

// finish notes how a fetch ended.
func (s *issuerKeys) finish(fetch *keyFetch, keys map[string]*rsa.PublicKey, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		backoff := min(keysBackoffMin<<min(s.failures, 5), keysBackoffMax)
		backoff -= rand.N(backoff / 4) // spreads the requests of replicas
		s.failures++
		s.retryAt = s.opts.Now().Add(backoff)
	} else {
		s.failures = 0
		s.replace(keys)
	}
	s.lastErr, fetch.err = err, err
	s.running = nil
}

// replace makes keys the current set. A key that stays remains the same *publicKey.
// s.mu is held.
func (s *issuerKeys) replace(keys map[string]*rsa.PublicKey) {
	now := s.opts.Now().Round(0) // keys age while the machine sleeps, which stops the monotonic clock
	var old map[string]*publicKey
	if current := s.current.Load(); current != nil {
		old = current.byID
	}
	byID := make(map[string]*publicKey, len(keys))
	for kid, key := range keys {
		if k := old[kid]; k != nil && k.rsa.Equal(key) {
			byID[kid] = k
			continue
		}
		byID[kid] = &publicKey{rsa: key, issuer: s}
	}
	maps.DeleteFunc(s.retired, func(_ string, k *publicKey) bool { return now.Sub(k.retiredAt) >= keysUsableFor })
	for kid, k := range old {
		if byID[kid] == k {
			continue
		}
		k.removed.Store(true)
		if s.retired == nil {
			s.retired = make(map[string]*publicKey)
		}
		k.retiredAt = now
		s.retired[kid] = k
	}
	s.current.Store(&fetchedKeys{byID, now})
}

// errNoKeySet reports that an issuer publishes no key set: the updated issuer of a user
// pool that has not switched to it, say. A proxy may answer the same.
var errNoKeySet = errors.New("no key set")

// errNotKeySet reports an answer that is no key set, such as the page of a proxy.
var errNotKeySet = errors.New("not a JWK Set")

// errNoUserPool reports that an issuer's host knows no such user pool.
var errNoUserPool = errors.New("no such user pool")

func (s *issuerKeys) download(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, keySetURL(s.issuer), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := awscall.WithoutRedirects(s.opts.HTTPClient).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%w: %s answers %s", errNoKeySet, req.URL, resp.Status)
	case resp.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("%w: %w: %s answers %s", errNoKeySet, errNoUserPool, req.URL, resp.Status)
	case resp.StatusCode == http.StatusBadRequest && isNoUserPool(resp):
		return nil, fmt.Errorf("%w: %s answers %s", errNoUserPool, req.URL, resp.Status)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", req.URL, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySetBytes)) // a longer set is invalid JSON then
	if err != nil {
		return nil, err
	}
	return parseKeySet(text)
}

// isNoUserPool reports whether Cognito answers that the user pool does not exist. The
// error's code is in a header, in the body, or only in words.
func isNoUserPool(resp *http.Response) bool {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return strings.Contains(resp.Header.Get("X-Amzn-Errortype"), "ResourceNotFoundException") ||
		bytes.Contains(text, []byte("ResourceNotFoundException")) ||
		bytes.Contains(text, []byte("User pool")) && bytes.Contains(text, []byte("does not exist"))
}
