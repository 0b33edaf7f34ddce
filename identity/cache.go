package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/internal/background"
	"github.com/cognitogate/cognitogate/tokens"
)

// digest names a user or a set of claims without keeping it.
type digest [sha256.Size]byte

func hash(b []byte) digest { return sha256.Sum256(b) }

// changingClaims differ between the tokens of one user and do not affect the user's
// permissions.
var changingClaims = []string{"iat", "exp", "auth_time", "jti", "event_id", "origin_jti", "at_hash", "nonce"}

// claimsDigest names the claims that AWS credentials depend on. An identity pool
// chooses the role, and tags the session, by claims of the ID token. Two tokens with
// the same claims have the same credentials, whenever they were issued. Once a
// refresh changes a claim, for example removes a group, the old credentials are not
// used for the new token.
func claimsDigest(t *tokens.Token) (digest, error) {
	var claims map[string]json.RawMessage
	if err := t.Claims(&claims); err != nil {
		return digest{}, err
	}
	for _, name := range changingClaims {
		delete(claims, name)
	}
	text, err := json.Marshal(claims) // sorts the names
	return hash(text), err
}

// cacheEntry holds the credentials for one set of claims. Pool.mu guards it.
type cacheEntry struct {
	creds   Credentials
	life    time.Duration // that creds had left when they came
	running *exchange     // or nil

	err        error // of the last exchange
	errToken   string
	retryAfter time.Time
}

// margins say how long before their expiry credentials are renewed, and how long before it
// requests wait for that: at most half and a quarter of their life. Margins as long as the
// life would make each request renew them, or wait.
func (e *cacheEntry) margins() (renew, wait time.Duration) {
	return min(renewBefore, e.life/2), min(waitBefore, e.life/4)
}

// exchange is one exchange of a token for credentials, which many requests may wait
// for. Its results may be read once done is closed.
type exchange struct {
	done  chan struct{}
	token string
	creds Credentials
	err   error
}

// cached returns credentials from the cache, or the exchange to wait for. While good
// credentials are renewed in the background, it returns them and no exchange.
func (p *Pool) cached(ctx context.Context, u user) (Credentials, *exchange, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.entries.Get(u.claims)
	if !ok {
		e = new(cacheEntry)
		p.entries.Put(u.claims, e)
	}
	now := p.opts.Now()
	left := e.creds.Expires.Sub(now)
	renew, wait := e.margins()
	switch {
	case left > renew:
		return e.creds, nil, nil
	case e.running != nil:
	case e.failedRecently(u, now):
		if left > 0 {
			return e.creds, nil, nil
		}
		return Credentials{}, nil, e.err
	case left <= wait && ctx.Err() != nil:
		return Credentials{}, nil, fmt.Errorf("identity: %w", context.Cause(ctx))
	default:
		p.start(ctx, e, u)
	}
	if left > wait {
		return e.creds, nil, nil
	}
	return e.creds, e.running, nil
}

// failedRecently reports whether an exchange for u would fail like the last one. A
// refusal is of one token; another session of the user has its own.
func (e *cacheEntry) failedRecently(u user, now time.Time) bool {
	return e.err != nil && now.Before(e.retryAfter) && (!isRefusal(e.err) || e.errToken == u.token)
}

// start starts an exchange for e. The caller holds p.mu.
func (p *Pool) start(ctx context.Context, e *cacheEntry, u user) {
	x := &exchange{done: make(chan struct{}), token: u.token}
	e.running = x
	// The exchange keeps the values of ctx, such as a trace. It does not end with ctx,
	// because other requests may wait for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), awscall.Timeout)
	task := background.Task{Name: "identity: an exchange", Logger: p.opts.Logger, Secrets: []string{u.token}}
	task.Go(func() (err error) {
		x.creds, err = p.fetchCredentials(ctx, u)
		return err
	}, func(err error) {
		if failed := (*background.Panic)(nil); errors.As(err, &failed) {
			err = fmt.Errorf("identity: %w: the exchange has panicked: %w", tokens.ErrUnavailable, failed)
		}
		p.finish(e, x, err)
	}, func(error) { cancel() })
}

// finish ends an exchange.
func (p *Pool) finish(e *cacheEntry, x *exchange, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(x.done)
	e.running = nil
	e.err, x.err = err, err
	if err != nil {
		e.retryAfter, e.errToken = p.opts.Now().Add(failurePause), x.token
	} else {
		e.creds, e.life = x.creds, x.creds.Expires.Sub(p.opts.Now())
	}
}
