package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/tokens"
)

// outcome is what a call has brought so far.
type outcome struct {
	granted   *grant      // nil if Cognito was not called
	deviceKey string      // that was sent last
	set       *tokens.Set // nil if there is none
	got       *Tokens     // the set, verified
	fromStore bool        // another process has called Cognito
	signedOut bool        // by another process, while this one called Cognito
}

// callCognito exchanges the call's refresh token and verifies the answer.
func (e *Engine) callCognito(ctx context.Context, call *refreshCall, req *Request, o *outcome) (err error) {
	if o.granted.once {
		ctx = awscall.WithoutRepeat(ctx)
	}
	started := e.cfg.Now()
	if o.set, o.deviceKey, err = e.exchange(ctx, call, o.granted, req.Device, req.Metadata); err != nil {
		return e.userRefusals.judge(call.refreshToken, err)
	}
	e.userRefusals.noteSuccess(call.refreshToken)
	e.noteReceived(o.set.Access)
	answered := e.cfg.Now()
	if o.got, err = e.verify(ctx, o.set, call.refreshToken); err == nil {
		e.noteExchange(started, answered, o.got.Access.IssuedAt())
		if e.cfg.Issued != nil {
			e.cfg.Issued(o.got.Access)
		}
	}
	return err
}

// exchange exchanges the call's refresh token. If Cognito refuses the key of a cookie, it
// tries again without one. It returns the key that was sent last.
func (e *Engine) exchange(ctx context.Context, call *refreshCall, granted *grant, device Device, metadata map[string]string) (set *tokens.Set, key string, err error) {
	key = e.keyFor(call.refreshToken, device)
	set, err = e.cfg.Exchange(ctx, call.refreshToken, &tokens.RefreshOptions{DeviceKey: key, ClientMetadata: metadata})
	if key != "" && !device.Claimed && mayRefuseDevice(err) {
		e.noteRefused(call.refreshToken, key)
		if !e.allowWithoutDevice(granted) {
			return nil, key, fmt.Errorf("%w: the device key was refused", ErrTooMany)
		}
		key = ""
		set, err = e.cfg.Exchange(ctx, call.refreshToken, &tokens.RefreshOptions{ClientMetadata: metadata})
	}
	if err == nil && key != device.Key && set.Refresh != "" {
		e.noteRefused(set.Refresh, device.Key) // the cookie stays in the browser
	}
	return set, key, err
}

// verify verifies what Cognito has issued. An answer that cannot be verified now is kept,
// because Cognito may have rotated the refresh token. The next request tries it again.
func (e *Engine) verify(ctx context.Context, set *tokens.Set, refreshToken string) (*Tokens, error) {
	got, err := e.verifyTokens(ctx, set, refreshToken)
	if err != nil {
		return nil, e.unusableAnswer(err)
	}
	return got, nil
}

// verifyTokens verifies refreshed tokens: nothing that comes over the network is believed.
func (e *Engine) verifyTokens(ctx context.Context, set *tokens.Set, refreshToken string) (*Tokens, error) {
	access, err := e.cfg.Verify(ctx, set.Access, tokens.Access)
	if err != nil {
		return nil, err
	}
	if access.Username() == "" {
		return nil, errNoUser
	}
	got := &Tokens{Access: access, Refresh: refreshToken}
	if set.Refresh != "" {
		got.Refresh = set.Refresh
	}
	if set.ID != "" {
		id, err := e.cfg.Verify(ctx, set.ID, tokens.ID)
		if err != nil {
			return nil, err
		}
		if id.Subject() != access.Subject() {
			return nil, errTwoUsers
		}
		got.ID = id
	}
	return got, nil
}

// unusableAnswer logs why Cognito's new tokens were refused. It returns ErrUnavailable,
// because that says nothing about the session. A wrong time shows that a clock is wrong.
func (e *Engine) unusableAnswer(err error) error {
	var refusal *tokens.VerifyError
	switch {
	case errors.Is(err, tokens.ErrUnavailable):
		return err
	case errors.Is(err, tokens.Expired), errors.Is(err, tokens.NotYetValid):
		clockSkew := time.Duration(0) // the error's text has it for NotYetValid
		if errors.As(err, &refusal) && refusal.Token != nil {
			clockSkew = e.cfg.Now().Sub(refusal.Token.IssuedAt()).Round(time.Second)
		}
		e.logClock.Do(func() {
			e.cfg.Logger.Error("session: Cognito's new tokens are not valid by this server's clock: one of the two is wrong",
				"look_at", "this server's clock, or Config.Now", "error", err, "off", clockSkew)
		})
	default:
		e.logAnswer.Do(func() {
			e.cfg.Logger.Error("session: Cognito's answer holds a token that is refused", "look_at", fieldOfRefusal(err), "error", err)
		})
	}
	return fmt.Errorf("%w: %w", ErrUnusable, err)
}

// logDeployment logs an answer about our configuration. It looks like a refusal of the
// token, but a deployment's mistake must not sign everybody out.
func (e *Engine) logDeployment(err error) {
	var api *tokens.APIError
	if !errors.Is(err, tokens.ErrUnavailable) || !errors.As(err, &api) || api.Throttled() || api.Status >= 500 {
		return
	}
	e.logConfig.Do(func() {
		e.cfg.Logger.Error("session: Cognito refuses to refresh, which looks like a wrong configuration; nobody is signed out for it",
			"look_at", fieldOfAnswer(api), "error", withoutTriggersText(api))
	})
}
