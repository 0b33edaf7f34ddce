package identity

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/cognitogate/cognitogate/session"
)

// Credentials are temporary AWS credentials of an identity. String, GoString and
// LogValue show whose they are and neither the secret nor the session token.
type Credentials struct {
	IdentityID      string // "eu-west-1:11111111-…", the {identityId} of Amplify's paths
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time // presigned URLs made with them expire then, too
}

// String shows whose credentials they are and when they expire.
func (c Credentials) String() string {
	return fmt.Sprintf("credentials of %s, expire %s", c.IdentityID, c.Expires.UTC().Format(time.RFC3339))
}

// GoString keeps %#v from printing the secret.
func (c Credentials) GoString() string { return "identity.Credentials{" + c.String() + "}" }

// LogValue shows whose credentials they are and when they expire.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(slog.String("identity", c.IdentityID), slog.Time("expires", c.Expires))
}

// Provider gives the session's credentials to a client of aws-sdk-go-v2. With a nil
// session they are a guest's.
//
//	files := s3.New(s3.Options{Region: "eu-west-1", Credentials: pool.Provider(s)})
//
// The client asks before each request. A long upload gets new credentials when the
// old ones expire, as long as the session's ID token is valid. Such a client is cheap
// and belongs to one session: make it in the handler, and do not keep it.
func (p *Pool) Provider(s *session.Session) aws.CredentialsProvider {
	return provider{p, s}
}

type provider struct {
	pool    *Pool
	session *session.Session
}

// Retrieve implements aws.CredentialsProvider.
func (p provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.pool.Credentials(ctx, p.session)
	if err != nil {
		return aws.Credentials{}, err
	}
	return c.sdk(), nil
}

// sdk returns c in the SDK's type.
func (c Credentials) sdk() aws.Credentials {
	return aws.Credentials{
		AccessKeyID:     c.AccessKeyID,
		SecretAccessKey: c.SecretAccessKey,
		SessionToken:    c.SessionToken,
		Source:          "cognitogate/identity",
		CanExpire:       true,
		Expires:         c.Expires,
	}
}
