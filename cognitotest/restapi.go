package cognitotest

import (
	"net/http"
	"net/url"
)

// RESTURL is the URL of a stage of an API Gateway REST API that trusts the user
// pool. It takes the user pool's tokens, with and without "Bearer", and signatures
// with credentials of the identity pool.
//
// Every path and method returns a JSON object with "method", "path" (below the
// stage), "query", "body" and "viewer", a [Viewer]. The operation for Calls and
// SetFault is "REST".
func (s *Server) RESTURL() string {
	if base := s.userPool.base(); base != "" {
		return base + "/rest"
	}
	return "https://" + s.userPool.restHost() + "/dev"
}

func (p *userPool) restHost() string {
	return "rest.execute-api." + p.identityPool.region + ".amazonaws.com"
}

// rest serves a request for a path below the stage.
func (p *userPool) rest(req *request, path string) *response {
	viewer, apiErr := p.viewer(req, "execute-api")
	status := http.StatusForbidden
	switch {
	case apiErr != nil && apiErr.code == "UnauthorizedException":
		apiErr.message, status = "Unauthorized", http.StatusUnauthorized
	case apiErr == nil && viewer == nil:
		apiErr = apiErrorf("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	var r *response
	if apiErr != nil {
		r = jsonResponse(status, map[string]string{"message": apiErr.message})
		r.code = apiErr.code
	} else {
		query, _ := url.ParseQuery(req.query)
		r = jsonResponse(http.StatusOK, map[string]any{
			"method": req.method, "path": path, "query": query, "body": string(req.body), "viewer": viewer,
		})
	}
	r.contentType = "application/json"
	return r
}
