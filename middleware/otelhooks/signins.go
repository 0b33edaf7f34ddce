package otelhooks

import (
	"context"

	cognito "github.com/cognitogate/cognitogate/middleware"
)

// wrapSignIns wraps the hooks of Routes.
func (t *telemetry) wrapSignIns(hooks *cognito.Hooks) {
	signedIn, signedOut, failed := hooks.SignedIn, hooks.SignedOut, hooks.SignInFailed
	hooks.SignedIn = func(ctx context.Context, e cognito.SignIn) error {
		if signedIn != nil {
			if err := signedIn(ctx, e); err != nil {
				return err
			}
		}
		t.signIns.Add(ctx, 1, t.addOptions(keySignInReason.String(string(e.Reason)))...)
		return nil
	}
	hooks.SignedOut = func(ctx context.Context, e cognito.SignOut) {
		t.signOuts.Add(ctx, 1, t.addOptions(keySignOutReason.String(string(e.Reason)), keyErrorType.String(callErrorType(e.Err)))...)
		if signedOut != nil {
			signedOut(ctx, e)
		}
	}
	hooks.SignInFailed = func(ctx context.Context, e cognito.SignInFailure) {
		t.signInFailures.Add(ctx, 1, t.addOptions(keyErrorType.String(string(e.Reason)))...)
		if failed != nil {
			failed(ctx, e)
		}
	}
}
