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

// customKeyTTL is how long a Token of a key from Options.Keys stays trusted. The
// KeySet must be asked again then.
const customKeyTTL = 5 * time.Minute

// Verifier verifies the tokens of one user pool and app client. It may be used by
// many goroutines at once.
type Verifier struct {
	userPool UserPool
	issuers  []acceptedIssuer
	opts     Options
	remote   *RemoteKeySet // opts.Keys if it is one; it knows which keys were removed
	rs256    jws.Verifier
}

// NewVerifier returns a Verifier for the user pool. With nil opts it fetches the user
// pool's keys when the first token asks for them. The error is that of
// UserPool.Validate.
func NewVerifier(userPool UserPool, opts *Options) (*Verifier, error) {
	if err := userPool.Validate(); err != nil {
		return nil, fmt.Errorf("tokens: NewVerifier: %w", err)
	}
	rs256, err := jws.NewVerifier(jwa.RS256)
	if err != nil {
		return nil, fmt.Errorf("tokens: NewVerifier: %w", err)
	}
	v := &Verifier{userPool: userPool, opts: opts.withDefaults(), rs256: rs256}
	v.opts.Audience = slices.Clone(v.opts.Audience) // the caller may change its slice later
	urls := userPool.IssuerURLs()
	v.issuers = make([]acceptedIssuer, len(urls))
	for i, url := range urls {
		v.issuers[i].url, v.issuers[i].first = url, i == 0
	}
	if v.opts.Keys == nil {
		v.opts.Keys = newRemoteKeySet(userPool, v.opts)
	}
	v.remote, _ = v.opts.Keys.(*RemoteKeySet)
	return v, nil
}

// UserPool returns the user pool and app client whose tokens v verifies.
func (v *Verifier) UserPool() UserPool { return v.userPool }

// Verify returns the verified token, or an error and no token. The error of a
// refused token is a [*VerifyError]. If the keys cannot be fetched, the error wraps
// [ErrUnavailable]. A token can name an issuer that the user pool does not use. Its
// missing keys are [UnknownKey] once another issuer's keys are there. Verify checks in the order of the [Reason] constants; their
// comment names the one exception.
func (v *Verifier) Verify(ctx context.Context, raw string, use Use) (*Token, error) {
	return v.verify(ctx, raw, use, nil)
}

// VerifyBearer is Verify for an access token that a client has sent as a bearer token (RFC
// 6750). The token may have been issued to any of these app clients of the user pool too.
// Token.ClientID says to which. Never use it for a token from a cookie.
func (v *Verifier) VerifyBearer(ctx context.Context, raw string, clientIDs ...string) (*Token, error) {
	return v.verify(ctx, raw, Access, clientIDs)
}

// verify is Verify for tokens of the user pool's app client, and of others.
func (v *Verifier) verify(ctx context.Context, raw string, use Use, others []string) (*Token, error) {
	refuse := func(reason Reason, err error) (*Token, error) {
		// errors.Is and errors.As ask a refusal often. Here it allocates for them once.
		return nil, &VerifyError{Reason: reason, Use: use, Err: err, wrapped: [2]error{reason, err}}
	}
	var buf [2 << 10]byte // nearly always it suffices, and stays on the stack
	c, signature, err := parseJWS(raw, buf[:])
	if err != nil {
		return refuse(Malformed, err)
	}
	var claims claims
	if err := claims.read(c.payload); err != nil {
		return refuse(Malformed, fmt.Errorf("payload: %w", err))
	}
	if c.alg != jwa.RS256.String() {
		return refuse(BadAlgorithm, errDetail{"alg", c.alg})
	}
	if c.extension != "" {
		return refuse(BadAlgorithm, errDetail{"header", c.extension})
	}
	issuer := v.acceptedIssuer(claims.issuer)
	if issuer == nil {
		return nil, v.badIssuer(&claims, use)
	}
	claims.issuer = issuer.url // tokens share the string
	key, err := v.key(ctx, issuer, c.kid)
	retired := false
	if errors.Is(err, UnknownKey) {
		key = v.retiredKey(claims.issuer, c.kid)
		if key == nil {
			return refuse(UnknownKey, errDetail{"kid", c.kid})
		}
		retired = true
	} else if err != nil {
		return nil, err
	}
	genuine := v.isSigned(c.signed, signature, key.rsa)
	if !genuine && !retired {
		return refuse(BadSignature, nil)
	}
	clientID := v.acceptedClient(claims.client(), others)
	reason, err := v.checkClaims(&claims, use, clientID)
	genuine = genuine && (reason == "" || reason == Expired)
	if genuine {
		issuer.noteVerified()
	}
	if retired {
		// The token is refused in any case. The error says whether Cognito issued it:
		// see VerifyError.Retired.
		refusal := &VerifyError{Reason: UnknownKey, Use: use, Retired: genuine, Err: errDetail{"retired kid", c.kid}}
		if genuine {
			refusal.Token = claims.token(raw, use, clientID, key)
		}
		return nil, refusal
	}
	switch reason {
	case "":
		return claims.token(raw, use, clientID, key), nil
	case Expired:
		return nil, &VerifyError{Reason: Expired, Use: use, Token: claims.token(raw, use, clientID, key)}
	}
	return refuse(reason, err)
}

