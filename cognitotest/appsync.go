package cognitotest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// GraphQLURL is the URL of an AppSync API that trusts the user pool. It takes every
// auth mode of Amplify but "none": the user pool's tokens (userPool, oidc),
// signatures with credentials of the identity pool (iam), [Server.APIKey] (apiKey),
// and tokens for the authorizer given to [Server.SetAuthorizer] (lambda).
//
// Every query returns the same data: "viewer", a [Viewer], and "echo" with the
// query, variables and operationName of the request. A query without a brace is a
// syntax error. The operation for Calls and SetFault is "GraphQL".
func (s *Server) GraphQLURL() string {
	if base := s.userPool.base(); base != "" {
		return base + "/graphql"
	}
	return "https://" + s.userPool.graphQLHost() + "/graphql"
}

// APIKey is the API key of the AppSync API.
func (s *Server) APIKey() string { return s.userPool.apiKey() }

// SetAuthorizer gives the AppSync API a Lambda authorizer. allow is called with
// tokens that are not JWTs, by several goroutines at a time.
func (s *Server) SetAuthorizer(allow func(token string) bool) {
	ip := s.userPool.identityPool
	ip.mu.Lock()
	defer ip.mu.Unlock()
	ip.authorizer = allow
}

func (p *userPool) apiKey() string {
	return "da2-" + strings.ToLower(p.id[strings.Index(p.id, "_")+1:])
}

func (p *userPool) graphQLHost() string {
	return "graphql.appsync-api." + p.identityPool.region + ".amazonaws.com"
}

// graphQL serves a GraphQL request.
func (p *userPool) graphQL(req *request) *response {
	viewer, apiErr := p.graphQLViewer(req)
	if apiErr != nil {
		status := http.StatusForbidden // for AWS's own credentials
		if apiErr.code == "UnauthorizedException" {
			status = http.StatusUnauthorized
		}
		return graphQLErrors(status, apiErr)
	}
	var in struct {
		Query         string          `json:"query"`
		Variables     json.RawMessage `json:"variables,omitempty"`
		OperationName string          `json:"operationName,omitempty"`
	}
	switch err := json.Unmarshal(req.body, &in); {
	case req.method != http.MethodPost, err != nil, in.Query == "":
		return graphQLErrors(http.StatusBadRequest, apiErrorf("MalformedHttpRequestException", "Unable to parse GraphQL query."))
	case !strings.Contains(in.Query, "{"):
		return graphQLErrors(http.StatusOK, apiErrorf("InvalidSyntaxError", "Invalid Syntax"))
	}
	r := jsonResponse(http.StatusOK, map[string]any{"data": map[string]any{"viewer": viewer, "echo": in}})
	r.contentType = "application/json;charset=UTF-8"
	return r
}

func (p *userPool) graphQLViewer(req *request) (*Viewer, *apiError) {
	if key := req.header.Get("X-Api-Key"); key != "" {
		if key != p.apiKey() {
			return nil, apiErrorf("UnauthorizedException", "You are not authorized to make this call.")
		}
		return &Viewer{Mode: "apiKey"}, nil
	}
	p.identityPool.mu.Lock()
	authorizer := p.identityPool.authorizer
	p.identityPool.mu.Unlock()
	token := req.header.Get("Authorization")
	if authorizer != nil && token != "" && strings.Count(token, ".") != 2 && !strings.HasPrefix(token, "AWS4-") && authorizer(token) {
		return &Viewer{Mode: "lambda"}, nil
	}
	viewer, apiErr := p.viewer(req, "appsync")
	if viewer == nil && apiErr == nil {
		apiErr = apiErrorf("UnauthorizedException", "Valid authorization header not provided.")
	}
	return viewer, apiErr
}

func graphQLErrors(status int, e *apiError) *response {
	type graphQLError struct {
		Type    string `json:"errorType"`
		Message string `json:"message"`
	}
	r := jsonResponse(status, map[string]any{"data": nil, "errors": []graphQLError{{e.code, e.message}}})
	r.contentType = "application/json;charset=UTF-8"
	if status != http.StatusOK {
		r.code = e.code
	}
	return r
}
