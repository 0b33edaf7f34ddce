package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ci "github.com/aws/aws-sdk-go-v2/service/cognitoidentity"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cognitogate/cognitogate/tokens"
)

const (
	callLimit    = 5 * time.Second         // an exchange with all its calls and attempts
	attemptLimit = 2500 * time.Millisecond // one attempt
	attemptPause = 100 * time.Millisecond  // and up to twice that, between two attempts
	maxReply     = 1 << 20                 // bytes of an answer
)

// exchange gets credentials for c: the enhanced flow of identity pools, GetId and
// GetCredentialsForIdentity. The identity is the one that the identity pool names
// for the token, never one that a browser brings (W16).
func (p *Pool) exchange(ctx context.Context, c caller) (Credentials, error) {
	p.mu.Lock()
	known, ok := p.identities.get(c.user)
	p.mu.Unlock()
	if ok {
		creds, err := p.credentialsFor(ctx, c, known)
		if !refused(err) {
			return creds, err
		}
		// The identity may be gone from the identity pool since: ask again.
	}
	id, err := p.identityOf(ctx, c)
	if err != nil {
		return Credentials{}, err
	}
	p.mu.Lock()
	p.identities.add(c.user, id)
	p.mu.Unlock()
	return p.credentialsFor(ctx, c, id)
}

func (c caller) logins() map[string]string {
	if c.token == "" {
		return map[string]string{}
	}
	return map[string]string{c.login: c.token}
}

func (p *Pool) identityOf(ctx context.Context, c caller) (id string, err error) {
	in := &ci.GetIdInput{IdentityPoolId: aws.String(p.users.IdentityPoolID), Logins: c.logins()}
	err = call(ctx, "GetId", c.token, func(ctx context.Context) error {
		out, err := p.api.GetId(ctx, in)
		if err != nil {
			return err
		}
		if id = aws.ToString(out.IdentityId); id == "" {
			return errors.New("the answer has no identity")
		}
		return nil
	})
	return id, err
}

func (p *Pool) credentialsFor(ctx context.Context, c caller, id string) (creds Credentials, err error) {
	in := &ci.GetCredentialsForIdentityInput{IdentityId: aws.String(id)}
	if c.token != "" {
		in.Logins = c.logins()
		if p.opts.RoleARN != "" {
			in.CustomRoleArn = aws.String(p.opts.RoleARN)
		}
	}
	err = call(ctx, "GetCredentialsForIdentity", c.token, func(ctx context.Context) error {
		out, err := p.api.GetCredentialsForIdentity(ctx, in)
		if err != nil {
			return err
		}
		r := out.Credentials
		if r == nil || aws.ToString(r.AccessKeyId) == "" || aws.ToString(r.SecretKey) == "" || r.Expiration == nil {
			return errors.New("the answer has no credentials")
		}
		creds = Credentials{
			IdentityID:      id,
			AccessKeyID:     *r.AccessKeyId,
			SecretAccessKey: *r.SecretKey,
			SessionToken:    aws.ToString(r.SessionToken),
			Expires:         *r.Expiration,
		}
		if name := aws.ToString(out.IdentityId); name != "" {
			creds.IdentityID = name
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

// call makes a call in at most two attempts. Unlike a refresh of tokens, these
// operations may be repeated after a lost reply: asked twice they answer the same,
// but that a guest has one identity more, of which nothing is known.
func call(ctx context.Context, op, token string, do func(context.Context) error) error {
	err := attempt(ctx, op, token, do)
	if errors.Is(err, tokens.ErrUnavailable) && ctx.Err() == nil {
		select {
		case <-time.After(attemptPause + rand.N(attemptPause)):
			err = attempt(ctx, op, token, do)
		case <-ctx.Done():
		}
	}
	return err
}

// attempt makes one attempt and says what its error means.
func attempt(ctx context.Context, op, token string, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	err := do(ctx)
	if err == nil {
		return nil
	}
	status := 0
	if response := (*smithyhttp.ResponseError)(nil); errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	if reply := smithy.APIError(nil); errors.As(err, &reply) {
		e := &tokens.APIError{Op: op, Status: status, Code: reply.ErrorCode(), Message: reply.ErrorMessage()}
		if token != "" { // errors of validation quote what they do not like
			e.Message = strings.ReplaceAll(e.Message, token, "…")
		}
		if isVerdict(e) {
			return fmt.Errorf("identity: %w", e)
		}
		return fmt.Errorf("identity: %w: %w", tokens.ErrUnavailable, e)
	}
	if unreadable := (*smithy.DeserializationError)(nil); errors.As(err, &unreadable) {
		// Not the SDK's error, which quotes the answer: it has credentials in it.
		err = fmt.Errorf("unreadable answer with status %d", status)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	return fmt.Errorf("identity: %w: %s: %w", tokens.ErrUnavailable, op, err)
}

// isVerdict tells a refusal from a failure: throttling, errors of the server and
// of providers behind it, and the error pages of whatever stands before it.
func isVerdict(e *tokens.APIError) bool {
	switch e.Code {
	case "InternalErrorException", "ExternalServiceException",
		"UnknownError": // what the SDK calls an answer without a code
		return false
	}
	return e.Status < 500 && !e.Throttled()
}

// refused reports whether the identity pool has refused, rather than failed.
func refused(err error) bool {
	var api *tokens.APIError
	return errors.As(err, &api) && !errors.Is(err, tokens.ErrUnavailable)
}

// boundedClient is an HTTP client for the SDK, which reads answers whole and
// follows redirects: those are bounded here, and these would carry a token to
// wherever they point.
type boundedClient struct{ http.Client }

func newBoundedClient(c *http.Client) *boundedClient {
	b := &boundedClient{*c}
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

func (c *boundedClient) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.Client.Do(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxReply), resp.Body}
	}
	return resp, err
}
