package tokens

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	callLimit    = 5 * time.Second         // a call with all its attempts
	attemptLimit = 2500 * time.Millisecond // one attempt
)

// Client calls the user pool API. Its calls need no AWS credentials: the tokens
// themselves authorize them. It may be used by many goroutines at once.
//
// Every call is over after five seconds. An attempt that certainly had no effect
// (no connection, throttling, a server error that Cognito itself reports) is
// repeated once. A lost reply is not: the operation may have taken effect, and
// under rotation a second use of a refresh token ends the session.
//
// An answer that is a verdict on the token is an [*APIError]. Everything else,
// from a dead endpoint to a wrong client secret, wraps [ErrUnavailable] too.
type Client struct {
	pool UserPool
	opts Options
	api  *cip.Client
}

// NewClient returns a Client for the pool's app client. It makes no request. The
// error is that of UserPool.Validate.
func NewClient(pool UserPool, opts *Options) (*Client, error) {
	if err := pool.Validate(); err != nil {
		return nil, fmt.Errorf("tokens: NewClient: %w", err)
	}
	c := &Client{pool: pool, opts: opts.withDefaults()}
	o := cip.Options{
		Region:      pool.Region(),
		Credentials: aws.AnonymousCredentials{},
		HTTPClient:  c.opts.HTTPClient,
		Retryer:     aws.NopRetryer{}, // the SDK's three attempts repeat lost replies
	}
	if pool.Endpoint != "" {
		o.BaseEndpoint = aws.String(pool.Endpoint)
	}
	c.api = cip.New(o)
	return c, nil
}

// RefreshOptions are the optional parameters of a refresh.
type RefreshOptions struct {
	// DeviceKey is the key of a remembered device, when the session has one.
	DeviceKey string
	// ClientMetadata is handed to the pool's Lambda triggers.
	ClientMetadata map[string]string
}

// Refresh exchanges a refresh token for new tokens (GetTokensFromRefreshToken).
// The Set's Refresh is empty unless the app client rotates refresh tokens; the
// old one is to be kept then. The tokens are not verified.
func (c *Client) Refresh(ctx context.Context, refresh string, opts *RefreshOptions) (*Set, error) {
	in := &cip.GetTokensFromRefreshTokenInput{
		ClientId:     aws.String(c.pool.ClientID),
		ClientSecret: optional(c.pool.ClientSecret),
		RefreshToken: aws.String(refresh),
	}
	if opts != nil {
		in.DeviceKey = optional(opts.DeviceKey)
		in.ClientMetadata = opts.ClientMetadata
	}
	var set *Set
	err := c.call(ctx, "GetTokensFromRefreshToken", func(ctx context.Context) error {
		out, err := c.api.GetTokensFromRefreshToken(ctx, in)
		if err != nil {
			return err
		}
		// An answer may be a challenge, which no server can meet for a browser.
		r := out.AuthenticationResult
		if r == nil || aws.ToString(r.AccessToken) == "" {
			return errors.New("the answer has no access token")
		}
		set = &Set{
			Access:  aws.ToString(r.AccessToken),
			ID:      aws.ToString(r.IdToken),
			Refresh: aws.ToString(r.RefreshToken),
		}
		return nil
	})
	return set, err
}

// Revoke ends the session of a refresh token: Cognito accepts neither it nor
// the access tokens made from it any longer (RevokeToken). An app client that
// has revocation switched off is no error: there is nothing more to be done.
func (c *Client) Revoke(ctx context.Context, refresh string) error {
	err := c.call(ctx, "RevokeToken", func(ctx context.Context) error {
		_, err := c.api.RevokeToken(ctx, &cip.RevokeTokenInput{
			ClientId:     aws.String(c.pool.ClientID),
			ClientSecret: optional(c.pool.ClientSecret),
			Token:        aws.String(refresh),
		})
		return err
	})
	if api := (*APIError)(nil); errors.As(err, &api) && api.Code == "UnsupportedOperationException" {
		return nil
	}
	return err
}

// GlobalSignOut ends all sessions of the access token's user.
func (c *Client) GlobalSignOut(ctx context.Context, access string) error {
	return c.call(ctx, "GlobalSignOut", func(ctx context.Context) error {
		_, err := c.api.GlobalSignOut(ctx, &cip.GlobalSignOutInput{AccessToken: aws.String(access)})
		return err
	})
}

// UserAttributes returns the attributes of the access token's user (GetUser).
// The token needs the scope aws.cognito.signin.user.admin.
func (c *Client) UserAttributes(ctx context.Context, access string) (map[string]string, error) {
	var attributes map[string]string
	err := c.call(ctx, "GetUser", func(ctx context.Context) error {
		out, err := c.api.GetUser(ctx, &cip.GetUserInput{AccessToken: aws.String(access)})
		if err != nil {
			return err
		}
		attributes = make(map[string]string, len(out.UserAttributes))
		for _, a := range out.UserAttributes {
			attributes[aws.ToString(a.Name)] = aws.ToString(a.Value)
		}
		return nil
	})
	return attributes, err
}

// optional returns nil for "", which leaves the member out of the request.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// call makes one call in at most two attempts and classifies its error.
func (c *Client) call(ctx context.Context, op string, attempt func(context.Context) error) error {
	start := c.opts.Now()
	limited, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err := c.attempt(limited, op, attempt)
	if err != nil && hadNoEffect(err) && limited.Err() == nil {
		err = c.attempt(limited, op, attempt)
	}
	if c.opts.Hooks.Called != nil {
		c.opts.Hooks.Called(ctx, op, c.opts.Now().Sub(start), err)
	}
	return err
}

func (c *Client) attempt(ctx context.Context, op string, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	err := do(ctx)
	if err == nil {
		return nil
	}
	var response *smithyhttp.ResponseError
	var reply smithy.APIError
	if errors.As(err, &reply) {
		e := &APIError{Op: op, Code: reply.ErrorCode(), Message: reply.ErrorMessage()}
		if errors.As(err, &response) {
			e.Status = response.HTTPStatusCode()
		}
		if e.SignedOut() || e.Code == "RefreshTokenReuseException" {
			return fmt.Errorf("tokens: %w", e)
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, e)
	}
	// The SDK's text of other errors quotes the request's URL and, for an answer
	// it cannot read, a piece of the body. Neither holds a token: requests carry
	// them in the body, and a body with tokens in it is one that can be read.
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, op, err)
}

// hadNoEffect reports whether the operation certainly did not happen, so that it
// may be tried again.
func hadNoEffect(err error) bool {
	var api *APIError
	if errors.As(err, &api) {
		switch api.Code {
		case "TooManyRequestsException", "LimitExceededException", "ThrottlingException":
			return true
		case "UnknownError": // what the SDK calls an answer without a code
			return false
		}
		return api.Status == http.StatusTooManyRequests || api.Status >= 500
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true // connection refused, no route, no name
	}
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &dns) || errors.As(err, &cert) || errors.As(err, &record) || errors.As(err, &alert)
}
