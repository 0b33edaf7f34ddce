package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// secondaryKeysWait is how long a token waits for the first keys of a secondary issuer
// while another issuer's keys are there. It leaves time for the request's other tokens.
const secondaryKeysWait = 2 * time.Second

// acceptedIssuer is an issuer whose tokens are accepted, and what a Verifier has seen of
// it. Every issuer but the user pool's first is secondary until one of its tokens has been
// verified: a user pool need not use it.
type acceptedIssuer struct {
	url      string
	first    bool        // UserPool.IssuerURL
	served   atomic.Bool // a key
	verified atomic.Bool // a token of this user pool and app client
}

func (i *acceptedIssuer) isSecondary() bool { return !i.first && !i.verified.Load() }

// noteVerified notes that a token of the issuer was genuine. Every request comes by
// here, so it usually only reads.
func (i *acceptedIssuer) noteVerified() {
	if !i.verified.Load() {
		i.verified.Store(true)
	}
}

// acceptedIssuer returns the issuer of that URL, or nil.
func (v *Verifier) acceptedIssuer(url string) *acceptedIssuer {
	for i := range v.issuers {
		if v.issuers[i].url == url {
			return &v.issuers[i]
		}
	}
	return nil
}

// hasVerified reports whether any token of the user pool has been verified.
func (v *Verifier) hasVerified() bool {
	for i := range v.issuers {
		if v.issuers[i].verified.Load() {
			return true
		}
	}
	return false
}

// hasServed reports whether the issuer has served its keys.
func (v *Verifier) hasServed(i *acceptedIssuer) bool {
	return i.served.Load() || v.remote != nil && v.remote.hasFetched(i.url)
}

func (v *Verifier) anyServed() bool {
	for i := range v.issuers {
		if v.hasServed(&v.issuers[i]) {
			return true
		}
	}
	return false
}

// withoutKeys says what it means for a token that its issuer's keys cannot be had.
// Usually it is ErrUnavailable. But a token names its issuer before anything is verified,
// so any client can name one that this user pool does not use. That is UnknownKey.
// Otherwise one forged token would pass for an outage, for as long as a browser sends it.
func (v *Verifier) withoutKeys(ctx context.Context, issuer *acceptedIssuer, err error) error {
	absent := errors.Is(err, errNoKeySet) && !v.hasServed(issuer)
	switch {
	case !absent && !issuer.isSecondary():
		return err
	case v.anyServed():
		return UnknownKey
	case !absent || issuer.first || v.remote == nil:
		return err
	}
	// A proxy may answer 403 for all issuers. So the first issuer has to answer.
	if err := v.remote.fetchOnce(ctx, v.issuers[0].url); err != nil {
		return err
	}
	return UnknownKey
}

// maxForeignIssuer bounds VerifyError.ForeignIssuer, which a client chooses.
const maxForeignIssuer = 120

// badIssuer refuses a token of an issuer that is not accepted.
func (v *Verifier) badIssuer(c *claims, use Use) error {
	if c.issuer == "" || c.client() != v.userPool.ClientID || v.hasVerified() {
		return &VerifyError{Reason: BadIssuer, Use: use, Err: errDetail{"iss", c.issuer}}
	}
	foreign := fmt.Sprintf("%.*s", maxForeignIssuer, c.issuer)
	return &VerifyError{
		Reason: BadIssuer, Use: use, ForeignIssuer: foreign,
		Err: fmt.Errorf("iss %q instead of %q", foreign, v.issuers[0].url),
	}
}
