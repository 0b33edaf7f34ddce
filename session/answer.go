package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	codeReuse     = "RefreshTokenReuseException"
	errClockWrong = "session: Cognito's new tokens are not valid by this server's clock: one of the two is wrong"
)

// verify believes nothing that comes over the network (W4). An answer that cannot
// be verified is kept, for Cognito may have rotated the refresh token: the next
// request tries it again.
func (r *refresher) verify(ctx context.Context, set *tokens.Set, old string) (*refreshed, error) {
	access, err := r.m.verifier.Verify(ctx, set.Access, tokens.Access)
	if err != nil {
		return nil, r.unbelievable(err)
	}
	got := &refreshed{access: access, refresh: old}
	if set.Refresh != "" {
		got.refresh = set.Refresh
	}
	if set.ID != "" {
		id, err := r.m.verifier.Verify(ctx, set.ID, tokens.ID)
		if err != nil {
			return nil, r.unbelievable(err)
		}
		if id.Subject() != access.Subject() {
			return nil, errTwoUsers
		}
		got.id = id
	}
	return got, nil
}

// unbelievable makes a refused answer ErrUnavailable: it says nothing of the
// user's session. One that is out of its time says that a clock is wrong.
func (r *refresher) unbelievable(err error) error {
	if errors.Is(err, tokens.Expired) || errors.Is(err, tokens.NotYetValid) {
		r.m.warn.clock.Do(func() { r.m.log.Error(errClockWrong, "error", err, "off", r.off(err)) })
	} else if !errors.Is(err, tokens.ErrUnavailable) {
		r.m.warn.answer.Do(func() { r.m.log.Error("session: Cognito's answer holds a token that is refused", "error", err) })
	}
	if errors.Is(err, tokens.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: a refreshed token cannot be used: %w", tokens.ErrUnavailable, err)
}

var errTwoUsers = fmt.Errorf("%w: refreshed tokens name two users", tokens.ErrUnavailable)

// hopeless reports that an answer will not be believed later either.
func hopeless(err error) bool {
	refusal := (*tokens.VerifyError)(nil)
	return errors.Is(err, errTwoUsers) || errors.As(err, &refusal) && refusal.Reason.Final()
}

// off is by how much at least a clock is wrong that finds a new token expired. Of
// one that is not valid yet, the error says it.
func (r *refresher) off(err error) time.Duration {
	refusal := (*tokens.VerifyError)(nil)
	if errors.As(err, &refusal) && refusal.Token != nil {
		return r.m.now().Sub(refusal.Token.ExpiresAt()).Round(time.Second)
	}
	return 0
}

// warnDeployment logs an answer that speaks of our configuration. It looks like a
// refusal, and signing everybody out for it would make a small mistake a large one.
func (r *refresher) warnDeployment(err error) {
	api := (*tokens.APIError)(nil)
	if !errors.Is(err, tokens.ErrUnavailable) || !errors.As(err, &api) || api.Throttled() || api.Status >= 500 {
		return
	}
	r.m.warn.deployment.Do(func() {
		r.m.log.Error("session: Cognito refuses to refresh, which looks like a wrong configuration; nobody is signed out for it", "error", err)
	})
}

// signedOut reports that Cognito says the session is over.
func signedOut(err error) bool {
	api := (*tokens.APIError)(nil)
	return errors.As(err, &api) && api.SignedOut()
}

// dead reports that Cognito will never accept the refresh token again.
func dead(err error) bool {
	api := (*tokens.APIError)(nil)
	return errors.As(err, &api) && (api.SignedOut() || api.Code == codeReuse)
}

// answered reports that Cognito has said why it does not refresh, so that it has not.
func answered(err error) bool {
	api := (*tokens.APIError)(nil)
	return errors.As(err, &api) && api.Code != ""
}
