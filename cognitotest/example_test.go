package cognitotest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

// Tokens of a user are verified, an hour later they have expired, and are
// refreshed. No network and no sleep is needed for that.
func ExampleServer_Issue() {
	srv := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}})
	verifier, err := tokens.NewVerifier(srv.UserPool(), &tokens.Options{HTTPClient: srv.Client(), Now: srv.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := tokens.NewClient(srv.UserPool(), &tokens.Options{HTTPClient: srv.Client(), Now: srv.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()

	set := srv.Issue("ada")
	token, err := verifier.Verify(ctx, set.Access, tokens.Access)
	fmt.Println(token.Username, token.Groups(), err)

	later := time.Now().Add(61 * time.Minute)
	srv.SetNow(func() time.Time { return later })
	_, err = verifier.Verify(ctx, set.Access, tokens.Access)
	fmt.Println("expired:", errors.Is(err, tokens.Expired))

	set, err = client.Refresh(ctx, set.Refresh, nil)
	fmt.Println(set, err)
	// Output:
	// ada [admins] <nil>
	// expired: true
	// tokens.Set{access: true, id: true, refresh: false} <nil>
}

// Cognito throttles: every request for fresh tokens is refused.
func ExampleServer_SetFault() {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	client, err := tokens.NewClient(srv.UserPool(), &tokens.Options{HTTPClient: srv.Client()})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv.SetFault(func(op string) cognitotest.Fault {
		if op == "GetTokensFromRefreshToken" {
			return cognitotest.Fault{Code: "TooManyRequestsException"}
		}
		return cognitotest.Fault{}
	})
	_, err = client.Refresh(context.Background(), srv.Issue("ada").Refresh, nil)
	fmt.Println("unavailable:", errors.Is(err, tokens.ErrUnavailable))
	// Output:
	// unavailable: true
}
