package tokens

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognitogate/cognitogate/internal/awscall"
)

// RefreshOptions are the optional parameters of a refresh.
type RefreshOptions struct {
	// DeviceKey is the key of a remembered device, if the session has one.
	DeviceKey string
	// ClientMetadata is handed to the user pool's Lambda triggers.
	ClientMetadata map[string]string
}

// Refresh exchanges a refresh token for new tokens (GetTokensFromRefreshToken). They
// are not verified. Set.Refresh is empty unless the app client rotates refresh
// tokens; keep the old one then.
//
// An emulator at UserPool.Endpoint may not have this operation. Then Refresh uses
// InitiateAuth with REFRESH_TOKEN_AUTH from now on. That works for app clients without a
// secret, and without rotation.
func (c *Client) Refresh(ctx context.Context, refresh string, opts *RefreshOptions) (*Set, error) {
	if opts == nil {
		opts = new(RefreshOptions)
	}
	if c.refreshesByInitiateAuth.Load() {
		return c.initiateAuth(ctx, refresh, opts)
	}
	ctx, cancel := context.WithTimeout(ctx, awscall.Timeout) // for both operations
	defer cancel()
	set, err := c.getTokens(ctx, refresh, opts)
	var answer *APIError
	if c.userPool.Endpoint == "" || !errors.As(err, &answer) || !answer.unknownOperation() {
		return set, err
	}
	set, err = c.initiateAuth(ctx, refresh, opts)
	if err == nil || errors.As(err, &answer) && !answer.unknownOperation() {
		c.refreshesByInitiateAuth.Store(true)
	}
	return set, err
}

func (c *Client) getTokens(ctx context.Context, refresh string, opts *RefreshOptions) (set *Set, err error) {
	err = c.call(ctx, "GetTokensFromRefreshToken", []string{refresh, opts.DeviceKey}, func(ctx context.Context) error {
		out, err := c.api.GetTokensFromRefreshToken(ctx, &cip.GetTokensFromRefreshTokenInput{
			ClientId:       aws.String(c.userPool.ClientID),
			ClientSecret:   optional(c.userPool.ClientSecret),
			RefreshToken:   aws.String(refresh),
			DeviceKey:      optional(opts.DeviceKey),
			ClientMetadata: opts.ClientMetadata,
		})
		if err != nil {
			return err
		}
		set, err = newSet(out.AuthenticationResult)
		return err
	})
	return set, err
}

// initiateAuth refreshes with the operation that came before GetTokensFromRefreshToken.
func (c *Client) initiateAuth(ctx context.Context, refresh string, opts *RefreshOptions) (set *Set, err error) {
	parameters := map[string]string{"REFRESH_TOKEN": refresh}
	if opts.DeviceKey != "" {
		parameters["DEVICE_KEY"] = opts.DeviceKey
	}
	err = c.call(ctx, "InitiateAuth", []string{refresh, opts.DeviceKey}, func(ctx context.Context) error {
		out, err := c.api.InitiateAuth(ctx, &cip.InitiateAuthInput{
			ClientId:       aws.String(c.userPool.ClientID),
			AuthFlow:       types.AuthFlowTypeRefreshTokenAuth,
			AuthParameters: parameters,
			ClientMetadata: opts.ClientMetadata,
		})
		if err != nil {
			return err
		}
		set, err = newSet(out.AuthenticationResult)
		return err
	})
	return set, err
}

// newSet returns the tokens of an answer. The answer may be a challenge instead, which a
// server cannot meet for a browser.
func newSet(r *types.AuthenticationResultType) (*Set, error) {
	if r == nil || aws.ToString(r.AccessToken) == "" {
		return nil, errors.New("the answer has no access token")
	}
	return &Set{
		Access:  aws.ToString(r.AccessToken),
		ID:      aws.ToString(r.IdToken),
		Refresh: aws.ToString(r.RefreshToken),
	}, nil
}

// unknownOperation reports whether an endpoint says that it does not have the operation.
// AWS's own code is the first one. Emulators have others.
func (e *APIError) unknownOperation() bool {
	switch e.Code {
	case "UnknownOperationException", "Unsupported", "NotImplementedException":
		return true
	}
	return e.Status == http.StatusNotImplemented
}
