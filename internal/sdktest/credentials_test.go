package sdktest_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
)

// credentials returns AWS credentials of a user, or of a guest if username is empty.
func credentials(t *testing.T, server *cognitotest.Server, username string) aws.Credentials {
	creds, _ := identityOf(t, server, username)
	return creds
}

// identityOf returns credentials as credentials does, and their identity id.
func identityOf(t *testing.T, server *cognitotest.Server, username string) (creds aws.Credentials, id string) {
	t.Helper()
	identityPool, err := identity.NewPool(server.UserPool(), &identity.Options{
		AllowGuest: true, HTTPClient: server.Client(), Now: server.Now, Endpoint: server.UserPool().Endpoint,
	})
	if err != nil {
		t.Fatal(err)
	}
	var s *session.Session
	if username != "" {
		m, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Now: server.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		server.SignIn(r, username)
		if s, err = m.Fetch(nil, r, nil); err != nil {
			t.Fatal(err)
		}
	}
	creds, err = identityPool.Provider(s).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := identityPool.Credentials(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return creds, c.IdentityID
}

// staticCredentials is a provider of the same credentials always.
type staticCredentials aws.Credentials

func (f staticCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials(f), nil
}
