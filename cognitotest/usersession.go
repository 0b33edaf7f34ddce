package cognitotest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
)

// userSession is one sign-in of a user, with all tokens of its event_id. Revoking
// one refresh token ends the whole session, as in Cognito.
type userSession struct {
	user              *account
	clientID          string
	originID, eventID string
	authTime          time.Time
	expires           time.Time // of its refresh tokens
	revoked           bool
	scopes            []string // granted by the managed login; nil after a sign-in through the API
	deviceKey         string   // of the remembered device, or empty
}

// refreshToken is one of a session's refresh tokens. Rotation adds new ones.
type refreshToken struct {
	*userSession
	rotated time.Time // when it was first exchanged for a new one; zero if never
}

// startSession starts a session with its first refresh token. Called with p.mu held.
func (p *userPool) startSession(a *account, clientID string, now time.Time) (s *userSession, refresh string) {
	s = &userSession{
		user:     a,
		clientID: clientID,
		originID: newUUID(),
		eventID:  newUUID(),
		authTime: now,
		expires:  now.Add(p.refreshLifetime),
	}
	p.sessions[s.eventID] = s
	return s, p.newRefreshToken(s)
}

// newRefreshToken adds a refresh token to a session. Called with p.mu held.
func (p *userPool) newRefreshToken(s *userSession) string {
	token := randomJWE()
	p.refreshTokens[sha256.Sum256([]byte(token))] = &refreshToken{userSession: s}
	return token
}

// findRefreshToken returns nil for an unknown token. Called with p.mu held.
func (p *userPool) findRefreshToken(token string) *refreshToken {
	return p.refreshTokens[sha256.Sum256([]byte(token))]
}

// refresh checks a refresh token with its device key and finds its session. With
// rotation, next is the new refresh token, else empty. Called with p.mu held.
func (p *userPool) refresh(clientID, token, deviceKey string, now time.Time) (s *userSession, next string, err error) {
	t := p.findRefreshToken(token)
	switch {
	case t == nil || t.clientID != clientID:
		return nil, "", apiErrorf("NotAuthorizedException", "Invalid Refresh Token")
	case t.revoked:
		return nil, "", apiErrorf("NotAuthorizedException", "Refresh Token has been revoked")
	case !now.Before(t.expires):
		return nil, "", apiErrorf("NotAuthorizedException", "Refresh Token has expired")
	case !t.rotated.IsZero() && !now.Before(t.rotated.Add(p.grace)):
		// Cognito refuses this token only. The session's newer ones stay valid.
		return nil, "", apiErrorf("RefreshTokenReuseException", "Refresh token reuse detected")
	}
	switch {
	case deviceKey == t.deviceKey:
	case deviceKey == "":
		return nil, "", apiErrorf("NotAuthorizedException", "Invalid Refresh Token")
	default:
		return nil, "", apiErrorf("NotAuthorizedException", "Invalid device key given.")
	}
	if err := t.user.checkUsable(); err != nil {
		return nil, "", err
	}
	if err := p.runTrigger(t.user.Username); err != nil {
		return nil, "", err
	}
	if p.rotation {
		if t.rotated.IsZero() {
			t.rotated = now
		}
		next = p.newRefreshToken(t.userSession)
	}
	return t.userSession, next, nil
}

// randomJWE returns a text of the form and length of Cognito's refresh tokens: a
// JWE of five parts (RFC 7516 §7.1), of which only the header can be read.
func randomJWE() string {
	parts := []string{base64.RawURLEncoding.EncodeToString([]byte(`{"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}`))}
	for _, size := range []int{256, 12, 830, 16} { // key, nonce, ciphertext, tag
		b := make([]byte, size)
		rand.Read(b)
		parts = append(parts, base64.RawURLEncoding.EncodeToString(b))
	}
	return strings.Join(parts, ".")
}
