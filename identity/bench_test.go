package identity_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
)

func BenchmarkCredentials(b *testing.B) {
	server := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}, Attributes: map[string]string{"email": "ada@example.com"}})
	now := time.Now()
	identityPool, err := identity.NewPool(server.UserPool(), &identity.Options{HTTPClient: server.Client(), Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	s := signedIn(server, "ada")
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := identityPool.Credentials(b.Context(), s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signed request", func(b *testing.B) {
		tr := &identity.Transport{Pool: identityPool, Hosts: []string{"*.execute-api.eu-west-1.amazonaws.com"}, Base: emptyAnswer{}}
		ctx := session.NewContext(b.Context(), s)
		b.ReportAllocs()
		for b.Loop() {
			req, err := http.NewRequestWithContext(ctx, "POST", "https://x.execute-api.eu-west-1.amazonaws.com/dev", strings.NewReader(`{"n":1}`))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := tr.RoundTrip(req); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// emptyAnswer answers every request with an empty body.
type emptyAnswer struct{}

func (emptyAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
}
