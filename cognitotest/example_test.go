package cognitotest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/endpoints"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/session"
	"github.com/cognitogate/cognitogate/tokens"
)

// A test of an app's sign-in gets the callback URL without a browser.
func ExampleServer_Authorize() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	server.SetLogin(cognitotest.Login{RedirectURIs: []string{"https://app.example.com/callback"}})
	userPool := server.UserPool()
	cfg := oauth2.Config{
		ClientID:    userPool.ClientID,
		RedirectURL: "https://app.example.com/callback",
		Scopes:      []string{"openid"},
		Endpoint:    endpoints.AWSCognito(userPool.LoginURL()),
	}
	verifier := oauth2.GenerateVerifier()
	callback, err := server.Authorize(cfg.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), "ada")
	if err != nil {
		fmt.Println(err)
		return
	}
	u, _ := url.Parse(callback)
	fmt.Println(u.Host, u.Path, u.Query().Get("state"))

	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, server.Client())
	token, err := cfg.Exchange(ctx, u.Query().Get("code"), oauth2.VerifierOption(verifier))
	fmt.Println(token.Type(), err)

	// This callback URL is not registered.
	cfg.RedirectURL = "https://app.example.com/other"
	_, err = server.Authorize(cfg.AuthCodeURL("state"), "ada")
	fmt.Println(err)
	// Output:
	// app.example.com /callback state
	// Bearer <nil>
	// cognitotest: Authorize: redirect_mismatch: redirect_uri is none of the app client's callback URLs.
}

// A test of your own app checks who may see the administrators' page.
func Example() {
	server := cognitotest.New(
		cognitotest.User{Username: "ada", Groups: []string{"admins"}},
		cognitotest.User{Username: "bob"},
	)
	auth, err := cognito.New(cognito.Config{
		UserPool:   server.UserPool(),
		HTTPClient: server.Client(),
		Now:        server.Now,
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
			server.SignIn(r, username)
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

// A user's tokens are verified. An hour later they have expired, and are refreshed.
// This needs no network and no sleep.
func ExampleServer_Issue() {
	server := cognitotest.New(cognitotest.User{Username: "ada", Groups: []string{"admins"}})
	verifier, err := tokens.NewVerifier(server.UserPool(), &tokens.Options{HTTPClient: server.Client(), Now: server.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := tokens.NewClient(server.UserPool(), &tokens.Options{HTTPClient: server.Client(), Now: server.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()

	set := server.Issue("ada")
	token, err := verifier.Verify(ctx, set.Access, tokens.Access)
	fmt.Println(token.Username(), token.Groups(), err)

	later := time.Now().Add(61 * time.Minute)
	server.SetNow(func() time.Time { return later })
	_, err = verifier.Verify(ctx, set.Access, tokens.Access)
	fmt.Println("expired:", errors.Is(err, tokens.Expired))

	set, err = client.Refresh(ctx, set.Refresh, nil)
	fmt.Println(set, err)
	// Output:
	// ada [admins] <nil>
	// expired: true
	// tokens.Set{access: true, id: true, refresh: false} <nil>
}

// Cognito throttles: it refuses every refresh.
func ExampleServer_SetFault() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	client, err := tokens.NewClient(server.UserPool(), &tokens.Options{HTTPClient: server.Client()})
	if err != nil {
		fmt.Println(err)
		return
	}
	server.SetFault(func(op string) cognitotest.Fault {
		if op == "GetTokensFromRefreshToken" {
			return cognitotest.Fault{Code: "TooManyRequestsException"}
		}
		return cognitotest.Fault{}
	})
	_, err = client.Refresh(context.Background(), server.Issue("ada").Refresh, nil)
	fmt.Println("unavailable:", errors.Is(err, tokens.ErrUnavailable))
	// Output:
	// unavailable: true
}

// A test of your own app names every public route. A route that somebody adds without a
// guard, or makes public by a change of the Matcher, fails it.
func ExampleCheckRoutes() {
	server := cognitotest.New()
	auth, err := cognito.New(cognito.Config{
		UserPool: server.UserPool(),
		Matcher:  []string{"/((?!api|$).*)"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	page := func(http.ResponseWriter, *http.Request) {}
	router := chi.NewRouter()
	router.Use(auth.Protect)
	router.Get("/", page)
	router.Get("/reports", page)
	router.With(auth.Require).Get("/api/reports", page)
	router.Get("/api/forgotten", page)

	TestRoutes := func(t testing.TB) {
		cognitotest.CheckRoutes(t, auth, router, "/")
	}
	TestRoutes(printer{})
	// Output:
	// cognitotest: GET /api/forgotten is not guarded: /api/forgotten needs no session
}

// printer prints what a test reports.
type printer struct{ testing.TB }

func (printer) Helper() {}

func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
