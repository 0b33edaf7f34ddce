package refresh

import (
	"context"

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

// EndUser ends all sign-ins of a user that began before now. It returns what other
// processes must be told. The caller of Refresh asks IsEnded of what it gets, so that calls
// that run and results that are remembered need not be found here.
func (e *Engine) EndUser(subject string) []Note { return []Note{e.endUser(subject)} }

// Revoke has Cognito revoke the newest refresh token that rotation has made of this
// one. It waits for a running refresh until waiting ends; a refresh that finishes later
// revokes its own tokens.
func (e *Engine) Revoke(ctx, waiting context.Context, refreshToken string, shown *Evidence) error {
	once, err := e.allowRevocation(refreshToken, shown)
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
