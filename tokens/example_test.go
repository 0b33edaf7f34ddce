package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/tokens"
)

func ExampleVerifier_Verify() {
	server := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}})
	verifier, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	token, err := verifier.Verify(ctx, server.Issue("ada").Access, tokens.Access)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Username(), token.Groups())

	_, err = verifier.Verify(ctx, server.Issue("ada", cognitotest.Expired).Access, tokens.Access)
	fmt.Println(errors.Is(err, tokens.Expired))

	_, err = verifier.Verify(ctx, server.Issue("ada").ID, tokens.Access)
	fmt.Println(err)
	// Output:
	// ada [admins]
	// true
	// tokens: access token is refused: bad use: token_use "id"
}

func ExampleClient_Refresh() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	client, err := tokens.NewClient(server.UserPool(), &tokens.Options{HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	refresh := server.Issue("ada").Refresh
	set, err := client.Refresh(context.Background(), refresh, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(set)

	server.RemoveUser("ada")
	_, err = client.Refresh(context.Background(), refresh, nil)
	var answer *tokens.APIError
	fmt.Println(errors.As(err, &answer) && answer.SignedOut())
	// Output:
	// tokens.Set{access: true, id: true, refresh: false}
	// true
}

func ExampleClaimsAs() {
	server := cognitotest.New(cognitotest.User{Username: "ada", Attributes: map[string]string{"custom:tenant": "acme"}})
	verifier, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	token, err := verifier.Verify(context.Background(), server.Issue("ada").ID, tokens.ID)
	if err != nil {
		log.Fatal(err)
	}

	type customClaims struct {
		Tenant string `json:"custom:tenant"`
	}
	claims, err := tokens.ClaimsAs[customClaims](token)
	fmt.Println(claims.Tenant, err)
	// Output: acme <nil>
}
