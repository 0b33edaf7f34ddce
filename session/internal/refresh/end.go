package refresh

import (
	"context"
	"slices"
	"time"

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

// EndShared ends the session of a refresh token in the store, with what rotation has made of
// it: no process refreshes it any more, and none delivers what a running call brings. It
// returns the newest refresh token that the store knows, for Revoke, and the access tokens
// that it has, for EndSignIns. ok is false if the store has not taken it all.
func (e *Engine) EndShared(ctx context.Context, refreshToken string, shown *Evidence) (newest string, refreshed []*tokens.Token, ok bool) {
	if e.sharing == nil {
		return refreshToken, nil, true
	}
	e.mu.Lock()
	known, _ := e.results.newestToken(refreshToken)
	e.mu.Unlock()
	ok = true
	var done []string
	for _, newest = range []string{refreshToken, known} {
		for !slices.Contains(done, newest) && len(done) < maxStoreSteps && e.allowTombstone(newest, shown) {
			replaced, err := e.sharing.placeTombstone(ctx, newest)
			done = append(done, newest)
			switch {
			case err != nil && replaced == nil:
				return newest, refreshed, false
			case err != nil: // a full store can still be read
				ok = false
			}
			if replaced == nil {
				break
			}
			if got, err := e.verifyTokens(ctx, replaced, newest); err == nil {
				refreshed = append(refreshed, got.Access)
			}
			newest = replaced.Refresh
			e.endToken(newest)
		}
		if slices.Contains(done, known) {
			break
		}
	}
	return newest, refreshed, ok
}

// EndUser ends all sign-ins of a user that began before now. It returns what other
// processes must be told. The caller of Refresh asks IsEnded of what it gets, so that calls
// that run and results that are remembered need not be found here.
func (e *Engine) EndUser(subject string) []Note { return []Note{e.endUser(subject)} }

// TellSignOuts tells other processes of sign-outs. Notes that the store does not take are
// told again when it works. The error says why it has not taken them.
func (e *Engine) TellSignOuts(ctx context.Context, notes []Note) error {
	if e.log == nil {
		return nil
	}
	return e.log.tellOrKeep(ctx, notes)
}

// HearSignOuts hears what other processes have signed out. A request calls it with the
// time before it asks whether a session is ended. It costs one atomic load for a second
// after a reading of the log began. Then the next request begins another reading. A
// request waits for the reading, at most for a second, if the last complete one began two
// seconds ago.
func (e *Engine) HearSignOuts(ctx context.Context, now time.Time) {
	if e.log != nil && e.log.isDue(now) {
		e.log.hear(ctx, now)
	}
}

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
