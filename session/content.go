package session

import (
	"time"

	"github.com/cognitogate/cognitogate/internal/sealedcookie"
	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// content is what LayoutSealed and LayoutHandle seal.
type content = sealedcookie.Session

// newContent returns the content of a sign-in that begins now.
func newContent(s *Session, refreshToken string, now time.Time) *content {
	c := &content{
		User: s.access.Username(), Access: s.access.Raw(), Refresh: refreshToken,
		SignedIn: time.UnixMilli(now.UnixMilli()), Refreshed: now, Expires: s.access.ExpiresAt(),
	}
	setID(c, s.id)
	return c
}

// refreshedContent returns the content of a sign-in after a refresh at a time.
func refreshedContent(signedIn time.Time, got *refresh.Tokens, refreshed time.Time) *content {
	c := &content{
		User: got.Access.Username(), Access: got.Access.Raw(), Refresh: got.Refresh,
		SignedIn: signedIn, Refreshed: refreshed, Expires: got.Access.ExpiresAt(),
	}
	setID(c, got.ID)
	return c
}

func setID(c *content, id *tokens.Token) {
	if id != nil {
		c.ID = id.Raw()
	}
}

// haveSameTokens reports whether two contents have the same tokens of the same sign-in.
func haveSameTokens(a, b *content) bool {
	return a.Access == b.Access && a.ID == b.ID && a.Refresh == b.Refresh && a.SignedIn.Equal(b.SignedIn)
}

// overErr says why a session is over, whatever its tokens say. Idle time counts only when
// the access token has expired: nothing is written while it is valid.
func (l Lifetime) overErr(c *content, now time.Time) error {
	idleUntil := c.Refreshed.Add(l.Idle)
	switch {
	case l.Absolute > 0 && !now.Before(c.SignedIn.Add(l.Absolute)):
		return errTooOld
	case l.Idle > 0 && !now.Before(idleUntil) && !now.Before(c.Expires):
		return errIdle
	}
	return nil
}
