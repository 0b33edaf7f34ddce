package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/internal/outage"
)

// Client calls the user pool API. Its calls need no AWS credentials: the tokens
// themselves authorize them. It may be used by many goroutines at once.
//
// Every call ends within five seconds. The Client repeats an attempt once if the
// attempt certainly had no effect: no connection, throttling, or a server error that
// Cognito itself reports. It does not repeat after a lost reply. The operation may
// have taken effect, and under rotation a second use of a refresh token ends the
// session.
//
// An answer that refuses the token is an [*APIError]. Every other error, from a dead
// endpoint to a wrong client secret, wraps [ErrUnavailable] too.
type Client struct {
	userPool UserPool
	opts     Options
	api      *cip.Client

	refreshesByInitiateAuth atomic.Bool // the Endpoint has no newer operation
	operations              *outage.Operations
}

// NewClient returns a Client for the user pool's app client. It makes no request. The
// error is that of UserPool.Validate.
func NewClient(userPool UserPool, opts *Options) (*Client, error) {
	if err := userPool.Validate(); err != nil {
		return nil, fmt.Errorf("tokens: NewClient: %w", err)
	}
	c := &Client{userPool: userPool, opts: opts.withDefaults()}
	c.operations = &outage.Operations{Logger: c.opts.Logger, What: "tokens: an operation of Cognito"}
	o := cip.Options{
		Region:      userPool.Region(),
		Credentials: aws.AnonymousCredentials{},
		HTTPClient:  awscall.NewHTTPClient(c.opts.HTTPClient),
		Retryer:     aws.NopRetryer{}, // the SDK's own would repeat after a lost reply
	}
	if userPool.Endpoint != "" {
		o.BaseEndpoint = aws.String(userPool.Endpoint)
	}
	c.api = cip.New(o)
	return c, nil
}

// UserPool returns the user pool and app client that c calls.
func (c *Client) UserPool() UserPool { return c.userPool }

// Revoke ends the session of a refresh token (RevokeToken): Cognito accepts neither
// the refresh token any longer nor the access tokens made from it. If the app client
// has revocation switched off, Revoke does nothing and returns nil.
func (c *Client) Revoke(ctx context.Context, refresh string) error {
	err := c.call(ctx, "RevokeToken", []string{refresh}, func(ctx context.Context) error {
		_, err := c.api.RevokeToken(ctx, &cip.RevokeTokenInput{
			ClientId:     aws.String(c.userPool.ClientID),
			ClientSecret: optional(c.userPool.ClientSecret),
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
	return c.call(ctx, "GlobalSignOut", []string{access}, func(ctx context.Context) error {
		_, err := c.api.GlobalSignOut(ctx, &cip.GlobalSignOutInput{AccessToken: aws.String(access)})
		return err
	})
}

// UserAttributes returns the attributes of the access token's user (GetUser). The
// token needs the scope aws.cognito.signin.user.admin.
func (c *Client) UserAttributes(ctx context.Context, access string) (map[string]string, error) {
	var attributes map[string]string
	err := c.call(ctx, "GetUser", []string{access}, func(ctx context.Context) error {
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

// call makes a call that sends these credentials, and reports how it ended.
func (c *Client) call(ctx context.Context, op string, secrets []string, do func(context.Context) error) (err error) {
	start := c.opts.Now()
	ctx = c.opts.Hooks.callStarted(ctx, op)
	call := awscall.Call{Op: op, Secrets: append(secrets, c.userPool.ClientSecret), Repeat: hadNoEffect}
	if failure := call.Do(ctx, do); failure != nil {
		err = callError(failure)
	}
	c.report(ctx, op, start, err)
	return err
}

// callError returns the error that a failed call means.
func callError(f *awscall.Failure) error {
	if f.Err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, f.Op, f.Err)
	}
	e := apiError(f)
	if e.refusesToken() {
		return fmt.Errorf("tokens: %w", e)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, e)
}

// hadNoEffect reports whether a failed attempt certainly had no effect: nothing was
// sent, or Cognito says that it is throttling or has failed. An error page of a proxy
// does not tell.
func hadNoEffect(f *awscall.Failure) bool {
	if f.Err != nil {
		return f.Unsent
	}
	e := apiError(f)
	return !e.refusesToken() && !e.unknownOperation() && (e.Throttled() || e.Status >= 500 && e.Code != awscall.NoCode)
}

func apiError(f *awscall.Failure) *APIError {
	return &APIError{Op: f.Op, Status: f.Status, Code: f.Code, Message: f.Message}
}

// optional returns nil for "", which leaves the member out of the request.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
