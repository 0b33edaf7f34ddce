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
