package tokens

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/oauth2"
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
	limited, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	// The library takes its HTTP client from the context. A token endpoint sends no
	// redirect. Following one would carry the code and the client secret elsewhere.
	client := *c.opts.HTTPClient
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	limited = context.WithValue(limited, oauth2.HTTPClient, &client)
	token, err := cfg.Exchange(limited, code, oauth2.VerifierOption(verifier))
	if err != nil {
		err = exchangeError(err)
	}
	if c.opts.Hooks.Called != nil {
		c.opts.Hooks.Called(ctx, opToken, c.opts.Now().Sub(start), err)
	}
	if err != nil {
		return nil, err
	}
	set := &Set{Access: token.AccessToken, Refresh: token.RefreshToken}
	set.ID, _ = token.Extra("id_token").(string)
	return set, nil
}

// exchangeError returns the error that an error of the token endpoint means (RFC 6749
// §5.2). The library's own text is dropped: it quotes the answer's body, which may
// hold tokens.
func exchangeError(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, opToken, err)
	}
	e := &APIError{Op: opToken, Code: refused.ErrorCode, Message: refused.ErrorDescription}
	if refused.Response != nil {
		e.Status = refused.Response.StatusCode
	}
	if e.Code == "invalid_grant" {
		return fmt.Errorf("tokens: %w", e)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, e)
}
