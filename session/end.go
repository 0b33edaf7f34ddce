package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// End signs the user out. It clears the cookies of every session of this app client,
// whatever else fails, and has Cognito revoke their refresh tokens, so that copies of
// them are worth nothing.
//
// End waits for a running refresh. For 24 hours this process refuses all tokens of the
// sign-in, even if a late answer restores the cookies, unless thousands of others sign
// out meanwhile. The browser is told to forget the pages that it keeps.
//
// End takes at most five seconds. The error is that of the revocation; the browser is
// signed out all the same. Without a genuine token, revocations are limited as refreshes.
func (m *Manager) End(w http.ResponseWriter, r *http.Request) error {
	cookies := m.layout.parse(r.Header, nil)
	users := cookies.users()
	m.layout.clearAll(w, r.Host, cookies, users)
	// Browsers keep whole pages for their back button, no-store or not, and show them
	// without asking (W3C Clear Site Data §3.1).
	w.Header().Set("Clear-Site-Data", `"cache"`)

	// A browser that does not wait for the answer has signed out nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), refresh.Timeout)
	defer cancel()
	refreshTokens := cookies.all(slotRefresh)
	refreshed := m.refresher.EndRefreshTokens(refreshTokens)
	v := m.verifyUsers(ctx, users)
	m.refresher.EndSignIns(append(refreshed, m.validTokens(ctx, cookies)...))
	// Half of the time is left for the revocations.
	waiting, stop := context.WithTimeout(ctx, refresh.Timeout/2)
	defer stop()
	var errs []error
	for _, token := range refreshTokens {
		err := m.refresher.Revoke(ctx, waiting, token, v.genuineToken, m.clientAddress(r))
		if err != nil && !refresh.SignedOut(err) {
			errs = append(errs, err)
		}
		if errors.Is(err, refresh.ErrTooMany) {
			break
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("session: end: %w", err)
	}
	return nil
}

// validTokens returns the valid access tokens of all sessions, up to maxRevoked: those of
// duplicates and of users that LastAuthUser does not name too. An expired one must not
// end a session, because anybody may have found it.
func (m *Manager) validTokens(ctx context.Context, cookies requestCookies) (valid []*tokens.Token) {
	for _, raw := range cookies.all(slotAccess) {
		if t, err := m.verifyToken(ctx, raw, tokens.Access); err == nil && t.Username() != "" {
			valid = append(valid, t)
		}
	}
	return valid
}
