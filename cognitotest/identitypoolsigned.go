package cognitotest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cognitogate/cognitogate/internal/sigv4"
	"github.com/cognitogate/cognitogate/tokens"
)

// Viewer is who an emulated service of AWS takes the caller for. The GraphQL and
// REST endpoints answer with it.
type Viewer struct {
	// Mode is how the caller proved it, in Amplify's words: "userPool", "iam",
	// "apiKey" or "lambda".
	Mode string `json:"mode"`

	// Sub, Username and Groups are those of the user's token, or of the token
	// that the AWS credentials were given for. A guest has none.
	Sub      string   `json:"sub,omitempty"`
	Username string   `json:"username,omitempty"`
	Groups   []string `json:"groups,omitempty"`

	// IdentityID and RoleARN are those of AWS credentials. RoleARN is empty
	// unless a role was asked for.
	IdentityID string `json:"identityId,omitempty"`
	RoleARN    string `json:"roleArn,omitempty"`
}

func (c *idClaims) viewer(mode string) *Viewer {
	if c == nil {
		return &Viewer{Mode: mode}
	}
	return &Viewer{Mode: mode, Sub: c.Subject, Username: c.Username, Groups: c.Groups}
}

func (c *credential) viewer() *Viewer {
	v := c.claims.viewer("iam")
	v.IdentityID, v.RoleARN = c.identityID, c.roleARN
	return v
}

// routeAWS is route for the identity pool and the services of AWS that trust it.
// On AWS each has a host of its own; behind SetURL, each service has a path.
func (p *pool) routeAWS(req *request) (op string, run func() *reply, ok bool) {
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
		op, run = "REST", func() *reply { return p.rest(req, "/"+rest) }
	case req.host == p.restHost(), req.host == p.graphQLHost() && req.path != "/graphql":
		run = notFound
	case req.path == "/graphql":
		op, run = "GraphQL", func() *reply { return p.graphQL(req) }
	case first == "rest":
		op, run = "REST", func() *reply { return p.rest(req, "/"+rest) }
	case first == "s3":
		op, run = p.s3(req, rest)
	default:
		return "", nil, false
	}
	return op, run, true
}

// servesAWS reports whether u is on a host of one of those services.
func (p *pool) servesAWS(u *url.URL) bool {
	return u.Scheme == "https" && (u.Host == p.identityHost() || u.Host == p.graphQLHost() || u.Host == p.restHost() ||
		u.Host == p.s3Host() || u.Host == p.bucketName()+"."+p.s3Host())
}

func (p *pool) identityHost() string {
	return "cognito-identity." + p.identity.region + ".amazonaws.com"
}

// base is the URL given to SetURL, or empty.
func (p *pool) base() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url
}

// maxSkew is how far the time of a signature may be from the service's.
const maxSkew = 5 * time.Minute

// signer finds the credentials that a request is signed with, as AWS does: the
// signature is computed once more and compared. Codes of a refusal are those of
// S3. Of a request without a signature the credential is nil.
func (p *pool) signer(req *request, service string) (*credential, *refusal) {
	r := req.httpRequest()
	s, err := sigv4.Parse(r)
	if errors.Is(err, sigv4.ErrUnsigned) {
		return nil, nil
	}
	if err != nil {
		return nil, refuse("AuthorizationHeaderMalformed", "%s", err)
	}
	if s.Service != service || s.Region != p.identity.region {
		return nil, refuse("AuthorizationHeaderMalformed", "Credential should be scoped to %s in %s, not to %s in %s.",
			service, p.identity.region, s.Service, s.Region)
	}
	p.identity.mu.Lock()
	c := p.identity.credentials[s.AccessKeyID]
	p.identity.mu.Unlock()
	now := p.time()
	switch {
	case c == nil:
		return nil, refuse("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	case s.SessionToken != c.sessionToken:
		return nil, refuse("InvalidToken", "The provided token is malformed or otherwise invalid.")
	case !now.Before(c.expires):
		return nil, refuse("ExpiredToken", "The provided token has expired.")
	case s.Presigned && !now.Before(s.Time.Add(s.Expires)):
		return nil, refuse("AccessDenied", "Request has expired")
	case s.Time.After(now.Add(maxSkew)), !s.Presigned && s.Time.Before(now.Add(-maxSkew)):
		return nil, refuse("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	}
	hash, refusal := payloadHash(req, s, service)
	if refusal != nil {
		return nil, refusal
	}
	if err := s.Verify(r, c.secret, hash); err != nil {
		return nil, refuse("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.")
	}
	return c, nil
}

// payloadHash is what stands for the payload in the signature. S3 alone takes the
// caller's word for it, and then checks it.
func payloadHash(req *request, s *sigv4.Signature, service string) (string, *refusal) {
	given := req.header.Get("X-Amz-Content-Sha256")
	actual := sigv4.Hash(req.body)
	switch {
	case service != "s3":
		return actual, nil
	case s.Presigned && given == "":
		return sigv4.Unsigned, nil
	case given == "":
		return "", refuse("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	case given == sigv4.Unsigned, given == unsignedTrailer, given == actual:
		return given, nil
	}
	return "", refuse("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
}

// httpRequest is the request as it arrived.
func (req *request) httpRequest() *http.Request {
	r := *req.original
	r.Body = io.NopCloser(bytes.NewReader(req.body))
	r.ContentLength = int64(len(req.body))
	return &r
}

// viewer finds out who calls an API, by signature or by the pool's tokens. Without
// an Authorization header both results are nil.
func (p *pool) viewer(req *request, service string) (*Viewer, *refusal) {
	c, refusal := p.signer(req, service)
	if refusal != nil {
		// API Gateway and AppSync have names of their own for what S3 says.
		switch refusal.code {
		case "InvalidAccessKeyId", "InvalidToken":
			refusal = refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
		case "ExpiredToken":
			refusal = refuse("ExpiredTokenException", "The security token included in the request is expired")
		case "AuthorizationHeaderMalformed":
			refusal.code = "IncompleteSignatureException"
		default:
			refusal.code = "InvalidSignatureException"
		}
		return nil, refusal
	}
	if c != nil {
		return c.viewer(), nil
	}
	token := req.header.Get("Authorization")
	if token == "" {
		return nil, nil
	}
	claims, refusal := p.judge(strings.TrimPrefix(token, "Bearer "))
	if refusal != nil {
		refusal.code = "UnauthorizedException"
		return nil, refusal
	}
	if claims.TokenUse != string(tokens.Access) && claims.TokenUse != string(tokens.ID) {
		return nil, refuse("UnauthorizedException", "Unauthorized")
	}
	return claims.viewer("userPool"), nil
}
