package refresh

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/internal/longtest"
	"github.com/cognitogate/cognitogate/tokens"
)

// TestLimitsAreBounded makes calls for ever new refresh tokens, clients and sign-ins.
func TestLimitsAreBounded(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	l := newLimits(func() time.Time { return now })
	down := fmt.Errorf("down: %w", tokens.ErrUnavailable)
	owner := unknownOrigin("owner")
	l.noteWorked(&refreshCall{refreshToken: "owned", origin: owner})
	for i := range longtest.Scale(20_000, 300_000) {
		now = now.Add(50 * time.Millisecond)
		client := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		call := &refreshCall{refreshToken: fmt.Sprint("token", i), err: down}
		granted, err := l.startCall(call.refreshToken, "", &Evidence{Client: client})
		if err != nil {
			t.Fatal(err)
		}
		switch i % 3 {
		case 0:
			call.err = &tokens.APIError{Code: "NotAuthorizedException"}
		case 1:
			call.err, call.unverified, call.origin = nil, &tokens.Set{Refresh: fmt.Sprint("new", i)}, granted.origin
			l.noteWorked(call)
		}
		l.finishCall(granted, call)
	}
	if n := len(l.worked); n != l.workedOrder.Len() || n > maxWorked {
		t.Errorf("%d refresh tokens, and %d in order", n, l.workedOrder.Len())
	}
	for name, n := range map[string]int{
		"refusals": l.refusals.Len(), "lost replies": l.lostReplies.Len(), "clients": l.clients.Len(), "users": l.users.Len(),
	} {
		if n > 2*maxNotes {
			t.Errorf("%s: %d entries", name, n)
		}
	}
	if n := l.signIns.Len(); n > 2*maxSignIns {
		t.Errorf("%d sign-ins", n)
	}

	// One sign-in's tokens do not displace another's.
	l.noteWorked(&refreshCall{refreshToken: "owned", origin: owner})
	for i := range maxWorked {
		l.noteWorked(&refreshCall{refreshToken: fmt.Sprint("rotated", i), origin: unknownOrigin("one sign-in")})
	}
	if l.workedToken("owned", now) == nil {
		t.Error("a sign-in's refresh token is forgotten because of another sign-in")
	}
}
