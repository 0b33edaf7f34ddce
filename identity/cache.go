package identity

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// digest names an entry without keeping what it was made of.
type digest [sha256.Size]byte

func hash(b []byte) digest { return sha256.Sum256(b) }

// changing are the claims that differ between the tokens of one user and say
// nothing about what the user may do.
var changing = []string{"iat", "exp", "auth_time", "jti", "event_id", "origin_jti", "at_hash", "nonce"}

// stableClaims names what AWS credentials depend on. An identity pool chooses the
// role, and tags the session, by claims of the ID token: two tokens with the same
// claims have the same credentials, whenever they were issued; and once a refresh
// brings another claim, such as a group less, the old credentials are not used for
// it any more.
func stableClaims(t *tokens.Token) (digest, error) {
	var claims map[string]json.RawMessage
	if err := t.Claims(&claims); err != nil {
		return digest{}, err
	}
	for _, name := range changing {
		delete(claims, name)
	}
	text, err := json.Marshal(claims) // sorts the names
	return hash(text), err
}

// entry holds the credentials for one set of claims. Pool.mu guards it.
type entry struct {
	creds  Credentials
	flight *flight // under way, or nil

	failed      error // of the latest flight
	failedUntil time.Time
	failedToken string
}

// flight is one exchange, which many may wait for. Its fields may be read once
// done is closed.
type flight struct {
	done  chan struct{}
	token string
	creds Credentials
	err   error
}

// start begins the exchange for e. Called with p.mu held.
func (p *Pool) start(ctx context.Context, e *entry, c caller) *flight {
	f := &flight{done: make(chan struct{}), token: c.token}
	e.flight = f
	go func() {
		// The values of ctx, such as a trace, stay; its end is not that of others.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
		defer cancel()
		f.creds, f.err = p.exchange(ctx, c)
		p.mu.Lock()
		defer p.mu.Unlock()
		e.flight = nil
		e.failed = f.err
		if f.err != nil {
			e.failedUntil, e.failedToken = p.opts.Now().Add(failurePause), c.token
		} else {
			e.creds = f.creds
		}
		close(f.done)
	}()
	return f
}

// lru is a map of bounded size that forgets what was asked for least recently. It
// needs a lock.
type lru[K comparable, V any] struct {
	max   int
	order *list.List // of *lruItem, latest first
	items map[K]*list.Element
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](max int) *lru[K, V] {
	return &lru[K, V]{max: max, order: list.New(), items: make(map[K]*list.Element)}
}

func (l *lru[K, V]) get(key K) (value V, ok bool) {
	el, ok := l.items[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(el)
	return el.Value.(*lruItem[K, V]).value, true
}

func (l *lru[K, V]) add(key K, value V) {
	if el, ok := l.items[key]; ok {
		el.Value.(*lruItem[K, V]).value = value
		l.order.MoveToFront(el)
		return
	}
	l.items[key] = l.order.PushFront(&lruItem[K, V]{key, value})
	if l.order.Len() > l.max {
		last := l.order.Back()
		l.order.Remove(last)
		delete(l.items, last.Value.(*lruItem[K, V]).key)
	}
}
