package tokens

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/internal/redact"
)

const (
	opToken         = "Token"
	exchangeTimeout = 5 * time.Second
)

// Exchange exchanges an authorization code for tokens at the managed login's token
// endpoint (RFC 6749 §4.1.3). The code verifier (RFC 7636 §4.5) and the redirect URI
// are those of the authorization request. A code is good for one use, so Exchange
// makes one attempt. The tokens are not verified. A refused code is an [*APIError]
// with the Code "invalid_grant". Every other error wraps [ErrUnavailable].
func (c *Client) Exchange(ctx context.Context, code, verifier, redirectURI string) (*Set, error) {
	cfg := oauth2.Config{
		ClientID:     c.userPool.ClientID,
		ClientSecret: c.userPool.ClientSecret,
		RedirectURL:  redirectURI,
		Endpoint:     oauth2.Endpoint{TokenURL: c.userPool.LoginURL() + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	if c.userPool.ClientSecret != "" {
		cfg.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	start := c.opts.Now()
	ctx = c.opts.Hooks.callStarted(ctx, opToken)
	limited, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	// The library takes its HTTP client from the context.
	limited = context.WithValue(limited, oauth2.HTTPClient, awscall.WithoutRedirects(c.opts.HTTPClient))
	token, err := cfg.Exchange(limited, code, oauth2.VerifierOption(verifier))
	if err != nil {
		credentials := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.userPool.ClientID) + ":" + url.QueryEscape(c.userPool.ClientSecret)))
		err = exchangeError(err, code, verifier, c.userPool.ClientSecret, credentials)
	}
	c.report(ctx, opToken, start, err)
	if err != nil {
		return nil, err
	}
	set := &Set{Access: token.AccessToken, Refresh: token.RefreshToken}
	set.ID, _ = token.Extra("id_token").(string)
	return set, nil
}

// exchangeError returns the error that an error of the token endpoint means (RFC 6749
// §5.2). The library's own text is dropped: it quotes the answer's body, which may
// hold tokens. The rest may quote the secrets that were sent.
func exchangeError(err error, secrets ...string) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, opToken, redact.Error(err, secrets...))
	}
	e := &APIError{Op: opToken, Code: redact.Text(refused.ErrorCode, secrets...), Message: redact.Text(refused.ErrorDescription, secrets...)}
	if refused.Response != nil {
		e.Status = refused.Response.StatusCode
	}
	if e.Code == "invalid_grant" {
		return fmt.Errorf("tokens: %w", e)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, e)
}
