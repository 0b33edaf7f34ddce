// Package appsync calls GraphQL APIs of AWS AppSync as the signed-in user. It has the
// auth modes of Amplify, and stands for Amplify's client.graphql on servers.
//
// For most uses, make one [Client] for the process. Call [Client.Do] with the context
// of the incoming request, where a guard has put the session:
//
//	api := &appsync.Client{
//		URL:      "https://abc.appsync-api.eu-west-1.amazonaws.com/graphql",
//		AuthMode: appsync.UserPool,
//	}
//	…
//	var data struct{ Post struct{ Title string } }
//	err := api.Do(r.Context(), `query Q($id: ID!) { post(id: $id) { title } }`, map[string]any{"id": 7}, &data)
//
// # Errors
//
// [Errors] are the errors of the API's answer. If the mode needs a session and nobody
// is signed in, nothing is sent, and the error is session.ErrSignedOut. In modes IAM
// and IdentityPool, the errors of package identity are possible too.
//
// # Compatibility
//
// Fields may be added to Client and Error: use keyed literals.
package appsync

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/internal/awscall"
	"github.com/cognitogate/cognitogate/internal/hosts"
	"github.com/cognitogate/cognitogate/session"
)

// The auth modes, by their names in Amplify.
const (
	UserPool     = "userPool"     // the session's access token
	OIDC         = "oidc"         // the same
	IAM          = "iam"          // a signature with credentials of the identity pool
	IdentityPool = "identityPool" // the same
	APIKey       = "apiKey"       // Client.APIKey
	Lambda       = "lambda"       // Client.AuthToken
	None         = "none"         // nothing
)

const (
	callTimeout = 30 * time.Second // AppSync's own limit for a request
	maxAnswer   = 8 << 20          // bytes; AppSync's limit is 5 MB
)

// Client calls a GraphQL API. It may be used by many goroutines; its fields must not
// change then. To call in another mode, make a copy:
//
//	public := *api
//	public.AuthMode = appsync.APIKey
type Client struct {
	// URL is the API's endpoint: https, or http on a loopback address. Required.
	// Redirects are not followed.
	URL string

	// AuthMode is how calls are authorized. Default IAM, as in Amplify.
	AuthMode string

	// APIKey is sent in mode APIKey.
	APIKey string

	// Pool gives the credentials in modes IAM and IdentityPool. Guests get some if it
	// allows them.
	Pool *identity.Pool

	// Region is the region in signatures. Default the one in the host's name. An API
	// with a domain of its own needs it.
	Region string

	// AuthToken is the Authorization header in mode Lambda. In modes UserPool and OIDC
	// it replaces the session's token.
	AuthToken string

	// Header is sent with every call.
	Header http.Header

	// HTTPClient sends the calls. Default one like http.DefaultClient that keeps 64 idle
	// connections to a host. Every call ends within 30 seconds.
	HTTPClient *http.Client
}

// Errors are the errors of an answer; there is at least one.
type Errors []Error

// Error is an error of the API.
type Error struct {
	Message string          `json:"message"`
	Type    string          `json:"errorType"` // "UnauthorizedException", …
	Path    []any           `json:"path"`      // of the field: names, and indexes of lists
	Info    json.RawMessage `json:"errorInfo"`
}

// Error joins the types and messages.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, one := range e {
		texts[i] = one.Message
		if one.Type != "" {
			texts[i] = one.Type + ": " + one.Message
		}
	}
	return "appsync: " + strings.Join(texts, "; ")
}

// Do runs a query or a mutation and decodes its data into data, as json.Unmarshal
// does. A nil data drops it. encoding/json makes a JSON object of variables, which may
// be nil. The query is sent unchanged.
//
// If the answer has errors, the error is [Errors]. Partial data has been decoded then.
func (c *Client) Do(ctx context.Context, query string, variables, data any) error {
	body, err := json.Marshal(struct {
		Query     string `json:"query"`
		Variables any    `json:"variables,omitempty"`
	}{query, variables})
	if err != nil {
		return fmt.Errorf("appsync: variables: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("appsync: %w", err)
	}
	maps.Copy(req.Header, c.Header.Clone())
	req.Header.Set("Content-Type", "application/json; charset=UTF-8")
	client, err := c.authorize(req)
	if err != nil {
		return fmt.Errorf("appsync: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("appsync: %w", err)
	}
	defer resp.Body.Close()
	return decode(resp, data)
}

// authorize sets req's authorization, or returns a client that does.
func (c *Client) authorize(req *http.Request) (*http.Client, error) {
	allowed := []string{req.URL.Host}
	if err := hosts.Check(allowed, req); err != nil {
		return nil, err
	}
	client := awscall.WithoutRedirects(cmp.Or(c.HTTPClient, awscall.DefaultClient()))
	switch c.AuthMode {
	case UserPool, OIDC:
		if c.AuthToken != "" {
			req.Header.Set("Authorization", c.AuthToken)
			break
		}
		client.Transport = &session.Transport{Hosts: allowed, Bare: true, Base: client.Transport}
	case IAM, IdentityPool, "":
		if c.Pool == nil {
			return nil, errors.New("mode iam, which is the default, needs a Pool")
		}
		client.Transport = &identity.Transport{Pool: c.Pool, Hosts: allowed, Region: c.Region, Service: "appsync", Base: client.Transport}
	case APIKey:
		if c.APIKey == "" {
			return nil, errors.New("mode apiKey needs an APIKey")
		}
		req.Header.Set("X-Api-Key", c.APIKey)
	case Lambda:
		if c.AuthToken != "" {
			req.Header.Set("Authorization", c.AuthToken)
		} else if req.Header.Get("Authorization") == "" {
			return nil, errors.New("mode lambda needs an AuthToken")
		}
	case None:
	default:
		return nil, fmt.Errorf("there is no mode %q", c.AuthMode)
	}
	return client, nil
}

func decode(resp *http.Response, data any) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("appsync: %w", err)
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors Errors          `json:"errors"`
	}
	switch err := json.Unmarshal(text, &answer); {
	case len(text) > maxAnswer:
		return fmt.Errorf("appsync: the answer is larger than %d bytes", maxAnswer)
	case resp.StatusCode != http.StatusOK && len(answer.Errors) == 0:
		return fmt.Errorf("appsync: the API answers %s", resp.Status)
	case err != nil:
		return errors.New("appsync: the answer is not GraphQL's JSON")
	}
	if data != nil && len(answer.Data) > 0 {
		err = json.Unmarshal(answer.Data, data)
	}
	if len(answer.Errors) > 0 {
		return answer.Errors
	}
	if err != nil {
		return fmt.Errorf("appsync: data: %w", err)
	}
	return nil
}
