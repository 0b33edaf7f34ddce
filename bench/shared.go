//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
)

// sharedRequests measures requests of a site whose replicas share a store.
func (b *bench) sharedRequests() {
	var calls atomic.Int64
	server := newServer()
	alone, shared := newSite(server), newSite(server, func(cfg *middleware.Config) {
		cfg.Shared, cfg.Secret = storetest.NewMemory(), make([]byte, 32)
		rand.Read(cfg.Secret)
		cfg.Hooks.Session.StoreCalled = func(context.Context, session.StoreOperation, time.Duration, error) { calls.Add(1) }
	})
	request := alone.signedIn("/dashboard/1")
	without, with := serving(alone.guarded, request, 200), serving(shared.guarded, request, 200)
	calls.Store(0) // but for those of the first request
	begin := time.Now()
	c := interleave(b.perGroup, repeated(b.signatureCheck), repeated(without), repeated(with))
	elapsed := time.Since(begin).Seconds()
	b.add(atMost("P14", "signed-in request with a store, over one without", c.ratio(2, 1), "× %.2f", 1.05))
	b.add(atMost("P14", "the same", c.ratio(2, 0).times(100), "%.2f %% of A", 5.5))
	b.add(atMost("P14", "calls of the store in a second, however many requests", exactly(float64(calls.Load())/elapsed), "%.1f", 1))
	objects, _ := allocationsOver(with, without)
	b.add(atMost("P14", "its allocations over those of one without a store", exactly(objects), "%.0f", 0))
}
