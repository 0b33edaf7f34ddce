package refresh_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestEndEndsAllRotatedTokens ends the session of one of several refresh tokens that
// rotation has made of each other. None of them brings tokens, and the newest is revoked.
func TestEndEndsAllRotatedTokens(t *testing.T) {
	for _, with := range []string{"a", "a'", "a''"} {
		e := newEnv(t)
		first, second := e.mustRefresh("a"), e.mustRefresh("a'")
		ended := e.EndRefreshTokens([]string{with})
		if !slices.Contains(ended, first.Access) || !slices.Contains(ended, second.Access) {
			t.Errorf("with %q: %d access tokens", with, len(ended))
		}
		if err := e.Revoke(t.Context(), t.Context(), with, []*tokens.Token{e.adas}, netip.Addr{}); err != nil || !slices.Equal(e.revoked, []string{"a''"}) {
			t.Errorf("with %q: %q is revoked, %v", with, e.revoked, err)
		}
		for _, token := range []string{"a", "a'", "a''"} {
			if got, err := e.refresh(token); !errors.Is(err, refresh.ErrEnded) {
				t.Errorf("with %q: %q brings %v, %v", with, token, got, err)
			}
		}
	}
}

// TestEndDuringCall ends a session while a call runs. The call brings nothing. Revoke
// waits for it as long as it may, and otherwise the call revokes its own tokens.
func TestEndDuringCall(t *testing.T) {
	for name, late := range map[string]bool{"in time": false, "too late": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEnv(t)
				release := make(chan struct{})
				rotate := e.exchange
				e.exchange = func(refreshToken string) (*tokens.Set, error) { <-release; return rotate(refreshToken) }
				go func() {
					if got, err := e.refresh("a"); !errors.Is(err, refresh.ErrEnded) {
						t.Errorf("%v, %v", got, err)
					}
				}()
				synctest.Wait()
				e.EndRefreshTokens([]string{"a"})
				waiting, stop := context.WithCancel(t.Context())
				defer stop()
				go e.Revoke(t.Context(), waiting, "a", []*tokens.Token{e.adas}, netip.Addr{})
				synctest.Wait()
				if len(e.revoked) > 0 {
					t.Errorf("%q is revoked at once", e.revoked)
				}
				want := []string{"a'"}
				if late {
					want = []string{"a", "a'"}
					stop()
					synctest.Wait()
				}
				close(release)
				synctest.Wait()
				if !slices.Equal(e.revoked, want) {
					t.Errorf("%q are revoked, want %q", e.revoked, want)
				}
			})
		})
	}
}

func TestEndSignIns(t *testing.T) {
	e := newEnv(t)
	adas, other := e.accessToken("ada"), e.accessToken("ada") // two sign-ins
	before := e.SignOutCount()
	e.EndSignIns([]*tokens.Token{adas})
	e.EndSignIns([]*tokens.Token{adas})
	if !e.IsEnded(adas) || e.IsEnded(other) || e.SignOutCount() != before+1 {
		t.Errorf("ended %t, the other %t, count %d", e.IsEnded(adas), e.IsEnded(other), e.SignOutCount())
	}
	e.advance(25 * time.Hour)
	if e.IsEnded(adas) {
		t.Error("remembered for more than a day")
	}
}
