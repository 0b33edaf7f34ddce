//go:build unix

package main

import (
	"crypto/rand"

	"github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/session/storetest"
)

// layoutRequests measures signed-in requests whose sessions are in other cookies than
// Amplify's. Their tokens are cached.
func (b *bench) layoutRequests() {
	secret := make([]byte, 32)
	rand.Read(secret)
	for _, l := range []struct {
		what string
		cfg  session.Config
	}{
		{"sealed cookies", session.Config{Layout: session.LayoutSealed, Secret: secret}},
		{"a handle", session.Config{Layout: session.LayoutHandle, Secret: secret, Shared: storetest.NewMemory()}},
	} {
		server := newServer()
		server.SetSessions(l.cfg)
		s := newSite(server, func(cfg *middleware.Config) {
			cfg.Layout, cfg.Secret, cfg.Shared = l.cfg.Layout, l.cfg.Secret, l.cfg.Shared
		})
		page := s.signedIn("/dashboard/1")
		cached, bare := serving(s.guarded, page, 200), serving(s.bare, page, 200)
		c := interleave(b.perGroup, repeated(b.signatureCheck), repeated(cached))
		b.add(atMost("P15", "signed-in request with "+l.what, c.ratio(1, 0).times(100), "%.2f %% of A", 5.5))
		objects, bytes := allocationsOver(cached, bare)
		b.add(atMost("P15", "its allocations over those of a bare route", exactly(objects), "%.0f", 3))
		b.add(atMost("P15", "the same in bytes", exactly(bytes), "%.0f B", 520))
	}
}
