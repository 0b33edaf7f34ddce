package cognitotest

import (
	"net/http"
	"net/url"
)

// RESTURL is the URL of a stage of an API Gateway REST API that trusts the pool.
// It takes the pool's tokens, with and without "Bearer", and signatures with
// credentials of the identity pool.
//
// Every path and method is answered with a JSON object of "method", "path" (below
// the stage), "query", "body" and "viewer", a [Viewer]. Its operation, for Calls
// and SetFault, is "REST".
func (s *Server) RESTURL() string {
	if base := s.pool.base(); base != "" {
		return base + "/rest"
	}
	return "https://" + s.pool.restHost() + "/dev"
}

func (p *pool) restHost() string { return "rest.execute-api." + p.identity.region + ".amazonaws.com" }

// rest answers a request for path, which is below the stage.
func (p *pool) rest(req *request, path string) *reply {
	viewer, refusal := p.viewer(req, "execute-api")
	status := http.StatusForbidden
	switch {
	case refusal != nil && refusal.code == "UnauthorizedException":
		refusal.message, status = "Unauthorized", http.StatusUnauthorized
	case refusal == nil && viewer == nil:
		refusal = refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	var r *reply
	if refusal != nil {
		r = jsonReply(status, map[string]string{"message": refusal.message})
		r.code = refusal.code
	} else {
		query, _ := url.ParseQuery(req.query)
		r = jsonReply(http.StatusOK, map[string]any{
			"method": req.method, "path": path, "query": query, "body": string(req.body), "viewer": viewer,
		})
	}
	r.contentType = "application/json"
	return r
}
