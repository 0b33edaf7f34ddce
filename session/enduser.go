package session

import (
	"context"
	"errors"
	"fmt"
)

var errNoSubject = errors.New("session: end user: no subject")

// EndUser signs a user out everywhere: every sign-in of the user that began before now is
// over, in all browsers and for bearer tokens. subject is the user's ID, the "sub" claim of
// the tokens. Call EndUser for an administrator's button, after a password change, or from a
// handler behind EventBridge.
//
// This process refuses the user's tokens at once. What a refresh still brings is revoked.
// With Config.Shared, all processes with the same store and user pool refuse the tokens
// within two seconds, those of other app clients too. Without it, only this process knows.
//
// EndUser holds for 24 hours, which is as long as any access token lives. Cognito's refresh
// tokens live longer. So have Cognito end them too: call AdminUserGlobalSignOut (Amazon
// Cognito user pools API) through the AWS SDK, with the user's name.
//
// A sign-in began at its tokens' auth_time, or at their iat if they have none. Now is
// Cognito's time, as far as refreshes have shown it here, rounded up to the second. If the
// user's next sign-in began too early, or goes on with an earlier one in the managed login,
// Start returns [ErrSignInEnded]. Routes of package middleware then have the user sign in
// anew.
//
// The error says that there is no subject, or that Config.Shared could not take the
// sign-out. It holds in this process then, and a later request to this process tells the
// others.
func (m *Manager) EndUser(ctx context.Context, subject string) error {
	if subject == "" {
		return errNoSubject
	}
	// A caller that does not wait has ended the user's sign-ins nevertheless.
	if err := m.refresher.TellSignOuts(context.WithoutCancel(ctx), m.refresher.EndUser(subject)); err != nil {
		return fmt.Errorf("session: end user: other processes are not told yet: %w", err)
	}
	return nil
}
