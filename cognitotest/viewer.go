package cognitotest

import (
	"strings"

	"github.com/cognitogate/cognitogate/tokens"
)

// Viewer is the caller of an emulated service of AWS, as the service sees it. The
// GraphQL and REST endpoints return it.
type Viewer struct {
	// Mode is Amplify's name of the authorization mode: "userPool", "iam",
	// "apiKey" or "lambda".
	Mode string `json:"mode"`

	// Sub, Username and Groups come from the user's token, or from the ID token
	// that AWS credentials were issued for. A guest has none.
	Sub      string   `json:"sub,omitempty"`
	Username string   `json:"username,omitempty"`
	Groups   []string `json:"groups,omitempty"`

	// IdentityID and RoleARN come from AWS credentials. RoleARN is empty unless
	// the credentials were requested for a role.
	IdentityID string `json:"identityId,omitempty"`
	RoleARN    string `json:"roleArn,omitempty"`
}

func (c *tokenClaims) viewer(mode string) *Viewer {
	if c == nil {
		return &Viewer{Mode: mode}
	}
	return &Viewer{Mode: mode, Sub: c.Subject, Username: c.Username, Groups: c.Groups}
}

func (c *awsCredentials) viewer() *Viewer {
	v := c.claims.viewer("iam")
	v.IdentityID, v.RoleARN = c.identityID, c.roleARN
	return v
}

// viewer finds the caller of an API, by signature or by the user pool's tokens.
// Without an Authorization header both results are nil.
func (p *userPool) viewer(req *request, service string) (*Viewer, *apiError) {
	c, apiErr := p.signedBy(req, service)
	if apiErr != nil {
		// API Gateway and AppSync have names of their own for S3's errors.
		switch apiErr.code {
		case "InvalidAccessKeyId", "InvalidToken":
			apiErr = apiErrorf("UnrecognizedClientException", "The security token included in the request is invalid.")
		case "ExpiredToken":
			apiErr = apiErrorf("ExpiredTokenException", "The security token included in the request is expired")
		case "AuthorizationHeaderMalformed":
			apiErr.code = "IncompleteSignatureException"
		default:
			apiErr.code = "InvalidSignatureException"
		}
		return nil, apiErr
	}
	if c != nil {
		return c.viewer(), nil
	}
	token := req.header.Get("Authorization")
	if token == "" {
		return nil, nil
	}
	claims, apiErr := p.verifyToken(strings.TrimPrefix(token, "Bearer "))
	if apiErr != nil {
		apiErr.code = "UnauthorizedException"
		return nil, apiErr
	}
	if claims.TokenUse != string(tokens.Access) && claims.TokenUse != string(tokens.ID) {
		return nil, apiErrorf("UnauthorizedException", "Unauthorized")
	}
	return claims.viewer("userPool"), nil
}
