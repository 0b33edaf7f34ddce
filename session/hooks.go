package session

import (
	"context"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
)

// Hooks are called when something begins or has happened; any may be nil. They run on the
// request's goroutine: return quickly.
type Hooks struct {
	// RefreshStarted is told that a request needs refreshed tokens. The refresh, with its
	// call to Cognito if it makes one, runs with the returned context, which may carry a
	// span. Return ctx itself, or one made from it; nil counts as ctx.
	RefreshStarted func(ctx context.Context) context.Context

	// Refreshed is told where a request got refreshed tokens from, or why it got none. ctx
	// is that of RefreshStarted. A request with several refresh tokens may have several
	// refreshes.
	Refreshed func(ctx context.Context, source RefreshSource, elapsed time.Duration, err error)

	// CacheAsked is told whether the cache of verified sessions had a request's session.
	// It is called once for each Fetch of a request that has the app client's cookies or a
	// bearer token, except with ForceRefresh, and except behind another guard that has
	// found the session. Manager.CacheSize tells the cache's size.
	CacheAsked func(ctx context.Context, hit bool)

	// StoreCalled is told of each call of Config.Shared, and how long it took: at most a
	// second, because then the call is given up with an error that is
	// context.DeadlineExceeded. It runs on a goroutine of its own. Calls
	// that are left out, because the store has not answered for a while, are not told.
	StoreCalled func(ctx context.Context, op StoreOperation, elapsed time.Duration, err error)
}

// RefreshSource says where a request's refreshed tokens came from. Its text is stable
// and can be a metric's label.
type RefreshSource string

// The sources of refreshed tokens.
const (
	RefreshCall   = RefreshSource(refresh.SourceCall)   // "call": the request's own call to Cognito
	RefreshJoined = RefreshSource(refresh.SourceJoined) // "joined": another request's call
	RefreshKept   = RefreshSource(refresh.SourceKept)   // "kept": the result of an earlier call
	RefreshStore  = RefreshSource(refresh.SourceStore)  // "store": another process's call, by Config.Shared
	RefreshNone   = RefreshSource(refresh.SourceNone)   // "none": a limit or a sign-out forbids a call
)

// StoreOperation is a method of a [Store]. Its text is stable and can be a metric's label.
type StoreOperation string

// The operations of a Store.
const (
	StoreGet    = StoreOperation(refresh.StoreGet)    // "get"
	StoreAdd    = StoreOperation(refresh.StoreAdd)    // "add"
	StoreSwap   = StoreOperation(refresh.StoreSwap)   // "swap"
	StoreAppend = StoreOperation(refresh.StoreAppend) // "append"
	StoreSince  = StoreOperation(refresh.StoreSince)  // "since"
)

// storeCalled returns the hook as package refresh calls it.
func (h *Hooks) storeCalled() func(context.Context, refresh.StoreOperation, time.Duration, error) {
	if h.StoreCalled == nil {
		return nil
	}
	return func(ctx context.Context, op refresh.StoreOperation, elapsed time.Duration, err error) {
		h.StoreCalled(ctx, StoreOperation(op), elapsed, err)
	}
}

// refreshed returns the hook as package refresh calls it.
func (h *Hooks) refreshed() func(context.Context, refresh.Source, time.Duration, error) {
	if h.Refreshed == nil {
		return nil
	}
	return func(ctx context.Context, source refresh.Source, elapsed time.Duration, err error) {
		h.Refreshed(ctx, RefreshSource(source), elapsed, err)
	}
}

// cacheAsked calls the hook.
func (h *Hooks) cacheAsked(ctx context.Context, hit bool) {
	if h.CacheAsked != nil {
		h.CacheAsked(ctx, hit)
	}
}
