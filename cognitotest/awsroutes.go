package cognitotest

import (
	"net/url"
	"strings"
)

// routeAWS is route for the identity pool and the services of AWS that trust it.
// On AWS each has a host of its own. Behind SetURL each service has a path.
func (p *userPool) routeAWS(req *request) (op string, run func() *response, ok bool) {
	root := req.path == "" || req.path == "/"
	first, rest, _ := strings.Cut(strings.TrimPrefix(req.path, "/"), "/")
	virtual, isBucket := strings.CutSuffix(req.host, "."+p.s3Host())
	switch {
	case root && strings.HasPrefix(req.target, identityTargetPrefix):
		op, run = p.identityOperation(req)
	case isBucket:
		op, run = p.s3(req, virtual+req.path)
	case req.host == p.s3Host():
		op, run = p.s3(req, first+"/"+rest)
	case req.host == p.restHost() && first == "dev":
		op, run = "REST", func() *response { return p.rest(req, "/"+rest) }
	case req.host == p.restHost(), req.host == p.graphQLHost() && req.path != "/graphql":
		run = notFound
	case req.path == "/graphql":
		op, run = "GraphQL", func() *response { return p.graphQL(req) }
	case first == "rest":
		op, run = "REST", func() *response { return p.rest(req, "/"+rest) }
	case first == "s3":
		op, run = p.s3(req, rest)
	default:
		return "", nil, false
	}
	return op, run, true
}

// servesAWS reports whether u is on the host of the identity pool or of one of the
// services.
func (p *userPool) servesAWS(u *url.URL) bool {
	return u.Scheme == "https" && (u.Host == p.identityHost() || u.Host == p.graphQLHost() || u.Host == p.restHost() ||
		u.Host == p.s3Host() || u.Host == p.bucketName()+"."+p.s3Host())
}

func (p *userPool) identityHost() string {
	return "cognito-identity." + p.identityPool.region + ".amazonaws.com"
}
