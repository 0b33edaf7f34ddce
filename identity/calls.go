package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/tokens"
)

// opGetID is the operation that returns a user's identity.
const opGetID = "GetId"

// fetchCredentials gets credentials by the enhanced flow of identity pools: GetId and
// GetCredentialsForIdentity. The identity pool says which identity the user has. A
// browser's cookie does not.
func (p *Pool) fetchCredentials(ctx context.Context, u user) (Credentials, error) {
	p.mu.Lock()
	identityID, ok := p.identities.Get(u.id)
	p.mu.Unlock()
	if ok {
		creds, err := p.getCredentialsForIdentity(ctx, u, identityID)
		if !isRefusal(err) {
			return creds, err
		}
		// The identity may have been deleted from the identity pool: ask for it again.
	}
	identityID, err := p.getID(ctx, u)
	if err != nil {
		return Credentials{}, err
	}
	p.mu.Lock()
	p.identities.Put(u.id, identityID)
	p.mu.Unlock()
	return p.getCredentialsForIdentity(ctx, u, identityID)
}

func (p *Pool) getID(ctx context.Context, u user) (identityID string, err error) {
	in := &ci.GetIdInput{IdentityPoolId: aws.String(p.userPool.IdentityPoolID), Logins: u.logins()}
	err = p.call(ctx, opGetID, u.token, func(ctx context.Context) error {
		out, err := p.api.GetId(ctx, in)
		if err != nil {
			return err
		}
		identityID = aws.ToString(out.IdentityId)
		if identityID == "" {
			return errors.New("the answer has no identity")
		}
		return nil
	})
	return identityID, err
}

func (p *Pool) getCredentialsForIdentity(ctx context.Context, u user, identityID string) (creds Credentials, err error) {
	in := &ci.GetCredentialsForIdentityInput{IdentityId: aws.String(identityID)}
	if u.token != "" {
		in.Logins = u.logins()
		if p.opts.RoleARN != "" {
			in.CustomRoleArn = aws.String(p.opts.RoleARN)
		}
	}
	err = p.call(ctx, "GetCredentialsForIdentity", u.token, func(ctx context.Context) error {
		out, err := p.api.GetCredentialsForIdentity(ctx, in)
		if err != nil {
			return err
		}
		r := out.Credentials
		if r == nil || aws.ToString(r.AccessKeyId) == "" || aws.ToString(r.SecretKey) == "" || r.Expiration == nil {
			return errors.New("the answer has no credentials")
		}
		creds = Credentials{
			IdentityID:      identityID,
			AccessKeyID:     *r.AccessKeyId,
			SecretAccessKey: *r.SecretKey,
			SessionToken:    aws.ToString(r.SessionToken),
			Expires:         *r.Expiration,
		}
		if id := aws.ToString(out.IdentityId); id != "" {
			creds.IdentityID = id
		}
		if !creds.Expires.After(p.opts.Now()) {
			return fmt.Errorf("new credentials expired at %s: a clock is wrong", creds.Expires.UTC().Format(time.RFC3339))
		}
		return nil
	})
	if err != nil {
		return Credentials{}, err
	}
	return creds, nil
}

// call makes a call that sends a token. It repeats every failed attempt that is no
// refusal, even after a lost reply. These operations answer the same when they are
// asked twice, except that a guest may leave an unused identity behind.
func (p *Pool) call(ctx context.Context, op, token string, do func(context.Context) error) (err error) {
	start := p.opts.Now()
	repeat := func(f *awscall.Failure) bool { return !isRefusal(callError(f)) }
	if failure := (awscall.Call{Op: op, Secrets: []string{token}, Repeat: repeat}).Do(ctx, do); failure != nil {
		err = callError(failure)
	}
	p.log.note(ctx, op, start, err)
	return err
}

// callError returns the error that a failed call means.
func callError(f *awscall.Failure) error {
	if f.Err != nil {
		return fmt.Errorf("identity: %w: %s: %w", tokens.ErrUnavailable, f.Op, f.Err)
	}
	e := &tokens.APIError{Op: f.Op, Status: f.Status, Code: f.Code, Message: f.Message}
	if isFailure(e) {
		return fmt.Errorf("identity: %w: %w", tokens.ErrUnavailable, e)
	}
	return fmt.Errorf("identity: %w", e)
}

// isFailure reports whether the answer is no refusal: the identity pool is
// throttling, it or a provider behind it has failed, or a proxy sent an error page.
func isFailure(e *tokens.APIError) bool {
	switch e.Code {
	case "InternalErrorException", "ExternalServiceException", awscall.NoCode:
		return true
	}
	return e.Status >= 500 || e.Throttled()
}

// isRefusal reports whether err says that the identity pool has refused.
func isRefusal(err error) bool {
	var e *tokens.APIError
	return errors.As(err, &e) && !errors.Is(err, tokens.ErrUnavailable)
}
