package refresh

import (
	"context"
	"log/slog"
	"time"
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
