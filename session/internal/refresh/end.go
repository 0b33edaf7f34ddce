package refresh

import (
	"context"
	"net/netip"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/tokens"
)

// EndRefreshTokens ends the sessions of refresh tokens, with all that rotation has made
// of them: no running refresh and no result brings one back. It returns the access
// tokens that were refreshed with them, for EndSignIns.
func (e *Engine) EndRefreshTokens(refreshTokens []string) (refreshed []*tokens.Token) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, token := range refreshTokens {
		chain, access := e.results.markEnded(token)
		for _, ended := range chain {
			e.endToken(ended)
		}
		refreshed = append(refreshed, access...)
	}
	return refreshed
}

// Revoke has Cognito revoke the newest refresh token that rotation has made of this
// one. It waits for a running refresh until waiting ends; a refresh that finishes later
// revokes its own tokens. genuine and client are as in a Request.
func (e *Engine) Revoke(ctx, waiting context.Context, refreshToken string, genuine []*tokens.Token, client netip.Addr) error {
	once, err := e.allowRevocation(refreshToken, genuine, client)
	if err != nil {
		return err
	}
	if once {
		ctx = awscall.WithoutRepeat(ctx)
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
