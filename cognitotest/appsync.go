package cognitotest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// GraphQLURL is the URL of an AppSync API that trusts the pool. It takes every auth
// mode of Amplify but "none": the pool's tokens (userPool, oidc), signatures with
// credentials of the identity pool (iam), [Server.APIKey] (apiKey), and tokens of
// the authorizer given to [Server.SetAuthorizer] (lambda).
//
// It answers every operation with the same data, whatever is asked for: "viewer",
// a [Viewer], and "echo" with the query, variables and operationName that arrived.
// A query without a brace is a syntax error. Its operation, for Calls and SetFault,
// is "GraphQL".
func (s *Server) GraphQLURL() string {
	if base := s.pool.base(); base != "" {
		return base + "/graphql"
	}
	return "https://" + s.pool.graphQLHost() + "/graphql"
}

// APIKey is the API key of the AppSync API.
func (s *Server) APIKey() string { return s.pool.apiKey() }

// SetAuthorizer gives the AppSync API a Lambda authorizer: allow is called with
// tokens that are none of the pool's. It is called by several goroutines at a time.
func (s *Server) SetAuthorizer(allow func(token string) bool) {
	ip := s.pool.identity
	ip.mu.Lock()
	defer ip.mu.Unlock()
	ip.authorizer = allow
}

func (p *pool) apiKey() string { return "da2-" + strings.ToLower(p.id[strings.Index(p.id, "_")+1:]) }

func (p *pool) graphQLHost() string {
	return "graphql.appsync-api." + p.identity.region + ".amazonaws.com"
}

// graphQL answers an operation.
func (p *pool) graphQL(req *request) *reply {
	viewer, refusal := p.graphQLViewer(req)
	if refusal != nil {
		status := http.StatusForbidden // for AWS's own credentials
		if refusal.code == "UnauthorizedException" {
			status = http.StatusUnauthorized
		}
		return graphQLErrors(status, refusal)
	}
	var in struct {
		Query         string          `json:"query"`
		Variables     json.RawMessage `json:"variables,omitempty"`
		OperationName string          `json:"operationName,omitempty"`
	}
	switch err := json.Unmarshal(req.body, &in); {
	case req.method != http.MethodPost, err != nil, in.Query == "":
		return graphQLErrors(http.StatusBadRequest, refuse("MalformedHttpRequestException", "Unable to parse GraphQL query."))
	case !strings.Contains(in.Query, "{"):
		return graphQLErrors(http.StatusOK, refuse("InvalidSyntaxError", "Invalid Syntax"))
	}
	r := jsonReply(http.StatusOK, map[string]any{"data": map[string]any{"viewer": viewer, "echo": in}})
	r.contentType = "application/json;charset=UTF-8"
	return r
}

func (p *pool) graphQLViewer(req *request) (*Viewer, *refusal) {
	if key := req.header.Get("X-Api-Key"); key != "" {
		if key != p.apiKey() {
			return nil, refuse("UnauthorizedException", "You are not authorized to make this call.")
		}
		return &Viewer{Mode: "apiKey"}, nil
	}
	p.identity.mu.Lock()
	authorizer := p.identity.authorizer
	p.identity.mu.Unlock()
	token := req.header.Get("Authorization")
	if authorizer != nil && token != "" && strings.Count(token, ".") != 2 && !strings.HasPrefix(token, "AWS4-") && authorizer(token) {
		return &Viewer{Mode: "lambda"}, nil
	}
	viewer, refusal := p.viewer(req, "appsync")
	if viewer == nil && refusal == nil {
		refusal = refuse("UnauthorizedException", "Valid authorization header not provided.")
	}
	return viewer, refusal
}

func graphQLErrors(status int, e *refusal) *reply {
	type graphQLError struct {
		Type    string `json:"errorType"`
		Message string `json:"message"`
	}
	r := jsonReply(status, map[string]any{"data": nil, "errors": []graphQLError{{e.code, e.message}}})
	r.contentType = "application/json;charset=UTF-8"
	if status != http.StatusOK {
		r.code = e.code
	}
	return r
}
