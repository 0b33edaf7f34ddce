package identity_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/internal/longtest"
)

// TestShortCredentialsAreRenewedAtHalfTheirLife has a request every second for an hour.
// Only in the last quarter of a life may a request wait for the new credentials.
func TestShortCredentialsAreRenewedAtHalfTheirLife(t *testing.T) {
	for _, life := range []time.Duration{time.Minute, 2 * time.Minute, 10 * time.Minute, 15 * time.Minute} {
		t.Run(fmt.Sprint(life), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPoolTest(t, nil)
				p.server.SetCredentialsLifetime(life)
				s := signedIn(p.server, "ada")
				before, calls := identity.Credentials{}, 0
				for range longtest.Scale(900, 3600) {
					creds, err := p.identityPool.Credentials(t.Context(), s)
					if err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					if now := p.calls()[1]; now > max(calls, 1) && creds != before {
						t.Fatal("a request has waited for the renewal although credentials are good")
					}
					before, calls = creds, p.calls()[1]
					if left := creds.Expires.Sub(p.Now()); left < min(10*time.Minute, life/2)-2*time.Second {
						t.Fatalf("credentials have %v left", left)
					}
					p.advance(time.Second)
				}
				most := int(longtest.Scale(15*time.Minute, time.Hour)/(life-min(10*time.Minute, life/2))) + 1
				if calls > most || calls < most*3/4-1 {
					t.Errorf("%d exchanges in an hour, want %d", calls, most)
				}
			})
		})
	}
}
