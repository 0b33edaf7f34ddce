package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/cognitogate/cognitogate/appsync"
	"github.com/cognitogate/cognitogate/identity"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// awsConfig names the services of AWS that some pages use. A page without its
// service is left out.
type awsConfig struct {
	Bucket   cognito.Bucket // for guests; needs an identity pool
	Data     cognito.Data
	Query    string // for Data
	Endpoint string // of S3, instead of AWS's
}

// profile shows the user's attributes in Cognito. The tokens need not contain them.
func (a *app) profile(w http.ResponseWriter, r *http.Request) {
	//show:profile
	s, _ := session.FromContext(r.Context())
	attributes, err := a.auth.Sessions().UserAttributes(r.Context(), s)
	if err != nil {
		a.serveServiceError(w, r, err)
		return
	}
	//end:profile
	var list []claim
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		list = append(list, claim{name, attributes[name]})
	}
	a.render(w, r, http.StatusOK, "profile", "Profile", list)
}

// newServiceClients makes the clients of the services, once for the process.
func (a *app) newServiceClients() (err error) {
	if a.cfg.AWS.Bucket.Bucket != "" {
		//show:identity
		a.identities, err = identity.NewPool(a.cfg.UserPool, &identity.Options{
			AllowGuest: true,
			HTTPClient: a.cfg.HTTPClient,
			Now:        a.cfg.Now,
		})
		//end:identity
	}
	if a.cfg.AWS.Data.URL != "" {
		//show:appsync
		a.data = &appsync.Client{
			URL:        a.cfg.AWS.Data.URL,
			AuthMode:   appsync.UserPool,
			HTTPClient: a.cfg.HTTPClient,
		}
		//end:appsync
	}
	return err
}

// graphQL queries the GraphQL API with the user's access token.
func (a *app) graphQL(w http.ResponseWriter, r *http.Request) {
	//show:graphql
	var data map[string]any
	err := a.data.Do(r.Context(), a.cfg.AWS.Query, nil, &data)
	//end:graphql
	if err != nil {
		a.serveServiceError(w, r, err)
		return
	}
	text, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		a.serveServiceError(w, r, err)
		return
	}
	a.render(w, r, http.StatusOK, "graphql", "GraphQL", struct{ Query, Answer string }{a.cfg.AWS.Query, string(text)})
}

// serveServiceError answers when a service of AWS has failed. A signed-out session
// and an unreachable service get the same answer as from a guard.
func (a *app) serveServiceError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, session.ErrSignedOut) || errors.Is(err, tokens.ErrUnavailable) {
		a.serveError(w, r, err)
		return
	}
	a.cfg.Logger.WarnContext(r.Context(), "a service has failed", "path", r.URL.Path, "error", err)
	a.renderError(w, r, http.StatusBadGateway)
}