// isSigned reports whether the key has signed the text. It copies both, because what an
// interface gets escapes to the heap.
func (v *Verifier) isSigned(text string, signature []byte, key *rsa.PublicKey) bool {
	copied := append(append(make([]byte, 0, len(text)+len(signature)), text...), signature...)
	return v.rs256.Verify(copied[:len(text)], copied[len(text):], key) == nil
}

// acceptedClient returns the app client of a token if it is the user pool's or one of the
// others, and otherwise "". Tokens share the string.
func (v *Verifier) acceptedClient(id string, others []string) string {
	if id == v.userPool.ClientID {
		return v.userPool.ClientID
	}
	if i := slices.Index(others, id); i >= 0 {
		return others[i]
	}
	return ""
}

// checkClaims checks the claims of a token with a good signature. clientID is its accepted
// app client, or "". It checks expiry last: a session may be refreshed if its token has
// expired, and not if its token is also another client's.
func (v *Verifier) checkClaims(c *claims, use Use, clientID string) (Reason, error) {
	if clientID == "" {
		return BadClient, errDetail{"client", c.client()}
	}
	if c.use != string(use) {
		return BadUse, errDetail{"token_use", c.use}
	}
	if use == Access && !v.isAudience(c) {
		return BadAudience, errDetail{"aud", c.audience + c.audiences}
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

// isAudience reports whether an access token may be used here: it is bound to no resource,
// or to one of Options.Audience (RFC 7519 §4.1.3).
func (v *Verifier) isAudience(c *claims) bool {
	switch {
	case len(v.opts.Audience) == 0:
		return true
	case c.audiences != "":
		found := false
		isList := eachString(c.audiences, func(a string) { found = found || slices.Contains(v.opts.Audience, a) })
		return isList && found
	}
	// A trigger of the user pool may write the app client's id as the audience.
	return c.audience == "" || c.audience == c.clientID || slices.Contains(v.opts.Audience, c.audience)
}

// key returns the key that a token of an accepted issuer names.
func (v *Verifier) key(ctx context.Context, issuer *acceptedIssuer, kid string) (*publicKey, error) {
	if kid == "" {
		return nil, UnknownKey
	}
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if issuer.isSecondary() && v.anyServed() {
		waiting, cancel = context.WithTimeout(ctx, secondaryKeysWait)
	}
	defer cancel()
	key, err := v.askForKey(waiting, issuer, kid)
	if errors.Is(err, ErrUnavailable) {
		return nil, v.withoutKeys(ctx, issuer, err)
	}
	return key, err
}

// askForKey asks the key set for a key. The error is UnknownKey or wraps ErrUnavailable.
func (v *Verifier) askForKey(ctx context.Context, issuer *acceptedIssuer, kid string) (*publicKey, error) {
	if v.remote != nil {
		return v.remote.key(ctx, issuer.url, kid)
	}
	key, err := v.opts.Keys.Key(ctx, issuer.url, kid)
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
	if !issuer.served.Load() {
		issuer.served.Store(true)
	}
	return &publicKey{rsa: public, askedAt: v.opts.Now()}, nil
}

func (v *Verifier) retiredKey(issuer, kid string) *publicKey {
	if v.remote == nil || kid == "" {
		return nil
	}
	return v.remote.retiredKey(issuer, kid)
}

// Trusted reports whether the keys that signed verified tokens are all still in their
// key sets, so that cached tokens need not be verified again. now is the time by the
// clock of Options.Now, which the caller has read for the tokens' expiry; Trusted does not
// look at that. It costs next to nothing. A nil token is not trusted.
func (v *Verifier) Trusted(now time.Time, all ...*Token) bool {
	for _, t := range all {
		if t == nil || t.signingKey == nil || !t.signingKey.trusted(now) {
			return false
		}
	}
	return true
}
