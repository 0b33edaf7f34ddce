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
	srv := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}, Attributes: map[string]string{"email": "ada@example.com"}})
	now := time.Now()
	pool, err := identity.NewPool(srv.UserPool(), &identity.Options{HTTPClient: srv.Client(), Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	s := signedIn(srv, "ada")
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := pool.Credentials(b.Context(), s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signed request", func(b *testing.B) {
		tr := &identity.Transport{Pool: pool, Hosts: []string{"*.execute-api.eu-west-1.amazonaws.com"}, Base: discard{}}
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

// discard answers every request with nothing.
type discard struct{}

func (discard) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
}
