package appsync_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/cognitogate/cognitogate/appsync"
	"github.com/cognitogate/cognitogate/cognitotest"
	"github.com/cognitogate/cognitogate/identity"
	"github.com/cognitogate/cognitogate/session"
)

// signedIn returns a context with a session of the user, as a guard makes it.
func signedIn(server *cognitotest.Server, username string) context.Context {
	sessions, err := session.NewManager(session.Config{UserPool: server.UserPool(), HTTPClient: server.Client(), Now: server.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	server.SignIn(r, username)
	s, err := sessions.Fetch(nil, r, nil)
	if err != nil {
		panic(err)
	}
	return session.NewContext(r.Context(), s)
}

// A handler queries the API as the signed-in user.
func ExampleClient_Do() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	api := &appsync.Client{URL: server.GraphQLURL(), AuthMode: appsync.UserPool, HTTPClient: server.Client()}

	whoami := func(w http.ResponseWriter, r *http.Request) {
		var data struct{ Viewer struct{ Username string } }
		err := api.Do(r.Context(), `query Q { viewer { username } }`, nil, &data)
		switch {
		case errors.Is(err, session.ErrSignedOut):
			fmt.Fprint(w, "nobody")
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Fprint(w, data.Viewer.Username)
		}
	}

	for _, ctx := range []context.Context{signedIn(server, "ada"), context.Background()} {
		w := httptest.NewRecorder()
		whoami(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		fmt.Println(w.Body)
	}
	// Output:
	// ada
	// nobody
}

// With credentials of an identity pool, guests can query the API too.
func ExampleClient_guests() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	identityPool, err := identity.NewPool(server.UserPool(), &identity.Options{AllowGuest: true, HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	api := &appsync.Client{URL: server.GraphQLURL(), AuthMode: appsync.IAM, Pool: identityPool, HTTPClient: server.Client()}

	for _, ctx := range []context.Context{signedIn(server, "ada"), context.Background()} {
		var data struct{ Viewer cognitotest.Viewer }
		if err := api.Do(ctx, `query Q { viewer { mode username } }`, nil, &data); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %q\n", data.Viewer.Mode, data.Viewer.Username)
	}
	// Output:
	// iam "ada"
	// iam ""
}
