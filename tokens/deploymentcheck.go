package tokens

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"golang.org/x/oauth2"
)

// unknownToken is sent where a check needs a refresh token or a code. Cognito has issued
// no such token, so refusing it changes nothing for any user.
const unknownToken = "cognitogate-deployment-check"

// CheckKeys reports whether tokens can be verified. It returns nil at once if the keys of
// UserPool.IssuerURL are usable, and otherwise fetches them. If Cognito has no such user
// pool, the error is a [*ConfigError] that names ID or, where it is set, Issuer.
// Otherwise the error wraps [ErrUnavailable]. A host that has no address is both: the
// region may be wrong, or this program resolves no names. With an Options.Keys that is
// not a [RemoteKeySet] CheckKeys returns nil.
func (v *Verifier) CheckKeys(ctx context.Context) error {
	if v.remote == nil {
		return nil
	}
	issuer := v.userPool.IssuerURL()
	err := v.remote.ensureUsable(ctx, issuer)
	field := "ID"
	if v.userPool.Issuer != "" {
		field = "Issuer"
	}
	switch {
	case errors.Is(err, errNoUserPool):
		return &ConfigError{field, fmt.Errorf("there is no key set at %s: the user pool does not exist in this region", keySetURL(issuer))}
	case isUnknownHost(err):
		return unknownHost(field, err)
	}
	return err
}

// Check asks Cognito whether the app client exists and has this client secret. It tries
// to refresh a token that Cognito has never issued, which no user notices. Hooks.Called is
// told of the call and its refusal; see [IsCheck]. A mistake is a [*ConfigError] that names
// ClientID or ClientSecret. Every other error wraps [ErrUnavailable]. A host that has no address is
// both, and names ID or, where it is set, Endpoint. Check cannot tell that an app client
// belongs to another user pool of the region; CheckLogin can.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.Refresh(asCheck(ctx), unknownToken, nil)
	answer, answered := errors.AsType[*APIError](err)
	switch {
	case isUnknownHost(err) && c.userPool.Endpoint != "":
		return unknownHost("Endpoint", err)
	case isUnknownHost(err):
		return unknownHost("ID", err)
	case !answered:
		return err
	case answer.refusesToken():
		return nil
	case answer.Code == "ResourceNotFoundException":
		return &ConfigError{"ClientID", fmt.Errorf("the region has no such app client: %w", answer)}
	case answer.Code == "NotAuthorizedException" && strings.Contains(strings.ToLower(answer.Message), "secret"):
		return &ConfigError{"ClientSecret", fmt.Errorf("is not the app client's: %w", answer)}
	}
	return err
}

// CheckLogin asks the managed login at Domain whether it knows the app client. It tries to
// exchange a code that does not exist. redirectURI is one of the app client's callback
// URLs. Check must have returned nil before, because the managed login does not tell a
// wrong client from a wrong secret. A mistake is a [*ConfigError] that names Domain, or
// ClientID if the app client may not use codes. Every other error wraps [ErrUnavailable].
// A host that has no address is both.
func (c *Client) CheckLogin(ctx context.Context, redirectURI string) error {
	_, err := c.Exchange(asCheck(ctx), unknownToken, oauth2.GenerateVerifier(), redirectURI)
	answer, answered := errors.AsType[*APIError](err)
	switch {
	case isUnknownHost(err):
		return unknownHost("Domain", err)
	case !answered:
		return err
	}
	switch answer.Code {
	case "invalid_grant":
		return nil
	case "invalid_client":
		return &ConfigError{"Domain", fmt.Errorf("its managed login does not know the app client, and is probably another user pool's: %w", answer)}
	case "unauthorized_client":
		return &ConfigError{"ClientID", fmt.Errorf("the app client allows no authorization codes, or not the callback URL %s: %w", redirectURI, answer)}
	case "":
		if isOtherSite(answer.Status) {
			return &ConfigError{"Domain", fmt.Errorf("has no managed login: its token endpoint answers %d", answer.Status)}
		}
	}
	return err
}

// isOtherSite reports whether a token endpoint's status shows that it is none. A managed
// login never redirects the request.
func isOtherSite(status int) bool {
	return status/100 == 3 || status == http.StatusNotFound || status == http.StatusMethodNotAllowed
}

// isUnknownHost reports whether a request failed because its host has no address.
func isUnknownHost(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// unknownHost is the error of a field whose host has no address. err wraps ErrUnavailable.
func unknownHost(field string, err error) error {
	return &ConfigError{field, fmt.Errorf("its host is unknown; if it is right, names cannot be resolved here: %w", err)}
}
