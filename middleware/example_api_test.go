package middleware_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"

	"github.com/cognitogate/cognitogate/cognitotest"
	cognito "github.com/cognitogate/cognitogate/middleware"
)

// An API for a client of the Model Context Protocol, which has an app client of its own.
func ExampleAuth_ResourceMetadata() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	client := server.AddClient("2mcpclient", "")
	auth, err := cognito.New(cognito.Config{
		UserPool:      server.UserPool(),
		HTTPClient:    server.Client(),
		Origin:        "https://app.example.com",
		RoutesPath:    "-", // users sign in elsewhere
		Bearer:        true,
		BearerClients: []string{"2mcpclient"},
		Audience:      []string{"https://app.example.com/mcp"},
	})
	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(auth.Protect)
	router.Mount("/.well-known/oauth-protected-resource", auth.ResourceMetadata())
	router.Post("/mcp", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "Hello, ", auth.Session(r).User().Username)
	})

	post := func(token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/mcp", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		return w
	}
	fmt.Println(post("").Header().Get("WWW-Authenticate"))
	fmt.Println(post(client.Issue("ada").Access).Body)
	// Output:
	// Bearer resource_metadata="https://app.example.com/.well-known/oauth-protected-resource/mcp"
	// Hello, ada
}

// A route for programs with the client credentials grant.
func ExampleAuth_RequireMachine() {
	server := cognitotest.New(cognitotest.User{Username: "ada"})
	auth, err := cognito.New(cognito.Config{
		UserPool:      server.UserPool(),
		HTTPClient:    server.Client(),
		Matcher:       []string{"/((?!jobs/).*)"},
		Bearer:        true,
		BearerClients: []string{"3nightlyjob"},
	})
	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(auth.Protect)
	router.With(auth.RequireMachine("reports/write")).Post("/jobs/reports", func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%s, user %q: ", auth.Session(r).AccessToken().ClientID(), auth.Session(r).User().Username)
	})

	program := server.AddClient("3nightlyjob", "its secret").Issue("ada", func(d *cognitotest.Draft) {
		delete(d.Claims, "username") // what the client credentials grant issues
		d.Claims["scope"] = "reports/write"
	})
	for _, token := range []string{program.Access, server.Issue("ada").Access} {
		r := httptest.NewRequest("POST", "/jobs/reports", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// 3nightlyjob, user "": 200
	// 403
}
