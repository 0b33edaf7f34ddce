package refresh

import (
	"context"
	"log/slog"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

// UserRefusals returns how many refused refresh tokens are remembered.
func (e *Engine) UserRefusals() int {
	e.userRefusals.mu.Lock()
	defer e.userRefusals.mu.Unlock()
	return e.userRefusals.since.Len()
}

// NewBoundedStore returns what bounds the calls of a store.
func NewBoundedStore(store Store, logger *slog.Logger, called func(context.Context, StoreOperation, time.Duration, error)) Store {
	return newBoundedStore(store, logger, called)
}

// StoreKey is storeKey.
var StoreKey = storeKey

// ClockOffset is clockOffset.
type ClockOffset struct{ offset clockOffset }

func (o *ClockOffset) Note(before, after, issuedAt time.Time) { o.offset.note(before, after, issuedAt) }
func (o *ClockOffset) Latest(now time.Time) time.Time         { return o.offset.latest(now) }

// SignInNote returns what the log has of an ended sign-in.
func (e *Engine) SignInNote(originID, subject string, at time.Time) []byte {
	return e.encode(Note{kind: noteSignIn, key: e.signInKey(originID), subject: e.userKey(subject).short(), at: at})
}

// TextNote returns what the log has of an ended text.
func (e *Engine) TextNote(text string, at time.Time) []byte {
	return e.encode(Note{kind: noteText, key: e.textKey(text), at: at})
}

// Untold returns how many notes wait for the store, and whether the oldest is about a user.
func (e *Engine) Untold(oldest string) (n int, isOldest bool) {
	e.log.mu.Lock()
	defer e.log.mu.Unlock()
	return len(e.log.untold), len(e.log.untold) > 0 && e.log.untold[0].key == e.userKey(oldest)
}

// PlaceTombstone is placeTombstone.
func (e *Engine) PlaceTombstone(ctx context.Context, refreshToken string) (*tokens.Set, error) {
	return e.sharing.placeTombstone(ctx, refreshToken)
}

// SealedRefusal returns the refusal of a refresh token without a device key.
func (e *Engine) SealedRefusal(refreshToken string) []byte {
	return e.sharing.refusal(e.sharing.key(refreshToken), &tokens.APIError{Op: "Refresh", Status: 400, Code: "NotAuthorizedException", Message: "Refresh Token has been revoked"}, "")
}

// SealedResult returns the result of a refresh token.
func (e *Engine) SealedResult(refreshToken string, set *tokens.Set) []byte {
	return e.sharing.result(e.sharing.key(refreshToken), set, set.Refresh)
}
