package cognitotest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// A user's own test: who sees the page of administrators?
func Example() {
	srv := cognitotest.New(
		cognitotest.User{Username: "ada", Groups: []string{"admins"}},
		cognitotest.User{Username: "bob"},
	)
	auth, err := cognito.New(cognito.Config{
		UserPool:   srv.UserPool(),
		HTTPClient: srv.Client(),
		Now:        srv.Now,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	page := auth.RequireGroup("admins")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := session.FromContext(r.Context())
		fmt.Fprint(w, "Hello, ", s.User().Username)
	}))

	for _, username := range []string{"ada", "bob", ""} {
		r := httptest.NewRequest("GET", "/admin", nil)
		if username != "" {
			srv.SignIn(r, username)
		}
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		fmt.Printf("%q: %d, to %q\n", username, w.Code, w.Header().Get("Location"))
	}
	// Output:
	// "ada": 200, to ""
	// "bob": 403, to ""
	// "": 307, to "/sign-in?next=%2Fadmin"
}

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
	fmt.Println(token.Username(), token.Groups(), err)

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
