package cognitotest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// chain is what began with one sign-in: all tokens with the same origin_jti.
// Revocation ends it as a whole, as Cognito's does.
type chain struct {
	user              *account
	clientID          string
	originID, eventID string
	authTime          time.Time
	expires           time.Time // of its refresh tokens
	revoked           bool
	scopes            []string // that the managed login granted; nil after a sign-in through the API
}

// refreshToken is one link of a session's chain.
type refreshToken struct {
	*chain
	rotated time.Time // when it was first exchanged for a new one; zero if never
}

// signIn begins a session. Called with p.mu held.
func (p *pool) signIn(a *account, clientID string, now time.Time) (c *chain, refresh string) {
	c = &chain{
		user:     a,
		clientID: clientID,
		originID: newUUID(),
		eventID:  newUUID(),
		authTime: now,
		expires:  now.Add(p.refreshLifetime),
	}
	p.chains[c.originID] = c
	return c, p.newRefreshToken(c)
}

// newRefreshToken adds a link to c. Called with p.mu held.
func (p *pool) newRefreshToken(c *chain) string {
	token := randomJWE()
	p.refreshTokens[sha256.Sum256([]byte(token))] = &refreshToken{chain: c}
	return token
}

// link finds a refresh token; nil if it is none of ours. Called with p.mu held.
func (p *pool) link(token string) *refreshToken {
	return p.refreshTokens[sha256.Sum256([]byte(token))]
}

// refresh judges a refresh token and, with rotation, replaces it: then next is
// the new one. Called with p.mu held.
func (p *pool) refresh(clientID, token string, now time.Time) (c *chain, next string, err error) {
	t := p.link(token)
	switch {
	case t == nil || t.clientID != clientID:
		return nil, "", refuse("NotAuthorizedException", "Invalid Refresh Token")
	case t.revoked:
		return nil, "", refuse("NotAuthorizedException", "Refresh Token has been revoked")
	case !now.Before(t.expires):
		return nil, "", refuse("NotAuthorizedException", "Refresh Token has expired")
	case !t.rotated.IsZero() && !now.Before(t.rotated.Add(p.grace)):
		// Cognito refuses this token only: the rest of the chain goes on.
		return nil, "", refuse("RefreshTokenReuseException", "Refresh token reuse detected")
	}
	if err := t.user.usable(); err != nil {
		return nil, "", err
	}
	if p.rotation {
		if t.rotated.IsZero() {
			t.rotated = now
		}
		next = p.newRefreshToken(t.chain)
	}
	return t.chain, next, nil
}

// randomJWE looks like Cognito's refresh tokens, also in length: a JWE of five
// parts whose header alone can be read (RFC 7516 §7.1).
func randomJWE() string {
	parts := []string{base64.RawURLEncoding.EncodeToString([]byte(`{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}`))}
	for _, size := range []int{256, 12, 830, 16} { // key, nonce, ciphertext, tag
		b := make([]byte, size)
		rand.Read(b)
		parts = append(parts, base64.RawURLEncoding.EncodeToString(b))
	}
	return strings.Join(parts, ".")
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	return formatUUID(b)
}

// formatUUID makes b a UUID of version 4 (RFC 9562 §5.4).
func formatUUID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
