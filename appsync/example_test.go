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

// signedIn is a context with a session of the user, as a guard makes it.
func signedIn(srv *cognitotest.Server, username string) context.Context {
	sessions, err := session.NewManager(session.Config{UserPool: srv.UserPool(), HTTPClient: srv.Client(), Now: srv.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	srv.SignIn(r, username)
	s, err := sessions.Fetch(nil, r, nil)
	if err != nil {
		panic(err)
	}
	return session.NewContext(r.Context(), s)
}

// A handler queries the API as the user who asks.
func ExampleClient_Do() {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	api := &appsync.Client{URL: srv.GraphQLURL(), AuthMode: appsync.UserPool, HTTPClient: srv.Client()}

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

	for _, ctx := range []context.Context{signedIn(srv, "ada"), context.Background()} {
		w := httptest.NewRecorder()
		whoami(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		fmt.Println(w.Body)
	}
	// Output:
	// ada
	// nobody
}

// With credentials of the identity pool, guests may be served too.
func ExampleClient_guests() {
	srv := cognitotest.New(cognitotest.User{Username: "ada"})
	pool, err := identity.NewPool(srv.UserPool(), &identity.Options{AllowGuest: true, HTTPClient: srv.Client()})
	if err != nil {
		log.Fatal(err)
	}
	api := &appsync.Client{URL: srv.GraphQLURL(), AuthMode: appsync.IAM, Pool: pool, HTTPClient: srv.Client()}

	for _, ctx := range []context.Context{signedIn(srv, "ada"), context.Background()} {
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
