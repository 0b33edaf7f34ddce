package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/cognitogate/cognitogate/session/internal/refresh"
	"github.com/cognitogate/cognitogate/tokens"
)

// ErrNotAllEnded reports that End has ended the user's own session, but not all that the
// cookies held: Cognito has not revoked every refresh token, or there were too many.
// Somebody may have planted the others.
var ErrNotAllEnded = errors.New("session: not all sessions in the cookies were ended")

// Bounds on what one sign-out ends. More can be planted, but the own session comes first.
const (
	maxEnded      = 20 // refresh tokens, and access tokens
	maxUnverified = 4  // access tokens that cannot be verified
)

// End signs the user out. It clears the cookies of every session of this app client,
// whatever else fails, and has Cognito revoke their refresh tokens, so that copies of
// them are worth nothing. The user's own session comes first, whatever else the cookies
// hold.
//
// End waits for a running refresh. For 24 hours this process refuses all tokens of the
// sign-in, even if a late answer restores the cookies, or Cognito could not be reached. If
// the key set cannot be fetched, it refuses the access tokens in the cookies for ten
// minutes.
//
// End takes at most five seconds. The error is that of the own session's revocation, or
// [ErrNotAllEnded], or both; the browser is signed out all the same. Without a genuine
// token, revocations are limited as refreshes.
func (m *Manager) End(w http.ResponseWriter, r *http.Request) error {
	cookies := m.layout.parse(r.Header, nil)
	users, all := cookies.users()
	m.layout.clearAll(w, r.Host, cookies, users)

	// A browser that does not wait for the answer has signed out nevertheless.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), refresh.Timeout)
	defer cancel()
	// Half of the time is left for the revocations, whether the key set hangs or a refresh.
	half, stop := context.WithTimeout(ctx, refresh.Timeout/2)
	defer stop()
	v := m.verifyUsers(half, users, all)
	own := m.ownRefreshTokens(v)
	refreshTokens, leftOver := ownFirst(own, cookies.all(slotRefresh))
	m.refresher.EndSignIns(m.refresher.EndRefreshTokens(refreshTokens))
	if m.endAccessTokens(half, v, cookies) {
		leftOver = true
	}
	if v.access != nil && len(own) > 0 {
		m.refresher.EndText(v.access, own[0])
	}
	var errs []error
	for i, token := range refreshTokens {
		var genuine *tokens.Token
		if i < len(own) {
			genuine = v.genuineToken
		}
		switch err := m.refresher.Revoke(ctx, half, token, genuine, m.clientAddress(r)); {
		case err == nil, refresh.SignedOut(err):
		case i == 0 && (len(own) < 2 || !isAboutToken(err)): // among several, it may be a planted one
			errs = append(errs, err)
		default:
			leftOver = true
		}
	}
	if leftOver {
		errs = append(errs, ErrNotAllEnded)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("session: end: %w", err)
	}
	return nil
}

// ownRefreshTokens returns the refresh tokens that may be the user's own session's. The
// first one most likely is.
func (m *Manager) ownRefreshTokens(v *verification) []string {
	if v.user == nil {
		return nil
	}
	return m.refreshOrder(v.userResult)
}

// ownFirst returns the own texts and then all others, each once, up to maxEnded. more
// reports whether some were left out.
func ownFirst(own, all []string) (list []string, more bool) {
	for _, text := range slices.Concat(own, all) {
		switch {
		case slices.Contains(list, text):
		case len(list) == maxEnded:
			return list, true
		default:
			list = append(list, text)
		}
	}
	return list, false
}

// endAccessTokens ends the sign-ins of the valid access tokens in the cookies, those of
// duplicates and of users that LastAuthUser does not name too. An expired token ends only
// its text, because anybody may have found it. It reports whether some were left.
func (m *Manager) endAccessTokens(ctx context.Context, v *verification, cookies requestCookies) (leftOver bool) {
	var own []string
	if v.access != nil {
		own = []string{v.access.Raw()}
	}
	all, leftOver := ownFirst(own, cookies.all(slotAccess))
	var unverified []string
	for _, raw := range all {
		token, err := m.verifyToken(ctx, raw, tokens.Access)
		var refusal *tokens.VerifyError
		switch {
		case err == nil && token.Username() != "":
			m.refresher.EndSignIns([]*tokens.Token{token})
		case err == nil: // a program's
		case errors.As(err, &refusal):
			if refusal.Token != nil {
				m.refresher.EndText(refusal.Token, raw)
			}
		case len(unverified) < maxUnverified: // there are no keys now
			unverified = append(unverified, raw)
		default:
			leftOver = true
		}
	}
	m.refresher.EndUnverified(unverified)
	return leftOver
}
