package tokens

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// LoginURL is the base of the pool's managed login (hosted UI): https and Domain.
// An emulator's Issuer with http makes it http too.
func (p UserPool) LoginURL() string {
	if strings.HasPrefix(p.Issuer, "http://") {
		return "http://" + p.Domain
	}
	return "https://" + p.Domain
}

// Exchange exchanges an authorization code for tokens at the managed login's token
// endpoint (RFC 6749 §4.1.3), with the code verifier of the authorization request
// (RFC 7636 §4.5) and its redirect URI. A code is good for one attempt, so nothing
// is tried twice. The tokens are not verified. A refused code is an [*APIError] with
// the Code "invalid_grant"; everything else wraps [ErrUnavailable].
func (c *Client) Exchange(ctx context.Context, code, verifier, redirectURI string) (*Set, error) {
	cfg := oauth2.Config{
		ClientID:     c.pool.ClientID,
		ClientSecret: c.pool.ClientSecret,
		RedirectURL:  redirectURI,
		Endpoint:     oauth2.Endpoint{TokenURL: c.pool.LoginURL() + "/oauth2/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	if c.pool.ClientSecret != "" {
		cfg.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	start := c.opts.Now()
	limited, cancel := context.WithTimeout(ctx, exchangeLimit)
	defer cancel()
	// The library takes its HTTP client from the context. A redirect would carry the
	// code and the client's secret elsewhere; a token endpoint sends none.
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

const (
	opToken       = "Token"
	exchangeLimit = 5 * time.Second
)

// exchangeError classifies an error of the token endpoint (RFC 6749 §5.2). The
// library's own text quotes the answer's body, which may hold tokens: it is not
// kept.
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
