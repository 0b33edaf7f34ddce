package tokens

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// foreignKeyFor is how long a key from a KeySet of the user's own is believed
// before it is asked for again.
const foreignKeyFor = 5 * time.Minute

// Verifier verifies the tokens of one user pool and app client. It may be used
// by many goroutines at once.
type Verifier struct {
	pool    UserPool
	issuers []string
	opts    Options
	remote  *RemoteKeySet // opts.Keys if it is one, to keep an eye on its keys
	rs256   jws.Verifier
}

// NewVerifier returns a Verifier for the pool. With nil opts it fetches the
// pool's keys when the first token asks for them. The error is that of
// UserPool.Validate.
func NewVerifier(pool UserPool, opts *Options) (*Verifier, error) {
	if err := pool.Validate(); err != nil {
		return nil, fmt.Errorf("tokens: NewVerifier: %w", err)
	}
	rs256, err := jws.NewVerifier(jwa.RS256)
	if err != nil {
		return nil, fmt.Errorf("tokens: NewVerifier: %w", err)
	}
	v := &Verifier{pool: pool, issuers: pool.IssuerURLs(), opts: opts.withDefaults(), rs256: rs256}
	if v.opts.Keys == nil {
		v.opts.Keys = newRemoteKeySet(pool, v.opts)
	}
	v.remote, _ = v.opts.Keys.(*RemoteKeySet)
	return v, nil
}

// UserPool returns the pool and app client whose tokens v verifies.
func (v *Verifier) UserPool() UserPool { return v.pool }

// Verify returns the token that raw is, or an error and no token: a
// [*VerifyError] if it is refused, an error wrapping [ErrUnavailable] if the
// keys cannot be had. The order of the checks is that of the [Reason]
// constants; see there for the one exception.
func (v *Verifier) Verify(ctx context.Context, raw string, use Use) (*Token, error) {
	refuse := func(reason Reason, err error) (*Token, error) {
		return nil, &VerifyError{Reason: reason, Use: use, Err: err}
	}
	c, err := parseCompact(raw)
	if err != nil {
		return refuse(Malformed, err)
	}
	claims, err := parseClaims(c.payload)
	if err != nil {
		return refuse(Malformed, fmt.Errorf("payload: %w", err))
	}
	if c.alg != jwa.RS256.String() {
		return refuse(BadAlgorithm, detail{"alg", c.alg})
	}
	if c.extension != "" {
		return refuse(BadAlgorithm, detail{"header", c.extension})
	}
	if !slices.Contains(v.issuers, claims.issuer) {
		return refuse(BadIssuer, detail{"iss", claims.issuer})
	}
	key, err := v.key(ctx, claims.issuer, c.kid)
	retired := false
	if errors.Is(err, UnknownKey) {
		// Not a verdict yet: see VerifyError.Retired.
		if key = v.retiredKey(claims.issuer, c.kid); key == nil {
			return refuse(UnknownKey, detail{"kid", c.kid})
		}
		retired = true
	} else if err != nil {
		return nil, err
	}
	genuine := v.rs256.Verify([]byte(c.signed), c.signature, key.rsa) == nil
	if !genuine && !retired {
		return refuse(BadSignature, nil)
	}
	reason, err := v.judge(claims, use)
	if retired {
		genuine = genuine && (reason == "" || reason == Expired)
		refusal := &VerifyError{Reason: UnknownKey, Use: use, Retired: genuine, Err: detail{"retired kid", c.kid}}
		if genuine {
			refusal.Token = claims.token(raw, use, key)
		}
		return nil, refusal
	}
	switch reason {
	case "":
		return claims.token(raw, use, key), nil
	case Expired:
		return nil, &VerifyError{Reason: Expired, Use: use, Token: claims.token(raw, use, key)}
	}
	return refuse(reason, err)
}

// judge checks the claims of a token whose signature is good, expiry last: a
// token that is only expired may be refreshed, and one that is expired and
// somebody else's may not.
func (v *Verifier) judge(c *claims, use Use) (Reason, error) {
	if c.client() != v.pool.ClientID {
		return BadClient, detail{"client", c.client()}
	}
	if c.use != string(use) {
		return BadUse, detail{"token_use", c.use}
	}
	now := v.opts.Now()
	if c.notBefore.After(now.Add(v.opts.Leeway)) {
		return NotYetValid, fmt.Errorf("in %v", c.notBefore.Sub(now).Round(time.Second))
	}
	if !now.Before(c.expires) {
		return Expired, nil
	}
	return "", nil
}

// key asks for the key that an accepted issuer's token names.
func (v *Verifier) key(ctx context.Context, issuer, kid string) (*publicKey, error) {
	if kid == "" {
		return nil, UnknownKey
	}
	if v.remote != nil {
		return v.remote.lookup(ctx, issuer, kid)
	}
	key, err := v.opts.Keys.Key(ctx, issuer, kid)
	if errors.Is(err, UnknownKey) {
		return nil, UnknownKey
	}
	if err != nil {
		return nil, fmt.Errorf("%w: key set: %w", ErrUnavailable, err)
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok || public == nil || public.N == nil || public.N.BitLen() < minKeyBits {
		return nil, UnknownKey
	}
	return &publicKey{rsa: public, since: v.opts.Now()}, nil
}

func (v *Verifier) retiredKey(issuer, kid string) *publicKey {
	if v.remote == nil || kid == "" {
		return nil
	}
	return v.remote.retired(issuer, kid)
}

// Trusted reports whether the key that signed a verified token is still in its
// key set, so that a token which is kept need not be verified again. It does not
// look at the token's expiry, and costs next to nothing.
func (v *Verifier) Trusted(t *Token) bool {
	switch {
	case t == nil || t.signingKey == nil:
		return false
	case t.signingKey.set == nil:
		age := v.opts.Now().Sub(t.signingKey.since)
		return age >= 0 && age < foreignKeyFor // not for as long as a clock was set back
	}
	return t.signingKey.trusted()
}
