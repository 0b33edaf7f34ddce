package refresh

import (
	"context"
	"fmt"

	"github.com/cognitogate/cognitogate/tokens"
)

// SignOutCount counts the sign-ins that were ended. A session that was found not to be
// ended need not be looked up again while the count stays the same.
func (e *Engine) SignOutCount() uint64 { return e.signOuts.count.Load() }

// EndRefreshTokens ends the sessions of refresh tokens, with all that rotation has made
// of them: no running refresh and no result brings one back. It returns the access
// tokens that were refreshed with them, for EndSignIns.
func (e *Engine) EndRefreshTokens(refreshTokens []string) (refreshed []*tokens.Token) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Now()
	for _, token := range refreshTokens {
		chain, access := e.results.end(token)
		for _, ended := range chain {
			e.signOuts.refreshTokens.Put(hashOf(ended), struct{}{}, now)
		}
		refreshed = append(refreshed, access...)
	}
	return refreshed
}

// EndSignIns ends the sign-ins that verified access tokens descend from.
func (e *Engine) EndSignIns(access []*tokens.Token) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Now()
	for _, t := range access {
		e.signOuts.endSignIn(t.OriginID(), now)
	}
}

// IsEnded reports whether a verified access token's sign-in was ended. Cognito names
// the sign-in in the tokens of app clients with token revocation, its default. Refresh
// tokens do not decide: a planted one that was ended must not end a session, and a
// planted one that was not must not revive it.
func (e *Engine) IsEnded(access *tokens.Token) bool {
	if access.OriginID() == "" || e.SignOutCount() == 0 {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.signOuts.signIns.Has(hashOf(access.OriginID()), e.cfg.Now())
}

// Revoke has Cognito revoke the newest refresh token that rotation has made of this
// one. It waits for a running refresh until waiting ends; a refresh that finishes later
// revokes its own tokens. subject is the session's user if a token of it was verified.
func (e *Engine) Revoke(ctx, waiting context.Context, refreshToken, subject string) error {
	e.mu.Lock()
	allowed := e.limits.allowRevocation(subject, e.cfg.Now())
	e.mu.Unlock()
	if !allowed {
		return fmt.Errorf("%w to be revoked", ErrTooMany)
	}
	return e.cfg.Revoke(ctx, e.newestOfEnded(waiting, refreshToken))
}

// newestOfEnded follows the rotations of an ended refresh token to the newest one.
func (e *Engine) newestOfEnded(waiting context.Context, refreshToken string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		newest, running := e.results.newestToken(refreshToken)
		if running == nil {
			return newest
		}
		e.mu.Unlock()
		select {
		case <-running.done:
		case <-waiting.Done():
		}
		e.mu.Lock()
		if running.isRunning() {
			running.revokeWhenDone = true
			return newest
		}
		refreshToken = running.newestToken()
	}
}
