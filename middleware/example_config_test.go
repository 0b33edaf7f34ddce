package middleware_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
	"github.com/cognitogate/cognitogate/tokens"
)

// New reports all mistakes at once. Each is a ConfigError that names its field.
func ExampleNew() {
	_, err := cognito.New(cognito.Config{
		UserPool: cognito.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12"},
		Matcher:  []string{"/dashboard/:path*", "/users/{id}"},
		SignIn:   "sign-in",
	})
	fmt.Println(err)
	if mistake, ok := errors.AsType[*cognito.ConfigError](err); ok {
		fmt.Println("first:", mistake.Field)
	}
	// Output:
	// cognitogate: the configuration is wrong:
	// Matcher[1]: invalid pattern "/users/{id}": {id} is a router's syntax, and stands for its own text here at offset 7: write "/users/:id"
	// SignIn: "sign-in" is neither a path like "/sign-in" nor an https URL
	// first: Matcher[1]
}

// An ErrorHandler that answers some errors itself leaves the others to its own Auth. The
// handler is made before the Auth, so it takes a variable that New's result is put into.
func ExampleConfig_errorHandler() {
	server := cognitotest.New(cognitotest.User{Username: "grace"})

	var auth *cognito.Auth
	handler := func(w http.ResponseWriter, r *http.Request, err error) {
		if errors.Is(err, cognito.ErrForbidden) {
			http.Error(w, "This page is for editors. Ask one of them.", http.StatusForbidden)
			return
		}
		auth.ServeError(w, r, err)
	}
	var err error
	auth, err = cognito.New(cognito.Config{
		UserPool:     server.UserPool(),
		HTTPClient:   server.Client(),
		ErrorHandler: handler,
	})
	if err != nil {
		log.Fatal(err)
	}
	page := auth.RequireGroup("editors")(http.NotFoundHandler())

	r := httptest.NewRequest("GET", "/drafts", nil)
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))

	server.SignIn(r, "grace")
	w = httptest.NewRecorder()
	page.ServeHTTP(w, r)
	fmt.Print(w.Code, " ", w.Body)
	// Output:
	// 307 /sign-in?next=%2Fdrafts
	// 403 This page is for editors. Ask one of them.
}

// The file of the Amplify application configures the server too: os.Open gives it to
// ReadOutputs. Outputs.Login chooses the redirect URIs of this site among those of the
// file.
func ExampleReadOutputs() {
	file := strings.NewReader(`{
		"version": "1.4",
		"auth": {
			"user_pool_id": "eu-west-1_AbCdEf123",
			"user_pool_client_id": "1h57kf5cpq17m0eml12",
			"aws_region": "eu-west-1",
			"oauth": {
				"domain": "example.auth.eu-west-1.amazoncognito.com",
				"scopes": ["openid", "email"],
				"redirect_sign_in_uri": ["http://localhost:3000/api/auth/sign-in-callback", "https://app.example.com/api/auth/sign-in-callback"],
				"redirect_sign_out_uri": ["http://localhost:3000/api/auth/sign-out-callback", "https://app.example.com/api/auth/sign-out-callback"],
				"response_type": "code"
			}
		}
	}`)
	outputs, err := cognito.ReadOutputs(file)
	if err != nil {
		log.Fatal(err)
	}
	const origin = "https://app.example.com"
	login, err := outputs.Login(origin, "/api/auth")
	if err != nil {
		log.Fatal(err)
	}
	_, err = cognito.New(cognito.Config{
		UserPool: outputs.UserPool,
		Origin:   origin,
		Login:    login,
		Secret:   []byte("from openssl rand -base64 32, in production"),
	})
	fmt.Println(outputs.UserPool.ID, login.RedirectURI, err)
	// Output:
	// eu-west-1_AbCdEf123 https://app.example.com/api/auth/sign-in-callback <nil>
}

// Findings say what is surprising about a Config that is not wrong. Log them at the start,
// or compare them in a test.
func ExampleAuth_Findings() {
	auth, err := cognito.New(cognito.Config{
		UserPool: cognito.UserPool{ID: "eu-west-1_AbCdEf123", ClientID: "1h57kf5cpq17m0eml12"},
		Matcher:  []string{"/((?!api).*)"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range auth.Findings() {
		fmt.Printf("%s: %s\n", f.Path, f.Msg)
	}
	// Output:
	// /apix: leaving out /api leaves out every path that begins like it
}

// A handler that has asked Cognito itself answers like a guard.
func ExampleAuth_ServeError() {
	server := cognitotest.New()
	auth, err := cognito.New(cognito.Config{UserPool: server.UserPool(), HTTPClient: server.Client()})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/profile", nil)
	r.Header.Set("Sec-Fetch-Mode", "cors")
	w := httptest.NewRecorder()
	auth.ServeError(w, r, tokens.ErrUnavailable)
	fmt.Println(w.Code, w.Header().Get("Retry-After"))
	// Output: 503 5
}
