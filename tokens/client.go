package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
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
		HTTPClient:  newBoundedClient(c.opts.HTTPClient),
		Retryer:     aws.NopRetryer{}, // the SDK's three attempts repeat lost replies
	}
	if pool.Endpoint != "" {
		o.BaseEndpoint = aws.String(pool.Endpoint)
	}
	c.api = cip.New(o)
	return c, nil
}

// UserPool returns the pool and app client that c calls.
func (c *Client) UserPool() UserPool { return c.pool }

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
	err := c.call(ctx, "GetTokensFromRefreshToken", refresh, func(ctx context.Context) error {
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
	err := c.call(ctx, "RevokeToken", refresh, func(ctx context.Context) error {
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
	return c.call(ctx, "GlobalSignOut", access, func(ctx context.Context) error {
		_, err := c.api.GlobalSignOut(ctx, &cip.GlobalSignOutInput{AccessToken: aws.String(access)})
		return err
	})
}

// UserAttributes returns the attributes of the access token's user (GetUser).
// The token needs the scope aws.cognito.signin.user.admin.
func (c *Client) UserAttributes(ctx context.Context, access string) (map[string]string, error) {
	var attributes map[string]string
	err := c.call(ctx, "GetUser", access, func(ctx context.Context) error {
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
