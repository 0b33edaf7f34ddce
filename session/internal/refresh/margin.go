package refresh

import (
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// unknownLifeMargin is the margin of a token that does not say how long it lives.
const unknownLifeMargin = 5 * time.Second

// isExpiring reports whether a token expires within a margin.
func isExpiring(t *tokens.Token, margin time.Duration, now time.Time) bool {
	return now.After(freshUntil(t, margin))
}

// freshUntil returns when a token begins to be expiring: a margin before it expires. At most
// half of the token's life counts. A margin as long as that life would make each request
// refresh it.
func freshUntil(t *tokens.Token, margin time.Duration) time.Time {
	most := unknownLifeMargin
	if life := t.ExpiresAt().Sub(t.IssuedAt()); life > 0 && !t.IssuedAt().IsZero() {
		most = life / 2
	}
	return t.ExpiresAt().Add(-min(margin, most))
}

// isExpiring is like the function for a token that came with the call. If this server's
// clock is ahead of Cognito's, less of the token's life is left at its arrival. At most
// half of that counts, so that a new token does not cause the next refresh.
func (c *refreshCall) isExpiring(t *tokens.Token, margin time.Duration, now time.Time) bool {
	left := max(t.ExpiresAt().Sub(c.finishedAt), 0)
	return isExpiring(t, min(margin, left/2), now)
}

// brought reports whether a token came with the call.
func (c *refreshCall) brought(t *tokens.Token) bool {
	return c.tokens != nil && (c.tokens.Access.Raw() == t.Raw() || c.tokens.ID != nil && c.tokens.ID.Raw() == t.Raw())
}
